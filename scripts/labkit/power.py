"""A host loses its power and comes back: what a reboot leaves of it, and what it does not.

Gone: processes, network namespaces (all pods), links but for the NICs, addresses that somebody else than the operating system had
given, /run, the kernel's boot id. Kept: the disk, that is /etc (conf.db in it) and /var. The lab's machines share one kernel, so
the boot id is a file that is laid over the kernel's.
"""
import os
import secrets
import shutil
import signal
import uuid

from .errors import LabError
from .waiting import eventually

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_OWN_BOOT_ID = "/run/.lab/boot_id"
_RUN_KEPT = (".lab", "netns", "lock")


def cut(lab, machine):
    """Nothing runs on the host any more. Its pods are forgotten; returns them."""
    place = lab.places[machine.name]
    running = [(component, lab.services.process(machine, component)) for component in lab.services.of(machine)]
    for _, process in running:
        if process:
            process.signal(signal.SIGKILL)
    for component, process in running:
        if process:
            eventually(lambda: not process.alive, 10, f"{component} on {machine.name} to die")
        lab.state.record("services", f"{machine.name}/{component}", None)
    pods = lab.pods.list(machine.name)
    for pod in pods:
        lab.pods.forget(pod)
    for name in os.listdir(f"{place.root}/run/netns"):
        place.run(["ip", "netns", "del", name])
    nics = {"lo", *machine.links}

    def links():
        return [name for name in os.listdir(f"{place.root}/sys/class/net") if name not in nics]

    def gone():
        for name in links():
            place.run(["ip", "link", "del", name], check=False)  # it may go by itself meanwhile
        return not links()
    eventually(gone, 10, lambda: f"links of {machine.name} to go: {', '.join(links())}", interval=0.1)
    for entry in os.scandir(f"{place.root}/run"):
        if entry.name not in _RUN_KEPT:
            shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
    return pods


def on(lab, machine):
    """The operating system is up: NICs with the addresses that it knows, a new boot id; no daemon runs yet."""
    place = lab.places[machine.name]
    lines = []
    for interface, (_, address) in machine.links.items():
        lines += [f"addr flush dev {interface}", f"addr replace {address} dev {interface}", f"link set {interface} up"]
    place.ip(lines)
    path = f"{place.root}{_OWN_BOOT_ID}"
    first = not os.path.exists(path)
    with open(path, "w", encoding="ascii") as file:
        file.write(f"{uuid.UUID(bytes=secrets.token_bytes(16), version=4)}\n")
    if first:
        place.run(["mount", "--bind", _OWN_BOOT_ID, _BOOT_ID])


def start_daemons(lab, machine):
    """In the order in which an init system would start them."""
    for component in lab.services.of(machine):
        lab.services.start(machine, component)


def reboot(lab, machine):
    """All of it; returns the pods that were there. Only hosts without a container runtime of their own."""
    if machine.role != "host" or lab.options["runtime"] != "none":
        raise LabError(f"{machine.name} cannot be rebooted: only hosts of labs without a container runtime can",
                       "see 'scripts/lab status'")
    pods = cut(lab, machine)
    on(lab, machine)
    start_daemons(lab, machine)
    return pods
