"""Machines and links: namespaces held by a process each, three bridges in a machine of their own (the "fabric"), and veth
pairs that are born in their final namespaces. The root network namespace sees none of it."""
import os
import subprocess

from . import artifacts
from .errors import LabError
from .layout import BRIDGES
from .namespaces import Place, daemon_environment
from .processes import MEMBER, Process
from .waiting import eventually

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
                    f"link set {port} master {bridge} up"]
        inside += [f"addr add {address} dev {interface}", f"link set {interface} up"]
    if machine.links:
        fabric.ip(outside)
        place.ip(inside)
    if "eth0" in machine.links and machine.has_ovs:
        # The userspace datapath takes frames as they are: a checksum left to the NIC would never be made.
        place.run(["ethtool", "-K", "eth0", "tx", "off"])


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
