"""mooring-agent doctor on a node in order, with its daemons down, and with real faults: levels, ways out, exit codes."""
import json
import unittest

from labkit.services import program

from lab_case import LabCase, eventually


class Doctor(LabCase):
    options = {"hosts": 2, "gateways": 1, "physical": 0, "datapath": "netdev"}

    def doctor(self, host="h1"):
        argv = self.lab.services._argv(self.lab.layout.machines[host], "agent")
        done = self.lab.places[host].run([argv[0], "doctor", "-o", "json", *argv[1:]], check=False, timeout=60)
        self.assertIn(done.returncode, (0, 1, 2), done.stderr)
        answer = json.loads(done.stdout)
        self.assertEqual(("ok", "warn", "fail")[done.returncode], answer["worst"])
        for finding in answer["findings"]:
            self.assertEqual(finding["level"] == "ok", finding["way_out"] == "", finding)
        return answer["findings"]

    def level(self, findings, area):
        levels = [finding["level"] for finding in findings if finding["area"] == area]
        self.assertTrue(levels, f"nothing about {area}: {findings}")
        return max(levels, key=("ok", "warn", "fail").index)

    def wait_for_checkpoint(self):
        eventually(lambda: self.level(self.doctor(), "peers") == "ok", 30, "the directory to be on the disk")

    def stop(self, component, host="h1"):
        machine = self.lab.layout.machines[host]
        self.lab.services.stop(machine, component, kill=True)
        self.addCleanup(self.lab.services.start, machine, component)

    def test_a_node_in_order(self):
        self.add("h1", "web-0")
        self.wait_for_checkpoint()
        findings = self.doctor()
        wrong = [finding for finding in findings if finding["level"] == "fail"]
        self.assertEqual([], wrong)
        self.assertLessEqual({"checkpoint", "agent", "controller", "clock", "ovsdb", "vswitchd", "datapath", "bridges", "flows", "vtep",
                              "mtu", "offload", "peers", "gateways"}, {finding["area"] for finding in findings})
        self.assertIn("1500 bytes", next(finding["detail"] for finding in findings if finding["area"] == "peers"))
        argv = self.lab.services._argv(self.lab.layout.machines["h1"], "agent")
        table = self.lab.places["h1"].run([program(self.lab.options["build"], "mooring-agent"), "doctor", *argv[1:]], check=False)
        self.assertRegex(table.stdout, r"(?m)^bridges +ok ")

    def test_daemons_that_are_down(self):
        self.add("h1", "web-0")
        self.wait_for_checkpoint()
        self.stop("agent")
        findings = self.doctor()
        self.assertEqual("fail", self.level(findings, "agent"))
        self.assertEqual("ok", self.level(findings, "flows"))  # by its checkpoint and OVSDB
        self.assertEqual("ok", self.level(findings, "peers"))
        machine = self.lab.layout.machines["controller"]
        self.lab.services.stop(machine, "controller")
        self.addCleanup(self.lab.services.start, machine, "controller")
        self.assertEqual("fail", self.level(self.doctor(), "controller"))
        self.stop("vswitchd")
        findings = self.doctor()
        self.assertEqual(("fail", "fail"), (self.level(findings, "vswitchd"), self.level(findings, "flows")))
        self.stop("ovsdb")
        self.assertEqual("fail", self.level(self.doctor(), "ovsdb"))

    def test_faults_of_the_node(self):
        pod = self.add("h1", "web-0")
        self.wait_for_checkpoint()
        self.place(pod).run(["ethtool", "-K", "eth0", "tx", "on"])
        self.assertEqual("fail", self.level(self.doctor(), "offload"))
        self.place(pod).run(["ethtool", "-K", "eth0", "tx", "off"])
        host = self.lab.places["h1"]
        host.run(["ovs-ofctl", "-O", "OpenFlow15", "del-flows", "br-int", "table=30"])
        findings = self.doctor()
        self.assertEqual("fail", self.level(findings, "flows"))
        self.assertIn("table=30", " ".join(finding["detail"] for finding in findings if finding["area"] == "flows"))
        machine = self.lab.layout.machines["h1"]
        self.lab.services.stop(machine, "agent")
        self.lab.services.start(machine, "agent")
        eventually(lambda: self.level(self.doctor(), "flows") == "ok", 20, "the agent to put the flows right")

    def test_a_path_that_loses_large_packets_and_one_that_is_down(self):
        self.wait_for_checkpoint()
        fabric = self.lab.places["fabric"]
        port = self.lab.layout.fabric_port(self.lab.layout.machines["h2"], "eth0")
        self.addCleanup(fabric.ip, [f"link set {port} mtu 1500", f"link set {port} up"])
        fabric.ip([f"link set {port} mtu 1400"])
        findings = self.doctor()
        self.assertEqual("fail", self.level(findings, "peers"))
        self.assertIn("small ones do", " ".join(finding["detail"] for finding in findings if finding["area"] == "peers"))
        self.assertEqual("ok", self.level(findings, "gateways"))
        fabric.ip([f"link set {port} down"])
        findings = self.doctor()
        self.assertIn("do not answer: h2", " ".join(finding["detail"] for finding in findings if finding["area"] == "peers"))


if __name__ == "__main__":
    unittest.main()
