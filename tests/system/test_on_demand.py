"""Destinations on demand: a flow from the first packet on, none for what nobody uses, and no packet lost on the way; what a
container that tries all addresses costs the others."""
import json
import os
import subprocess
import time
import unittest

from lab_case import LabCase, eventually, inventory, traffic

_SCAN = f"{os.path.dirname(os.path.dirname(os.path.realpath(__file__)))}/support/scan.py"
# Asks what its stdin lists ([[method, path, body], ...]) of a daemon's unix socket; prints the list of the answers.
_ASK = """
import http.client, json, socket, sys
class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(sys.argv[1])
connection, answers = Unix("localhost"), []
for method, path, body in json.load(sys.stdin):
    connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answers.append(json.loads(answer.read() or "null"))
    if answer.status >= 300:
        sys.exit(f"{method} {path}: {answers[-1]}")
print(json.dumps(answers))
"""


class OnDemandCase(LabCase):
    def ask(self, machine, socket, *questions):
        """The answers of a daemon of a machine, on its own socket, to (method, path, body)."""
        done = self.lab.places[machine].run(["/usr/bin/python3", "-c", _ASK, socket], input=json.dumps(questions))
        return json.loads(done.stdout)

    def destinations(self, host):
        """What the agent says of them."""
        return self.ask(host, "/run/mooring/agent.sock", ("GET", "/v1/status", None))[0]["destinations"]

    def flows_to(self, host):
        """The addresses that the switch itself has a destination flow for."""
        flows = inventory.flows(self.lab.places[host], "br-tun")
        return {flow.split("nw_dst=")[1].split(" ")[0] for flow in flows if "table=20" in flow and "priority=100," in flow}

    def expect_first(self, source, target):
        received, _ = traffic.ping(self.place(source), self.address(target), count=1)
        self.assertEqual(1, received, f"first ping from {self._name(source)} to {self._name(target)} answered")

    def steady(self, source, target, count, interval="0.02"):
        """Pings in the background; to be given to expect_none_lost()."""
        return self.place(source).popen(["ping", "-n", "-q", "-c", str(count), "-i", interval, target.address], stdout=subprocess.PIPE, text=True)

    def expect_none_lost(self, ping):
        out, _ = ping.communicate(timeout=120)
        self.assertIn(" 0% packet loss", out)

    def scan(self, pod, rate, seconds, known=()):
        return self.place(pod).popen(["/usr/bin/python3", _SCAN, str(rate), str(seconds), json.dumps(known)], stdout=subprocess.PIPE, text=True)

    def populate(self, count):
        """As many ports on a node that is not there, destinations that the directory knows: their addresses."""
        node = ("PUT", "/v1/nodes/h99", {"machine_id": "h99", "vtep": f"172.31.{self.lab.layout.number}.99"})
        ports = [("POST", "/v1/ports:allocate", {"node": "h99", "attachment": {"container_id": f"far-{i}", "ifname": "eth0"},
                                                 "namespace": "far", "hostname": f"far-{i}"}) for i in range(count)]
        answers = self.ask("controller", "/run/mooring/controller.sock", node, *ports)
        return [answer["address"].partition("/")[0] for answer in answers[1:]]


