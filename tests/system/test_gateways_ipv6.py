"""Gateways carry IPv6: pods and a physical machine, both ways, by one of two gateways and by the other."""
import unittest

from labkit import frr, gateways

from lab_case import LabCase, LabError, eventually, traffic

MACHINE, SHARED = "fd00:7::101", "fd00:7::250"
OVERLAY = "fd00:101::/64"
ROUTER_AS, OUR_AS = 65000, 65001


class GatewaysIpv6(LabCase):
    options = {"hosts": 2, "gateways": 2, "physical": 1}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.machine = cls.lab.places["phys1"]
        cls.gateways = cls.lab.layout.of_role("gateway")
        for number, gateway in enumerate(cls.gateways, 1):
            cls.lab.places[gateway.name].run(["sysctl", "-qw", "net.ipv6.conf.phys0.disable_ipv6=0"])
            cls.lab.places[gateway.name].ip([f"addr add fd00:7::{number}/64 dev phys0 nodad"])
        cls.machine.run(["sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=0"])
        cls.machine.ip([f"addr add {MACHINE}/64 dev eth0 nodad", f"route add {OVERLAY} via {SHARED} dev eth0"])
        cls.lab.ctl("create", "subnet", "dual", "--vni", "201", "--cidr", f"10.101.0.0/24,{OVERLAY}")
        cls.lab.ctl("create", "pool", "dual", "--subnet", "dual", "--range", "10.101.0.16-10.101.0.200,fd00:101::10-fd00:101::ff")
        cls.restart("--shared-address", SHARED)

    @classmethod
    def restart(cls, *options):
        cls.lab.options["gateway_options"] = list(options)
        for gateway in cls.gateways:
            cls.lab.services.stop(gateway, "gateway", kill=True)
            cls.lab.services.start(gateway, "gateway")
        eventually(lambda: gateways.missing(cls.lab) is None, 20, lambda: gateways.missing(cls.lab))

    def pod(self, host, name):
        pod = self.add(host, name, annotations={"mooring.io/pool": "dual"})
        return pod, [ip["address"] for ip in pod.attachment.result["ips"] if ":" in ip["address"]][0].partition("/")[0]

    def holder(self):
        """The gateway that has the shared IPv6 address."""
        found = [gateway.name for gateway in self.gateways
                 if f"{SHARED}/128" in self.lab.places[gateway.name].run(["ip", "-6", "addr", "show", "dev", "phys0"]).stdout]
        return found[0] if len(found) == 1 else None

    def expect_both_ways(self, pod, address):
        self.expect_reach(pod, MACHINE, name="phys1")
        self.expect_reach("phys1", address)

    def test_both_ways_with_real_addresses_and_through_the_death_of_a_gateway(self):
        pod, address = self.pod("h1", "web-0")
        eventually(lambda: self.holder() == "gw1", 20, "gw1 to have the shared address")
        self.expect_both_ways(pod, address)
        size = 1 << 20
        self.assertEqual(2 * size, traffic.exchange(self.machine, MACHINE, self.place(pod), size))
        self.assertEqual(2 * size, traffic.exchange(self.place(pod), address, self.machine, size))
        gw1 = self.lab.layout.machines["gw1"]
        for component in ("gateway", "vswitchd"):
            self.lab.services.stop(gw1, component, kill=True)
        try:
            eventually(lambda: gateways.live_sessions(self.lab.places["h1"]) == 1, 10, "h1 to see one gateway alive", interval=0.1)
            eventually(lambda: traffic.reaches(self.machine, address, 1), 10, "the machine to go by gw2", interval=0.1)
            eventually(lambda: traffic.reaches(self.place(pod), MACHINE, 3), 10, "the pod to go by gw2", interval=0.1)
        finally:
            for component in ("vswitchd", "gateway"):
                self.lab.services.start(gw1, component)
        eventually(lambda: gateways.missing(self.lab) is None, 20, lambda: gateways.missing(self.lab))
        eventually(lambda: self.holder() == "gw1", 20, "gw1 to have the shared address again")
        self.expect_both_ways(pod, address)

    def test_the_kernel_answers_as_a_router(self):
        pod, address = self.pod("h2", "web-1")
        self.expect_both_ways(pod, address)
        big = self.machine.run(["ping", "-n", "-6", "-M", "do", "-c", "1", "-W", "2", "-s", "1452", address], check=False).stdout
        self.assertIn("Packet too big: mtu=1450", big)
        self.assertTrue(traffic.reaches(self.machine, address, 1))
        late = self.machine.run(["ping", "-n", "-6", "-t", "1", "-c", "1", "-W", "2", address], check=False).stdout
        self.assertIn("Time exceeded: Hop limit", late)
        with self.assertRaises(LabError):
            self.machine.run(["ping", "-n", "-6", "-c", "1", "-W", "1", "fd00:101::fe"])

    def test_who_is_no_container_does_not_pass(self):
        pod, address = self.pod("h1", "web-2")
        self.expect_both_ways(pod, address)
        # The machine in the name of a container: dropped on the way in.
        self.machine.ip(["addr add fd00:101::99/128 dev eth0 nodad"])
        try:
            self.assertFalse(self.machine.run(["ping", "-n", "-6", "-I", "fd00:101::99", "-c", "1", "-W", "1", address],
                                              check=False).returncode == 0)
            drops = "".join(self.lab.places[gateway.name].run(
                ["ovs-ofctl", "-O", "OpenFlow15", "dump-flows", "br-tun", f"table=20,ipv6,ipv6_src={OVERLAY}"]).stdout
                            for gateway in self.gateways)
            self.assertRegex(drops, r"n_packets=[1-9]")
        finally:
            self.machine.ip(["addr del fd00:101::99/128 dev eth0"])

    def test_routers_hear_of_ipv6_by_a_session_with_a_password(self):
        router = self.lab.layout.machines["phys1"]
        peers = [f"fd00:7::{number}" for number in range(1, len(self.gateways) + 1)]
        self.machine.ip([f"route del {OVERLAY} via {SHARED} dev eth0"])
        frr.start(self.lab, router, "\n".join([
            f"router bgp {ROUTER_AS}", "no bgp ebgp-requires-policy", "no bgp default ipv4-unicast",
            *(line for one in peers for line in (f"neighbor {one} remote-as {OUR_AS}", f"neighbor {one} timers 1 3",
                                                 f"neighbor {one} password sesame")),
            "address-family ipv6 unicast", *(f"neighbor {one} activate" for one in peers), "exit-address-family", "exit", ""]))
        for gateway in self.gateways:
            place = self.lab.places[gateway.name]
            with open(f"{place.root}/run/bgp-passwords", "w", encoding="utf-8") as file:
                file.write(f"{MACHINE} sesame\n")
            frr.start(self.lab, gateway)
        self.restart("--shared-address", SHARED, "--bgp-as", str(OUR_AS), "--bgp-neighbor", f"[{MACHINE}]:{ROUTER_AS}",
                     "--bgp-password-file", "/run/bgp-passwords")

        def ways():
            shown = self.machine.run(["ip", "-6", "route", "show", OVERLAY]).stdout
            return shown.count("nexthop via") or shown.count("via")
        eventually(lambda: ways() == 2, 20, "the router to have a way by each gateway")
        status = gateways.status(self.lab.places["gw1"])
        self.assertEqual([], status["problems"])
        self.assertEqual("Established", status["bgp"]["neighbors"][0]["state"])
        self.assertIn(OVERLAY, status["bgp"]["announced"])
        with open(self.lab.state.log_path("gw1", "gateway"), encoding="utf-8") as log:
            self.assertNotIn("sesame", log.read())
        pod, address = self.pod("h1", "web-3")
        self.expect_both_ways(pod, address)


if __name__ == "__main__":
    unittest.main()
