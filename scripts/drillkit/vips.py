"""What happens to a VIP: three back ends on three hosts, called by a machine by way of the gateways and by a pod. Each caller keeps
connections in use all the time and opens new ones, 50 a second."""
import itertools
import signal
import time

from labkit import fabric, gateways as gateways_of, news, vips
from labkit.waiting import eventually

from . import faults, gateways
from .stage import NAMESPACE

SUBNET, VIP, ADDRESS = "drill-vips", "drill-shop", "10.131.0.80"
CIDR, VNI = "10.131.0.0/24", 301
NEW_MS = 3000   # until all new connections succeed again
WAIT_MS = 3000  # that a connection which goes on may wait for an answer: TCP asks again after 0.2, 0.4, 0.8 … s
LIVE = 12       # connections of each caller


def open_vip(stage):
    """The VIP: part of the stage, since it changes flows everywhere."""
    gateways.both(stage)
    lab = stage.lab
    if SUBNET not in [subnet["name"] for subnet in lab.listed("subnets")]:
        lab.ctl("create", "subnet", SUBNET, "--network", "default", "--cidr", CIDR, "--vni", str(VNI))
    fabric.route_overlay(lab.places[gateways.MACHINE], CIDR, lab.layout.shared_gateway)
    if VIP not in [vip["name"] for vip in lab.listed("vips")]:
        vips.create(lab, VIP, ADDRESS, "drill-web-*", NAMESPACE)


def close_vip(stage):
    for kind, name in (("vip", VIP), ("subnet", SUBNET)):
        stage.lab.ctl("delete", kind, name, check=False)  # a run that was cut short may not have made it
    stage.lab.places[gateways.MACHINE].run(["ip", "route", "del", CIDR], check=False)


class BackEnds:
    """Pods behind the VIP, each with its server. The first is on the host to which things happen."""

    def __init__(self, stage):
        self.stage = stage
        self.pods = {}
        self.servers = {}

    def make(self, *names):
        """Their pods."""
        for name, host in zip(names, itertools.cycle(self.stage.hosts.values())):
            self.pods[name] = self.stage.lab.pods.add(host.name, name, namespace=NAMESPACE)

    def serve(self, *names):
        """Their servers. Until all that serve are healthy, and all switches know it."""
        for name in names:
            self.servers[name] = vips.serve(self.stage.lab.pods.place(self.pods[name]), name)
        news.wait(self.stage.lab, vips.expect_healthy(self.stage.lab, VIP, list(self.servers), within=30))

    def remove(self, *names):
        for name in names:
            self.stage.lab.pods.delete(self.pods.pop(name))
            if name in self.servers:
                vips.end(self.servers.pop(name))

    def close(self):
        self.remove(*list(self.pods))


def _kill(stage, backends):
    backends.servers["drill-web-0"].kill()
    stage.hold(5.0)


def _stop(stage, backends):
    vips.stop(backends.servers["drill-web-0"])
    stage.hold(6.0)


def _node(stage, _):
    faults.down(stage, [(stage.victim, component) for component in ("agent", "vswitchd", "ovsdb")], signal.SIGKILL)
    stage.hold(8.0)


def _gateway(stage, _):
    first, _ = gateways.both(stage)
    faults.down(stage, [(first, "vswitchd")], signal.SIGKILL)
    stage.hold(5.0)


def _change(stage, backends):
    """Nothing may fail while they come; what fails is counted from when they go."""
    backends.serve(*MORE)
    stage.hold(2.0)
    moment = time.monotonic()
    backends.remove(*MORE)
    stage.hold(5.0)
    return moment


FIRST = ("drill-web-0", "drill-web-1", "drill-web-2")
MORE = ("drill-web-3", "drill-web-4", "drill-web-5")
# name -> (what is done, the back end that it happens to)
FAULTS = {"kill": (_kill, "drill-web-0"), "stop": (_stop, "drill-web-0"), "node": (_node, "drill-web-0"), "gateway": (_gateway, None),
          "change": (_change, None)}


