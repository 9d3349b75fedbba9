"""Machines and links: namespaces held by a process each, three bridges in a machine of their own (the "fabric"), and veth
pairs that are born in their final namespaces. The root network namespace sees none of it."""
import os
import subprocess

from . import artifacts
from .errors import LabError
from .layout import BRIDGES, SEGMENT
from .namespaces import Place, daemon_environment
from .processes import MEMBER, Process
from .waiting import eventually

SEGMENT_CABLE = ("seg-cable1", "seg-cable2")
_INIT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "host_init.sh")


def start_holder(lab, machine, log):
    """Begins a machine; returns the (outside) process of its pid namespace's process 1. finish_holder() waits for it."""
    os.makedirs(os.path.dirname(log), exist_ok=True)
    environment = daemon_environment()
    environment[MEMBER] = f"{lab}/{machine.name}"
    with open(log, "ab") as output:
        unshare = subprocess.Popen(
            ["unshare", "--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--propagation", "private", "--",
             "/bin/sh", _INIT, machine.name, artifacts.pause_program()],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd="/", start_new_session=True)
    return unshare


def finish_holder(unshare, machine, log):
    """Waits until the machine's private file systems are there; returns its Place."""
    def first_process():
        if unshare.poll() is not None:
            with open(log, encoding="utf-8", errors="replace") as file:
                said = file.read().strip()[-500:]
            raise LabError(f"machine {machine.name} could not be made: {said}",
                           "the lab needs root, network/mount/pid namespaces and overlayfs in the kernel")
        try:
            with open(f"/proc/{unshare.pid}/task/{unshare.pid}/children", encoding="ascii") as file:
                children = file.read().split()
        except FileNotFoundError:
            return None
        return int(children[0]) if children else None

    pid = eventually(first_process, 20, f"machine {machine.name} to get its process 1")
    process = Process.of(pid)

    def ready():
        first_process()
        return process and os.path.exists(f"/proc/{pid}/root/run/.lab/ready")
    eventually(ready, 20, f"machine {machine.name} to mount its private file systems")
    return Place(machine.name, process)


def make_bridges(fabric):
    fabric.ip([f"link add {bridge} type bridge mcast_snooping 0 forward_delay 0" for bridge in BRIDGES] +
              [f"link set {bridge} up" for bridge in BRIDGES])


def connect(layout, places, machine):
    """Plugs one machine into the fabric."""
    place, fabric = places[machine.name], places["fabric"]
    outside, inside = [], []
    for interface, (bridge, address) in machine.links.items():
        port = layout.fabric_port(machine, interface)
        outside += [f"link add {port} type veth peer name {interface} netns {place.holder.pid}",
                    f"link set {port} up" if bridge in SEGMENT else f"link set {port} master {bridge} up"]
        inside += [f"addr add {address} dev {interface}"] if address else []
        inside += [f"link set {interface} up"]
    if machine.links:
        fabric.ip(outside)
        place.ip(inside)
    if "eth0" in machine.links and machine.has_ovs:
        # The userspace datapath takes frames as they are: a checksum left to the NIC would never be made.
        place.run(["ethtool", "-K", "eth0", "tx", "off"])
    if "seg0" in machine.links and not machine.has_ovs:  # the same, of what the gateway's switch takes from the segment
        place.run(["ethtool", "-K", "seg0", "tx", "off"])


def make_segment(layout, place):
    """The two switches of the segment, when the fabric's Open vSwitch runs: gateways at trunks, a cable between the switches."""
    if not os.path.exists(f"{place.root}/sys/class/net/{SEGMENT_CABLE[0]}"):
        place.ip([f"link add {SEGMENT_CABLE[0]} type veth peer name {SEGMENT_CABLE[1]}", *(f"link set {end} up" for end in SEGMENT_CABLE)])
    ports = list(zip(SEGMENT, SEGMENT_CABLE))
    ports += [(machine.links["seg0"][0], layout.fabric_port(machine, "seg0")) for machine in layout.of_role("gateway", "physical")]
    argv = ["ovs-vsctl", "--timeout=20"]
    for switch in SEGMENT:
        argv += ["--", "--may-exist", "add-br", switch, "--", "set", "bridge", switch, "datapath_type=netdev"]
    for switch, port in ports:
        argv += ["--", "--may-exist", "add-port", switch, port]
    place.run(argv)


def join_segment(layout, places, name, vlan, address):
    """A physical machine is at an access port of a VLAN of the segment (0: without a tag). `address` with prefix length."""
    places["fabric"].run(["ovs-vsctl", "--timeout=20", "set", "port", layout.fabric_port(layout.machines[name], "seg0"),
                          f"tag={vlan}" if vlan else "tag=[]"])
    places[name].ip([f"addr add {address} dev seg0"])


def split_segment(places, split):
    """The cable between the segment's two switches is pulled, or put in again."""
    places["fabric"].ip([f"link set {SEGMENT_CABLE[0]} {'down' if split else 'up'}"])


def route_overlay(place, overlay, next_hop=None):
    """Of a physical machine. With one gateway the overlay is on its own segment: it asks for overlay addresses by ARP, and the
    gateway answers. With several, the address that they share is the next hop."""
    place.ip([f"route replace {overlay} via {next_hop} dev eth0" if next_hop else f"route replace {overlay} dev eth0"])


def known_tunnel_ends(place):
    """The addresses whose MAC the userspace datapath knows; None where the kernel's datapath is used (it asks by itself)."""
    kind = place.run(["ovs-vsctl", "--timeout=5", "get", "bridge", "br-tun", "datapath_type"]).stdout.strip().strip('"')
    if kind != "netdev":
        return None
    shown = place.run(["ovs-appctl", "--timeout=5", "tnl/neigh/show"]).stdout
    return {line.split()[0] for line in shown.splitlines() if line[:1].isdigit()}
