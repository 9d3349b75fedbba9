"""Real packets between two places: pings, and TCP with the checksum of what arrived."""
import json
import re
import subprocess

from .errors import LabError

# Serves one connection: sends N bytes, reads N bytes, prints the SHA-256 of both. The client does the same.
_PEER = """
import hashlib, json, os, socket, sys, threading
role, address, port, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
socket.setdefaulttimeout(30)
if role == "serve":
    listener = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    print("listening", flush=True)
    peer, _ = listener.accept()
else:
    peer = socket.create_connection((address, port), timeout=5)
peer.settimeout(30)
data = os.urandom(size)
sender = threading.Thread(target=lambda: (peer.sendall(data), peer.shutdown(socket.SHUT_WR)))
sender.start()
got = hashlib.sha256()
count = 0
while chunk := peer.recv(1 << 16):
    got.update(chunk)
    count += len(chunk)
sender.join()
print(json.dumps({"sent": hashlib.sha256(data).hexdigest(), "got": got.hexdigest(), "count": count}), flush=True)
"""


def ping(place, address, count=3, wait_seconds=1, interval="0.1"):
    """Returns (received, round trips in ms)."""
    done = place.run(["ping", "-n", "-c", str(count), "-i", interval, "-W", str(wait_seconds), address], check=False, timeout=60)
    times = [float(value) for value in re.findall(r"time=([0-9.]+) ms", done.stdout)]
    return len(times), times


def reaches(place, address, count=3):
    """True if every ping was answered, the first one too."""
    received, _ = ping(place, address, count)
    return received == count


def settle(place):
    """Until the switch of `place` has taken in what happened to its links. The userspace datapath reads all routes anew for
    each change of a link, and between forgetting and knowing them it loses what comes out of a tunnel. A switch that is down
    has nothing to take in."""
    for _ in range(2):  # the first one may have been answered in the turn in which the change came
        place.run(["ovs-appctl", "--timeout=10", "revalidator/wait"], check=False)


def exchange(server, address, client, size=4 * 1024 * 1024, port=5201):
    """`size` bytes each way over one TCP connection from `client` to `address`, where `server` listens. Raises LabError if
    a byte is missing or wrong; returns the bytes that went over."""
    peer = ["/usr/bin/python3", "-c", _PEER]
    listening = server.popen([*peer, "serve", address, str(port), str(size)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        if listening.stdout.readline().strip() != "listening":
            raise LabError(f"on {server.name}: nothing listens on {address}:{port}: {listening.stderr.read().strip()}")
        ours = client.run([*peer, "connect", address, str(port), str(size)], check=False, timeout=90)
        if ours.returncode:
            raise LabError(f"TCP from {client.name} to {address}:{port}: {ours.stderr.strip().splitlines()[-1:]}")
        out, err = listening.communicate(timeout=30)
    finally:
        if listening.poll() is None:
            listening.kill()
            listening.wait()
        listening.stdout.close()
        listening.stderr.close()
    here = json.loads(ours.stdout)
    there = json.loads(out) if out else {}
    if (here["sent"], here["got"], here["count"]) != (there.get("got"), there.get("sent"), size):
        raise LabError(f"TCP between {client.name} and {address}: what arrived is not what was sent ({here}, {there}) {err}")
    return 2 * size


# Sends or takes as much as goes through one TCP connection; the receiver tells bits a second after the first `skip` seconds.
_FLOOD = """
import socket, sys, time
role, address, port, seconds, skip = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5])
socket.setdefaulttimeout(30)
if role == "serve":
    listener = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    print("listening", flush=True)
    peer, _ = listener.accept()
    start = time.monotonic()
    count, counted_from = 0, None
    while chunk := peer.recv(1 << 16):
        now = time.monotonic()
        if now - start >= skip:
            if counted_from is None:
                counted_from = now
            else:
                count += len(chunk)
                last = now
        if now - start >= skip + seconds:
            break
    print(8 * count / (last - counted_from) if count else 0, flush=True)
else:
    peer = socket.create_connection((address, port), timeout=5)
    try:
        while True:
            peer.sendall(bytes(1 << 16))
    except (ConnectionError, TimeoutError):
        pass
"""


def throughput(server, address, client, seconds=3, skip=0, port=5202):
    """Bits a second over one TCP connection from `client` to `address`, where `server` listens."""
    peer = ["/usr/bin/python3", "-c", _FLOOD]
    arguments = [address, str(port), str(seconds), str(skip)]
    listening = server.popen([*peer, "serve", *arguments], stdout=subprocess.PIPE, text=True)
    sending = None
    try:
        if listening.stdout.readline().strip() != "listening":
            raise LabError(f"on {server.name}: nothing listens on {address}:{port}")
        sending = client.popen([*peer, "connect", *arguments])
        return float(listening.communicate(timeout=seconds + skip + 40)[0] or 0)
    finally:
        for process in (listening, sending):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        listening.stdout.close()
