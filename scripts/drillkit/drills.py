"""The drills: what each does to the lab, and what it may cost the pods."""
import signal
import time
from dataclasses import dataclass, field
from typing import Callable

from labkit import cni, power, traffic
from labkit.errors import LabError
from labkit.waiting import eventually

from . import bridges, faults, gateways, vips
from .stage import VICTIM

SIGNALS = {"term": signal.SIGTERM, "kill": signal.SIGKILL}
# On top of what a daemon's own absence explains: the replay of flows, and a machine that does other things too.
REPLAY_MS = 500
LATE_MS = 100  # a packet that took longer is told of
AFTERWARDS_SECONDS = 1.5  # probes go on for so long after the last daemon is back


@dataclass
class Outcome:
    """What a drill cost. `node`: paths from and to the pod of the host that it happened to; `others`: the rest."""
    name: str
    text: str
    sent: int = 0
    slowness: float = 1.0       # how many times fewer packets than wanted the probes got sent: the machine is busy
    lost_before: int = 0        # by the stage itself: not the fault's
    lost_node: int = 0
    gap_node_ms: float = 0.0
    lost_others: int = 0
    gap_others_ms: float = 0.0
    worst_ms: float = 0.0
    down_seconds: float = 0.0   # of the fault's own making: from the signal until all daemons were ready
    allowed: str = "0 lost"
    notes: list = field(default_factory=list)
    problems: list = field(default_factory=list)
    seconds: float = 0.0

    @property
    def passed(self):
        return not self.problems


@dataclass
class Drill:
    name: str
    text: str
    play: Callable  # (stage, outcome)
    short: bool = False


def _targets(stage, what):
    node = stage.victim
    return {
        "agent": [(node, "agent")], "vswitchd": [(node, "vswitchd")], "ovsdb": [(node, "ovsdb")],
        "controller": [(stage.controller, "controller")],
        "node": [(node, "ovsdb"), (node, "vswitchd"), (node, "agent")],
        "all": [(node, "ovsdb"), (node, "vswitchd"), (stage.controller, "controller"), (node, "agent")],
    }[what]


def _under_probes(stage, outcome, fault, ends=None, machines=(), told=None):
    """fault() with probes before, during and after it; fills in what was lost since it began. Returns what fault() returned.
    `told` gets each path with the moment from which it counts."""
    probes = stage.probes(ends, machines)
    concerned = {VICTIM} if not machines else set(machines)
    first = time.monotonic()
    probes.begin()
    try:
        stage.hold(1.0)
        began = time.monotonic_ns()  # the probes' clock
        value = fault()
        stage.hold(AFTERWARDS_SECONDS)
        wanted = (time.monotonic() - first) * stage.rate
        paths = probes.end()
    finally:
        probes.stop()
    outcome.slowness = max(1.0, wanted * len(paths) / max(1, sum(path.sent for path in paths)))
    for path in paths:
        outcome.sent += path.sent
        outcome.worst_ms = max(outcome.worst_ms, path.worst_ms)
        before, lost, longest_ms = path.split_at(began)
        outcome.lost_before += before
        if told:
            told(path, began)
        if concerned & {path.source, path.target}:
            outcome.lost_node += lost
            outcome.gap_node_ms = max(outcome.gap_node_ms, longest_ms)
        else:
            outcome.lost_others += lost
            outcome.gap_others_ms = max(outcome.gap_others_ms, longest_ms)
    if outcome.lost_before:
        outcome.notes.append(f"{outcome.lost_before} packets were lost before the fault, which is not its cost")
    if outcome.worst_ms > LATE_MS:
        outcome.notes.append(f"packets were up to {outcome.worst_ms:.0f} ms late")
    if outcome.slowness > 1.5:
        outcome.notes.append(f"the machine is busy: {outcome.slowness:.1f} times fewer packets were sent than wanted")
    return value


def _judge(outcome, absent_seconds=0.0):
    """On paths of the host no gap longer than vswitchd was absent and the flows' replay; if it was not, not a packet. On all others:
    not a packet. On a machine that is too busy to send the probes, the replay has the more time."""
    if absent_seconds:
        allowed_gap_ms = absent_seconds * 1000 + REPLAY_MS * outcome.slowness
        outcome.allowed = f"gap <= {allowed_gap_ms:.0f} ms"
        if outcome.gap_node_ms > allowed_gap_ms:
            outcome.problems.append(f"the longest gap is {outcome.gap_node_ms:.0f} ms, allowed are {allowed_gap_ms:.0f} ms")
    elif outcome.lost_node:
        outcome.problems.append(f"{outcome.lost_node} packets of the host's pod are lost")
    if outcome.lost_others:
        outcome.problems.append(f"{outcome.lost_others} packets between other hosts are lost")


def _baseline(stage, outcome):
    _under_probes(stage, outcome, lambda: stage.hold(5.0))
    outcome.allowed = "(not judged)"


