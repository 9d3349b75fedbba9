"""What happens to gateways. Of two, the first has the shared address: it is the one that things happen to."""
import contextlib
import json
import select
import signal
import subprocess
import time

from labkit import gateways, traffic
from labkit.errors import LabError
from labkit.waiting import eventually

from . import faults

MACHINE = "phys1"
PORT = 5210

# Messages of 100 bytes, one every 10 ms, each answered before the next: the longest wait for an answer is the stall.
_PEER = """
import json, socket, sys, time
role, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
if role == "serve":
    listener = socket.create_server((address, port))
    print("listening", flush=True)
    peer, _ = listener.accept()
    while data := peer.recv(100):
        peer.sendall(data)
else:
    import select
    peer = socket.create_connection((address, port), timeout=5)
    peer.settimeout(60)
    print("connected", flush=True)
    longest, count = 0, 0
    while not select.select([sys.stdin], [], [], 0.01)[0]:
        began = time.monotonic()
        peer.sendall(b"x" * 100)
        got = 0
        while got < 100:
            got += len(peer.recv(100 - got)) or sys.exit("the connection was closed")
        longest, count = max(longest, time.monotonic() - began), count + 1
    print(json.dumps({"longest_ms": longest * 1000, "count": count}), flush=True)
"""


class Connection:
    """One TCP connection, in use until it is ended: from the place `client` to `address` in the place `server`."""

    def __init__(self, server, client, address):
        peer = ["/usr/bin/python3", "-c", _PEER]
        self.server = server.popen([*peer, "serve", address, str(PORT)], stdout=subprocess.PIPE, text=True)
        self.server.stdout.readline()
        self.client = client.popen([*peer, "connect", address, str(PORT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        if self.client.stdout.readline().strip() != "connected":
            raise LabError(f"no TCP connection to {address}: {self.client.stderr.read().strip()}")

    def end(self):
        """The longest wait for an answer, in ms. Raises LabError if the connection broke."""
        out, err = self.client.communicate("end\n", timeout=70)
        if self.client.returncode:
            raise LabError(f"the TCP connection did not survive: {err.strip().splitlines()[-1:]}")
        return json.loads(out)["longest_ms"]

    def stop(self):
        for process in (self.client, self.server):
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()


@contextlib.contextmanager
def connection(stage):
    """One TCP connection from a pod to the machine, in use all the time."""
    one = Connection(stage.lab.places[MACHINE], stage.place("b"), stage.lab.layout.machines[MACHINE].address("eth0"))
    try:
        yield one
    finally:
        one.stop()


def status(stage, machine):
    return gateways.status(stage.lab.places[machine.name])


def both(stage):
    two = stage.lab.layout.of_role("gateway")
    if len(two) < 2 or MACHINE not in stage.lab.layout.machines:
        raise LabError("gateway drills need two gateways and a physical machine", "let the drill build its own lab, or: "
                       "scripts/lab up --hosts 3 --gateways 2 --physical 1")
    return two[:2]


def settle(stage):
    """Both gateways take traffic, nodes and gateways know it, the first has the shared address, pods reach the machine and it
    reaches them."""
    first, second = both(stage)

    def whole():
        says = [status(stage, gateway) for gateway in (first, second)]
        return all(one["takes_traffic"] and one["live_gateways"] for one in says) and says[0]["has_shared_address"] \
            and not says[1]["has_shared_address"] and all(gateways.live_sessions(stage.lab.places[host.name]) == 2 for host in stage.hosts.values())
    eventually(whole, 30, "both gateways to take traffic", interval=0.2)
    machine = stage.lab.layout.machines[MACHINE].address("eth0")
    for end in stage.pods:
        eventually(lambda: traffic.reaches(stage.place(end), machine, 1), 20, f"pod {end} to reach {MACHINE}", interval=0.2)
        eventually(lambda: traffic.reaches(stage.lab.places[MACHINE], stage.pods[end].address, 1), 20, f"{MACHINE} to reach pod {end}",
                   interval=0.2)


def _kill(stage, _):
    first, _ = both(stage)
    began = time.monotonic()
    faults.down(stage, [(first, "vswitchd")], signal.SIGKILL)
    stage.hold(4.0)
    return time.monotonic() - began


def _stop(stage, _):
    first, _ = both(stage)
    seconds = min(stage.stop_seconds, 5.0)
    faults.pause(stage, [(first, "vswitchd")], seconds)
    stage.hold(3.0)  # it comes back
    return seconds


def _cable(interface):
    def pull(stage, _):
        first, _ = both(stage)
        fabric, port = stage.lab.places["fabric"], stage.lab.layout.fabric_port(first, interface)
        fabric.ip([f"link set {port} down"])
        stage.hold(4.0)
        return 4.0
    return pull


def _ctl(stage, *words):
    return stage.lab.ctl("gateway", *words).stdout.strip()


def _drain(stage, outcome):
    first, _ = both(stage)
    outcome.notes.append(_ctl(stage, "drain", first.name))
    stage.hold(4.0)
    return 0.0


def _return(stage, _):
    first, _ = both(stage)
    faults.start(stage, [(first, "vswitchd")])
    stage.hold(5.0)
    return 0.0


FAULTS = {"kill": _kill, "stop": _stop, "cable": _cable("eth0"), "foot": _cable("phys0"), "drain": _drain, "return": _return}


def prepare(stage, fault):
    """Before the probes begin."""
    if fault == "return":
        first, second = both(stage)
        faults.down(stage, [(first, "vswitchd")], signal.SIGKILL)
        eventually(lambda: status(stage, second)["has_shared_address"], 10, "the other gateway to take over", interval=0.1)


def mend(stage):
    """Everything that a drill may have left: cables in, vswitchd up, nobody drained."""
    first, _ = both(stage)
    fabric = stage.lab.places["fabric"]
    fabric.ip([f"link set {stage.lab.layout.fabric_port(first, interface)} up" for interface in ("eth0", "phys0")])
    faults.start(stage, [(first, "vswitchd")])
    if status(stage, first).get("draining"):
        _ctl(stage, "undrain", first.name)
    settle(stage)
