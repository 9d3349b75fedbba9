"""Access rules of gateways, with real packets: deny, allow above deny, ports, lists that follow pods, replies, counters, trace."""
import json
import os
import re
import subprocess
import tempfile
import unittest

from labkit import gateways

from lab_case import LabCase, eventually, traffic

PHYS = "phys1"

# Accepts connections on some ports, and answers UDP on the same ones, until it is killed.
SERVE = """
import selectors, socket, sys
chosen = selectors.DefaultSelector()
for port in map(int, sys.argv[2:]):
    chosen.register(socket.create_server((sys.argv[1], port)), selectors.EVENT_READ, "tcp")
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((sys.argv[1], port))
    chosen.register(udp, selectors.EVENT_READ, "udp")
print("listening", flush=True)
while True:
    for key, _ in chosen.select():
        if key.data == "tcp":
            peer, _ = key.fileobj.accept()
            peer.sendall(b"hello")
            peer.close()
        else:
            data, sender = key.fileobj.recvfrom(9000)
            key.fileobj.sendto(b"hello", sender)
"""
CALL = """
import socket, sys
kind, address, port, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
caller = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
caller.settimeout(1)
try:
    caller.connect((address, port))
    if kind == "udp":
        caller.send(bytes(size))
    sys.exit(0 if caller.recv(5) == b"hello" else 1)
except OSError:
    sys.exit(1)
"""