def _signal_drill(what, number):
    def play(stage, outcome):
        targets = _targets(stage, what)

        def fault():
            took = faults.restart(stage, targets, number)
            if what == "ovsdb":
                faults.wait_for_vswitchd(stage, stage.victim)
            return took
        took = _under_probes(stage, outcome, fault)
        outcome.down_seconds = max(took.values())
        # Of several daemons, flows are back with the last of them: the agent.
        absent = took.get("vswitchd") and max(took["vswitchd"], took.get("agent", 0))
        _judge(outcome, absent or 0.0)
    return play


def _stop_drill(what):
    def play(stage, outcome):
        targets = _targets(stage, what)
        _under_probes(stage, outcome, lambda: faults.pause(stage, targets, stage.stop_seconds))
        outcome.down_seconds = stage.stop_seconds
        frozen = any(component == "vswitchd" for _, component in targets)
        _judge(outcome, stage.stop_seconds if frozen else 0.0)
    return play


def _headless(stage, outcome):
    """vswitchd dies while neither agent nor controller is there; the agent comes back alone, and replays from its disk."""
    agent, vswitchd, controller = (stage.victim, "agent"), (stage.victim, "vswitchd"), (stage.controller, "controller")

    def fault():
        faults.down(stage, [agent, controller], signal.SIGKILL)
        stage.hold(0.5)
        began = time.monotonic()
        faults.down(stage, [vswitchd], signal.SIGKILL)
        faults.start(stage, [vswitchd])
        stage.hold(1.0)
        faults.start(stage, [agent])
        return time.monotonic() - began
    try:
        outcome.down_seconds = _under_probes(stage, outcome, fault)
        outcome.notes.append("the controller was away all the time")
        _judge(outcome, outcome.down_seconds)
    finally:
        faults.start(stage, [controller, vswitchd, agent])


def _try_add(stage, outcome, when):
    """An ADD on the host may be refused, cleanly, or work."""
    try:
        stage.lab.pods.delete(stage.lab.pods.add(stage.victim.name, "drill-full", namespace="drill"))
        outcome.notes.append(f"ADD {when}: works")
    except cni.CniError as error:
        code = error.error.get("code")
        outcome.notes.append(f"ADD {when}: refused with CNI code {code}")
        if not code:
            outcome.problems.append(f"ADD {when}: no CNI error object: {error.message}")


def _disk_full(component):
    def play(stage, outcome):
        machine = stage.victim if component == "agent" else stage.controller
        target = [(machine, component)]

        def fault():
            with faults.full_disk(stage, machine):
                took = faults.restart(stage, target, signal.SIGKILL)
                stage.hold(1.0)
            return took
        outcome.down_seconds = max(_under_probes(stage, outcome, fault).values())
        _judge(outcome)
        # Not under the probes: a new port costs others a packet now and then on the userspace datapath.
        with faults.full_disk(stage, machine):
            _try_add(stage, outcome, "with a full disk")
            if not stage.lab.services.process(*target[0]):
                outcome.problems.append(f"{component} ended when its disk was full")
    return play


def _reboot(stage, outcome):
    """Power off; on; pods come back as kubelet makes them: same names, new sandboxes. One does not come back."""
    lab = stage.lab
    gone = lab.pods.add(stage.victim.name, "drill-gone", namespace="drill")
    before = stage.pods[VICTIM]
    attachments = {pod.attachment.container_id for pod in (gone, before)}

    def reported():
        listed = [port for port in lab.listed("ports") if port.get("attachment", "").partition("/")[0] in attachments]
        return not listed

    def fault():
        began = time.monotonic()
        power.cut(lab, stage.victim)
        stage.hold(1.0)
        power.on(lab, stage.victim)
        booted = time.monotonic()
        power.start_daemons(lab, stage.victim)
        eventually(reported, 30, "the ports of the earlier boot to be reported gone", interval=0.05)
        outcome.notes.append(f"ports of the earlier boot gone {time.monotonic() - booted:.1f} s after the boot")

        def added():
            try:
                stage.pods[VICTIM] = stage.add(VICTIM)
                return True
            except cni.CniError:
                return False
        eventually(added, 30, "the first ADD after the boot", interval=0.2)
        after = stage.pods[VICTIM]
        if after.address != before.address:
            outcome.problems.append(f"the pod had {before.address} and has {after.address} after the reboot")
        eventually(lambda: traffic.reaches(stage.place("b"), after.address, 1), 20, "the pod to be reached again", interval=0.05)
        outcome.notes.append(f"the pod is reached at its address {time.monotonic() - booted:.1f} s after the boot")
        return time.monotonic() - began
    outcome.down_seconds = _under_probes(stage, outcome, fault, ends=("b", "c"))
    outcome.allowed = "0 lost elsewhere"
    _judge(outcome)


GATEWAY_GAP_MS = 1000  # what the death of a gateway may cost, in either direction


