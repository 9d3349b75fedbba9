"""A VIP of IPv6 in front of pods with addresses of both families: from a machine by two gateways and from pods."""
import json
import time
import unittest

from labkit import gateways, vips

from lab_case import eventually, traffic
from vip_case import VipCase

PHYS = "phys1"
MACHINE, SHARED = "fd00:7::101", "fd00:7::250"
OVERLAY = "fd00:101::/64"
VIP = "fd00:101::80"  # in the pods' own subnet: they ask for its MAC


class VipsIpv6(VipCase):
    vip = VIP

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        machine = cls.lab.places[PHYS]
        both = cls.lab.layout.of_role("gateway")
        for number, gateway in enumerate(both, 1):
            cls.lab.places[gateway.name].run(["sysctl", "-qw", "net.ipv6.conf.phys0.disable_ipv6=0"])
            cls.lab.places[gateway.name].ip([f"addr add fd00:7::{number}/64 dev phys0 nodad"])
        machine.run(["sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=0"])
        machine.ip([f"addr add {MACHINE}/64 dev eth0 nodad", f"route add {OVERLAY} via {SHARED} dev eth0"])
        cls.lab.ctl("create", "subnet", "dual", "--vni", "201", "--cidr", f"10.101.0.0/24,{OVERLAY}")
        cls.lab.ctl("create", "pool", "dual", "--subnet", "dual", "--range", "10.101.0.16-10.101.0.200,fd00:101::1:0-fd00:101::1:ff")
        cls.lab.options["gateway_options"] = ["--shared-address", SHARED]
        for gateway in both:
            cls.lab.services.stop(gateway, "gateway", kill=True)
            cls.lab.services.start(gateway, "gateway")
        eventually(lambda: gateways.missing(cls.lab) is None, 20, lambda: gateways.missing(cls.lab))

    def pod(self, host, name):
        return self.add(host, name, annotations={"mooring.io/pool": "dual"})

    def test_connections_are_spread_and_a_dead_back_end_is_out_within_three_seconds(self):
        pods, servers = self.three()
        caller = self.pod("h1", "caller")
        for who, kind in ((caller, "tcp"), (caller, "udp"), (PHYS, "tcp"), (PHYS, "udp")):
            with self.subTest(caller=self._name(who), kind=kind):
                said = vips.answers(self.place(who), VIP, 60, kind)
                self.assertEqual({"web-0", "web-1", "web-2"}, set(said), said)
                self.assertGreater(min(said.values()), 5, said)
        with self.subTest(what="a back end that calls its own VIP gets the others"):
            self.assertEqual({"web-1", "web-2"}, set(vips.answers(self.place(pods[0]), VIP, 30)))
        with self.subTest(what="trace says who is picked"):
            answer = json.loads(self.lab.ctl("trace", "default/caller", "to", VIP, "--tcp", "80", "-o", "json", timeout=60).stdout)
            self.assertEqual("arrives", answer["outcome"], json.dumps(answer, indent=1))
            self.assertRegex(json.dumps(answer["hops"]), f"{VIP} is VIP shop.*a new connection goes to its back end .fd00:101::1:.*:8080")
        servers[1].kill()
        died = time.monotonic()
        self.expect_healthy("web-0", "web-2", within=3)
        out = time.monotonic() - died
        for who in (caller, PHYS):
            said = vips.answers(self.place(who), VIP, 30)
            self.assertEqual({"web-0", "web-2"}, set(said), f"after {out:.2f} s: {said}")

    def test_connections_survive_a_change_of_the_back_ends_and_a_gateway(self):
        self.three()
        caller = self.pod("h2", "caller")
        live = [self.live(who) for who in (caller, PHYS)]
        more = [self.pod("h1", "web-3"), self.pod("h3", "web-4")]
        for pod in more:
            self.serve(pod)
        self.expect_healthy("web-0", "web-1", "web-2", "web-3", "web-4")
        self.assertLess(3, len(vips.answers(self.place(caller), VIP, 60)))
        for pod in more:
            self.lab.pods.delete(pod)
        self.expect_healthy("web-0", "web-1", "web-2")
        gw1 = self.lab.layout.machines["gw1"]
        self.lab.services.stop(gw1, "vswitchd", kill=True)
        try:
            eventually(lambda: gateways.status(self.lab.places["gw2"])["has_shared_address"], 20, "gw2 to have the shared address")
            eventually(lambda: set(vips.answers(self.place(PHYS), VIP)) == {"web-0", "web-1", "web-2"}, 20, "calls by gw2 to be answered")
            self.expect_alive(*live)
        finally:
            self.lab.services.start(gw1, "vswitchd")
        eventually(lambda: gateways.missing(self.lab) is None, 30, "both gateways to take traffic")

    def test_what_a_vip_may_be(self):
        for words, says in ((("--address", "fd00:101::1:5"), "which could give it to a pod"),
                            (("--address", "fd00:999::80"), "is in no subnet"),
                            (("--address", "fd00:101::81", "--listed", "10.101.0.20"), "is not IPv6, as the VIP is"),
                            (("--address", "fd00:101::81", "--listed", "fd00:101::1:0/112"), "more than 1000 addresses")):
            with self.subTest(says=says):
                refused = self.lab.ctl("create", "vip", "other", *words, "--port", "tcp:80", "--for-hostname", "web-*", check=False)
                self.assertNotEqual(0, refused.returncode)
                self.assertIn(says, refused.stderr + refused.stdout)
        pod = self.pod("h1", "caller")
        self.assertFalse(traffic.reaches(self.place(pod), VIP, 1))  # neither ping nor a port without a back end


if __name__ == "__main__":
    unittest.main()