def _mend(stage, backends):
    faults.start(stage, [(stage.victim, component) for component in ("ovsdb", "vswitchd", "agent")])
    first, _ = gateways.both(stage)
    faults.start(stage, [(first, "vswitchd")])
    eventually(lambda: gateways_of.missing(stage.lab) is None, 30, lambda: gateways_of.missing(stage.lab), interval=0.2)
    backends.close()


def _judge(outcome, calls, moment, victim):
    """`moment`: of the fault, by time.monotonic()."""
    outcome.sent = len(calls.fresh) + len(calls.kept)
    failed = [call for call in calls.failed if call.began > moment - vips.CALL_SECONDS]  # it may have been under way
    outcome.lost_before = len(calls.failed) - len(failed)
    outcome.lost_node = len(failed)
    outcome.gap_node_ms = max((call.began - moment for call in failed), default=0.0) * 1000
    if outcome.lost_before:
        outcome.problems.append(f"{outcome.lost_before} new connections failed before the fault, {calls.failed[0].who}")
    if outcome.gap_node_ms > NEW_MS * outcome.slowness:
        outcome.problems.append(f"a new connection failed {outcome.gap_node_ms:.0f} ms after the fault")
    with_victim = [one for one in calls.kept if one.names[0] == victim]
    others = [one for one in calls.kept if one.names[0] != victim]
    broken = [one for one in others if one.broke or len(one.names) > 1]
    outcome.lost_others = len(broken)
    longest_ms = max((one.longest_ms for one in others), default=0.0)
    text = f"new connections: {len(failed)} of {len(calls.fresh)} failed"
    if failed:
        text += f", the last began {outcome.gap_node_ms:.0f} ms after the fault ({', '.join(sorted({call.who for call in failed}))})"
    text += f"; {len(others)} connections went on, their longest wait {longest_ms:.0f} ms"
    ended = [one.broke_at - moment for one in with_victim if one.broke not in ("", vips.SILENCE)]
    silent = len([one for one in with_victim if one.broke == vips.SILENCE])
    if ended:
        text += f"; {len(ended)} of {len(with_victim)} with it ended, the last after {max(ended) * 1000:.0f} ms"
    if silent:
        text += f"; {silent} of {len(with_victim)} with it got no answer any more"
    outcome.notes.append(text)
    if not others:
        outcome.problems.append("no connection is with another back end: nothing is shown")
    for one in broken[:3]:
        outcome.problems.append(f"a connection with {one.names[0]} did not survive: {one.broke or one.names}")
    if longest_ms > WAIT_MS * outcome.slowness:
        outcome.problems.append(f"an answer came after {longest_ms:.0f} ms")
    outcome.allowed = f"new ones <= {NEW_MS * outcome.slowness:.0f} ms, 0 of the others"


def play(fault):
    happens, victim = FAULTS[fault]

    def played(stage, outcome):
        gateways.settle(stage)
        backends = BackEnds(stage)
        callers = []
        try:
            # Pods are made before, since a new port costs others a packet now and then on the userspace datapath.
            backends.make(*FIRST, *(MORE if fault == "change" else ()))
            backends.serve(*FIRST)
            places = (stage.lab.places[gateways.MACHINE], stage.place("b"))
            first = time.monotonic()
            for place in places:
                callers.append(vips.Caller(place, ADDRESS, LIVE))
            stage.hold(1.0)
            moment = time.monotonic()
            moment = happens(stage, backends) or moment
            wanted = (time.monotonic() - first) * 50 * len(callers)
            calls = sum((caller.finish() for caller in callers), vips.Calls([], []))
        finally:
            for caller in callers:
                caller.stop()
            _mend(stage, backends)
        outcome.slowness = max(1.0, wanted / max(1, len(calls.fresh)))
        if outcome.slowness > 1.5:
            outcome.notes.append(f"the machine is busy: {outcome.slowness:.1f} times fewer connections were made than wanted")
        _judge(outcome, calls, moment, victim)
    return played
