"""Pods through containerd's CRI, in kubelet's order of calls: the same plugin, a real runtime."""
import unittest

from labkit.cri import Cri

from lab_case import LabCase, LabError

DB = "10.100.77.10"


class Containerd(LabCase):
    options = {"runtime": "containerd"}

    def setUp(self):
        super().setUp()
        self.cri = {}
        for host in ("h1", "h2"):
            self.cri[host] = Cri(self.lab, host)
            self.addCleanup(self.cri[host].close)

    def run_pod(self, host, name, **options):
        pod = self.cri[host].run_pod(name, **options)
        self.addCleanup(self.delete, pod)
        return pod

    def delete(self, pod):
        if pod.sandbox:
            self.cri[pod.host].delete_pod(pod)
            pod.sandbox = None

    def pings(self, pod, address):
        self.settle()
        return self.cri[pod.host].execute(pod, "ping", "-c", "1", "-W", "1", address)[0] == 0

    def mac(self, pod):
        return self.cri[pod.host].execute(pod, "cat", "/sys/class/net/eth0/address")[1].strip()

    def test_pods_reach_each_other(self):
        a, b, c = self.run_pod("h1", "web-a"), self.run_pod("h1", "web-b"), self.run_pod("h2", "web-c")
        for source, target in ((a, b), (a, c), (c, a)):
            self.assertTrue(self.pings(source, target.address), f"{source.name} -> {target.name}")
        self.expect_reach("phys1", c.address)
        port = next(port for port in self.ports() if port["hostname"] == "web-a")
        self.assertEqual((a.uid, "default", a.address), (port["pod_uid"], port["namespace"], port["address"]))
        for pod in (a, b, c):
            self.delete(pod)
        self.expect_nothing_left()

    def test_kubelet_deletes_by_force_and_later_collects_garbage(self):
        self.lab.ctl("create", "binding", "prod/db-0", "--address", DB)
        self.addCleanup(self.lab.ctl, "delete", "binding", "prod/db-0")
        old = self.run_pod("h1", "db-0", namespace="prod", uid="uid-old")
        mac = self.mac(old)
        new = self.run_pod("h2", "db-0", namespace="prod", uid="uid-new")  # before the old one is deleted
        self.assertEqual((DB, mac), (new.address, self.mac(new)))
        self.delete(old)
        self.expect_reach("phys1", DB)
        self.assertTrue(self.pings(new, self.address("phys1")))

    def test_a_failing_add_is_retried_with_a_new_sandbox(self):
        self.lab.services.stop(self.lab.layout.machines["h1"], "agent")
        try:
            for _ in range(2):
                with self.assertRaisesRegex(LabError, "agent"):
                    self.run_pod("h1", "web-0", uid="uid-1")
        finally:
            self.lab.services.start(self.lab.layout.machines["h1"], "agent")
        pod = self.run_pod("h1", "web-0", uid="uid-1")
        self.assertTrue(self.pings(pod, self.address("phys1")))
        self.delete(pod)
        self.expect_nothing_left()

    def test_annotations_arrive_without_an_api_server(self):
        pod = self.run_pod("h2", "web-0", annotations={"mooring.io/ip": "10.100.66.6"})
        self.assertEqual("10.100.66.6", pod.address)


if __name__ == "__main__":
    unittest.main()
