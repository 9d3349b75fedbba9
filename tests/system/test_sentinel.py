"""A machine of the physical network claims addresses of the overlay: an event with MAC and place, and only for those that are ours."""
import json
import re
import unittest

from labkit import gateways

from claims import claim
from lab_case import LabCase, eventually

PHYS = "phys1"

ROGUE = "02:00:5e:00:53:01"


class Sentinel(LabCase):
    options = {"hosts": 1, "gateways": 2, "physical": 1}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.ctl("create", "subnet", "dual", "--vni", "201", "--cidr", "10.101.0.0/24,fd00:101::/64")
        cls.lab.ctl("create", "pool", "dual", "--subnet", "dual", "--range", "10.101.0.16-10.101.0.200,fd00:101::10-fd00:101::ff")

    def dual(self, host, name):
        """A pod with an IPv6 address, and that."""
        pod = self.add(host, name, annotations={"mooring.io/pool": "dual"})
        return pod, [ip["address"] for ip in pod.attachment.result["ips"] if ":" in ip["address"]][0].partition("/")[0]

    def claim(self, address, mac=ROGUE):
        claim(self.lab.places[PHYS], "eth0", address, mac)

    def events(self, type_, address):
        shown = json.loads(self.lab.ctl("events", "--type", type_, "-o", "json").stdout or "[]")
        items = shown["items"] if isinstance(shown, dict) else shown
        return [event for event in items if event["subject"] == f"address/default/{address}"]

    def counted(self, address):
        """Claims that the controller knows of, by all gateways that heard them."""
        found = re.search(rf"claimed by MAC {ROGUE}, interface \S+ of gateway \S+, (\d+) times", self.lab.ctl("explain", address).stdout)
        return int(found.group(1)) if found else 0

    def heard(self):
        lines = gateways.metrics(self.lab.places["gw1"]).splitlines()
        return sum(int(line.split()[-1]) for line in lines if line.startswith("mooring_gateway_address_claims_total "))

    def test_a_machine_claims_a_pods_address(self):
        pod = self.add("h1", "web-0")
        self.expect_ping(PHYS, pod)
        self.claim(pod.address)
        event, = eventually(lambda: self.events("address.rogue", pod.address), 30, "the event")
        self.assertIn(f"{pod.address} of network default is claimed by MAC {ROGUE}, interface ", event["text"])
        self.assertIn("default/web-0 on node h1 holds it", event["text"])
        self.assertIn(event["details"]["reporter"], ("gateway gw1", "gateway gw2"))
        before = self.heard()
        for _ in range(5):
            self.claim(pod.address)
        eventually(lambda: self.heard() >= before + 5, 20, "gw1 to hear them")
        eventually(lambda: self.counted(pod.address) >= 6, 30, "them to be counted", interval=0.5)
        self.assertEqual(1, len(self.events("address.rogue", pod.address)), "it is one event as long as it goes on")

    def test_a_pod_claims_another_ones_address(self):
        pod, victim = self.add("h1", "web-0"), self.add("h1", "web-1")
        self.expect_ping(pod, victim)
        claim(self.place(pod), "eth0", victim.address, pod.mac)
        event, = eventually(lambda: self.events("address.rogue", victim.address), 30, "the event")
        self.assertIn(f"is claimed by MAC {pod.mac}, pod default/web-0 of node h1; default/web-1 on node h1 holds it", event["text"])
        self.expect_ping(pod, victim)

    def test_a_machine_claims_a_pods_ipv6_address(self):
        _, address = self.dual("h1", "six-0")
        self.claim(address)
        event, = eventually(lambda: self.events("address.rogue", address), 30, "the event")
        self.assertIn(f"{address} of network default is claimed by MAC {ROGUE}, interface ", event["text"])
        self.assertIn("default/six-0 on node h1 holds it", event["text"])

    def test_a_pod_claims_another_ones_ipv6_address(self):
        (pod, own), (_, victim) = self.dual("h1", "six-1"), self.dual("h1", "six-2")
        self.expect_reach(pod, victim)
        for address in (own, victim):  # the first one is no lie
            claim(self.place(pod), "eth0", address, pod.mac)
        event, = eventually(lambda: self.events("address.rogue", victim), 30, "the event")
        self.assertIn(f"is claimed by MAC {pod.mac}, pod default/six-1 of node h1; default/six-2 on node h1 holds it", event["text"])
        self.assertEqual([], self.events("address.rogue", own))
        self.expect_reach(pod, victim)

    def test_what_is_nobodys_fault(self):
        pod = self.add("h1", "web-0")
        # Gateways answer for the pod on the physical network, each with its own MAC.
        self.expect_ping(PHYS, pod)
        # A machine's own address is none of ours.
        before = self.heard()
        self.claim(self.address(PHYS))
        free = ".".join(pod.address.split(".")[:2] + ["200", "200"])
        self.claim(free)
        event, = eventually(lambda: self.events("address.rogue", free), 30, "the event of a free address of a pool")
        self.assertIn("nobody holds it", event["text"])
        self.assertEqual([], self.events("address.rogue", self.address(PHYS)))
        self.assertEqual([], self.events("address.rogue", pod.address))
        eventually(lambda: self.heard() > before, 20, "gw1 to have heard it, too")


if __name__ == "__main__":
    unittest.main()
