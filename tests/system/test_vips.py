"""VIPs with real packets: from a machine by two gateways and from pods, TCP and UDP; back ends that die, come and go; live connections
that go on all the while."""
import collections
import json
import subprocess
import time
import unittest

from labkit import fabric, gateways

from lab_case import LabCase, eventually, traffic

PHYS = "phys1"
VIP = "10.101.0.80"

# A web server whose every answer is its own name, TCP echoes on 9000 and UDP on 5353 that say who they are.
_BACKEND = """
import http.server, socket, sys, threading
name = sys.argv[1].encode()
class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", str(len(name))); self.end_headers(); self.wfile.write(name)
    def log_message(self, *ignored): pass
def echo():
    listener = socket.create_server(("", 9000))
    def one(peer):
        while data := peer.recv(100):
            peer.sendall(name.ljust(100)[:len(data)])
    while True:
        peer, _ = listener.accept()
        threading.Thread(target=one, args=(peer,), daemon=True).start()
def datagrams():
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); one.bind(("", 5353))
    while True:
        _, who = one.recvfrom(100)
        one.sendto(name, who)
for what in (echo, datagrams):
    threading.Thread(target=what, daemon=True).start()
server = http.server.ThreadingHTTPServer(("", 8080), Web)
print("serving", flush=True)
server.serve_forever()
"""

# COUNT connections (or datagrams) of their own to the VIP; prints who answered how often.
_CALLS = """
import collections, json, socket, sys
kind, address, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
said = collections.Counter()
for _ in range(count):
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as one:
            one.settimeout(1)
            one.connect((address, 53 if kind == "udp" else 90))
            one.send(b"x" * 50)
            said[one.recv(100).decode().strip()] += 1
    except OSError as problem:
        said["!" + type(problem).__name__] += 1
print(json.dumps(said))
"""

# One connection in use until a line comes on stdin: who answers must stay the same one.
_LIVE = """
import json, select, socket, sys, time
peer = socket.create_connection((sys.argv[1], 90), timeout=5)
peer.settimeout(20)
names, count, longest = set(), 0, 0
print("connected", flush=True)
while not select.select([sys.stdin], [], [], 0.02)[0]:
    began = time.monotonic()
    peer.sendall(b"x" * 50)
    got = b""
    while len(got) < 50:
        part = peer.recv(50 - len(got))
        if not part: sys.exit("the connection was closed")
        got += part
    names.add(got.decode().strip()); count += 1
    longest = max(longest, time.monotonic() - began)
print(json.dumps({"names": sorted(names), "count": count, "longest_ms": longest * 1000}))
"""
_PYTHON = ["/usr/bin/python3", "-c"]


