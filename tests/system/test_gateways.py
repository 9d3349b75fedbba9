"""Two gateways of one network: nodes and machines go on when one of them dies, is drained or is removed, with real packets."""
import re
import unittest

from drillkit.gateways import Connection
from labkit import gateways

from lab_case import LabCase, eventually, traffic

PHYS = "phys1"


class Gateways(LabCase):
    options = {"hosts": 2, "gateways": 2, "physical": 1}

    def setUp(self):
        super().setUp()
        self.addCleanup(self.mend)

    def mend(self):
        """All daemons run, nobody is drained, both gateways take traffic."""
        for name in ("gw1", "gw2"):
            for component in ("ovsdb", "vswitchd", "gateway"):
                self.lab.services.start(self.machine(name), component)
            if self.status(name)["draining"]:
                self.lab.ctl("gateway", "undrain", name)
        self.expect_both()

    def machine(self, name):
        return self.lab.layout.machines[name]

    def status(self, name):
        return gateways.status(self.lab.places[name])

    def live(self, host):
        """VTEPs of the gateways whose sessions are up on a host."""
        place = self.lab.places[host]
        found = set()
        for row in place.run(["ovs-vsctl", "--timeout=5", "--bare", "--columns=name,options,bfd_status", "find", "interface",
                              "type=vxlan"]).stdout.split("\n\n"):
            remote = re.search(r"remote_ip=([0-9.]+)", row)
            if remote and "forwarding=true" in row:
                found.add(remote.group(1))
        return found

    def vtep(self, name):
        return self.machine(name).address("eth0")

    def expect_live(self, *names):
        wanted = {self.vtep(name) for name in names}
        for host in ("h1", "h2"):
            eventually(lambda: self.live(host) == wanted, 20, lambda: f"{host} to see {names} alive, not {self.live(host)}", interval=0.1)

    def expect_both(self):
        eventually(lambda: all(self.status(name)["takes_traffic"] for name in ("gw1", "gw2")), 20, "both gateways to take traffic")
        for one, other in (("gw1", "gw2"), ("gw2", "gw1")):
            eventually(lambda: self.status(one)["live_gateways"] == [other], 20, f"{one} to see {other} alive")
        self.expect_live("gw1", "gw2")

    def groups(self, host):
        dumped = self.lab.places[host].run(["ovs-ofctl", "-O", "OpenFlow15", "dump-groups", "br-tun"]).stdout
        return sorted(line.strip() for line in dumped.splitlines() if "group_id=" in line)

    def holder(self):
        return [name for name in ("gw1", "gw2") if self.status(name)["has_shared_address"]]

    def expect_reached(self, pod):
        """Both ways, by whichever gateway."""
        for _ in range(2):  # the second one right after the first: no luck
            eventually(lambda: traffic.reaches(self.place(pod), self.address(PHYS), 1), 20, f"{pod.name} to reach {PHYS}", interval=0.1)
            eventually(lambda: traffic.reaches(self.place(PHYS), pod.address, 1), 20, f"{PHYS} to reach {pod.name}", interval=0.1)

    def used(self, name):
        """How many packets a gateway has handed to the physical side."""
        shown = self.lab.places[name].run(["ovs-ofctl", "-O", "OpenFlow15", "dump-flows", "br-tun", "table=40"]).stdout
        return sum(int(count) for count in re.findall(r"n_packets=(\d+).* actions=.*output:", shown))

    # --------------------------------------------------------------------------------------------------------------

    def test_traffic_is_spread_over_both(self):
        pod = self.add("h1", "web-0")
        self.expect_reached(pod)
        before = {name: self.used(name) for name in ("gw1", "gw2")}

        def both_used():
            traffic.exchange(self.place(PHYS), self.address(PHYS), self.place(pod), size=2000)  # another port each time
            return all(self.used(name) > before[name] for name in ("gw1", "gw2"))
        eventually(both_used, 30, "connections to go by both gateways")
        eventually(lambda: self.holder() == ["gw1"], 20, "gw1 alone to have the shared address")

    def test_a_dead_gateway(self):
        pod, far = self.add("h1", "web-0"), self.add("h2", "web-1")
        self.expect_reached(pod)
        for name in ("gw1", "gw2"):
            other = {"gw1": "gw2", "gw2": "gw1"}[name]
            with self.subTest(killed=name):
                self.expect_both()
                eventually(lambda: self.holder() == ["gw1"], 20, "gw1 to have the shared address")
                connection = Connection(self.place(PHYS), self.place(pod), self.address(PHYS))
                self.addCleanup(connection.stop)
                self.lab.services.stop(self.machine(name), "vswitchd", kill=True)
                self.expect_live(other)
                eventually(lambda: self.holder() == [other], 20, f"{other} alone to have the shared address")
                self.expect_reached(pod)
                self.assertTrue(traffic.reaches(self.place(pod), far.address, 2), "pods reach one another")
                self.assertGreater(connection.end(), 0)  # and it is the same connection
                connection.stop()
                self.lab.services.start(self.machine(name), "vswitchd")
                self.expect_both()

    def test_without_any_gateway_pods_reach_one_another(self):
        pod, far = self.add("h1", "web-0"), self.add("h2", "web-1")
        for name in ("gw1", "gw2"):
            self.lab.services.stop(self.machine(name), "vswitchd", kill=True)
        self.expect_live()
        self.assertTrue(traffic.reaches(self.place(pod), far.address, 2), "the agent answers the miss")
        self.mend()
        self.expect_reached(pod)

    def test_an_agents_restart_changes_no_group(self):
        pod = self.add("h1", "web-0")
        self.expect_reached(pod)
        before = self.groups("h1")
        self.assertEqual(3, len(before), before)
        counted = self.lab.places["h1"].run(["ovs-ofctl", "-O", "OpenFlow15", "dump-group-stats", "br-tun"]).stdout
        ages = dict(re.findall(r"group_id=(\d+),duration=(\d+)", counted))
        self.lab.services.stop(self.machine("h1"), "agent", kill=True)
        self.lab.services.start(self.machine("h1"), "agent")
        self.expect_reached(pod)
        self.assertEqual(before, self.groups("h1"))
        counted = self.lab.places["h1"].run(["ovs-ofctl", "-O", "OpenFlow15", "dump-group-stats", "br-tun"]).stdout
        for group, age in re.findall(r"group_id=(\d+),duration=(\d+)", counted):
            self.assertGreaterEqual(int(age), int(ages[group]), "the group is the same one")

    def test_what_somebody_changed_is_put_right(self):
        pod = self.add("h1", "web-0")
        self.expect_reached(pod)
        before = self.groups("h1")
        self.lab.places["h1"].run(["ovs-ofctl", "-O", "OpenFlow15", "del-groups", "br-tun"])
        self.lab.places["h1"].run(["ovs-vsctl", "--timeout=5", "del-port", "br-tun", f"gw-{self.hexadecimal('gw1')}"])
        self.lab.services.stop(self.machine("h1"), "agent", kill=True)
        self.lab.services.start(self.machine("h1"), "agent")
        eventually(lambda: self.groups("h1") == before, 20, "the groups to be back")
        self.expect_live("gw1", "gw2")
        self.expect_reached(pod)

    def hexadecimal(self, name):
        return "".join(f"{int(part):02x}" for part in self.vtep(name).split("."))

    def expect_state(self, name, state):
        """In the table and in the details that operators see."""
        eventually(lambda: f"  {state} " in self.lab.ctl("get", "gateways", name).stdout, 20, f"gateway {name} to be shown {state}")
        self.assertRegex(self.lab.ctl("describe", "gateway", name).stdout, rf"(?im)^state:?\s+{state}$")

    def test_drained_and_back(self):
        pod = self.add("h1", "web-0")
        self.expect_reached(pod)
        self.assertIn("gateway gw1 is drained: nodes go to gw2", self.lab.ctl("gateway", "drain", "gw1").stdout)
        self.expect_live("gw2")
        self.expect_state("gw1", "drained")
        self.expect_state("gw2", "serving")
        eventually(lambda: self.holder() == ["gw2"], 20, "gw2 alone to have the shared address")
        self.expect_reached(pod)
        refused = self.lab.ctl("gateway", "drain", "gw2", check=False)
        self.assertEqual(1, refused.returncode)
        self.assertIn("no other gateway of network default takes traffic", refused.stderr)
        self.lab.services.stop(self.machine("gw1"), "gateway", kill=True)
        self.lab.services.start(self.machine("gw1"), "gateway")
        self.assertTrue(self.status("gw1")["draining"], "it is still drained after a restart")
        self.expect_state("gw1", "drained")
        self.lab.ctl("gateway", "drain", "gw2", "--force")
        self.expect_state("gw2", "draining")  # it is the last one and goes on
        self.lab.ctl("gateway", "undrain", "gw2")
        self.lab.ctl("gateway", "undrain", "gw1")
        self.expect_both()
        self.expect_state("gw1", "serving")
        self.expect_state("gw2", "serving")
        told = lambda kind: self.lab.ctl("events", "--type", kind).stdout
        self.assertIn("gateway gw1 is drained", told("gateway.drained"))
        eventually(lambda: "gateway gw1 is no longer drained" in told("gateway.undrained"), 20, "the event")
        eventually(lambda: self.holder() == ["gw1"], 20, "gw1 to have the shared address again")
        self.expect_reached(pod)

    def test_a_removed_gateway(self):
        pod = self.add("h1", "web-0")
        port = f"gw-{self.hexadecimal('gw2')}"

        def ports():
            return self.lab.places["h1"].run(["ovs-vsctl", "--timeout=5", "list-ports", "br-tun"]).stdout.split()
        self.assertIn(port, ports())
        self.lab.services.stop(self.machine("gw2"), "gateway")
        eventually(lambda: self.lab.ctl("delete", "gateway", "gw2", check=False).returncode == 0, 30, "gw2 to be deleted")
        eventually(lambda: port not in ports(), 20, "its port to go")
        eventually(lambda: not any("bucket=bucket_id" in group and "type=select" in group and group.count("bucket_id:") != 1
                                   for group in self.groups("h1")), 20, "its bucket to go")
        self.expect_reached(pod)
        self.lab.services.start(self.machine("gw2"), "gateway")
        eventually(lambda: port in ports(), 20, "its port to be back")
        self.expect_both()

    def test_trace_says_which_gateways_are_alive(self):
        pod = self.add("h1", "web-0")
        self.expect_reached(pod)
        self.lab.services.stop(self.machine("gw1"), "vswitchd", kill=True)
        self.expect_live("gw2")
        shown = self.lab.ctl("trace", f"default/{pod.name}", "to", self.address(PHYS)).stdout
        self.assertIn("to a live gateway: gw2; not alive: gw1; gw2 is followed", shown)
        self.assertIn("gateway gw2 hands it to the physical network", shown)


if __name__ == "__main__":
    unittest.main()
