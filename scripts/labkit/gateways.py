"""What gateways say of themselves, and what hosts see of them."""
import json

from .unix_http import UnixConnection


def status(place):
    """What the gateway in that place says of itself."""
    connection = UnixConnection(f"{place.root}/run/mooring/gateway.sock")
    try:
        connection.request("GET", "/v1/status")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


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
