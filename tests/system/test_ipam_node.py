"""The node's side of the IPAM controller: what pods wish by annotation, what is left when an agent is away, fsck and the
brake on releases, nodes that are gone."""
import json
import os
import unittest

from labkit import cni

from lab_case import LabCase, LabError, eventually, inventory


class IpamNode(LabCase):
    options = {"hosts": 2}

    def machine(self, name):
        return self.lab.layout.machines[name]

    def stop_agent(self, host, kill=True):
        self.lab.services.stop(self.machine(host), "agent", kill=kill)
        self.addCleanup(self.lab.services.start, self.machine(host), "agent")

    def start_agent(self, host):
        self.lab.services.start(self.machine(host), "agent")

    def ctl(self, *arguments):
        """(exit code, output)"""
        done = self.lab.ctl(*arguments, check=False, timeout=90)
        return done.returncode, done.stdout + done.stderr

    def fsck(self, *arguments):
        done = self.lab.ctl("fsck", "-o", "json", *arguments, check=False, timeout=90)
        self.assertIn(done.returncode, (0, 1, 3), done.stderr)
        return done.returncode, json.loads(done.stdout)

    def kinds(self, found):
        return sorted((one["kind"], one["pod"]) for one in found["differences"])

    def host_end(self, pod):
        return pod.attachment.result["interfaces"][0]["name"]

    def on_host(self, host, *command):
        return self.lab.places[host].run(list(command)).stdout

    def port_of(self, pod):
        found = [port for port in self.ports() if (port["namespace"], port["hostname"]) == (pod.namespace, pod.name)]
        return found[0] if found else None

    def links(self, host):
        return {name for name in os.listdir(f"{self.lab.places[host].root}/sys/class/net") if name.startswith("mo")}

    # -- wishes ----------------------------------------------------------------------------------------------------

    def test_annotations_reach_the_controller(self):
        self.lab.ctl("create", "subnet", "front", "--vni", "4242", "--cidr", "10.142.0.0/24")
        self.addCleanup(self.lab.ctl, "delete", "subnet", "front")
        self.lab.ctl("create", "pool", "front", "--subnet", "front", "--range", "10.142.0.8/30")
        self.addCleanup(self.lab.ctl, "delete", "pool", "front")
        pod = self.add("h1", "web-0", namespace="shop", annotations={
            "mooring.io/pools": "front, pods", "mooring.io/kind": "stateful",
            "mooring.io/retention": "OnDelete 1h", "mooring.io/label.app": "shop", "mooring.io/workload": "web"})
        self.addCleanup(self.lab.ctl, "delete", "binding", "shop/web-0", "--force")
        self.assertRegex(pod.address, r"^10\.142\.0\.")
        port = self.port_of(pod)
        self.assertEqual(("front", "stateful", {"app": "shop"}, "web"),
                         (port["pool"], port["kind"], port["labels"], port["workload"]))
        binding = json.loads(self.lab.ctl("get", "binding", "shop/web-0", "-o", "json").stdout)
        self.assertEqual("OnDelete 1h", binding["retention"])
        # The first pool is full: the next one gives.
        for i in range(1, 4):
            self.add("h1", f"full-{i}", namespace="shop", annotations={"mooring.io/pool": "front"})
        spare = self.add("h1", "spare", namespace="shop", annotations={"mooring.io/pool": "front,pods"})
        self.assertEqual("pods", self.port_of(spare)["pool"])

    def test_a_wish_that_cannot_be_read_is_refused_by_its_name(self):
        for annotation, value in (("pools", "a,,b"), ("retention", "forever"), ("ips", "10.100.0.9,10.100.0.10"),
                                  ("label.a b", "x"), ("mac", "zz")):
            with self.subTest(annotation), self.assertRaises(cni.CniError) as refused:
                self.lab.pods.add("h1", "bad", annotations={f"mooring.io/{annotation}": value})
            self.assertIn(f"annotation mooring.io/{annotation}:", refused.exception.error["msg"])
        self.expect_nothing_left()

    # -- the agent is away -----------------------------------------------------------------------------------------

    def test_many_pods_deleted_while_the_agent_is_away(self):
        pods = [self.add("h1", f"web-{i}") for i in range(8)]
        self.stop_agent("h1")
        for pod in pods:
            self.lab.pods.delete(pod)
        self.assertEqual(8, len(self.ports()))
        self.start_agent("h1")
        eventually(lambda: not self.ports(), 15, "the agent to take up the notes")
        self.expect_nothing_left()

    # -- fsck ------------------------------------------------------------------------------------------------------

    def test_fsck_of_a_lab_in_order(self):
        self.add("h1", "web-0")
        self.add("h2", "web-1")
        code, found = self.fsck()
        self.assertEqual((0, []), (code, found["differences"]))
        self.assertTrue(all(node["answered"] for node in found["nodes"]), found["nodes"])
        code, text = self.ctl("fsck")
        self.assertEqual((0, "2 of 2 nodes compared, no difference\n"), (code, text))

    def test_fsck_puts_back_an_ovs_port_and_removes_a_stray_link(self):
        pod = self.add("h1", "web-0")
        other = self.add("h2", "web-1")
        name = self.host_end(pod)
        self.on_host("h1", "ovs-vsctl", "--no-wait", "del-port", "br-int", name)
        self.on_host("h1", "ip", "link", "add", "moaaaaaaaaaaaa", "type", "veth", "peer", "name", "other0")
        eventually(lambda: len(self.fsck()[1]["differences"]) == 2, 10, "fsck to see both")
        code, found = self.fsck()
        self.assertEqual((1, [("link-without-ovs-port", "default/web-0"), ("stray-link", "")]), (code, self.kinds(found)))
        code, found = self.fsck("--repair")
        self.assertEqual((0, ["done", "done"]), (code, [one["outcome"] for one in found["differences"]]), found)
        eventually(lambda: name in self.on_host("h1", "ovs-vsctl", "list-ports", "br-int"), 5, "the port to be back")
        self.assertNotIn("moaaaaaaaaaaaa", self.links("h1"))
        self.assertEqual(0, self.fsck()[0])
        eventually(lambda: self._reaches(other, pod), 10, "the pod to be reached again")
        cni.check(self.lab.places["h1"], pod.attachment)

    def _reaches(self, source, target):
        try:
            self.expect_ping(source, target, count=1)
            return True
        except AssertionError:
            return False

    def test_fsck_concludes_nothing_from_silence(self):
        self.add("h1", "web-0")
        self.stop_agent("h1")
        eventually(lambda: self.fsck("--deadline", "2")[0] == 3, 20, "the controller to notice")
        code, found = self.fsck("--deadline", "2")
        self.assertEqual((3, []), (code, found["differences"]))
        silent = [node for node in found["nodes"] if not node["answered"]]
        self.assertEqual(["h1"], [node["name"] for node in silent])
        self.start_agent("h1")
        eventually(lambda: self.fsck()[0] == 0, 15, "the agent to be back")

    def test_fsck_removes_what_the_controller_does_not_know(self):
        pod = self.add("h1", "web-0")
        self.lab.ctl("delete", "port", self.port_of(pod)["id"])
        eventually(lambda: self.kinds(self.fsck()[1]) == [("port-not-in-controller", "default/web-0")], 10, "fsck to see it")
        code, found = self.fsck("--repair")
        self.assertEqual((0, ["done"]), (code, [one["outcome"] for one in found["differences"]]))
        self.assertNotIn(self.host_end(pod), self.on_host("h1", "ovs-vsctl", "list-ports", "br-int"))

    # -- the brake -------------------------------------------------------------------------------------------------

    def test_many_vanished_ports_are_held_until_somebody_says_so(self):
        pods = [self.add("h1", f"web-{i}") for i in range(8)]
        for pod in pods[:7]:  # the machine's own doing: no DEL, no note
            self.on_host("h1", "ip", "link", "del", self.host_end(pod))
        eventually(lambda: self._held("h1") == 7, 20, "the agent to hold them")
        self.assertEqual(8, len(self.ports()))
        code, found = self.fsck("--repair")
        self.assertEqual(1, code)
        self.assertTrue(all(one["outcome"].startswith("held: 7 of the 8 ports") for one in found["differences"]), found)
        code, found = self.fsck("--repair", "--force")
        self.assertEqual((0, 7), (code, len(found["differences"])), found)
        self.assertEqual(["web-7"], [port["hostname"] for port in self.ports()])
        for pod in pods[:7]:
            self.lab.pods.delete(pod)

    def _held(self, host):
        status = self.on_host(host, "curl", "-s", "--unix-socket", "/run/mooring/agent.sock", "http://agent/v1/status")
        return json.loads(status)["ports"]["held"]

    # -- nodes that are gone ---------------------------------------------------------------------------------------

    def test_a_node_that_is_heard_is_not_deleted(self):
        for arguments in (("node", "delete", "h2"), ("node", "delete", "h2", "--fence"), ("delete", "node", "h2")):
            code, text = self.ctl(*arguments)
            self.assertEqual(1, code)
            self.assertIn("deleting node h2: its watch stream is open", text)


if __name__ == "__main__":
    unittest.main()
