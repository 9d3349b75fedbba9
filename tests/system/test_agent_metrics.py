"""What agents and gateways tell Prometheus: every metric that rules and dashboard use is there, drops are counted by reason, and
counters only grow when Open vSwitch is restarted."""
import json
import os
import re
import shutil
import subprocess
import unittest

from labkit import traffic
from labkit.unix_http import UnixConnection

from lab_case import LabCase, eventually

PAGES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))), "docs/observability")

ASK = """
import http.client, sys
asked = http.client.HTTPConnection("127.0.0.1", 7482, timeout=5)
asked.request("GET", sys.argv[1])
print(asked.getresponse().status)
"""


def values_of(text):
    """'name{labels}' -> value, of all samples."""
    return {match.group(1): float(match.group(2)) for match in re.finditer(r"^([\w:]+(?:\{.*\})?) (\S+)$", text, re.M)}


class AgentMetrics(LabCase):
    options = {"hosts": 2, "gateways": 1, "physical": 1}

    def metrics(self, machine="h1", door="agent"):
        asked = UnixConnection(f"{self.lab.places[machine].root}/run/mooring/{door}.sock")
        asked.request("GET", "/metrics")
        answer = asked.getresponse()
        text = answer.read().decode()
        asked.close()
        self.assertEqual(200, answer.status, text)
        return text

    def value(self, start, machine="h1", **labels):
        """The sum of the samples of a name with these labels."""
        return sum(value for sample, value in values_of(self.metrics(machine)).items()
                   if sample.partition("{")[0] == start and all(f'{key}="{text}"' in sample for key, text in labels.items()))

    def test_every_metric_that_is_used_is_there(self):
        self.add("h1", "web-0")
        there = {sample.partition("{")[0] for machine, door in (("h1", "agent"), ("gw1", "gateway"))
                 for sample in values_of(self.metrics(machine, door))}
        controllers = {"mooring_revision", "up"}
        with open(f"{PAGES}/mooring-agent-alerts.yaml", encoding="utf-8") as file:
            used = re.findall(r"^\s+expr: (.+)$", file.read(), re.M)
        with open(f"{PAGES}/mooring-agent-dashboard.json", encoding="utf-8") as file:
            dashboard = json.load(file)
        used += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        self.assertGreater(len(used), 20)
        names = {name for expression in used for name in re.findall(r"\bmooring_\w+", expression)}
        elsewhere = {name for name in names if name.startswith(("mooring_gateway_bgp_", "mooring_gateway_bridge_"))}  # test_bgp, test_bridged
        self.assertEqual(set(), names - there - controllers - elsewhere)
        with open(f"{PAGES}/README.md", encoding="utf-8") as file:
            page = file.read()
        self.assertEqual([], sorted(name for name in there if name.startswith("mooring_") and
                                    re.sub(r"_(bucket|sum|count)$", "", name) not in page))

    def test_promtool_agrees(self):
        promtool = shutil.which("promtool")
        if not promtool:
            self.skipTest("promtool is not installed (package prometheus)")
        for machine, door in (("h1", "agent"), ("gw1", "gateway")):
            checked = subprocess.run([promtool, "check", "metrics"], input=self.metrics(machine, door), capture_output=True, text=True)
            self.assertEqual((0, ""), (checked.returncode, checked.stdout + checked.stderr))
        rules = subprocess.run([promtool, "check", "rules", f"{PAGES}/mooring-agent-alerts.yaml"], capture_output=True, text=True)
        self.assertEqual(0, rules.returncode, rules.stdout + rules.stderr)

    def test_a_pods_packets_and_drops_are_counted_and_only_grow(self):
        a, b = self.add("h1", "web-a"), self.add("h2", "web-b")
        self.expect_ping(a, b, count=5)
        sent = self.value("mooring_port_packets_total", pod="web-a", direction="sent")
        self.assertGreaterEqual(sent, 5)
        self.assertGreaterEqual(self.value("mooring_port_packets_total", pod="web-a", direction="received"), 5)
        self.assertGreater(self.value("mooring_tunnel_packets_total"), 0)

        # From an address that is not its own.
        inside = self.place(a)
        inside.run(["ip", "address", "add", "10.100.77.77/32", "dev", "eth0"])
        inside.run(["ping", "-n", "-c", "3", "-i", "0.1", "-W", "1", "-I", "10.100.77.77", b.address], check=False)
        eventually(lambda: self.value("mooring_dropped_packets_total", bridge="br-int", reason="spoofed") >= 3, 10,
                   "the spoofed packets to be counted")
        before = values_of(self.metrics())
        machine = self.lab.layout.machines["h1"]
        self.lab.services.stop(machine, "vswitchd", kill=True)
        self.lab.services.start(machine, "vswitchd")
        eventually(lambda: traffic.reaches(self.place(a), b.address, 1), 20, "traffic after the restart of vswitchd")
        eventually(lambda: self.value("mooring_switch_connects_total", bridge="br-int") >= 2, 10, "the agent to be at the new vswitchd")
        after = values_of(self.metrics())
        shrunk = {sample: (value, after.get(sample)) for sample, value in before.items()
                  if re.match(r"[\w:]+_(total|bucket|count)(\{|$)", sample) and after.get(sample, 0) < value}
        self.assertEqual({}, shrunk)

    def test_the_door_shows_metrics_and_nothing_else(self):
        refused = self.lab.places["h1"].run([f"{self.lab.options['build']}/ovs-agent/mooring-agent", "--vtep", "192.0.2.1", "--name", "x",
                                             "--metrics-listen", "nowhere", "--machine-id", "1"], check=False)
        self.assertEqual(2, refused.returncode)
        self.assertIn("127.0.0.1:7482", refused.stdout + refused.stderr)
        machine = self.lab.layout.machines["h2"]
        argv = self.lab.services._argv(machine, "agent") + ["--metrics-listen", "127.0.0.1:7482"]
        self.lab.services.stop(machine, "agent")
        started = self.lab.places["h2"].start(argv, self.lab.state.log_path("h2", "agent"), self.lab.state.name)
        self.lab.state.record("services", "h2/agent", started)
        self.lab.services.wait_ready(machine, "agent")

        def status(path):
            return self.lab.places["h2"].run(["/usr/bin/python3", "-c", ASK, path], check=False).stdout.strip()
        eventually(lambda: status("/metrics") == "200", 10, "the door to open")
        self.assertEqual(["404", "404", "404"], [status(path) for path in ("/", "/v1/status", "/v1/ports")])
        self.lab.services.stop(machine, "agent")
        self.lab.services.start(machine, "agent")


if __name__ == "__main__":
    unittest.main()