class WithGateway(OnDemandCase):
    options = {"hosts": 3, "agent_options": ["--destination-idle-seconds", "2", "--max-destinations", "64"]}

    def test_a_flow_comes_with_the_first_packet_and_goes_when_nobody_uses_it(self):
        eventually(lambda: not self.flows_to("h1") and not self.flows_to("h3"), 15, "what other tests used to be idle")
        a, b, c = self.add("h1", "web-a"), self.add("h2", "web-b"), self.add("h3", "web-c")
        self.assertEqual(set(), self.flows_to("h1"))
        self.expect_first(a, b)
        eventually(lambda: self.flows_to("h1") == {b.address}, 5, "h1 to have a flow for what it talks to")
        counted = self.lab.places["gw1"].run(["curl", "-s", "--unix-socket", "/run/mooring/gateway.sock", "http://gateway/metrics"]).stdout
        self.assertRegex(counted, r'mooring_gateway_relayed_packets_total\{subnet="pods"\} [1-9]')
        eventually(lambda: self.flows_to("h2") == {a.address}, 5, "h2 to have the one back")
        self.assertEqual(set(), self.flows_to("h3"))
        self.expect_first(a, c)
        eventually(lambda: self.flows_to("h1") == {b.address, c.address}, 5, "a second destination")
        busy = self.steady(a, b, 200)
        eventually(lambda: self.flows_to("h1") == {b.address}, 15, "the idle one to go, and the busy one to stay")
        self.expect_none_lost(busy)
        eventually(lambda: not self.flows_to("h1") and not self.flows_to("h2"), 15, "all to go")

    def test_no_packet_is_lost_while_flows_go_and_come_back(self):
        a, b = self.add("h1", "web-a"), self.add("h2", "web-b")
        before = self.destinations("h1")["expired_total"]
        self.expect_none_lost(self.steady(a, b, 5, interval="4"))
        self.assertGreaterEqual(self.destinations("h1")["expired_total"], before + 2, "the flow went between the pings")

    def test_a_directory_change_moves_a_flow_in_use(self):
        a, b = self.add("h1", "web-a"), self.lab.pods.add("h2", "web-b")
        self.expect_first(a, b)
        self.lab.pods.delete(b)
        moved = self.add("h3", "web-b")
        self.expect_ping(a, moved)
        eventually(lambda: moved.address in self.flows_to("h1"), 5, "the new place to be in the switch")
        eventually(lambda: self.flows_to("h2") == set(), 15, "h2 to forget")

    def test_restarts_keep_and_replay_what_is_in_use(self):
        a, b = self.add("h1", "web-a"), self.add("h2", "web-b")
        busy = self.steady(a, b, 400)
        eventually(lambda: self.flows_to("h1") == {b.address}, 5, "the flow in use")
        machine = self.lab.layout.machines["h1"]
        self.lab.services.stop(machine, "agent", kill=True)
        self.assertEqual({b.address}, self.flows_to("h1"))
        self.lab.services.start(machine, "agent")
        eventually(lambda: self.destinations("h1")["taken_up_total"] == 1, 10, "the new agent to take it up")
        self.assertEqual({b.address}, self.flows_to("h1"))
        self.expect_none_lost(busy)
        self.expect_first(a, b)
        self.lab.services.stop(machine, "vswitchd", kill=True)
        self.lab.services.start(machine, "vswitchd")
        eventually(lambda: traffic.reaches(self.place(a), b.address, 1), 10, "traffic after a vswitchd restart")

    def test_a_container_that_tries_all_addresses_harms_nobody_else(self):
        known = self.populate(150)  # more than there is room for
        scanner, a, b, c = self.add("h1", "scan"), self.add("h1", "web-a"), self.add("h2", "web-b"), self.add("h3", "web-c")
        self.expect_first(a, b)
        scan = self.scan(scanner, 3000, 6, known)
        busy = self.steady(a, b, 200)
        eventually(lambda: len(self.flows_to("h1")) > 50, 5, "the scan to fill the table")
        self.expect_first(a, c)
        deadline = time.monotonic() + 60
        while scan.poll() is None:
            self.assertLess(time.monotonic(), deadline, "the scan to end")
            self.assertLessEqual(len(self.flows_to("h1")), 64)
        self.expect_none_lost(busy)
        self.assertGreater(int(scan.communicate(timeout=120)[0]), 3000)
        self.assertEqual(0, self.destinations("h1")["unreadable_total"])


class WithoutGateway(OnDemandCase):
    options = {"hosts": 3, "gateways": 0, "physical": 0, "agent_options": ["--destination-idle-seconds", "2"]}

    def test_the_first_packet_waits_for_the_agent_and_is_not_lost(self):
        a, b, c = self.add("h1", "web-a"), self.add("h2", "web-b"), self.add("h3", "web-c")
        for source in (a, b, c):
            for target in (a, b, c):
                if source is not target:
                    self.expect_first(source, target)
        eventually(lambda: self.flows_to("h1") == {b.address, c.address}, 5, "both to be in the switch")
        self.assertGreaterEqual(self.destinations("h1")["reinjected_total"], 2)
        self.assertEqual(0, self.destinations("h1")["not_sent_total"])
        self.assertEqual(2 << 20, traffic.exchange(self.place(c), c.address, self.place(a), 1 << 20))

    def test_no_packet_is_lost_while_flows_go_and_come_back(self):
        a, b = self.add("h1", "web-a"), self.add("h2", "web-b")
        before = self.destinations("h1")["expired_total"]
        self.expect_none_lost(self.steady(a, b, 5, interval="4"))
        self.assertGreaterEqual(self.destinations("h1")["expired_total"], before + 2, "the flow went between the pings")

    def test_a_container_is_told_that_a_free_address_is_nobodys(self):
        a = self.add("h1", "web-a")
        said = self.place(a).run(["ping", "-n", "-c", "20", "-i", "0.2", "-W", "1", "10.100.77.77"], check=False).stdout
        self.assertIn("From 10.100.0.1", said)
        self.assertIn("Destination Host Unreachable", said)
        self.assertEqual(set(), self.flows_to("h1"))
        outside = self.place(a).run(["ping", "-n", "-c", "10", "-i", "0.2", "-W", "1", "192.0.2.1"], check=False).stdout
        self.assertNotIn("Unreachable", outside)


if __name__ == "__main__":
    unittest.main()
