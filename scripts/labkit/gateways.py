"""What gateways say of themselves, and what hosts see of them."""
import json

from .unix_http import UnixConnection


def ask(place, target):
    connection = UnixConnection(f"{place.root}/run/mooring/gateway.sock")
    try:
        connection.request("GET", target)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def status(place):
    """What the gateway in that place says of itself."""
    return json.loads(ask(place, "/v1/status"))


def metrics(place):
    return ask(place, "/metrics")


def checkpoint(place):
    """Where it keeps its directory."""
    return f"{place.root}/var/lib/mooring/gateway/directory"


def live_sessions(place):
    """How many of a host's BFD sessions with gateways are up."""
    shown = place.run(["ovs-appctl", "--timeout=5", "bfd/show"], check=False).stdout
    return shown.count("Forwarding: true")


def missing(lab):
    """A text for what is not yet as it will be: every gateway takes traffic, and every host sees it. None: nothing."""
    gateways = lab.layout.of_role("gateway")
    for machine in gateways:
        if not status(lab.places[machine.name])["takes_traffic"]:
            return f"gateway {machine.name} to take traffic"
    for machine in lab.layout.of_role("host"):
        if live_sessions(lab.places[machine.name]) < len(gateways):
            return f"{machine.name} to see {len(gateways)} gateways alive"
    return None
