"""Bridged mode: a subnet goes on as a VLAN of a physical segment. Two gateways on it, of which keepalived elects one; machines
of the VLAN and containers see one layer 2. Real packets, real VRRP."""
import json
import re
import unittest

from labkit import fabric, gateways

from claims import claim
from lab_case import LabCase, eventually, traffic

VLAN, VNI = 100, 300
MAC = "0a:6d:62:00:01:2c"
NEAR, FAR = "10.130.0.201", "10.130.0.202"  # machines: phys1 and phys2, on the two halves of the segment
NEAR6, FAR6 = "fd00:130::201", "fd00:130::202"
SIX = {NEAR: NEAR6, FAR: FAR6}
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


# Asks for an IPv6 address again and again by neighbour discovery, as fast as it can; prints in how many seconds.
_ASKED = """
import socket, struct, sys, time
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind((sys.argv[1], 0))
mac = wire.getsockname()[4]
own, asked = (socket.inet_pton(socket.AF_INET6, text) for text in sys.argv[3:5])
group = bytes.fromhex("ff0200000000000000000001ff") + asked[13:]
message = b"\\x87\\0\\0\\0" + bytes(4) + asked + b"\\x01\\x01" + mac
words = own + group + struct.pack("!II", len(message), 58) + message
total = sum(struct.unpack("!%dH" % (len(words) // 2), words))
while total >> 16:
    total = (total & 0xffff) + (total >> 16)
message = message[:2] + struct.pack("!H", 0xffff - total) + message[4:]
frame = b"\\x33\\x33" + group[12:] + mac + b"\\x86\\xdd" + struct.pack("!IHBB", 0x60000000, len(message), 58, 255) + own + group + message
began = time.monotonic()
for i in range(int(sys.argv[2])):
    try:
        wire.send(frame)
    except BlockingIOError:
        pass
print(time.monotonic() - began)
"""

# One datagram to a broadcast or multicast address.
_SAY = """
import socket, sys
family, _, _, _, target = socket.getaddrinfo(sys.argv[2], 9, type=socket.SOCK_DGRAM)[0]
said = socket.socket(family, socket.SOCK_DGRAM)
said.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
said.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[1].encode())
said.sendto(b"word", target)
"""


# Says its name to whoever asks by HTTP.
_WEB = """
import http.server, socketserver, sys
class Asked(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(sys.argv[1].encode())
    def log_message(self, *_):
        pass
socketserver.TCPServer(("", 8080), Asked).serve_forever()
"""


