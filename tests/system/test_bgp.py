"""Two gateways announce the overlay to a physical router by FRR: a real neighbour, in a machine of its own."""
import unittest

from labkit import frr, news

from lab_case import LabCase, eventually, traffic

ROUTER_AS, OUR_AS = 65000, 65001


class Bgp(LabCase):
    options = {"hosts": 1, "gateways": 2, "physical": 1}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.router = cls.lab.layout.machines["phys1"]
        cls.gateways = cls.lab.layout.of_role("gateway")
        cls.overlay = cls.lab.options["overlay"]
        cls.place_of_router = cls.lab.places["phys1"]
        cls.place_of_router.ip([f"route del {cls.overlay} dev eth0"])
        neighbors = [gateway.address("phys0") for gateway in cls.gateways]
        frr.start(cls.lab, cls.router, "\n".join([
            f"router bgp {ROUTER_AS}", "no bgp ebgp-requires-policy", *(f"neighbor {one} remote-as {OUR_AS}" for one in neighbors),
            *(f"neighbor {one} timers 1 3" for one in neighbors), "address-family ipv4 unicast", "network 198.51.100.0/24",
            "exit-address-family", "exit", ""]))
        cls.lab.options["gateway_options"] = ["--bgp-as", str(OUR_AS), "--bgp-neighbor", f"{cls.router.address('eth0')}:{ROUTER_AS}"]
        for gateway in cls.gateways:
            frr.start(cls.lab, gateway)
            cls.restart(gateway, "gateway")

    @classmethod
    def restart(cls, machine, component):
        cls.lab.services.stop(machine, component, kill=True)
        cls.lab.services.start(machine, component)

    def ways(self):
        """The gateways that the router's kernel sends the overlay's packets to."""
        shown = self.place_of_router.run(["ip", "route", "show", self.overlay]).stdout
        return {gateway.name for gateway in self.gateways if f"via {gateway.address('phys0')} " in shown}

    def bgp(self, gateway):
        return news.status(self.lab, gateway, "gateway")["bgp"]

    def test_the_overlay_is_announced_by_all_gateways_and_nothing_else(self):
        eventually(lambda: self.ways() == {"gw1", "gw2"}, 20, "the router to have both ways")
        routes = frr.show(self.lab, self.router, "show bgp ipv4 unicast json")["routes"]
        self.assertEqual({self.overlay, "198.51.100.0/24"}, set(routes))  # what one gateway heard, the other does not repeat
        pod = self.add("h1", "web-0")
        self.expect_ping("phys1", pod)
        for gateway in self.gateways:
            said = self.bgp(gateway)
            self.assertEqual([self.overlay], said["announced"])
            self.assertEqual([("Established", OUR_AS)], [(one["state"], said["as"]) for one in said["neighbors"]])
            self.assertEqual([], news.status(self.lab, gateway, "gateway")["problems"])
            metrics = self.lab.places[gateway.name].run(["curl", "-s", "--unix-socket", "/run/mooring/gateway.sock",
                                                         "http://gateway/metrics"]).stdout
            self.assertIn(f'mooring_gateway_bgp_neighbor_up{{neighbor="{self.router.address("eth0")}"}} 1', metrics)

    def test_a_new_subnet_is_announced_and_a_deleted_one_withdrawn(self):
        eventually(lambda: self.ways() == {"gw1", "gw2"}, 20, "the router to have both ways")
        self.lab.ctl("create", "subnet", "extra", "--vni", "207", "--cidr", "10.107.0.0/24")
        eventually(lambda: "10.107.0.0/24" in self.place_of_router.run(["ip", "route"]).stdout, 10, "the new subnet's route")
        self.lab.ctl("delete", "subnet", "extra")
        eventually(lambda: "10.107.0.0/24" not in self.place_of_router.run(["ip", "route"]).stdout, 10, "the route to go")

    def test_who_does_not_carry_does_not_announce(self):
        eventually(lambda: self.ways() == {"gw1", "gw2"}, 20, "the router to have both ways")
        for name in ("gw1", "gw2"):
            gateway = self.lab.layout.machines[name]
            self.lab.services.stop(gateway, "vswitchd", kill=True)
            other = {"gw1", "gw2"} - {name}
            eventually(lambda left=other: self.ways() == left, 10, f"{name} to withdraw")
            self.lab.services.start(gateway, "vswitchd")
            eventually(lambda: self.ways() == {"gw1", "gw2"}, 20, f"{name} to announce again")

    def test_a_restart_of_the_gateway_process_withdraws_nothing(self):
        eventually(lambda: self.ways() == {"gw1", "gw2"}, 20, "the router to have both ways")
        before = frr.show(self.lab, self.router, "show bgp ipv4 unicast summary json")["peers"]
        gw1 = self.lab.layout.machines["gw1"]
        self.lab.services.stop(gw1, "gateway", kill=True)
        self.assertEqual({"gw1", "gw2"}, self.ways())
        self.lab.services.start(gw1, "gateway")
        eventually(lambda: self.bgp(gw1)["announced"] == [self.overlay], 10, "the gateway to announce again")
        self.assertEqual({"gw1", "gw2"}, self.ways())
        after = frr.show(self.lab, self.router, "show bgp ipv4 unicast summary json")["peers"]
        for address, peer in before.items():
            self.assertEqual(peer["connectionsDropped"], after[address]["connectionsDropped"])

    def test_a_bgpd_that_was_killed_is_told_all_again(self):
        eventually(lambda: self.ways() == {"gw1", "gw2"}, 20, "the router to have both ways")
        gw2 = self.lab.layout.machines["gw2"]
        place = self.lab.places["gw2"]
        place.run(["sh", "-c", f"kill -9 $(cat {frr.RUN}/bgpd.pid)"])
        eventually(lambda: self.ways() == {"gw1"}, 10, "the router to lose gw2")
        eventually(lambda: "bgpd.vty" in str(news.status(self.lab, gw2, "gateway")["problems"]), 10, "gw2 to say what is wrong")
        place.run(["rm", "-f", f"{frr.RUN}/bgpd.vty"])
        frr.start_one(self.lab, gw2, "bgpd")
        eventually(lambda: self.ways() == {"gw1", "gw2"}, 20, "gw2 to be told and to announce")
        eventually(lambda: not news.status(self.lab, gw2, "gateway")["problems"], 10, "nothing to be wrong")

    def test_a_configuration_for_an_evpn_leaf_is_one_that_frr_reads(self):
        gw1 = self.lab.layout.machines["gw1"]
        place = self.lab.places["gw1"]
        argv = self.lab.services._argv(gw1, "gateway")
        text = place.run([*argv, "--print-evpn-leaf", "5000"]).stdout
        self.assertIn(f" neighbor {gw1.address('phys0')} remote-as {OUR_AS}\n", text)
        self.assertIn(f"router bgp {ROUTER_AS} vrf overlay5000\n", text)
        self.assertIn("  advertise ipv4 unicast\n", text)
        for wrong, good in (("", True), ("  advertise everything\n", False)):
            with open(f"{place.root}/run/leaf.conf", "w", encoding="utf-8") as file:
                file.write(text.replace("  advertise ipv4 unicast\n", f"  advertise ipv4 unicast\n{wrong}"))
            checked = place.run(["vtysh", "-C", "-f", "/run/leaf.conf"], check=False)
            self.assertEqual(good, checked.returncode == 0, checked.stdout + checked.stderr)

    def test_what_an_operator_configured_beside_it_stays(self):
        eventually(lambda: self.ways() == {"gw1", "gw2"}, 20, "the router to have both ways")
        gw1 = self.lab.layout.machines["gw1"]
        place = self.lab.places["gw1"]
        place.run(["vtysh", "-c", "configure terminal", "-c", f"router bgp {OUR_AS}", "-c", "neighbor 192.0.2.7 remote-as 65007",
                   "-c", "address-family ipv4 unicast", "-c", f"no network {self.overlay} route-map MOORING-ORIGIN"])
        eventually(lambda: self.ways() == {"gw1", "gw2"}, 10, "what was taken away to be back")

        def running():
            return place.run(["vtysh", "-c", "show running-config"]).stdout
        eventually(lambda: f"network {self.overlay} route-map MOORING-ORIGIN" in running(), 10, "the network to be back")
        self.assertIn("neighbor 192.0.2.7 remote-as 65007", running())
        place.run(["vtysh", "-c", "configure terminal", "-c", f"router bgp {OUR_AS}", "-c", "no neighbor 192.0.2.7"])


if __name__ == "__main__":
    unittest.main()
