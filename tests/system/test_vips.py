"""VIPs with real packets: from a machine by two gateways and from pods, TCP and UDP; back ends that die, come and go; live connections
that go on all the while."""
import json
import time
import unittest

from labkit import fabric, gateways, vips

from lab_case import eventually, traffic
from vip_case import VipCase

PHYS = "phys1"
VIP = "10.101.0.80"


class Vips(VipCase):
    vip = VIP

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.ctl("create", "subnet", "vips", "--network", "default", "--cidr", "10.101.0.0/24", "--vni", "101")
        fabric.route_overlay(cls.lab.places[PHYS], "10.101.0.0/24", cls.lab.layout.shared_gateway)
        cls.addClassCleanup(lambda: cls.lab.ctl("delete", "subnet", "vips", check=False))

    # --------------------------------------------------------------------------------------------------------------

    def test_connections_are_spread_over_all_back_ends(self):
        pods, _ = self.three()
        caller = self.add("h1", "caller")
        for who, kind in ((caller, "tcp"), (caller, "udp"), (PHYS, "tcp"), (PHYS, "udp")):
            with self.subTest(caller=self._name(who), kind=kind):
                said = self.calls(who, 60, kind)
                self.assertEqual({"web-0", "web-1", "web-2"}, set(said), said)
                self.assertGreater(min(said.values()), 5, said)
        with self.subTest(what="a back end that calls its own VIP gets the others"):
            self.assertEqual({"web-1", "web-2"}, set(self.calls(pods[0], 30)))
        with self.subTest(what="trace says who is picked"):
            answer = json.loads(self.lab.ctl("trace", "default/caller", "to", VIP, "--tcp", "80", "-o", "json", timeout=60).stdout)
            self.assertEqual("arrives", answer["outcome"], json.dumps(answer, indent=1))
            self.assertRegex(json.dumps(answer["hops"]), f"{VIP} is VIP shop.*a new connection goes to its back end 10.100.*8080")
        with self.subTest(what="describe has a row for each back end"):
            for pod in pods:
                self.assertRegex(self.lab.ctl("describe", "vip", "shop").stdout, rf"default/{pod.name} +{pod.address} +{pod.host} +yes +\d+ +-")
        with self.subTest(what="the VIP's other ports, and pings"):
            self.assertFalse(traffic.reaches(self.place(caller), VIP, 1))

    def test_a_back_end_that_dies_is_out_within_three_seconds(self):
        _, servers = self.three()
        caller = self.add("h2", "caller")
        self.calls(caller, 5)
        servers[1].kill()
        died = time.monotonic()
        self.expect_healthy("web-0", "web-2", within=3)
        out = time.monotonic() - died
        for who in (caller, PHYS):
            said = self.calls(who, 30)
            self.assertEqual({"web-0", "web-2"}, set(said), f"after {out:.2f} s: {said}")
        servers[1] = self.serve(next(pod for pod in self.lab.pods.list() if pod.name == "web-1"))
        self.expect_healthy("web-0", "web-1", "web-2")
        self.assertEqual({"web-0", "web-1", "web-2"}, set(self.calls(PHYS, 60)))

    def test_what_lives_on_a_dead_node_is_out_within_three_seconds(self):
        self.three()
        self.calls(PHYS, 5)
        h3 = self.lab.layout.machines["h3"]
        for component in ("agent", "vswitchd"):
            self.lab.services.stop(h3, component, kill=True)
        try:
            self.expect_healthy("web-0", "web-1", within=3)
            self.assertEqual({"web-0", "web-1"}, set(self.calls(PHYS, 30)))
        finally:
            for component in ("vswitchd", "agent"):
                self.lab.services.start(h3, component)
        self.expect_healthy("web-0", "web-1", "web-2", within=30)

    def test_connections_survive_a_change_of_the_back_ends(self):
        self.three()
        caller = self.add("h2", "caller")
        live = [self.live(who) for who in (caller, PHYS)]
        more = [self.add("h1", "web-3"), self.add("h3", "web-4"), self.add("h2", "web-5")]
        for pod in more:
            self.serve(pod)
        self.expect_healthy("web-0", "web-1", "web-2", "web-3", "web-4", "web-5")
        self.assertLess(3, len(self.calls(caller, 60)))  # new ones go there, too
        for pod in more:
            self.lab.pods.delete(pod)
        self.expect_healthy("web-0", "web-1", "web-2")
        self.expect_alive(*live)

    def test_connections_survive_a_gateway(self):
        self.three()
        live = self.live(PHYS)
        gw1 = self.lab.layout.machines["gw1"]
        self.lab.services.stop(gw1, "vswitchd", kill=True)
        try:
            eventually(lambda: gateways.status(self.lab.places["gw2"])["has_shared_address"], 20, "gw2 to have the shared address")
            eventually(lambda: set(self.calls(PHYS, 30)) == {"web-0", "web-1", "web-2"}, 20, "calls by gw2 to be answered")
            self.expect_alive(live)
        finally:
            self.lab.services.start(gw1, "vswitchd")
        eventually(lambda: gateways.missing(self.lab) is None, 30, "both gateways to take traffic")


if __name__ == "__main__":
    unittest.main()
