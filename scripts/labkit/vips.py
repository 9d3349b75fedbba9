"""Back ends of VIPs that say who they are, and callers who note of each connection what became of it."""
import collections
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass

from .errors import LabError
from .waiting import eventually

PORTS = ("tcp:80:8080", "tcp:90:9000", "udp:53:5353")  # of the VIP and of its back ends; callers use 90
SILENCE = "no answer"  # how a connection broke that is still there
CALL_SECONDS = 1.0  # the patience of a new connection: the kernel's second SYN is not waited for
_PYTHON = ["/usr/bin/python3", "-c"]

# COUNT connections (or datagrams) of their own to the VIP; prints who answered how often.
_CALLS = """
import collections, json, socket, sys
kind, address, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
said = collections.Counter()
for _ in range(count):
    try:
        with socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as one:
            one.settimeout(1)
            one.connect((address, 53 if kind == "udp" else 90))
            one.send(b"x" * 50)
            said[one.recv(100).decode().strip()] += 1
    except OSError as problem:
        said["!" + type(problem).__name__] += 1
print(json.dumps(said))
"""

# A web server whose every answer is its own name, TCP echoes on 9000 and UDP on 5353 that say who they are.
_BACKEND = """
import asyncio, sys
name = sys.argv[1].encode()
async def web(reader, writer):
    try:
        await reader.readuntil(b"\\r\\n\\r\\n")
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\nConnection: close\\r\\n\\r\\n" % len(name) + name)
        await writer.drain()
    except (OSError, EOFError):
        pass
    writer.close()
async def echo(reader, writer):
    try:
        while data := await reader.read(100):
            writer.write(name.ljust(100)[:len(data)])
    except OSError:
        pass
    writer.close()
class Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport
    def datagram_received(self, data, who):
        self.transport.sendto(name, who)
async def serve():
    servers = [await asyncio.start_server(web, "", 8080), await asyncio.start_server(echo, "", 9000)]
    await asyncio.get_running_loop().create_datagram_endpoint(Datagrams, ("::", 5353))
    print("serving", flush=True)
    await asyncio.Event().wait()
asyncio.run(serve())
"""

# Until a line comes on stdin: LIVE connections that exchange 50 bytes every 20 ms, and a new one every PAUSE seconds for one
# exchange. What is still waited for then gets 10 s.
_CALLER = """
import asyncio, json, sys, time
address, live, pause, patience = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
kept, fresh = [], []
def named(problem):
    return type(problem).__name__
async def speak(reader, writer):
    writer.write(b"x" * 50)
    return (await reader.readexactly(50)).decode().strip()
async def keep(stop, said):
    reader, writer = await asyncio.wait_for(asyncio.open_connection(address, 90), 5)
    said["names"].append(await asyncio.wait_for(speak(reader, writer), 5))
    return asyncio.create_task(go_on(stop, said, reader, writer))
async def go_on(stop, said, reader, writer):
    while not stop.is_set():
        said["asked"] = time.monotonic()
        try:
            name = await speak(reader, writer)
        except (OSError, EOFError) as problem:
            said["broke"], said["broke_at"] = named(problem), time.monotonic()
            break
        said["longest"] = max(said["longest"], time.monotonic() - said["asked"])
        said["asked"] = None
        said["count"] += 1
        if name not in said["names"]:
            said["names"].append(name)
        await asyncio.sleep(0.02)
    writer.close()
async def call():
    row = [time.monotonic(), None, ""]
    fresh.append(row)
    writer = None
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection(address, 90)
            row[2] = await speak(reader, writer)
        row[1] = time.monotonic()
    except (OSError, EOFError) as problem:
        row[2] = named(problem)
    if writer:
        writer.close()
async def main():
    stop = asyncio.Event()
    kept.extend({"names": [], "count": 0, "longest": 0, "asked": None, "broke": "", "broke_at": None} for _ in range(live))
    tasks = set([await keep(stop, said) for said in kept])
    print("calling", flush=True)
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, lambda: (loop.remove_reader(sys.stdin), stop.set()))
    due = time.monotonic()
    while not stop.is_set():
        if pause:
            tasks.add(asyncio.create_task(call()))
        due = max(due + (pause or 0.05), time.monotonic())
        await asyncio.sleep(due - time.monotonic())
    if tasks:
        await asyncio.wait(tasks, timeout=10)
    print(json.dumps({"kept": kept, "fresh": fresh}), flush=True)
asyncio.run(main())
"""


