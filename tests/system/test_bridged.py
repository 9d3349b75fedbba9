"""Bridged mode: a subnet goes on as a VLAN of a physical segment. Two gateways on it, of which keepalived elects one; machines
of the VLAN and containers see one layer 2. Real packets, real VRRP."""
import json
import re
import unittest

from labkit import fabric, gateways

from lab_case import LabCase, eventually, traffic

VLAN, VNI = 100, 300
MAC = "0a:6d:62:00:01:2c"
NEAR, FAR = "10.130.0.201", "10.130.0.202"  # machines: phys1 and phys2, on the two halves of the segment
GATEWAYS = ("gw1", "gw2")

# Asks for one address after another by ARP, as fast as it can; prints how many answers came, and in how many seconds.
_FLOOD = """
import socket, struct, sys, time
name, count = sys.argv[1], int(sys.argv[2])
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
wire.bind((name, 0x0806))
mac = wire.getsockname()[4]
ask = lambda i: (b"\\xff" * 6 + mac + struct.pack(">HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1) + mac + socket.inet_aton(sys.argv[3]) +
                 bytes(6) + socket.inet_aton(sys.argv[4]))
wire.setblocking(False)
answers, began = 0, time.monotonic()
def take():
    global answers
    try:
        while True:
            frame = wire.recv(2000)
            answers += frame[20:22] == b"\\x00\\x02"
    except BlockingIOError:
        pass
for i in range(count):
    try:
        wire.send(ask(i))
    except BlockingIOError:
        pass
    take()
sent = time.monotonic()
while time.monotonic() < sent + 1:
    take()
    time.sleep(0.01)
print(answers, sent - began)
"""


