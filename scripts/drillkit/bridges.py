"""What happens to a bridged subnet: two gateways on a segment of two switches, a machine on each half, a container that speaks
with both."""
import re
import signal
import subprocess
import time

from labkit import fabric, gateways, traffic
from labkit.errors import LabError
from labkit.services import VRRP_PID
from labkit.waiting import eventually

from . import faults
from .probes import Probes

SUBNET, VLAN = "drill-office", 100
MACHINES = {"phys1": "10.130.0.201", "phys2": "10.130.0.202"}
MACHINES6 = {"phys1": "fd00:130::201", "phys2": "fd00:130::202"}
GAP_MS = 2500  # an election (0.7 s) and the machines' own patience; more is told of
APART_SECONDS = 4.0


def _says(stage, machine):
    subnets = (gateways.status(stage.lab.places[machine.name])["bridging"] or {"subnets": []})["subnets"]
    return next((one for one in subnets if one["subnet"] == SUBNET), {"forwards": False})


def _two(stage):
    two = stage.lab.layout.of_role("gateway")[:2]
    if len(two) < 2 or not set(MACHINES) <= set(stage.lab.layout.machines) or "seg0" not in two[0].links:
        raise LabError("bridge drills need two gateways and two physical machines on a segment", "let the drill build its own lab, "
                       "or: scripts/lab up --hosts 3 --gateways 2 --phys 2 --segment")
    return two


def forwarder(stage):
    """The gateway that forwards, once it is one."""
    def one():
        found = [gateway for gateway in _two(stage) if _says(stage, gateway)["forwards"]]
        return found[0] if len(found) == 1 else None
    return eventually(one, 30, "one gateway to forward", interval=0.1)


def open_subnet(stage):
    """The subnet, and the machines on its VLAN: part of the stage, since it changes flows everywhere."""
    _two(stage)
    if SUBNET not in [subnet["name"] for subnet in stage.lab.listed("subnets")]:
        stage.lab.ctl("create", "subnet", SUBNET, "--vni", "300", "--cidr", "10.130.0.0/24,fd00:130::/64",
                      "--bridged-vlan", str(VLAN))
        stage.lab.ctl("create", "pool", SUBNET, "--subnet", SUBNET, "--range", "10.130.0.10-10.130.0.99,fd00:130::10-fd00:130::99")
        for name, address in MACHINES.items():
            fabric.join_segment(stage.lab.layout, stage.lab.places, name, VLAN, f"{address}/24")
            stage.lab.places[name].run(["sysctl", "-qw", "net.ipv6.conf.seg0.disable_ipv6=0"])
            stage.lab.places[name].ip([f"addr add {MACHINES6[name]}/64 dev seg0 nodad"])
    forwarder(stage)


def _prepare(stage):
    """A container of the subnet that reaches both machines."""
    forwarder(stage)
    pod = stage.lab.pods.add("h1", "drill-bridged", namespace="drill", annotations={"mooring.io/pool": SUBNET})
    for machines, own in ((MACHINES, pod.address), (MACHINES6, _six(pod))):
        for name, address in machines.items():
            eventually(lambda: traffic.reaches(stage.lab.pods.place(pod), address, 1), 20, f"the pod to reach {name}", interval=0.2)
            eventually(lambda: traffic.reaches(stage.lab.places[name], own, 1), 20, f"{name} to reach the pod", interval=0.2)
    return pod


def _six(pod):
    """A pod's IPv6 address."""
    return [ip["address"] for ip in pod.attachment.result["ips"] if ":" in ip["address"]][0].partition("/")[0]


def _kill(stage):
    faults.down(stage, [(forwarder(stage), "vswitchd")], signal.SIGKILL)
    stage.hold(4.0)


def _keepalived(stage):
    stage.lab.services.stop(forwarder(stage), "keepalived", kill=True)  # and its child
    stage.hold(5.0)


def _stop(stage):
    place = stage.lab.places[forwarder(stage).name]
    child = f"$(cat {VRRP_PID})"  # it is what speaks
    place.run(["sh", "-c", f"kill -STOP {child}"])
    stage.hold(4.0)
    place.run(["sh", "-c", f"kill -CONT {child}"])
    stage.hold(2.0)


def _split(stage):
    fabric.split_segment(stage.lab.places, True)
    stage.hold(APART_SECONDS)
    if len([gateway for gateway in _two(stage) if _says(stage, gateway)["forwards"]]) != 2:
        raise LabError("the halves of the segment do not have a forwarder each")
    fabric.split_segment(stage.lab.places, False)
    stage.hold(3.0)


FAULTS = {"kill": _kill, "keepalived": _keepalived, "stop": _stop, "split": _split}


def _mend(stage, pod):
    fabric.split_segment(stage.lab.places, False)
    for gateway in _two(stage):
        faults.start(stage, [(gateway, "vswitchd"), (gateway, "keepalived")])
    forwarder(stage)
    stage.lab.pods.delete(pod)


def play(fault):
    def played(stage, outcome):
        pod = _prepare(stage)
        both = []
        for machines, own in ((MACHINES, pod.address), (MACHINES6, _six(pod))):
            ends = {"pod": (stage.lab.pods.place(pod), own)} | {name: (stage.lab.places[name], address) for name, address in machines.items()}
            both.append(Probes(ends, min(stage.rate, 200)))
        watch = stage.lab.places["phys1"].popen(["ping", "-n", "-i", "0.02", pod.address], stdout=subprocess.PIPE, text=True)
        cable = ["ip", "-s", "link", "show", fabric.SEGMENT_CABLE[0]]
        frames = lambda: sum(int(count) for count in re.findall(r"^ +\d+ +(\d+) ", stage.lab.places["fabric"].run(cable).stdout, re.M))
        try:
            for probes in both:
                probes.begin()
            before, began = frames(), time.monotonic()
            stage.hold(1.0)
            moment = time.monotonic_ns()
            FAULTS[fault](stage)
            stage.hold(1.5)
            crossed, seconds = frames() - before, time.monotonic() - began
            paths = [(family, path) for family, probes in zip(("", " (IPv6)"), both) for path in probes.end()]
            watch.send_signal(signal.SIGINT)
            repeated = watch.communicate(timeout=10)[0].count("DUP!")
        finally:
            for probes in both:
                probes.stop()
            watch.kill()
            watch.wait()
            watch.stdout.close()
            _mend(stage, pod)
        gaps = {}
        for family, path in paths:
            if "pod" in (path.source, path.target):  # machines among themselves do not need us
                outcome.sent += path.sent
                before_it, lost, gap = path.split_at(moment)
                gaps[f"{path.source} to {path.target}{family}"] = gap
                outcome.lost_before += before_it
                outcome.lost_node += lost
                outcome.gap_node_ms = max(outcome.gap_node_ms, gap)
        outcome.notes.append("; ".join(f"{way} {gap:.0f} ms" for way, gap in gaps.items()) +
                             f"; {repeated} answers twice; {crossed / seconds:.0f} frames a second between the halves")
        allowed = GAP_MS + (APART_SECONDS * 1000 if fault == "split" else 0)
        outcome.allowed = f"gap <= {allowed:.0f} ms, <= 50 twice"
        if outcome.gap_node_ms > allowed:
            outcome.problems.append(f"the longest gap is {outcome.gap_node_ms:.0f} ms")
        if repeated > 50:
            outcome.problems.append(f"{repeated} answers came twice")
        if crossed / seconds > 5000:
            outcome.problems.append(f"{crossed / seconds:.0f} frames a second crossed the segment: something goes round")
    return played