class Rules(LabCase):
    options = {"hosts": 1, "gateways": 1, "physical": 1}

    def setUp(self):
        super().setUp()
        self.addCleanup(self.mend)

    def mend(self):
        self.lab.services.start(self.lab.layout.machines["controller"], "controller")
        self.lab.services.start(self.lab.layout.machines["gw1"], "gateway")
        for kind in ("access-rules", "lists"):
            for item in self.lab.listed(kind):
                self.lab.ctl("delete", kind, item["name"])
        eventually(lambda: self.rules() == [], 20, "the gateway to have no rules")

    def rules(self):
        return sorted(rule["name"] for rule in gateways.status(self.lab.places["gw1"])["access_rules"])

    def flows(self, table, check=True):
        """`check=False`: none, if the switch is only being started."""
        dump = ["ovs-ofctl", "-O", "OpenFlow15", "--no-stats", "dump-flows", "br-tun", f"table={table}"]
        shown = self.lab.places["gw1"].run(dump, check=check).stdout
        return [line.strip() for line in shown.splitlines() if "priority=" in line]

    def rule(self, name, order, action, direction, *more):
        """Made, and in the gateway's switch."""
        self.lab.ctl("create", "access-rule", name, "--order", str(order), "--action", action, "--direction", direction, *more)
        self.expect_rule(name)

    def expect_rule(self, name):
        eventually(lambda: name in self.rules(), 20, f"the gateway to have rule {name}")
        eventually(lambda: gateways.status(self.lab.places["gw1"])["flows"]["in_line"], 20, "the switch to have its flows")

    def serve(self, who, *ports):
        place = self.place(who)
        server = place.popen(["/usr/bin/python3", "-c", SERVE, self.address(who), *map(str, ports)], stdout=subprocess.PIPE, text=True)

        def stop():
            server.kill()
            server.wait()
            server.stdout.close()
        self.addCleanup(stop)
        self.assertEqual("listening", server.stdout.readline().strip())

    def calls(self, client, server, port, kind="tcp", size=1):
        """Whether a connection opens and an answer comes."""
        called = self.place(client).run(["/usr/bin/python3", "-c", CALL, kind, self.address(server), str(port), str(size)], check=False)
        return called.returncode == 0

    def pings(self, source, target):
        return traffic.reaches(self.place(source), self.address(target), 1)

    def expect_call(self, *arguments, **options):
        eventually(lambda: self.calls(*arguments, **options), 20, f"a call {arguments} to be answered")

    def use(self, name):
        """Packets that the gateway counts for a rule."""
        shown = self.lab.ctl("describe", "access-rule", name).stdout
        found = re.search(r"gw1: (\d+) packets", shown)
        self.assertIsNotNone(found, shown)
        return int(found.group(1))

    # --------------------------------------------------------------------------------------------------------------

    def test_from_physical(self):
        web, other = self.add("h1", "web-0"), self.add("h1", "other-0")
        for pod in (web, other):
            self.expect_ping(pod, PHYS)
            self.serve(pod, 80, 81)
        self.serve(PHYS, 80)
        self.expect_call(PHYS, other, 81)
        self.expect_call(PHYS, other, 81, kind="udp")

        self.rule("no-one", 30000, "deny", "from-physical")
        self.assertFalse(self.calls(PHYS, other, 81))
        self.assertFalse(self.calls(PHYS, other, 81, kind="udp"))
        self.assertFalse(self.pings(PHYS, other))
        self.assertTrue(self.pings(other, PHYS), "an echo reply opens nothing")
        self.assertTrue(self.calls(other, PHYS, 80), "replies of a connection that a pod opened")

        # The list is a living object: a pod that comes is on it, and nobody touches the rule.
        self.lab.ctl("create", "list", "web", "--for-hostname", "web-*")
        self.rule("web", 100, "allow", "from-physical", "--physical", f"{self.address(PHYS)}/32", "--list", "web", "--protocol", "tcp", "--port", "80")
        self.expect_call(PHYS, web, 80)
        self.assertFalse(self.calls(PHYS, web, 81), "another port")
        self.assertFalse(self.calls(PHYS, other, 80), "not on the list")
        late = self.add("h1", "web-1")
        self.serve(late, 80)
        self.expect_call(PHYS, late, 80)
        before = self.flows(32)
        self.lab.pods.delete(late)
        eventually(lambda: len(self.flows(32)) < len(before), 20, "the pod's block to be gone from the rule")
        self.assertTrue(self.calls(PHYS, web, 80))

        # Above it: some of the same machines are stopped.
        self.rule("not-this-one", 50, "deny", "from-physical", "--physical", f"{self.address(PHYS)}/32", "--subnet", "pods")
        self.assertFalse(self.calls(PHYS, web, 80))
        self.lab.ctl("delete", "access-rule", "not-this-one")
        self.expect_call(PHYS, web, 80)

        counted = self.use("web")
        self.assertGreater(counted, 0)
        for _ in range(3):
            self.assertTrue(self.calls(PHYS, web, 80))
        eventually(lambda: self.use("web") >= counted + 3, 20, "the packets that opened connections", interval=0.5)
        self.assertGreater(self.use("no-one"), 0)
        metrics = gateways.metrics(self.lab.places["gw1"])
        self.assertRegex(metrics, r'mooring_gateway_rule_packets_total\{rule="no-one",direction="from-physical",action="deny"\} [1-9]')
        self.assertRegex(metrics, r'mooring_dropped_packets_total\{bridge="br-tun",reason="access-rule"\} [1-9]')

        shown = self.lab.ctl("trace", self.address(PHYS), "to", "default/web-0", "--tcp", "80")
        self.assertIn("access rule web (allow, order 100) lets it pass", shown.stdout)
        self.assertIn(f"arrives: {self.address(PHYS)} reaches {web.address} (default/web-0) on node h1", shown.stdout)
        shown = self.lab.ctl("trace", self.address(PHYS), "to", other.address, check=False)
        self.assertEqual(1, shown.returncode)
        self.assertIn("stops on gateway gw1: br-tun drops it in table 32: access rule no-one (deny, order 30000)", shown.stdout)

    def test_to_physical(self):
        web, other = self.add("h1", "web-0"), self.add("h1", "other-0")
        for pod in (web, other):
            self.expect_ping(pod, PHYS)
            self.serve(pod, 80)
        self.serve(PHYS, 80, 81)
        self.rule("no-80", 10, "deny", "to-physical", "--address", f"{web.address}/32", "--protocol", "tcp", "--port", "80")
        self.assertFalse(self.calls(web, PHYS, 80))
        self.assertTrue(self.calls(web, PHYS, 81))
        self.assertTrue(self.calls(other, PHYS, 80))
        self.assertTrue(self.calls(PHYS, web, 80), "its own replies open nothing")
        shown = self.lab.ctl("trace", "default/web-0", "to", self.address(PHYS), "--tcp", "80", check=False)
        self.assertIn("stops on gateway gw1: br-tun drops it in table 34: access rule no-80 (deny, order 10)", shown.stdout)
        self.lab.ctl("trace", "default/web-0", "to", self.address(PHYS), "--tcp", "81")
        # A datagram in fragments has no port that anybody sees: denied ports stop it.
        self.assertTrue(self.calls(other, PHYS, 81, kind="udp", size=4000))
        self.rule("no-dns", 20, "deny", "to-physical", "--protocol", "udp", "--port", "53")
        self.assertTrue(self.calls(other, PHYS, 81, kind="udp"))
        self.assertFalse(self.calls(other, PHYS, 81, kind="udp", size=4000))
        self.assertTrue(traffic.reaches(self.place(web), other.address, 1), "pods among themselves meet no rule")

    def test_a_bad_rule_is_refused_and_the_rest_goes_on(self):
        folder = tempfile.mkdtemp(prefix="mooring-rules-")
        self.addCleanup(os.rmdir, folder)
        path = f"{folder}/rules.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write("""
