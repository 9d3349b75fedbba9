"""Watching packets of the lab."""
import subprocess


# Tunnels without what nodes ask gateways ten times a second: the BFD packet in them goes to 169.254.1.0.
TUNNELS = "udp port 4789 and udp[46:4] != 0xa9fe0100"


class Capture:
    """tcpdump until stop(): on the underlay's bridge, or on an interface of `place`."""

    def __init__(self, lab, expression=TUNNELS, place=None, interface="br-underlay"):
        self._process = (place or lab.places["fabric"]).popen(
            ["tcpdump", "-Z", "root", "--immediate-mode", "-U", "-l", "-n", "-i", interface, expression],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # It says "listening on ..." when packets are caught from now on.
        while "listening on" not in (line := self._process.stderr.readline()):
            if not line:
                raise RuntimeError("tcpdump did not start")

    def stop(self):
        """Ends it and returns the lines."""
        self._process.kill()
        out, _ = self._process.communicate(timeout=10)
        return out.splitlines()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self.stop()

def vxlan_lines(lines):
    """`a > b: inner` of each VXLAN packet: tcpdump prints outer and inner header on two lines."""
    found = []
    for outer, inner in zip(lines, lines[1:]):
        if "VXLAN" in outer:
            found.append((outer.split(" IP ", 1)[-1], inner.strip()))
    return found
