"""The MTU of pods, which is the underlay's where their subnet says none, and the attributes of their subnet's routes."""
import json
import unittest

from labkit import cni

from lab_case import LabCase, eventually

UNDERLAY, VXLAN = 1400, 50  # bytes
STATELESS = {"MOORING_KIND": "stateless"}


class MtuAndRoutes(LabCase):
    options = {"hosts": 2, "gateways": 0, "physical": 0, "agent_options": ["--block-pool", "derived", "--block-size", "4"]}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        ctl = cls.lab.ctl
        ctl("create", "subnet", "derived", "--vni", "201", "--cidr", "10.101.0.0/24",
            "--route", "192.168.0.0/16;metric=77", "--route", "192.168.0.0/16=10.101.0.9;metric=90;mtu=1200")
        ctl("create", "pool", "derived", "--subnet", "derived")
        ctl("create", "subnet", "said", "--vni", "202", "--cidr", "10.102.0.0/24", "--mtu", "1300")
        ctl("create", "pool", "said", "--subnet", "said")
        for host in ("h1", "h2"):
            place = cls.lab.places[host]
            place.ip([f"link set eth0 mtu {UNDERLAY}"])
            # With the userspace datapath the VTEP is on br-phy, which the switch makes as small.
            eventually(lambda: UNDERLAY == cls._status(place)["underlay_mtu_bytes"], 10, f"{host} to see the underlay's MTU")
        eventually(lambda: {block["node"] for block in cls.lab.listed("blocks")} == {"h1", "h2"}, 20, "both nodes to have a block")

    @staticmethod
    def _status(place):
        return json.loads(place.run(["curl", "-s", "--unix-socket", "/run/mooring/agent.sock", "http://agent/v1/status"]).stdout)

    def pod(self, host, name, pool):
        return self.add(host, name, arguments={"MOORING_POOL": pool, **STATELESS})

    def mtu(self, pod):
        return json.loads(self.place(pod).run(["ip", "-j", "link", "show", "eth0"]).stdout)[0]["mtu"]

    def expect_whole_packets(self, source, target, mtu):
        """As large as the MTU: they cross the tunnel in one piece."""
        self.settle()
        for size, answered in ((mtu - 28, True), (mtu - 27, False)):
            done = self.place(source).run(["ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", str(size), target.address], check=False)
            self.assertEqual(answered, done.returncode == 0, f"a ping of {size} bytes:\n{done.stdout}{done.stderr}")

    def test_a_subnet_without_mtu_gives_what_the_underlay_carries_and_one_with_it_its_own(self):
        derived, far, said = self.pod("h1", "a-0", "derived"), self.pod("h2", "a-1", "derived"), self.pod("h1", "b-0", "said")
        self.assertEqual([UNDERLAY - VXLAN, UNDERLAY - VXLAN, 1300], [self.mtu(pod) for pod in (derived, far, said)])
        self.expect_whole_packets(derived, far, UNDERLAY - VXLAN)
        for pod in (derived, far, said):
            cni.check(self.lab.places[pod.host], pod.attachment)

    def test_routes_have_their_metrics(self):
        pod = self.pod("h1", "a-0", "derived")
        routes = self.place(pod).run(["ip", "route"]).stdout
        self.assertIn("192.168.0.0/16 via 10.101.0.1 dev eth0 proto static metric 77", routes)
        self.assertIn("192.168.0.0/16 via 10.101.0.9 dev eth0 proto static metric 90 mtu 1200", routes)
        self.assertIn("default via 10.101.0.1 dev eth0", routes)
        cni.check(self.lab.places["h1"], pod.attachment)
        self.place(pod).run(["ip", "route", "del", "192.168.0.0/16", "metric", "77"])
        with self.assertRaisesRegex(Exception, "192.168.0.0/16"):
            cni.check(self.lab.places["h1"], pod.attachment)

    def test_what_the_node_gives_by_itself_has_the_same(self):
        controller = self.lab.layout.machines["controller"]
        before = self.pod("h1", "a-0", "derived")
        self.lab.services.stop(controller, "controller", kill=True)
        self.addCleanup(self.lab.services.start, controller, "controller")
        given = self.pod("h1", "a-1", "derived")
        self.assertEqual(UNDERLAY - VXLAN, self.mtu(given))
        self.assertEqual(self._routes_without_source(before), self._routes_without_source(given))

    def _routes_without_source(self, pod):
        return [line for line in self.place(pod).run(["ip", "route"]).stdout.splitlines() if " via " in line]


if __name__ == "__main__":
    unittest.main()