class Vips(LabCase):
    options = {"hosts": 3, "gateways": 2, "physical": 1}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.ctl("create", "subnet", "vips", "--network", "default", "--cidr", "10.101.0.0/24", "--vni", "101")
        fabric.route_overlay(cls.lab.places[PHYS], "10.101.0.0/24", cls.lab.layout.shared_gateway)
        cls.addClassCleanup(lambda: cls.lab.ctl("delete", "subnet", "vips", check=False))

    def setUp(self):
        super().setUp()
        self.processes = []
        self.addCleanup(self.stop_all)
        self.lab.ctl("create", "vip", "shop", "--address", VIP, "--port", "tcp:80:8080", "--port", "tcp:90:9000", "--port", "udp:53:5353",
                     "--for-hostname", "web-*", "--check", "http", "--path", "/healthz")
        self.addCleanup(self.lab.ctl, "delete", "vip", "shop")

    def stop_all(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()

    def popen(self, place, program, *arguments, **options):
        process = place.popen([*_PYTHON, program, *arguments], stdout=subprocess.PIPE, text=True, **options)
        self.processes.append(process)
        return process

    def serve(self, pod):
        process = self.popen(self.place(pod), _BACKEND, pod.name)
        self.assertEqual("serving", process.stdout.readline().strip())
        return process

    def healthy(self):
        shown = json.loads(self.lab.ctl("get", "vip", "shop", "-o", "json").stdout)
        return sorted(backend["pod"].split("/")[1] for backend in shown["backends"] if backend["healthy"])

    def expect_healthy(self, *names, within=15):
        eventually(lambda: self.healthy() == sorted(names), within, lambda: f"{names} to be healthy, not {self.healthy()}", interval=0.05)
        self.settle()

    def calls(self, caller, count=30, kind="tcp"):
        return collections.Counter(json.loads(self.place(caller).run([*_PYTHON, _CALLS, kind, VIP, str(count)], timeout=120).stdout))

    def live(self, caller):
        process = self.popen(self.place(caller), _LIVE, VIP, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual("connected", process.stdout.readline().strip(), process.stderr)
        return process

    def end(self, process):
        out, err = process.communicate("end\n", timeout=30)
        self.assertEqual(0, process.returncode, err)
        return json.loads(out)

    def three(self):
        pods = [self.add(f"h{i + 1}", f"web-{i}") for i in range(3)]
        servers = [self.serve(pod) for pod in pods]
        self.expect_healthy("web-0", "web-1", "web-2")
        return pods, servers

    # --------------------------------------------------------------------------------------------------------------

    def test_connections_are_spread_over_all_back_ends(self):
        pods, _ = self.three()
        caller = self.add("h1", "caller")
        for who, kind in ((caller, "tcp"), (caller, "udp"), (PHYS, "tcp"), (PHYS, "udp")):
            with self.subTest(caller=self._name(who), kind=kind):
                said = self.calls(who, 60, kind)
                self.assertEqual({"web-0", "web-1", "web-2"}, set(said), said)
                self.assertGreater(min(said.values()), 5, said)
        with self.subTest(what="a back end that calls its own VIP gets the others"):
            self.assertEqual({"web-1", "web-2"}, set(self.calls(pods[0], 30)))
        with self.subTest(what="trace says who is picked"):
            answer = json.loads(self.lab.ctl("trace", "default/caller", "to", VIP, "--tcp", "80", "-o", "json", timeout=60).stdout)
            self.assertEqual("arrives", answer["outcome"], json.dumps(answer, indent=1))
            self.assertRegex(json.dumps(answer["hops"]), f"{VIP} is VIP shop.*a new connection goes to its back end 10.100.*8080")
        with self.subTest(what="the VIP's other ports, and pings"):
            self.assertFalse(traffic.reaches(self.place(caller), VIP, 1))

    def test_a_back_end_that_dies_is_out_within_three_seconds(self):
        _, servers = self.three()
        caller = self.add("h2", "caller")
        self.calls(caller, 5)
        servers[1].kill()
        died = time.monotonic()
        self.expect_healthy("web-0", "web-2", within=3)
        out = time.monotonic() - died
        for who in (caller, PHYS):
            said = self.calls(who, 30)
            self.assertEqual({"web-0", "web-2"}, set(said), f"after {out:.2f} s: {said}")
        servers[1] = self.serve(next(pod for pod in self.lab.pods.list() if pod.name == "web-1"))
        self.expect_healthy("web-0", "web-1", "web-2")
        self.assertEqual({"web-0", "web-1", "web-2"}, set(self.calls(PHYS, 60)))

    def test_what_lives_on_a_dead_node_is_out_within_three_seconds(self):
        self.three()
        self.calls(PHYS, 5)
        h3 = self.lab.layout.machines["h3"]
        for component in ("agent", "vswitchd"):
            self.lab.services.stop(h3, component, kill=True)
        try:
            self.expect_healthy_without_settling("web-0", "web-1", within=3)
            self.assertEqual({"web-0", "web-1"}, set(self.calls(PHYS, 30)))
        finally:
            for component in ("vswitchd", "agent"):
                self.lab.services.start(h3, component)
        self.expect_healthy("web-0", "web-1", "web-2", within=30)

    def expect_healthy_without_settling(self, *names, within):
        eventually(lambda: self.healthy() == sorted(names), within, lambda: f"{names} to be healthy, not {self.healthy()}", interval=0.05)
        time.sleep(0.3)  # until gateways have heard: the watch stream

    def test_connections_survive_a_change_of_the_back_ends(self):
        pods, _ = self.three()
        caller = self.add("h2", "caller")
        live = [self.live(who) for who in (caller, PHYS) for _ in range(8)]
        more = [self.add("h1", "web-3"), self.add("h3", "web-4"), self.add("h2", "web-5")]
        for pod in more:
            self.serve(pod)
        self.expect_healthy("web-0", "web-1", "web-2", "web-3", "web-4", "web-5")
        self.assertLess(3, len(self.calls(caller, 60)))  # new ones go there, too
        for pod in more:
            self.lab.pods.delete(pod)
        self.expect_healthy("web-0", "web-1", "web-2")
        for process in live:
            said = self.end(process)
            self.assertEqual(1, len(said["names"]), said)
        self.assertEqual(3, len(pods))

    def test_connections_survive_a_gateway(self):
        self.three()
        live = [self.live(PHYS) for _ in range(8)]
        gw1 = self.lab.layout.machines["gw1"]
        self.lab.services.stop(gw1, "vswitchd", kill=True)
        try:
            eventually(lambda: gateways.status(self.lab.places["gw2"])["has_shared_address"], 20, "gw2 to have the shared address")
            eventually(lambda: set(self.calls(PHYS, 30)) == {"web-0", "web-1", "web-2"}, 20, "calls by gw2 to be answered")
            for process in live:
                self.assertEqual(1, len(self.end(process)["names"]))
        finally:
            self.lab.services.start(gw1, "vswitchd")
        eventually(lambda: gateways.missing(self.lab) is None, 30, "both gateways to take traffic")


if __name__ == "__main__":
    unittest.main()