kind: access-rule
spec: {name: good, order: 1, action: deny, direction: to-physical, protocol: tcp, ports: ["25"]}
---
kind: access-rule
spec: {name: bad, order: 2, action: deny, direction: to-physical, protocol: icmp, ports: ["25"]}
""")
        self.addCleanup(os.remove, path)
        refused = self.lab.ctl("apply", "-f", path, check=False)
        self.assertNotEqual(0, refused.returncode)
        self.assertIn("protocol icmp has none", refused.stdout + refused.stderr)
        self.rule("good", 1, "deny", "to-physical", "--protocol", "tcp", "--port", "25")
        same = self.lab.ctl("create", "access-rule", "same", "--order", "1", "--action", "allow", "--direction", "to-physical", check=False)
        self.assertIn("order: 1 is that of access rule good", same.stderr)
        mixed = self.lab.ctl("create", "access-rule", "mixed", "--order", "2", "--action", "allow", "--direction", "to-physical",
                             "--physical", "10.100.3.0/24", check=False)
        self.assertIn("10.100.3.0/24 is of subnet pods", mixed.stderr)
        self.lab.ctl("create", "list", "some", "--for-hostname", "web-*")
        self.rule("other", 2, "allow", "to-physical", "--list", "some")
        needed = self.lab.ctl("delete", "list", "some", check=False)
        self.assertIn("access rule other needs it", needed.stderr)
        exported = json.loads(self.lab.ctl("get", "access-rules", "-o", "json").stdout)["items"]
        self.assertEqual(["good", "other"], sorted(item["name"] for item in exported))

    def test_rules_stay_while_the_controller_is_away_and_the_gateway_starts_anew(self):
        web = self.add("h1", "web-0")
        self.expect_ping(web, PHYS)
        self.serve(web, 80, 81)
        self.lab.ctl("create", "list", "web", "--for-hostname", "web-*")
        self.rule("web", 100, "allow", "from-physical", "--list", "web", "--protocol", "tcp", "--port", "80")
        self.rule("no-one", 30000, "deny", "from-physical")
        self.expect_call(PHYS, web, 80)
        before = sorted(self.flows(32))
        # The checkpoint has come so far, too.
        eventually(lambda: self.kept('"no-one"') and self.kept(f"web/{web.address}/32"), 30, "the checkpoint to have the rules")
        self.lab.services.stop(self.lab.layout.machines["controller"], "controller", kill=True)
        self.lab.services.stop(self.lab.layout.machines["gw1"], "gateway", kill=True)
        self.assertTrue(self.calls(PHYS, web, 80))
        self.assertFalse(self.calls(PHYS, web, 81))
        self.lab.services.start(self.lab.layout.machines["gw1"], "gateway")
        eventually(lambda: self.rules() == ["no-one", "web"], 20, "the rules to be there again")
        self.assertEqual(before, sorted(self.flows(32)))
        # Even if the switch lost everything.
        self.lab.places["gw1"].run(["ovs-ofctl", "-O", "OpenFlow15", "del-flows", "br-tun"])
        self.lab.services.stop(self.lab.layout.machines["gw1"], "vswitchd", kill=True)
        self.lab.services.start(self.lab.layout.machines["gw1"], "vswitchd")
        self.assertTrue(before)
        eventually(lambda: sorted(self.flows(32, check=False)) == before, 20, "the rules to be in the switch again")
        self.expect_call(PHYS, web, 80)
        self.assertFalse(self.calls(PHYS, web, 81))

    def kept(self, text):
        with open(gateways.checkpoint(self.lab.places["gw1"]), "rb") as file:
            return text.encode() in file.read()


if __name__ == "__main__":
    unittest.main()