class Bridged(LabCase):
    options = {"hosts": 2, "gateways": 2, "physical": 2, "segment": True}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.ctl("create", "subnet", "office", "--vni", str(VNI), "--cidr", "10.130.0.0/24", "--bridged-vlan", str(VLAN))
        cls.lab.ctl("create", "pool", "office", "--subnet", "office", "--range", "10.130.0.10-10.130.0.99")
        for name, address in (("phys1", NEAR), ("phys2", FAR)):
            fabric.join_segment(cls.lab.layout, cls.lab.places, name, VLAN, f"{address}/24")

    def setUp(self):
        super().setUp()
        self.addCleanup(self.mend)
        self.expect_one()

    def mend(self):
        fabric.split_segment(self.lab.places, False)
        for name in GATEWAYS:
            for component in ("ovsdb", "vswitchd", "gateway", "keepalived"):
                self.lab.services.start(self.machine(name), component)
        self.expect_one()

    def machine(self, name):
        return self.lab.layout.machines[name]

    def office(self, name):
        """What a gateway says of the subnet."""
        subnets = gateways.status(self.lab.places[name])["bridging"]["subnets"]
        return subnets[0] if subnets else {"forwards": False, "forwarder_vtep": "", "machines": []}

    def forwarders(self):
        return [name for name in GATEWAYS if self.office(name)["forwards"]]

    def expect_one(self):
        """One gateway forwards, the other one knows which."""
        def agreed():
            said = [self.office(name) for name in GATEWAYS]
            return sum(one["forwards"] for one in said) == 1 and said[0]["forwarder_vtep"] == said[1]["forwarder_vtep"]
        eventually(agreed, 30, lambda: f"one gateway to forward: {[self.office(name) for name in GATEWAYS]}", interval=0.1)
        return self.forwarders()[0]

    def pod_of_office(self, host, name):
        return self.add(host, name, annotations={"mooring.io/pool": "office"})

    def expect_reached(self, pod, address=NEAR, who="phys1"):
        for _ in range(2):  # the second one right after the first: no luck
            eventually(lambda: traffic.reaches(self.place(pod), address, 1), 20, f"{pod.name} to reach {address}", interval=0.1)
            eventually(lambda: traffic.reaches(self.place(who), pod.address, 1), 20, f"{who} to reach {pod.name}", interval=0.1)

    def counted(self, name, table, words=""):
        """Packets of a table's flows that have `words` in them."""
        shown = self.lab.places[name].run(["ovs-ofctl", "-O", "OpenFlow15", "dump-flows", "br-tun", f"table={table}"]).stdout
        return sum(int(re.search(r"n_packets=(\d+)", row).group(1)) for row in shown.splitlines() if "n_packets" in row and words in row)

    # --------------------------------------------------------------------------------------------------------------

    def test_containers_and_machines_are_one_layer_2(self):
        pod = self.pod_of_office("h1", "web-0")
        other = self.pod_of_office("h2", "web-1")
        self.expect_reached(pod)
        self.expect_reached(other, FAR, "phys2")
        neighbours = self.place("phys1").run(["ip", "neigh", "show", pod.address]).stdout
        self.assertIn(f"lladdr {MAC}", neighbours)
        self.assertEqual(200000, traffic.exchange(self.place("phys1"), NEAR, self.place(pod), size=100000))
        self.assertEqual(200000, traffic.exchange(self.place(pod), pod.address, self.place("phys1"), size=100000))
        hops = self.place(pod).run(["ping", "-n", "-c", "1", NEAR]).stdout
        self.assertIn("ttl=64", hops)  # nobody routed
        forwarder = self.expect_one()
        eventually(lambda: {NEAR, FAR} <= set(self.office(forwarder)["machines"]), 10, "both machines to be known")
        self.assertTrue(traffic.reaches(self.place("phys1"), "10.130.0.1", 2), "the subnet's gateway answers on the segment")
        self.assertFalse(traffic.reaches(self.place("phys1"), "10.130.0.98", 1), "nobody answers for a free address")

    def test_a_machine_that_never_spoke_is_asked_for(self):
        pod = self.pod_of_office("h1", "web-0")
        self.place("phys2").ip(["addr add 10.130.0.210/24 dev seg0"])
        self.addCleanup(self.place("phys2").ip, ["addr del 10.130.0.210/24 dev seg0"])
        received, _ = traffic.ping(self.place(pod), "10.130.0.210", 3)
        self.assertEqual(3, received)  # the first packet waited for the answer

    def test_what_comes_by_the_other_gateway_is_handed_over(self):
        pod = self.pod_of_office("h1", "web-0")
        self.expect_reached(pod)
        forwarder = self.expect_one()
        other = next(name for name in GATEWAYS if name != forwarder)
        before = self.counted(other, 62, "output:2")

        def handed():
            traffic.exchange(self.place("phys1"), NEAR, self.place(pod), size=2000)  # another port each time
            return self.counted(other, 62, "output:2") > before
        eventually(handed, 30, f"{other} to hand something over")

    def test_everything_arrives_once(self):
        pod = self.pod_of_office("h1", "web-0")
        self.expect_reached(pod)
        for source, target in ((pod, NEAR), ("phys1", pod.address)):
            said = self.place(source).run(["ping", "-n", "-c", "30", "-i", "0.02", target]).stdout
            self.assertNotIn("DUP", said)
            self.assertIn("30 received", said)
        self.place("phys1").run(["ip", "neigh", "flush", "dev", "seg0"])
        capture = self.place("phys1").popen(["tcpdump", "-n", "-l", "-i", "seg0", "-Q", "in", "-c", "1", "arp[6:2] = 2"],
                                            stdout=-1, stderr=-1, text=True)
        self.addCleanup(capture.stdout.close)
        self.addCleanup(capture.stderr.close)
        capture.stderr.readline()
        self.assertTrue(traffic.reaches(self.place("phys1"), pod.address, 2))
        capture.wait(timeout=20)
        self.assertIn(f"{pod.address} is-at {MAC}", capture.stdout.read())

    def test_the_forwarders_death(self):
        pod = self.pod_of_office("h1", "web-0")
        self.expect_reached(pod)
        for component in ("vswitchd", "keepalived"):
            with self.subTest(killed=component):
                forwarder = self.expect_one()
                other = next(name for name in GATEWAYS if name != forwarder)
                self.lab.services.stop(self.machine(forwarder), component, kill=True)
                eventually(lambda: self.office(other)["forwards"], 20, f"{other} to forward", interval=0.05)
                self.expect_reached(pod)
                self.expect_reached(pod, FAR, "phys2")
                if component == "keepalived":
                    eventually(lambda: "keepalived does not run" in str(gateways.status(self.lab.places[forwarder])["problems"]), 10,
                               f"{forwarder} to say what is wrong")
                self.mend()
                self.expect_reached(pod)

    def test_it_goes_on_without_controller_and_gateway_processes(self):
        pod = self.pod_of_office("h1", "web-0")
        self.expect_reached(pod)
        forwarder = self.expect_one()
        other = next(name for name in GATEWAYS if name != forwarder)
        self.lab.services.stop(self.lab.layout.machines["controller"], "controller", kill=True)
        self.addCleanup(self.lab.services.start, self.lab.layout.machines["controller"], "controller")
        for name in GATEWAYS:
            self.lab.services.stop(self.machine(name), "gateway", kill=True)
        self.expect_reached(pod)
        self.lab.services.stop(self.machine(forwarder), "keepalived", kill=True)
        eventually(lambda: "set_field:0x1->reg9" in self.elected(other), 20, f"the switch of {other} to forward")
        self.expect_reached(pod)
        self.lab.services.start(self.lab.layout.machines["controller"], "controller")

    def elected(self, name):
        return self.lab.places[name].run(["ovs-ofctl", "-O", "OpenFlow15", "dump-flows", "br-tun", "table=61"]).stdout

    def test_a_split_segment_and_its_healing(self):
        pod = self.pod_of_office("h1", "web-0")
        self.expect_reached(pod)
        fabric.split_segment(self.lab.places, True)
        eventually(lambda: len(self.forwarders()) == 2, 20, "each half to have a forwarder", interval=0.1)
        self.assertTrue(traffic.reaches(self.place("phys1"), "10.130.0.1", 2), "gw1 answers on its half")
        self.assertTrue(traffic.reaches(self.place("phys2"), "10.130.0.1", 2), "gw2 answers on its half")
        fabric.split_segment(self.lab.places, False)
        self.expect_one()
        self.expect_reached(pod)
        self.expect_reached(pod, FAR, "phys2")
        before = self.frames()
        said = self.place("phys1").run(["ping", "-n", "-c", "30", "-i", "0.02", pod.address]).stdout
        self.assertNotIn("DUP", said)
        self.assertLess(self.frames() - before, 500, "nothing goes round")

    def frames(self):
        """Of the cable between the two halves, so far."""
        shown = json.loads(self.lab.places["fabric"].run(["ip", "-j", "-s", "link", "show", fabric.SEGMENT_CABLE[0]]).stdout)
        return shown[0]["stats64"]["rx"]["packets"] + shown[0]["stats64"]["tx"]["packets"]

    def test_both_modes_on_one_gateway(self):
        pod = self.pod_of_office("h1", "web-0")
        plain = self.add("h2", "plain-0")  # of the subnet that is only routed
        self.expect_reached(pod)
        self.expect_ping(plain, "phys1")
        self.place("phys2").ip([f"route replace {self.lab.options['overlay']} via 10.130.0.1 dev seg0"])
        self.addCleanup(fabric.route_overlay, self.place("phys2"), self.lab.options["overlay"], self.lab.layout.shared_gateway)
        self.expect_reached(plain, FAR, "phys2")  # between the subnets the source's node and the gateway route
        for name in GATEWAYS:
            self.assertEqual([], gateways.status(self.lab.places[name])["problems"])

    def test_broadcasts_are_bounded(self):
        pod = self.pod_of_office("h1", "web-0")
        self.expect_reached(pod)
        said = self.place("phys1").run(["/usr/bin/python3", "-c", _FLOOD, "seg0", "20000", NEAR, pod.address]).stdout.split()
        answers, seconds = int(said[0]), float(said[1])
        self.assertGreater(answers, 0)
        self.assertLess(answers, 200 + 200 * (seconds + 1) + 100)
        self.expect_reached(pod)

    def test_a_machine_cannot_speak_for_a_container(self):
        pod, other = self.pod_of_office("h1", "web-0"), self.pod_of_office("h2", "web-1")
        self.expect_reached(pod)
        forwarder = self.expect_one()
        before = self.counted(forwarder, 68, "priority=250")
        self.place("phys1").ip([f"addr add {other.address}/32 dev seg0"])
        self.addCleanup(self.place("phys1").ip, [f"addr del {other.address}/32 dev seg0"])
        self.place("phys1").run(["ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "-I", other.address, pod.address], check=False)
        eventually(lambda: self.counted(forwarder, 68, "priority=250") > before, 10, "the spoofed packets to be counted")

    def test_what_it_says_of_itself(self):
        pod = self.pod_of_office("h1", "web-0")
        self.expect_reached(pod)
        shown = self.lab.ctl("get", "subnets", "-o", "wide").stdout
        self.assertIn("BRIDGED TO VLAN", shown)
        forwarder = self.expect_one()
        metrics = self.lab.places[forwarder].run(["curl", "-s", "--unix-socket", "/run/mooring/gateway.sock", "http://gateway/metrics"]).stdout
        self.assertIn('mooring_gateway_bridge_forwards{subnet="office"} 1', metrics)
        self.assertRegex(metrics, r'mooring_gateway_packets_total\{path="to-segment"\} [1-9]')
        traced = self.lab.ctl("trace", f"default/{pod.name}", "to", NEAR).stdout
        self.assertIn("segment", traced)


if __name__ == "__main__":
    unittest.main()
