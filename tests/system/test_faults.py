"""Everything that can be away is away once: what goes on, what is refused, and that nothing is left behind."""
import os
import subprocess
import unittest

from labkit import cni

from lab_case import LabCase, eventually, inventory, traffic


class Faults(LabCase):
    def machine(self, name):
        return self.lab.layout.machines[name]

    def stop(self, machine, component, kill=False):
        """Until the end of the test, or until start()."""
        self.lab.services.stop(self.machine(machine), component, kill=kill)
        self.addCleanup(self.start, machine, component)

    def start(self, machine, component):
        self.lab.services.start(self.machine(machine), component)

    def restart(self, machine, component, kill=True):
        self.lab.services.stop(self.machine(machine), component, kill=kill)
        self.lab.services.start(self.machine(machine), component)

    def expect_refused(self, host, name, mentions):
        """An ADD fails for a reason that a retry can help, and leaves no namespace and no link."""
        links = set(self._links(host))
        with self.assertRaisesRegex(cni.CniError, mentions) as refused:
            self.lab.pods.add(host, name)
        self.assertEqual(11, refused.exception.error["code"], refused.exception)
        self.assertEqual(links, set(self._links(host)))

    def _links(self, host):
        """But for those that an earlier DEL left for the agent to delete."""
        return [name for name in os.listdir(f"{self.lab.places[host].root}/sys/class/net") if not name.startswith("gone-mo")]

    # -- something is away -----------------------------------------------------------------------------------------

    def test_add_without_an_agent(self):
        self.stop("h1", "agent")
        self.expect_refused("h1", "web-0", "agent")
        self.start("h1", "agent")
        self.expect_nothing_left()

    def test_add_without_a_controller(self):
        self.stop("controller", "controller")
        self.expect_refused("h1", "web-0", "controller")
        self.start("controller", "controller")
        self.expect_nothing_left()
        self.add("h1", "web-0")

    def test_add_without_open_vswitch(self):
        self.stop("h1", "vswitchd")
        self.stop("h1", "ovsdb")
        with self.assertRaises(cni.CniError) as refused:
            self.lab.pods.add("h1", "web-0")
        self.assertIn(refused.exception.error["code"], (5, 11))
        self.start("h1", "ovsdb")
        self.start("h1", "vswitchd")
        self.expect_nothing_left()
        eventually(lambda: self._can_add("h1"), 20, "ADD to work again")
        a, b = self.add("h1", "web-a"), self.add("h2", "web-b")
        eventually(lambda: traffic.reaches(self.place(a), b.address, 1), 10, "the new Open vSwitch to tunnel")

    def _can_add(self, host):
        try:
            self.lab.pods.delete(self.lab.pods.add(host, "probe"))
            return True
        except cni.CniError:
            return False

    def test_del_without_a_controller_is_journaled(self):
        pod = self.add("h1", "web-0")
        self.stop("controller", "controller")
        self.lab.pods.delete(pod)
        self.assertNotIn(pod.attachment.result["interfaces"][0]["name"], self._links("h1"))
        self.start("controller", "controller")
        eventually(lambda: not self.ports(), 15, "the release to reach the controller")
        self.expect_nothing_left()

    def test_del_without_an_agent(self):
        pod = self.add("h1", "web-0")
        self.stop("h1", "agent", kill=True)
        self.lab.pods.delete(pod)
        self.assertNotIn(pod.attachment.result["interfaces"][0]["name"], self._links("h1"))
        self.start("h1", "agent")
        eventually(lambda: not self.ports(), 15, "the agent to find out and release")
        self.expect_nothing_left()

    def test_del_without_agent_controller_and_open_vswitch(self):
        pod = self.add("h1", "web-0")
        for machine, component in (("h1", "agent"), ("controller", "controller"), ("h1", "vswitchd"), ("h1", "ovsdb")):
            self.stop(machine, component, kill=True)
        self.lab.pods.delete(pod)
        for machine, component in (("h1", "ovsdb"), ("h1", "vswitchd"), ("controller", "controller"), ("h1", "agent")):
            self.start(machine, component)
        eventually(lambda: not self.ports(), 20, "reconciliation to finish the DEL")
        eventually(lambda: not inventory.left(self.lab, self.empty), 20, "the OVS port to go too")

    def _flows(self, host):
        return {line for line in inventory.take(self.lab) if line.startswith(f"{host}: flow")}

    def _flows_to(self, pod, host):
        """The host's flows, once that of the destination is there: a relayed packet is faster than what the agent learns from
        it, and the agent may still be reading what the controller had to say while it was away."""
        eventually(lambda: any(f"nw_dst={pod.address} " in flow for flow in self._flows(host)), 10, "a flow for the destination in use")
        return self._flows(host)

    # -- restarts --------------------------------------------------------------------------------------------------

    def test_existing_pods_do_not_need_agents_and_controller(self):
        a, b, c = self.add("h1", "web-a"), self.add("h1", "web-b"), self.add("h2", "web-c")
        self.settle()
        for machine, component in (("h1", "agent"), ("h2", "agent"), ("controller", "controller")):
            self.stop(machine, component, kill=True)
        self.expect_ping(a, b)
        self.expect_ping(a, c)
        self.expect_ping("phys1", a)

    def test_an_agent_restart_loses_no_packet(self):
        a, b, c = self.add("h1", "web-a"), self.add("h1", "web-b"), self.add("h2", "web-c")
        self.expect_ping(a, b)
        self.expect_ping(a, c)
        flows = self._flows_to(c, "h1")
        pings = [self.place(a).popen(["ping", "-n", "-q", "-c", "150", "-i", "0.02", target.address], stdout=subprocess.PIPE, text=True)
                 for target in (b, c)]
        self.restart("h1", "agent")
        for ping in pings:
            out, _ = ping.communicate(timeout=60)
            self.assertIn(" 0% packet loss", out)
        self.assertEqual(flows, self._flows("h1"))
        self.lab.pods.delete(b)  # what it rebuilt is enough to go on
        self.add("h1", "web-d")

    def test_flows_are_replayed_after_a_vswitchd_restart(self):
        a, b, c = self.add("h1", "web-a"), self.add("h1", "web-b"), self.add("h2", "web-c")
        self.expect_ping(a, c)
        flows = self._flows_to(c, "h1")
        self.restart("h1", "vswitchd")
        eventually(lambda: traffic.reaches(self.place(a), b.address, 1), 10, "same-host traffic after a vswitchd restart")
        eventually(lambda: traffic.reaches(self.place(a), c.address, 1), 10, "cross-host traffic after a vswitchd restart")
        eventually(lambda: traffic.reaches(self.place("phys1"), a.address, 1), 10, "the physical machine to reach the pod")
        self.assertEqual(flows, self._flows_to(c, "h1"))
        self.assertEqual(2 << 20, traffic.exchange(self.place(c), c.address, self.place(a), 1 << 20))

    def test_all_of_a_node_comes_back_while_the_controller_is_away(self):
        near, far = self.add("h1", "web-0"), self.add("h2", "web-1")
        checkpoint = f"{self.lab.places['h1'].root}/var/lib/mooring/agent/directory"

        def in_checkpoint():
            with open(checkpoint, encoding="utf-8") as file:
                return far.address in file.read()
        eventually(lambda: os.path.exists(checkpoint) and in_checkpoint(), 30, "the directory to be on the disk")
        self.settle()
        self.stop("controller", "controller")
        self.stop("h1", "agent")
        self.restart("h1", "vswitchd")  # its flows are gone
        self.start("h1", "agent")
        eventually(lambda: traffic.reaches(self.place(near), far.address), 10, "the remote pod to be reached again")
        self.assertTrue(traffic.reaches(self.place("phys1"), near.address))
        self.start("controller", "controller")
        eventually(self._agents_are_back, 20, "agents to find the controller again")
        self.expect_ping(near, far)

    def test_a_gateway_comes_back(self):
        a = self.add("h1", "web-a")
        self.expect_ping("phys1", a)
        for component in ("gateway", "vswitchd"):
            self.restart("gw1", component)
            eventually(lambda: traffic.reaches(self.place("phys1"), a.address, 1), 10, f"the gateway after {component} was killed")
        new = self.add("h2", "web-new")
        self.expect_ping("phys1", new)

    def test_an_ovsdb_restart_changes_nothing(self):
        a, b = self.add("h1", "web-a"), self.add("h2", "web-b")
        self.expect_ping(a, b)
        flows = self._flows_to(b, "h1")
        # A vswitchd of the userspace datapath stands still until it has its database again: packets come late, but come.
        ping = self.place(a).popen(["ping", "-n", "-q", "-c", "50", "-i", "0.02", "-W", "10", b.address], stdout=subprocess.PIPE, text=True)
        self.restart("h1", "ovsdb")
        out, _ = ping.communicate(timeout=60)
        self.assertIn(" 0% packet loss", out)
        self.assertEqual(flows, self._flows("h1"))
        eventually(lambda: self._can_add("h1"), 20, "ADD to work after an ovsdb-server restart")

    def test_kill_of_the_controller_between_requests_loses_no_address(self):
        acknowledged = {}
        for i in range(6):
            pod = self.add("h1" if i % 2 else "h2", f"web-{i}")
            acknowledged[f"web-{i}"] = pod.address
            self.restart("controller", "controller")
            eventually(self._agents_are_back, 20, "agents to find the controller again")
            listed = {port["hostname"]: port["address"] for port in self.ports()}
            self.assertEqual(acknowledged, listed)
        self.assertEqual(len(acknowledged), len(set(acknowledged.values())))

    def _agents_are_back(self):
        nodes = self.lab.listed("nodes")
        return len(nodes) == 2 and all(node["live"] for node in nodes)


if __name__ == "__main__":
    unittest.main()
