"""Deleting, moving, and kubelet's orders of calls: who owns an address when."""
import unittest

from labkit import cni

from lab_case import LabCase, eventually, traffic

DB = "10.100.77.10"


class Lifecycle(LabCase):
    def bind(self, name, address, namespace="default"):
        self.lab.ctl("create", "binding", f"{namespace}/{name}", "--address", address)
        self.addCleanup(self.lab.ctl, "delete", "binding", f"{namespace}/{name}")

    def port_of(self, name, namespace="default"):
        found = [port for port in self.ports() if (port["namespace"], port["hostname"]) == (namespace, name)]
        self.assertLessEqual(len(found), 1)
        return found[0] if found else None

    # -- deleting --------------------------------------------------------------------------------------------------

    def test_nothing_is_left_after_del(self):
        pods = [self.add(host, f"web-{i}", namespace="prod") for i, host in enumerate(("h1", "h1", "h2"))]
        self.expect_ping(pods[0], pods[2])
        for pod in pods:
            self.lab.pods.delete(pod)
        self.expect_nothing_left()

    def test_del_again_and_again_is_success(self):
        pod = self.add("h1", "web-0")
        place = self.lab.places["h1"]
        cni.delete(place, pod.attachment)
        cni.delete(place, pod.attachment)
        cni.delete(place, pod.attachment, netns="", with_result=False)
        self.lab.pods.forget(pod)
        cni.delete(place, pod.attachment)  # its namespace is gone
        self.expect_nothing_left()

    def test_del_of_what_never_was_is_success(self):
        pod = self.lab.pods.prepare("h1", "never")
        cni.delete(self.lab.places["h1"], pod.attachment, with_result=False)
        self.lab.pods.forget(pod)
        self.expect_nothing_left()

    def test_del_after_the_namespace_vanished(self):
        pod = self.add("h1", "web-0")
        self.lab.pods.forget(pod)  # the sandbox is gone, with its end of the veth pair
        cni.delete(self.lab.places["h1"], pod.attachment, netns="", with_result=False)
        self.expect_nothing_left()

    def test_check_finds_what_is_missing(self):
        pod = self.add("h1", "web-0")
        cni.check(self.lab.places["h1"], pod.attachment)
        self.place(pod).run(["ip", "addr", "flush", "dev", "eth0"])
        with self.assertRaisesRegex(cni.CniError, pod.address):
            cni.check(self.lab.places["h1"], pod.attachment)

    # -- moving ----------------------------------------------------------------------------------------------------

    def test_a_fixed_address_moves_with_its_pod(self):
        self.bind("db-0", DB)
        web, far = self.add("h1", "web-0"), self.add("h2", "web-1")
        first = self.add("h1", "db-0")
        self.assertEqual(DB, first.address)
        for source in (web, far, "phys1"):
            self.expect_ping(source, first)
        self.lab.pods.delete(first)
        second = self.add("h2", "db-0")
        self.assertEqual((first.address, first.mac), (second.address, second.mac))
        self.settle()
        for source in (web, far, "phys1"):
            received, _ = traffic.ping(self.place(source), DB, count=1)  # at once: the very first one
            self.assertEqual(1, received, f"first ping after the move from {self._name(source)}")

    def test_a_stateless_pod_gets_an_address_of_the_pool(self):
        pod = self.add("h1", "web-0")
        self.assertRegex(pod.address, r"^10\.100\.")
        self.assertEqual("stateless", self.port_of("web-0")["kind"])

    def test_annotations_wish_an_address(self):
        pod = self.add("h1", "web-0", annotations={"mooring.io/ip": "10.100.5.5"})
        self.assertEqual("10.100.5.5", pod.address)

    # -- kubelet's orders of calls (facts of Kubernetes 1.26) ------------------------------------------------------

    def test_delete_force_add_of_the_new_comes_before_del_of_the_old(self):
        self.bind("db-0", DB)
        old = self.add("h1", "db-0", uid="uid-old")
        new = self.add("h2", "db-0", uid="uid-new")
        self.assertEqual(DB, new.address)
        generation = self.port_of("db-0")["generation"]
        other = self.add("h1", "web-0")
        self.expect_ping(other, new)
        place = self.lab.places["h1"]
        cni.delete(place, old.attachment)                                # DEL(old), NETNS set
        cni.delete(place, old.attachment, netns="", with_result=False)  # DEL(old), NETNS empty
        self.lab.pods.forget(old)
        port = self.port_of("db-0")
        self.assertEqual((new.attachment.container_id, generation), (port["attachment"].partition("/")[0], port["generation"]))
        self.expect_ping(other, new)
        self.expect_ping("phys1", new)

    def test_delete_force_on_the_same_host(self):
        self.bind("db-0", DB)
        old = self.add("h1", "db-0", uid="uid-old")
        new = self.add("h1", "db-0", uid="uid-new")
        other = self.add("h2", "web-0")
        self.assertEqual(DB, new.address)
        self.expect_ping(other, new)
        self.lab.pods.delete(old)
        self.expect_ping(other, new)

    def test_late_dels_of_a_former_sandbox_change_nothing(self):
        self.bind("db-0", DB)
        old = self.add("h1", "db-0", uid="uid-old")
        self.lab.pods.delete(old)
        new = self.add("h2", "db-0", uid="uid-new")
        for _ in range(2):  # sandbox garbage collection, half a minute later
            cni.delete(self.lab.places["h1"], old.attachment, netns="", with_result=False)
        self.assertEqual(DB, self.port_of("db-0")["address"])
        self.expect_ping("phys1", new)

    def test_sandbox_crash_same_uid_new_container_id(self):
        self.bind("db-0", DB)
        old = self.add("h1", "db-0", uid="uid-1")
        self.lab.pods.delete(old)
        new = self.add("h1", "db-0", uid="uid-1")
        self.assertEqual((DB, old.mac), (new.address, new.mac))
        cni.delete(self.lab.places["h1"], old.attachment, netns="", with_result=False)
        self.expect_ping("phys1", new)

    def test_a_cut_off_kubelet_cannot_take_the_address_back(self):
        self.bind("db-0", DB)
        self.add("h1", "db-0", uid="uid-old")  # this host is cut off now; the pod is made anew elsewhere
        new = self.add("h2", "db-0", uid="uid-new")
        with self.assertRaises(cni.CniError) as refused:
            self.lab.pods.add("h1", "db-0", uid="uid-old")
        self.assertEqual(106, refused.exception.error["code"])
        self.assertRegex(refused.exception.error["msg"], "superseded|h2")
        self.assertEqual("h2", self.port_of("db-0")["node"])
        self.expect_ping("phys1", new)

    def test_after_a_takeover_the_old_pod_is_off_the_network(self):
        self.bind("db-0", DB)
        old = self.add("h1", "db-0", uid="uid-old")
        other = self.add("h1", "web-0")
        self.expect_ping(old, other)
        new = self.add("h2", "db-0", uid="uid-new")
        eventually(lambda: not traffic.reaches(self.place(old), other.address, 1), 5, "the old pod to be cut off")
        self.expect_ping(other, new)


if __name__ == "__main__":
    unittest.main()