def serve(place, name):
    """Starts a back end that says `name`; for end()."""
    process = place.popen([*_PYTHON, _BACKEND, name], stdout=subprocess.PIPE, text=True)
    if process.stdout.readline().strip() != "serving":
        end(process)
        raise LabError(f"on {place.name}: the back end {name} did not start")
    return process


def answers(place, address, count=30, kind="tcp"):
    """Who answered how many of so many connections (or datagrams: "udp") of their own; "!…": what went wrong instead."""
    return collections.Counter(json.loads(place.run([*_PYTHON, _CALLS, kind, address, str(count)], timeout=120).stdout))


def stop(process):
    """The back end hangs: SIGSTOP. What Place.popen() gives waits outside for the process that is meant."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
        for pid in children.read().split():
            os.kill(int(pid), signal.SIGSTOP)


def end(process):
    if process.poll() is None:
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()


@dataclass
class Kept:
    """A connection that was there from the beginning."""
    names: list       # of the back ends that answered, the first one first
    count: int        # answers
    longest_ms: float  # for an answer
    broke: str        # how it ended; "": it goes on
    broke_at: float   # time.monotonic(); None: it did not


@dataclass
class Fresh:
    """A connection made meanwhile."""
    began: float
    answered: float  # None: it was not
    who: str         # or what went wrong


@dataclass
class Calls:
    kept: list
    fresh: list

    def __add__(self, other):
        return Calls(self.kept + other.kept, self.fresh + other.fresh)

    @property
    def failed(self):
        return [call for call in self.fresh if call.answered is None]


class Caller:
    """`live` connections to the VIP that stay, and a new one every `pause` seconds (0: none). Raises LabError if one of the
    first does not come about."""

    def __init__(self, place, address, live=8, pause=0.02):
        self.place = place
        self.process = place.popen([*_PYTHON, _CALLER, address, str(live), str(pause), str(CALL_SECONDS)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "calling":
            said = self.process.stderr.read().strip().splitlines()[-1:]
            end(self.process)
            raise LabError(f"from {place.name}: no connections to {address}: {said}")

    def finish(self):
        """Ends the calls and returns what became of them."""
        out, err = self.process.communicate("end\n", timeout=30)
        if self.process.returncode:
            raise LabError(f"the caller on {self.place.name} failed: {err.strip().splitlines()[-1:]}")
        said = json.loads(out)
        kept = []
        for one in said["kept"]:
            if one["asked"] is not None and not one["broke"]:
                one["broke"], one["broke_at"] = SILENCE, time.monotonic()
            kept.append(Kept(one["names"], one["count"], one["longest"] * 1000, one["broke"], one["broke_at"]))
        return Calls(kept, [Fresh(*row) for row in said["fresh"]])

    def stop(self):
        end(self.process)


def create(lab, name, address, hostname, namespace="default"):
    lab.ctl("create", "vip", name, "--address", address, *(word for port in PORTS for word in ("--port", port)),
            "--for-namespace", namespace, "--for-hostname", hostname, "--check", "http", "--path", "/healthz")


def shown(lab, name):
    return json.loads(lab.ctl("get", "vip", name, "-o", "json").stdout)


def healthy(lab, name):
    """Names of the pods behind it that are, sorted."""
    return sorted(backend["pod"].split("/")[1] for backend in shown(lab, name)["backends"] if backend["healthy"])


def expect_healthy(lab, name, pods, within=15):
    """These pods and no others, by what the controller says; returns the VIP's revision from then on."""
    eventually(lambda: healthy(lab, name) == sorted(pods), within, lambda: f"{sorted(pods)} to be healthy, not {healthy(lab, name)}",
               interval=0.05)
    return shown(lab, name)["revision"]