def _gateway_drill(fault, lossless=False):
    """Something happens to a gateway: the one that has the shared address, so that both directions are concerned."""
    def play(stage, outcome):
        gateways.settle(stage)
        gateways.prepare(stage, fault)
        machine = gateways.MACHINE
        gap = {"to": 0.0, "from": 0.0}

        def told(path, began):
            if machine in (path.source, path.target):
                way = "to" if path.target == machine else "from"
                gap[way] = max(gap[way], path.split_at(began)[2])
        try:
            with gateways.connection(stage) as connection:
                outcome.down_seconds = _under_probes(stage, outcome, lambda: gateways.FAULTS[fault](stage, outcome),
                                                     machines=(machine,), told=told)
                stall_ms = connection.end()
            outcome.notes.append(f"pods to machine {gap['to']:.0f} ms, machine to pods {gap['from']:.0f} ms; "
                                 f"the TCP connection went on, its longest stall {stall_ms:.0f} ms")
        finally:
            gateways.mend(stage)
        outcome.allowed = "0 lost" if lossless else f"gap <= {GATEWAY_GAP_MS * outcome.slowness:.0f} ms"
        if lossless and outcome.lost_node:
            outcome.problems.append(f"{outcome.lost_node} packets between pods and the machine are lost")
        if max(gap.values()) > GATEWAY_GAP_MS * outcome.slowness:
            outcome.problems.append(f"the longest gap is {max(gap.values()):.0f} ms")
        if outcome.lost_others:
            outcome.problems.append(f"{outcome.lost_others} packets between pods are lost")
    return play


def _all_drills():
    yield Drill("none", "nothing: what the stage itself loses", _baseline, short=True)
    names = {"agent": "mooring-agent", "ovsdb": "ovsdb-server", "vswitchd": "ovs-vswitchd", "controller": "mooring-controller",
             "node": "agent and Open vSwitch of the host", "all": "agent, Open vSwitch and controller"}
    for what, text in names.items():
        for name, number in SIGNALS.items():
            short = (what, name) in (("agent", "kill"), ("vswitchd", "kill"), ("ovsdb", "kill"), ("controller", "kill"))
            yield Drill(f"{what}-{name}", f"{text}: SIG{name.upper()}, and started again", _signal_drill(what, number), short)
        yield Drill(f"{what}-stop", f"{text}: SIGSTOP, SIGCONT after a while", _stop_drill(what))
    yield Drill("headless", "vswitchd: SIGKILL while agent and controller are dead; the agent returns alone", _headless, short=True)
    yield Drill("agent-disk-full", "mooring-agent: disk full, then SIGKILL and started again", _disk_full("agent"), short=True)
    yield Drill("controller-disk-full", "mooring-controller: disk full, then SIGKILL and started again", _disk_full("controller"))
    yield Drill("gateway-kill", "a gateway's vswitchd: SIGKILL; it stays away", _gateway_drill("kill"), short=True)
    yield Drill("gateway-stop", "a gateway's vswitchd: SIGSTOP, SIGCONT after 5 s", _gateway_drill("stop"))
    yield Drill("gateway-cable", "a gateway's cable to the nodes is pulled", _gateway_drill("cable"))
    yield Drill("gateway-foot", "a gateway's cable to the physical side is pulled", _gateway_drill("foot"))
    yield Drill("gateway-drain", "a gateway is drained", _gateway_drill("drain", lossless=True))
    yield Drill("gateway-return", "a gateway that was killed comes back", _gateway_drill("return", lossless=True))
    yield Drill("bridge-kill", "the vswitchd of the gateway that bridges: SIGKILL; it stays away", bridges.play("kill"))
    yield Drill("bridge-keepalived", "its keepalived: SIGKILL; it stays away", bridges.play("keepalived"))
    yield Drill("bridge-stop", "its keepalived: SIGSTOP, SIGCONT after 4 s", bridges.play("stop"))
    yield Drill("bridge-split", "the segment is cut in two for 4 s, and heals", bridges.play("split"))
    yield Drill("vip-backend-kill", "the process of one of three back ends of a VIP: SIGKILL; it stays away", vips.play("kill"))
    yield Drill("vip-backend-stop", "that process hangs: SIGSTOP", vips.play("stop"))
    yield Drill("vip-backend-node-kill", "agent and Open vSwitch of the node of one of three back ends: SIGKILL; they stay away", vips.play("node"))
    yield Drill("vip-gateway-kill", "the vswitchd of the gateway by which a machine calls a VIP: SIGKILL; it stays away", vips.play("gateway"))
    yield Drill("vip-set-change", "three back ends are added to three, and go again", vips.play("change"))
    yield Drill("reboot", "the host: power cut, boot, pods made anew", _reboot, short=True)


DRILLS = {drill.name: drill for drill in _all_drills()}


def _recover(stage):
    """After a drill that went wrong half-way: everything runs again, with new pods, so that the next one can be played."""
    faults.start(stage, _targets(stage, "all"))
    stage.open()


def perform(stage, drill):
    """One drill on a stage that is open: settled before, looked over after. Only what the stage cannot go on with is raised."""
    outcome = Outcome(drill.name, drill.text)
    began = time.monotonic()
    stage.settle()
    flows = stage.flows()
    try:
        drill.play(stage, outcome)
        stage.settle()
        if drill.name != "reboot":  # new pods have new ports
            stage.expect_flows(flows)
        stage.expect_adds(stage.hosts["a"], stage.hosts["b"])
        stage.expect_no_reports()
    except LabError as error:
        outcome.problems.append(error.message)
        _recover(stage)
    outcome.seconds = time.monotonic() - began
    return outcome
