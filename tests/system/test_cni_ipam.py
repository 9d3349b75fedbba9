"""mooring-ipam: our addresses for interfaces that Debian's bridge, ptp and macvlan plugins make."""
import json
import unittest

from labkit import cni

from cni_case import CniCase
from lab_case import eventually, traffic

POOL = "lan"


class CniIpam(CniCase):
    def setUp(self):
        super().setUp()
        self.third_party("bridge", "ptp", "macvlan")
        self.create_subnet(POOL, 4720, "10.172.0.0/24")

    def conflist(self, plugin, version="1.0.0", ipam=None, **keys):
        capabilities = {"io.kubernetes.cri.pod-annotations": True}
        return {"cniVersion": version, "name": plugin, "plugins": [
            {"type": plugin, "capabilities": capabilities, "ipam": {"type": "mooring-ipam", "pool": POOL, **(ipam or {})}, **keys}]}

    def bridge(self, **keys):
        return self.conflist("bridge", bridge="cni9", isGateway=True, **keys)

    def added(self, name, conflist, **options):
        pod = self.prepared(name, conflist, **options)
        cni.add(self.host, pod.attachment)
        return pod

    def port_of(self, name):
        return next((port for port in self.ports() if port["hostname"] == name), None)

    def left_alone(self):
        """What of this test's own is still at the controller."""
        return {port["hostname"] for port in self.ports() if port["pool"] == POOL}

    def passes(self):
        return self.agent_status()["counters"]["reconcile_passes_total"]

    def test_each_main_plugin_gets_working_addresses(self):
        for conflist in (self.bridge(), self.conflist("ptp"), self.conflist("macvlan", master="eth0", mode="bridge")):
            plugin = conflist["name"]
            with self.subTest(plugin):
                first, second = (self.added(f"{plugin}-{i}", conflist) for i in range(2))
                for pod in (first, second):
                    self.assertRegex(pod.address, r"^10\.172\.0\.\d+$")
                    self.assertEqual(pod.address, self.port_of(pod.name)["address"])
                    self.assertEqual("delegated", self.port_of(pod.name)["labels"]["mooring.io/datapath"])
                    cni.check(self.host, pod.attachment)
                if plugin != "ptp":  # which leaves routing between its pods to the host
                    self.assertTrue(traffic.reaches(self.place(first), second.address))
                if plugin != "macvlan":  # whose gateway is a machine outside
                    self.assertTrue(traffic.reaches(self.place(first), "10.172.0.1"))
                for pod in (first, second):
                    self.lab.pods.delete(pod)
                self.assertEqual(set(), self.left_alone())

    def test_a_fixed_address_stays_with_its_hostname(self):
        self.lab.ctl("create", "binding", "default/db-0", "--address", "10.172.0.77", "--pool", POOL)
        self.addCleanup(self.lab.ctl, "delete", "binding", "default/db-0")
        first = self.added("db-0", self.bridge())
        self.assertEqual("10.172.0.77", first.address)
        # A newer container of that name takes it over; the old one's DEL changes nothing.
        second = self.added("db-0", self.bridge(), uid="newer")
        self.assertEqual("10.172.0.77", second.address)
        with self.assertRaisesRegex(cni.CniError, "the controller's record"):
            cni.check(self.host, first.attachment)
        self.lab.pods.delete(first)
        cni.check(self.host, second.attachment)
        self.lab.pods.delete(second)
        wished = self.added("web-0", self.bridge(), annotations={"mooring.io/ip": "10.172.0.99"})
        self.assertEqual("10.172.0.99", wished.address)
        self.lab.pods.delete(wished)

    def test_addresses_are_released_on_evidence_only(self):
        kept = self.added("kept-0", self.bridge())
        gone = self.added("gone-0", self.bridge())
        self.lab.services.stop(self.machine, "agent", kill=True)
        self.lab.pods.forget(gone)  # its DEL never comes
        deleted = self.prepared("deleted-0", self.bridge())
        cni.delete(self.host, deleted.attachment, with_result=False)  # of what never was, and with the agent away
        self.lab.services.start(self.machine, "agent")
        before = self.passes()
        eventually(lambda: self.left_alone() == {"kept-0"}, 20, "the address of the lost namespace to be released")
        eventually(lambda: self.passes() > before + 2, 20, "some more passes")
        self.assertEqual({"kept-0"}, self.left_alone())  # no OVS port, no link, and still there
        cni.check(self.host, kept.attachment)
        fsck = self.lab.ctl("fsck", "-o", "json", check=False)
        self.assertEqual([], json.loads(fsck.stdout)["differences"])
        # DEL with the agent away: its note is taken up.
        self.lab.services.stop(self.machine, "agent", kill=True)
        self.lab.pods.delete(kept)
        self.lab.services.start(self.machine, "agent")
        eventually(lambda: not self.left_alone(), 10, "the note to be taken up")

    def test_gc_takes_what_is_not_alive(self):
        conflist = self.bridge()
        valid, alive = (self.added(f"pod-{i}", conflist) for i in range(2))
        bare = self.prepared("bare-0", conflist)  # the IPAM alone: a main plugin that failed afterwards
        environment = bare.attachment.environment("ADD")
        configuration = bare.attachment.configuration(conflist["plugins"][0], None)
        result = cni.call_plugin(self.host, "mooring-ipam", environment, configuration)
        self.assertNotIn("interfaces", result)
        self.assertNotIn("interface", result["ips"][0])
        self.assertEqual({"dst": "0.0.0.0/0", "gw": "10.172.0.1"}, result["routes"][0])
        self.assertIn("pod-1", self.left_alone())

        said = self.gc([valid.attachment], plugin="mooring-ipam", conflist=conflist)
        self.assertIn(f"{alive.attachment.container_id}/eth0 stays", said)
        self.assertEqual({"pod-0", "pod-1"}, self.left_alone())
        self.gc([valid.attachment], plugin="mooring-ipam", conflist={**conflist, "name": "another"})
        self.assertEqual({"pod-0", "pod-1"}, self.left_alone())
        conflist["plugins"][0]["ipam"]["gc"] = "strict"
        self.gc([valid.attachment], plugin="mooring-ipam", conflist=conflist)
        self.assertEqual({"pod-0"}, self.left_alone())
        for pod in (valid, alive):
            self.lab.pods.delete(pod)

    def test_versions_status_and_errors(self):
        for version in ("0.2.0", "0.3.1", "0.4.0"):
            with self.subTest(version):
                pod = self.added("web-0", self.conflist("bridge", version, {"defaultRoute": False}, bridge="cni9"))
                ours = pod.attachment.result
                self.assertEqual("", self.place(pod).run(["ip", "route", "show", "default"]).stdout)
                self.assertTrue((ours.get("ip4") or ours["ips"][0]))
                self.lab.pods.delete(pod)
        ipam = {"cniVersion": "1.1.0", "name": "bridge", "type": "bridge", "ipam": {"type": "mooring-ipam", "pool": POOL}}
        self.assertIsNone(self.call("mooring-ipam", "STATUS", ipam))
        for wrong, code in (({"ipam": {"type": "mooring-ipam", "pool": "No Pool"}}, 7), ({"ipam": None}, 7), ({"cniVersion": "7"}, 1)):
            with self.assertRaises(cni.CniError) as refused:
                self.call("mooring-ipam", "STATUS", {**ipam, **wrong})
            self.assertEqual(code, refused.exception.error["code"])


if __name__ == "__main__":
    unittest.main()