class Bridged(LabCase):
    options = {"hosts": 2, "gateways": 2, "physical": 2, "segment": True}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.ctl("create", "subnet", "office", "--vni", str(VNI), "--cidr", "10.130.0.0/24,fd00:130::/64",
                    "--bridged-vlan", str(VLAN))
        cls.lab.ctl("create", "pool", "office", "--subnet", "office", "--range", "10.130.0.10-10.130.0.99,fd00:130::10-fd00:130::99")
        for name, address in (("phys1", NEAR), ("phys2", FAR)):
            fabric.join_segment(cls.lab.layout, cls.lab.places, name, VLAN, f"{address}/24")
            cls.lab.places[name].run(["sysctl", "-qw", "net.ipv6.conf.seg0.disable_ipv6=0"])
            cls.lab.places[name].ip([f"addr add {SIX[address]}/64 dev seg0 nodad"])

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

    def pod_of_office(self, host, name, **wishes):
        return self.add(host, name, annotations={"mooring.io/pool": "office", **wishes})

    @staticmethod
    def six(pod):
        """A pod's IPv6 address; None: it has none."""
        found = [ip["address"] for ip in pod.attachment.result["ips"] if ":" in ip["address"]]
        return found[0].partition("/")[0] if found else None

    def expect_reached(self, pod, address=NEAR, who="phys1"):
        """By each address that the pod has, from both sides."""
        ways = [(address, pod.address)] + ([(SIX[address], self.six(pod))] if self.six(pod) else [])
        for machine, container in ways * 2:  # the second one right after the first: no luck
            eventually(lambda: traffic.reaches(self.place(pod), machine, 1), 20, f"{pod.name} to reach {machine}", interval=0.1)
            eventually(lambda: traffic.reaches(self.place(who), container, 1), 20, f"{who} to reach {container}", interval=0.1)

    def mac_of(self, who, address):
        """What a machine takes for the MAC of an address, and what of that may be used."""
        shown = self.place(who).run(["ip", "neigh", "show", address, "dev", "seg0"]).stdout
        found = re.search(r"lladdr (\S+)", shown)
        return found.group(1) if found and "FAILED" not in shown else None

    def listen(self, who, interface, *expression):
        """tcpdump for one frame, listening already."""
        capture = self.place(who).popen(["tcpdump", "-n", "-l", "-i", interface, "-Q", "in", "-c", "1", *expression],
                                        stdout=-1, stderr=-1, text=True)
        self.addCleanup(capture.stdout.close)
        self.addCleanup(capture.stderr.close)
        self.addCleanup(capture.wait)
        self.addCleanup(capture.terminate)
        capture.stderr.readline()
        return capture

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

    def test_containers_and_machines_are_one_layer_2_with_ipv6(self):
        pod = self.pod_of_office("h1", "web-0")
        other = self.pod_of_office("h2", "web-1")
        address = self.six(pod)
        self.expect_reached(pod)
        self.expect_reached(other, FAR, "phys2")
        self.assertEqual(MAC, self.mac_of("phys1", address))
        self.assertEqual(200000, traffic.exchange(self.place("phys1"), NEAR6, self.place(pod), size=100000))
        self.assertEqual(200000, traffic.exchange(self.place(pod), address, self.place("phys1"), size=100000))
        self.assertIn("ttl=64", self.place(pod).run(["ping", "-n", "-c", "1", NEAR6]).stdout)  # nobody routed
        for source, target in ((pod, NEAR6), ("phys1", address)):
            said = self.place(source).run(["ping", "-n", "-c", "30", "-i", "0.02", target]).stdout
            self.assertNotIn("DUP", said)
            self.assertIn("30 received", said)
        forwarder = self.expect_one()
        eventually(lambda: {NEAR6, FAR6} <= set(self.office(forwarder)["machines"]), 10, "both machines to be known")
        self.assertTrue(traffic.reaches(self.place("phys1"), "fd00:130::1", 2), "the subnet's gateway answers on the segment")
        self.assertIn(" router ", self.place("phys1").run(["ip", "neigh", "show", "fd00:130::1"]).stdout + " ")
        self.assertNotIn(" router ", self.place("phys1").run(["ip", "neigh", "show", address]).stdout + " ")
        self.assertFalse(traffic.reaches(self.place("phys1"), "fd00:130::98", 1), "nobody answers for a free address")
        # The node sends them straight to a gateway, past the meters of what it knows no way for.
        flows = ["ovs-ofctl", "-O", "OpenFlow15", "dump-flows", "br-tun", f"table=20,ipv6,ipv6_dst={NEAR6}"]
        eventually(lambda: "group:" in self.lab.places["h1"].run(flows).stdout, 10, "a flow for the machine")

    def test_a_machine_that_takes_a_containers_ipv6_address_is_told(self):
        pod = self.pod_of_office("h1", "web-0")
        self.expect_reached(pod)
        self.place("phys2").ip([f"addr add {self.six(pod)}/64 dev seg0"])  # asks whether it is free (RFC 4862, 5.4)
        self.addCleanup(self.place("phys2").ip, [f"addr del {self.six(pod)}/64 dev seg0"])
        eventually(lambda: "dadfailed" in self.place("phys2").run(["ip", "addr", "show", "dev", "seg0", "to", self.six(pod)]).stdout, 10,
                   "phys2 to see that the address is taken")
        self.expect_reached(pod)

    def test_a_machine_that_never_spoke_is_asked_for(self):
        pod = self.pod_of_office("h1", "web-0")
        for address, length in (("10.130.0.210", 24), ("fd00:130::210", 64)):
            self.place("phys2").ip([f"addr add {address}/{length} dev seg0" + (" nodad" if ":" in address else "")])
            self.addCleanup(self.place("phys2").ip, [f"addr del {address}/{length} dev seg0"])
            received, _ = traffic.ping(self.place(pod), address, 3)
            self.assertEqual(3, received, address)  # the first packet waited for the answer

    def test_an_address_goes_from_a_machine_to_a_container(self):
        self.pod_of_office("h1", "web-0")
        four, six = "10.130.0.77", "fd00:130::77"
        there = {four: f"addr {{}} {four}/24 dev seg0", six: f"addr {{}} {six}/64 dev seg0"}
        self.place("phys2").ip([there[four].format("add"), there[six].format("add") + " nodad"])
        old = json.loads(self.place("phys2").run(["ip", "-j", "link", "show", "seg0"]).stdout)[0]["address"]
        for address in (four, six):
            self.assertTrue(traffic.reaches(self.place("phys1"), address, 1))
            self.assertEqual(old, self.mac_of("phys1", address))
            self.place("phys2").ip([there[address].format("del")])
        captures = [self.listen("phys1", "seg0", expression) for expression in
                    (f"arp and arp host {four}", "icmp6 and ip6[40] = 136 and ip6[60:4] = 0x77")]
        self.pod_of_office("h2", "web-7", **{"mooring.io/ip": f"{four},{six}"})
        for capture in captures:
            capture.wait(timeout=20)
        self.assertIn(f"Request who-has {four} tell {four}", captures[0].stdout.read())
        self.assertIn(f"neighbor advertisement, tgt is {six}", captures[1].stdout.read())
        # phys1 has not said a word meanwhile.
        for address in (four, six):
            eventually(lambda: self.mac_of("phys1", address) == MAC, 10, f"phys1 to know where {address} is now")
            self.assertTrue(traffic.reaches(self.place("phys1"), address, 1))

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
        before = self.counted(other, 62, "priority=100,ipv6")

        def handed6():
            traffic.exchange(self.place("phys1"), NEAR6, self.place(pod), size=2000)
            return self.counted(other, 62, "priority=100,ipv6") > before
        eventually(handed6, 30, f"{other} to hand something over")

    def test_everything_arrives_once(self):
        pod = self.pod_of_office("h1", "web-0")
        self.expect_reached(pod)
        for source, target in ((pod, NEAR), ("phys1", pod.address)):
            said = self.place(source).run(["ping", "-n", "-c", "30", "-i", "0.02", target]).stdout
            self.assertNotIn("DUP", said)
            self.assertIn("30 received", said)
        self.place("phys1").run(["ip", "neigh", "flush", "dev", "seg0"])
        capture = self.listen("phys1", "seg0", "arp[6:2] = 2")
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
        for who in ("phys1", "phys2"):  # for half a second a switch may repeat what it learned last (adr/0015)
            eventually(lambda: traffic.reaches(self.place(who), "10.130.0.1", 2), 5, f"the gateway of its half to answer {who}", interval=0.1)
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

    def test_questions_by_neighbour_discovery_are_bounded(self):
        pod = self.pod_of_office("h1", "web-0")
        self.expect_reached(pod)
        forwarder = self.expect_one()
        before = self.counted(forwarder, 76)
        said = self.place("phys1").run(["/usr/bin/python3", "-c", _ASKED, "seg0", "20000", NEAR6, self.six(pod)]).stdout
        seconds = float(said)
        eventually(lambda: self.counted(forwarder, 76) > before, 10, "answers")
        self.assertLess(self.counted(forwarder, 76) - before, 200 + 200 * (seconds + 1) + 100)
        self.expect_reached(pod)

    def test_broadcasts_and_multicasts_stay_where_they_are(self):
        pod = self.pod_of_office("h1", "web-0")
        self.expect_reached(pod)
        forwarder = self.expect_one()
        heard = self.listen(pod, "eth0", "udp port 9")
        on_segment = self.listen("phys1", "seg0", f"udp port 9 and host {pod.address}")
        before = self.dropped(forwarder, "broadcast")
        for target in ("10.130.0.255", "224.0.0.251", "ff02::fb%seg0"):
            self.say(self.place("phys1"), "seg0", target)
        eventually(lambda: self.dropped(forwarder, "broadcast") >= before + 3, 20, "what is for everybody to be counted", interval=0.5)
        before = sum(self.dropped(name, "broadcast") for name in GATEWAYS)
        self.say(self.place(pod), "eth0", "10.130.0.255")
        eventually(lambda: sum(self.dropped(name, "broadcast") for name in GATEWAYS) > before, 20, "the container's too", interval=0.5)
        for capture in (heard, on_segment):
            self.assertIsNone(capture.poll(), "nobody on the other side hears it")
        self.expect_reached(pod)

    @staticmethod
    def say(place, interface, target):
        """A word to everybody by UDP."""
        place.run(["/usr/bin/python3", "-c", _SAY, interface, target])

    def dropped(self, name, reason):
        found = re.search(rf'mooring_dropped_packets_total{{bridge="br-tun",reason="{reason}"}} (\d+)', gateways.metrics(self.lab.places[name]))
        return int(found.group(1)) if found else 0

    def test_a_machine_cannot_speak_for_a_container(self):
        pod, other = self.pod_of_office("h1", "web-0"), self.pod_of_office("h2", "web-1")
        self.expect_reached(pod)
        forwarder = self.expect_one()
        for lie, target, length in ((other.address, pod.address, 32), (self.six(other), self.six(pod), 128)):
            before = self.counted(forwarder, 68, "priority=250")
            self.place("phys1").ip([f"addr add {lie}/{length} dev seg0" + (" nodad" if ":" in lie else "")])
            self.addCleanup(self.place("phys1").ip, [f"addr del {lie}/{length} dev seg0"])
            self.place("phys1").run(["ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "-I", lie, target], check=False)
            eventually(lambda: self.counted(forwarder, 68, "priority=250") > before, 10, f"the packets from {lie} to be counted")

    def rogues(self, address):
        """What events say of who claims it."""
        shown = json.loads(self.lab.ctl("events", "--type", "address.rogue", "-o", "json").stdout or "[]")
        items = shown["items"] if isinstance(shown, dict) else shown
        return [event["text"] for event in items if event["subject"] == f"address/default/{address}"]

    def test_a_machine_that_claims_a_containers_address_is_told_of(self):
        pod, mac = self.pod_of_office("h1", "web-0"), "02:00:5e:00:53:02"
        self.expect_reached(pod)
        own = self.place("phys1").run(["ip", "-br", "link", "show", "seg0"]).stdout.split()[2]
        claim(self.place("phys1"), "seg0", NEAR, own)  # a machine's address: none of ours
        for address in (pod.address, self.six(pod)):
            claim(self.place("phys1"), "seg0", address, mac)
            text, = eventually(lambda: self.rogues(address), 30, f"the event of {address}", interval=0.2)
            self.assertRegex(text, f"{re.escape(address)} of network default is claimed by MAC {mac}, interface seg0 VLAN {VLAN} of gateway gw[12]; "
                                   "default/web-0 on node h1 holds it")
        self.assertEqual([], self.rogues(NEAR))
        self.expect_reached(pod)

    def test_vips_of_its_containers_from_both_sides(self):
        web = [self.pod_of_office("h1", "web-0"), self.pod_of_office("h2", "web-1")]
        caller = self.pod_of_office("h2", "caller")
        for pod in web:
            server = self.place(pod).popen(["/usr/bin/python3", "-c", _WEB, pod.name])
            self.addCleanup(server.wait)
            self.addCleanup(server.kill)
        self.lab.ctl("create", "subnet", "vips", "--network", "default", "--cidr", "10.131.0.0/24", "--vni", "301")
        self.addCleanup(self.lab.ctl, "delete", "subnet", "vips")
        self.place("phys1").ip(["route add 10.131.0.0/24 via 10.130.0.1"])
        self.addCleanup(self.place("phys1").ip, ["route del 10.131.0.0/24"])
        for name, address in (("apart", "10.131.0.80"), ("inside", "10.130.0.150")):
            self.lab.ctl("create", "vip", name, "--address", address, "--port", "tcp:80:8080", "--for-hostname", "web-*", "--check", "tcp")
            self.addCleanup(self.lab.ctl, "delete", "vip", name)
            for who in (caller, "phys1"):
                # Both, in any order: the first calls may come before the back ends are in use.
                heard = set()
                eventually(lambda: heard.add(self.call(who, address)) or heard >= {"web-0", "web-1"}, 20,
                           lambda: f"{name} to be answered by both, not {heard}")
                self.assertEqual({"web-0", "web-1"}, {self.call(who, address) for _ in range(20)}, f"{name}: nothing is lost")

    def call(self, who, address):
        return self.place(who).run(["curl", "-s", "-m", "2", f"http://{address}/"], check=False).stdout

    def test_what_it_says_of_itself(self):
        pod = self.pod_of_office("h1", "web-0")
        self.expect_reached(pod)
        shown = self.lab.ctl("get", "subnets", "-o", "wide").stdout
        self.assertIn("BRIDGED TO VLAN", shown)
        forwarder = self.expect_one()
        metrics = self.lab.places[forwarder].run(["curl", "-s", "--unix-socket", "/run/mooring/gateway.sock", "http://gateway/metrics"]).stdout
        self.assertIn('mooring_gateway_bridge_forwards{subnet="office"} 1', metrics)
        self.assertRegex(metrics, r'mooring_gateway_packets_total\{path="to-segment"\} [1-9]')
        for machine in (NEAR, NEAR6):
            traced = self.lab.ctl("trace", f"default/{pod.name}", "to", machine).stdout
            self.assertIn("segment", traced)


if __name__ == "__main__":
    unittest.main()
