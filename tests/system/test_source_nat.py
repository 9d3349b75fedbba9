"""A physical machine that does not know the way to the overlay is reached with the gateway's address."""
import unittest

from labkit import news
from labkit.capture import Capture

from lab_case import LabCase, eventually, traffic


class SourceNat(LabCase):
    options = {"hosts": 1, "gateways": 1, "physical": 2}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.places["phys1"].ip([f"route del {cls.lab.options['overlay']} dev eth0"])  # phys2 keeps its route
        cls.gateway = cls.lab.layout.machines["gw1"]

    def options_of_gateway(self, *options):
        self.lab.options["gateway_options"] = list(options)
        self.lab.services.stop(self.gateway, "gateway", kill=True)
        self.lab.services.start(self.gateway, "gateway")

    def table(self):
        return self.lab.places["gw1"].run(["nft", "list", "tables"]).stdout

    def seen_by(self, machine, pod):
        """The address under which the machine sees the pod's packets."""
        with Capture(self.lab, "icmp[icmptype] == icmp-echo", self.lab.places[machine], "eth0") as capture:
            self.expect_reach(pod, self.lab.layout.machines[machine].address("eth0"))
            (first, *_) = capture.stop()
        return first.split(" IP ")[1].split(" > ")[0]

    def test_only_for_those_who_do_not_know_the_way(self):
        pod = self.add("h1", "web-0")
        gateway, known = self.gateway.address("phys0"), self.lab.layout.machines["phys2"].address("eth0")
        self.settle()
        self.assertFalse(traffic.reaches(self.place(pod), self.lab.layout.machines["phys1"].address("eth0"), 1))
        self.assertNotIn("mooring-gateway", self.table())

        self.options_of_gateway("--nat", self.lab.options["overlay"], "--nat-except", f"{known}/32")
        self.assertEqual(gateway, self.seen_by("phys1", pod))
        self.assertEqual(pod.address, self.seen_by("phys2", pod))
        self.expect_ping("phys2", pod)
        size = 1 << 20
        self.assertEqual(2 * size, traffic.exchange(self.place("phys1"), self.address("phys1"), self.place(pod), size))

        self.lab.places["gw1"].run(["nft", "delete", "table", "ip", "mooring-gateway"])
        eventually(lambda: "mooring-gateway" in self.table(), 10, "what was deleted to be back")
        self.assertEqual([], news.status(self.lab, self.gateway, "gateway")["problems"])
        counters = self.lab.places["gw1"].run(["nft", "list", "table", "ip", "mooring-gateway"]).stdout
        before = self.lab.places["gw1"].run(["nft", "-a", "list", "table", "ip", "mooring-gateway"]).stdout
        self.assertIn(f"snat to {gateway}", counters)
        self.options_of_gateway("--nat", self.lab.options["overlay"], "--nat-except", f"{known}/32")
        eventually(lambda: news.status(self.lab, self.gateway, "gateway")["ready"], 10, "the gateway to be ready")
        after = self.lab.places["gw1"].run(["nft", "-a", "list", "table", "ip", "mooring-gateway"]).stdout
        self.assertEqual(before, after, "a restart leaves the very rules")

        self.options_of_gateway()
        eventually(lambda: "mooring-gateway" not in self.table(), 10, "the table to be gone")


if __name__ == "__main__":
    unittest.main()
