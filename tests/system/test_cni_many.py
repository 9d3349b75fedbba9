"""Many at once: containers of one node in parallel, the same one several times, several interfaces of one."""
import unittest
from concurrent.futures import ThreadPoolExecutor

from labkit import cni

from cni_case import CniCase
from lab_case import traffic


class CniMany(CniCase):
    def test_a_hundred_adds_and_dels_at_once(self):
        with ThreadPoolExecutor(100) as pool:
            pods = list(pool.map(lambda i: self.prepared(f"web-{i}"), range(100)))
            list(pool.map(lambda pod: cni.add(self.host, pod.attachment), pods))
            self.assertEqual(100, len({pod.address for pod in pods}))
            self.assertEqual(100, len({pod.mac for pod in pods}))
            self.assertEqual(100, self.agent_status()["ports"]["open"])
            for pod in pods[::25]:
                self.assertTrue(traffic.reaches(self.place(pod), pods[99].address))
                cni.check(self.host, pod.attachment)
            # Half of them twice, as kubelet's clean-up does, and half with their namespaces gone.
            for pod in pods[:10]:
                self.lab.pods.forget(pod)
            list(pool.map(lambda pod: cni.delete(self.host, pod.attachment), pods + pods[50:]))
            list(pool.map(self.lab.pods.forget, pods[10:]))
        self.expect_nothing_left()

    def test_one_attachment_added_several_times_at_once(self):
        """A runtime must not; one wins at most, and nothing is left afterwards."""
        pod = self.prepared("web-0")

        def add(_):
            attachment = cni.Attachment.from_json(pod.attachment.to_json())
            try:
                return cni.add(self.host, attachment)
            except cni.CniError as refused:
                return refused
        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(add, range(8)))
        won = [outcome for outcome in outcomes if isinstance(outcome, dict)]
        self.assertLessEqual(len(won), 1, outcomes)
        for refused in (outcome for outcome in outcomes if not isinstance(outcome, dict)):
            self.assertIn(refused.error["code"], (5, 11, 101, 106), refused)
        if won:
            pod.attachment.result = won[0]
            cni.check(self.host, pod.attachment)
        self.lab.pods.delete(pod)
        self.expect_nothing_left()

    def test_an_add_of_what_is_attached_changes_nothing(self):
        pod = self.add("h1", "web-0")
        other = self.prepared("web-1")
        impostor = cni.Attachment(pod.attachment.container_id, other.attachment.netns, arguments=pod.attachment.arguments,
                                  conflist=pod.attachment.conflist)
        with self.assertRaises(cni.CniError) as refused:
            cni.add(self.host, impostor)  # the same attachment, another namespace
        self.assertEqual(101, refused.exception.error["code"])
        cni.check(self.host, pod.attachment)
        self.assertEqual({"web-0"}, self.known())

    def test_several_interfaces_of_one_pod(self):
        self.create_subnet("backend", 4730, "10.173.0.0/24")
        self.controller_post("/v1/bindings", {"namespace": "default", "hostname": "db-0", "interface_ordinal": 1,
                                              "pool": "backend", "address": "10.173.0.50"})
        self.addCleanup(self.lab.ctl, "delete", "binding", "default/default/db-0/1", check=False)
        self.lab.ctl("create", "binding", "default/db-0", "--address", "10.100.77.50")
        self.addCleanup(self.lab.ctl, "delete", "binding", "default/db-0", check=False)
        backend = {"cniVersion": "1.0.0", "name": "backend", "plugins": [self.ours(pool="backend")]}
        self.third_party("loopback")
        pods = []
        for name in ("db-0", "web-0"):
            pod = self.prepared(name)
            second = self.interface(pod, "net1", backend)
            # As containerd does it: loopback beside eth0; the interfaces of one pod need not wait for each other either.
            with ThreadPoolExecutor(3) as pool:
                done = [pool.submit(cni.add, self.host, pod.attachment), pool.submit(cni.add, self.host, second),
                        pool.submit(self.call, "loopback", "ADD", {"cniVersion": "1.0.0", "name": "lo"},
                                    CNI_CONTAINERID=pod.attachment.container_id, CNI_NETNS=pod.attachment.netns, CNI_IFNAME="lo")]
                for one in done:
                    one.result()
            pods.append((pod, second))
        (db, db_second), (web, web_second) = pods
        self.assertEqual("10.100.77.50", db.address)
        self.assertEqual("10.173.0.50/24", db_second.result["ips"][0]["address"])
        self.assertEqual({0, 1}, {port["interface_ordinal"] for port in self.ports() if port["hostname"] == "db-0"})
        for pod, second in pods:
            cni.check(self.host, pod.attachment)
            cni.check(self.host, second)
            default = self.place(pod).run(["ip", "route", "show", "default"]).stdout
            self.assertEqual(1, default.count("\n"), default)
        web_backend = web_second.result["ips"][0]["address"].partition("/")[0]
        for source, target in ((web_backend, "10.173.0.50"), (web.address, "10.100.77.50")):
            received = self.place(web).run(["ping", "-c", "2", "-i", "0.2", "-W", "1", "-I", source, target], check=False)
            self.assertEqual(0, received.returncode, received.stdout)
        cni.delete(self.host, db_second)
        cni.check(self.host, db.attachment)
        self.assertTrue(traffic.reaches(self.place(web), "10.100.77.50"))
        cni.add(self.host, db_second)  # comes back with its own fixed address
        self.assertEqual("10.173.0.50/24", db_second.result["ips"][0]["address"])
        for pod, second in pods:
            cni.delete(self.host, second)
            self.lab.pods.delete(pod)
        self.expect_nothing_left()


if __name__ == "__main__":
    unittest.main()
