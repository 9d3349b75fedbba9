"""vswitchd has lost all flows: they are back without an agent (`mooring-agent replay`), and destinations in use before a packet
asks for them."""
import os
import unittest

from lab_case import LabCase, eventually, inventory, traffic


class Replay(LabCase):
    options = {"hosts": 2, "gateways": 0, "physical": 0}

    def machine(self):
        return self.lab.layout.machines["h1"]

    def file(self, name):
        path = f"{self.lab.places['h1'].root}/var/lib/mooring/agent/{name}"
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8") as file:
            return file.read()

    def flows(self):
        return {line for bridge in ("br-int", "br-tun") for line in inventory.flows(self.lab.places["h1"], bridge)}

    def stage(self):
        """Two pods on h1 that talk to one on h2, and all of it on the disk of h1; its flows."""
        a, b, c = self.add("h1", "web-a"), self.add("h1", "web-b"), self.add("h2", "web-c")
        self.expect_ping(a, b)
        self.expect_ping(a, c)
        eventually(lambda: f" {c.address}\n" in self.file("destinations"), 20, "the destination in use to be on the disk")
        eventually(lambda: c.address in self.file("directory"), 20, "the directory to be on the disk")
        return a, b, c, self.flows()

    def kill(self, *components):
        for component in components:
            self.lab.services.stop(self.machine(), component, kill=True)
            self.addCleanup(self.lab.services.start, self.machine(), component)

    def replay(self):
        argv = self.lab.services._argv(self.machine(), "agent")
        return self.lab.places["h1"].run([argv[0], "replay", *argv[1:]], check=False, timeout=30)

    def test_flows_are_back_without_an_agent(self):
        a, b, c, flows = self.stage()
        self.kill("agent", "vswitchd")
        self.lab.services.stop(self.lab.layout.machines["controller"], "controller", kill=True)
        self.addCleanup(self.lab.services.start, self.lab.layout.machines["controller"], "controller")
        self.lab.services.start(self.machine(), "vswitchd")
        self.assertNotEqual(flows, self.flows())
        done = self.replay()
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn("flows of 2 ports and 1 destinations are in place", done.stdout)
        self.assertEqual(flows, self.flows())
        for source, target in ((a, b), (a, c), (c, b)):
            eventually(lambda source=source, target=target: traffic.reaches(self.place(source), target.address, 1), 10, "pods to reach each other")
        self.lab.services.start(self.machine(), "agent")
        self.expect_ping(a, c)

    def test_an_agent_that_runs_does_it_itself(self):
        done = self.replay()
        self.assertEqual((0, "mooring-agent is running: it replays the flows itself\n"), (done.returncode, done.stdout))

    def test_destinations_in_use_are_back_before_a_packet_asks(self):
        a, _, c, flows = self.stage()
        self.kill("agent", "vswitchd")
        self.lab.services.start(self.machine(), "vswitchd")
        self.lab.services.start(self.machine(), "agent")
        eventually(lambda: flows <= self.flows(), 10, "all flows to be back")  # nobody sends
        self.expect_ping(a, c)


if __name__ == "__main__":
    unittest.main()
