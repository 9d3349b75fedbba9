"""What there is in a lab at one moment, so that two moments can be compared: is anything left?"""
import json
import os
import re

from .errors import LabError
from .waiting import eventually

# Of a flow's text, what changes by itself.
_VOLATILE = re.compile(r"(duration|n_packets|n_bytes|idle_age|hard_age)=[^ ,]*,? ?")


def flows(place, bridge):
    """The flows of a bridge as a set of text lines, without counters."""
    dumped = place.run(["ovs-ofctl", "-O", "OpenFlow15", "--no-stats", "--no-names", "dump-flows", bridge], check=False)
    if dumped.returncode:
        return set()
    return {_VOLATILE.sub("", line).strip() for line in dumped.stdout.splitlines() if "actions=" in line}


def bridges(place):
    listed = place.run(["ovs-vsctl", "--timeout=5", "list-br"], check=False)
    return listed.stdout.split() if listed.returncode == 0 else []


def take(lab):
    """Every allocation, OVS port, flow, link, network namespace and pod directory, each as one line of text."""
    found = set()
    if not lab.options["bare"]:
        found |= {f"allocation {item.get('address') or item['address6']} of {item['namespace']}/{item['hostname']}" for item in lab.listed("ports")}
    for machine in lab.layout.of_role("host", "gateway"):
        place = lab.places[machine.name]
        for bridge in bridges(place):
            ports = place.run(["ovs-vsctl", "--timeout=5", "list-ports", bridge]).stdout.split()
            found |= {f"{machine.name}: OVS port {port} of {bridge}" for port in ports}
            found |= {f"{machine.name}: flow of {bridge}: {flow}" for flow in flows(place, bridge)}
        links = json.loads(place.run(["ip", "-j", "link", "show"]).stdout)
        found |= {f"{machine.name}: link {link['ifname']}" for link in links}
        found |= {f"{machine.name}: namespace {name}" for name in os.listdir(f"{place.root}/run/netns")}
    return found


def left(lab, before, seconds=5.0):
    """What is there now and was not `before`. Waits a little: other hosts hear of a deletion by the stream, and links that
    were taken down are removed in batches."""
    more = set()

    def same():
        more.clear()
        more.update(take(lab) - before)
        return not more
    try:
        eventually(same, seconds, "nothing to be left", interval=0.2)
    except LabError:
        pass  # the caller says what is left
    return sorted(more)
