"""Probes between pods, one a millisecond if wished, each with its times: what a move or a restart costs, and who answered."""
import json
import subprocess

from .errors import LabError

PORT = 5099

# Answers every datagram with its own name. May be started before the address is there.
_ANSWER = """
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
server.bind(("0.0.0.0", int(sys.argv[2])))
print("listening", flush=True)
while True:
    data, peer = server.recvfrom(64)
    try:
        server.sendto(data + b" " + sys.argv[1].encode(), peer)
    except OSError:
        pass
"""
# Sends a numbered datagram every so many microseconds until its stdin ends; prints [[sent, answered or null, by whom], ...].
_PROBE = """
import json, select, socket, sys, time
peer, pause = (sys.argv[1], int(sys.argv[2])), int(sys.argv[3]) / 1e6
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
probe.setblocking(False)
log, poll, ends = [], select.poll(), None
poll.register(probe, select.POLLIN)
poll.register(sys.stdin, select.POLLIN | select.POLLHUP)
print("probing", flush=True)
due = time.monotonic()
while ends is None or time.monotonic() < ends:
    now = time.monotonic()
    if now >= due and ends is None:
        log.append([now, None, None])
        try:
            probe.sendto(b"%d" % (len(log) - 1), peer)
        except OSError:
            pass
        due = max(due + pause, now - 0.05)
    for descriptor, _ in poll.poll(max(0.0, (due - time.monotonic()) * 1000) if ends is None else 20):
        if descriptor == probe.fileno():
            while True:
                try:
                    number, who = probe.recvfrom(64)[0].decode().split(" ")
                except BlockingIOError:
                    break
                except OSError:
                    continue  # an ICMP error that came for an earlier one
                log[int(number)][1:] = [time.monotonic(), who]
        elif ends is None:
            ends = time.monotonic() + 1.0  # what is still under way may come
            poll.unregister(sys.stdin)
print(json.dumps(log))
"""


def _start(place, argv, first_line):
    process = place.popen(["/usr/bin/python3", "-c", *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if process.stdout.readline().strip() != first_line:
        end(process)
        raise LabError(f"on {place.name}: a probe did not start")
    return process


def answer(place, name, port=PORT):
    """Starts to answer probes as `name`; to be given to end()."""
    return _start(place, [_ANSWER, name, str(port)], "listening")


def begin(place, address, interval_us=1000, port=PORT):
    """Starts to probe; to be given to finish()."""
    return _start(place, [_PROBE, address, str(port), str(interval_us)], "probing")


class Log:
    """What became of the probes: (sent, answered or None, by whom), times of time.monotonic()."""

    def __init__(self, rows):
        self.rows = [tuple(row) for row in rows]

    def between(self, begin=float("-inf"), until=float("inf")):
        return Log([row for row in self.rows if begin <= row[0] < until])

    @property
    def lost(self):
        return sum(answered is None for _, answered, _ in self.rows)

    @property
    def answered_by(self):
        return {who for _, _, who in self.rows if who is not None}

    def round_trips_ms(self):
        return [(answered - sent) * 1000 for sent, answered, _ in self.rows if answered is not None]

    def dark_ms(self, since, who):
        """How long after `since` it took until every probe was answered by `who`. None: it never was."""
        bad = [sent for sent, answered, by in self.rows if sent >= since and (answered is None or by != who)]
        good = [sent for sent, answered, by in self.rows if sent >= since and answered is not None and by == who]
        if not good or (bad and bad[-1] > good[-1]):
            return None
        return max(0.0, (min(sent for sent in good if not bad or sent > bad[-1]) - since) * 1000)


def finish(process):
    """Ends the probing and returns its Log."""
    out, _ = process.communicate(timeout=60)
    return Log(json.loads(out))


def end(process):
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
