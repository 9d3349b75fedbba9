"""Pods with IPv6 addresses, alone or beside IPv4 ones, on real Open vSwitch: forwarding, neighbour discovery, the guard
against lies, restarts and moves."""
import json
import re
import socket
import subprocess
import tempfile
import unittest

from labkit import cni

from lab_case import LabCase, LabError, eventually, inventory, traffic

VMAC = "0a:6d:6f:6f:72:01"
HOST = "fd6d:6f6f:7269:6e67::2"

# Sends one ICMPv6 packet out of eth0 as the arguments say, with a right checksum, past all that the kernel would refuse.
_SEND = """
import socket, struct, sys
source_mac, source, target, hexadecimal = sys.argv[1:5]
message = bytearray.fromhex(hexadecimal)
def total(data):
    data = bytes(data) + b"\\0" * (len(data) % 2)
    value = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while value >> 16:
        value = (value & 0xffff) + (value >> 16)
    return value
def packed(text):
    return socket.inet_pton(socket.AF_INET6, text)
pseudo = packed(source) + packed(target) + struct.pack("!IHBB", len(message), 0, 0, 58)
message[2:4] = struct.pack("!H", 0xffff - total(pseudo + message))
to_mac = b"\\x33\\x33" + packed(target)[12:] if target.startswith("ff") else bytes.fromhex("0a6d6f6f7201")
frame = to_mac + bytes.fromhex(source_mac.replace(":", "")) + b"\\x86\\xdd"
frame += struct.pack("!IHBB", 0x60000000, len(message), 58, 255) + packed(source) + packed(target) + message
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind(("eth0", 0))
raw.send(frame)
"""


def packed(address):
    return socket.inet_pton(socket.AF_INET6, address).hex()


class Ipv6(LabCase):
    options = {"hosts": 2, "gateways": 0, "physical": 0}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.ctl("create", "subnet", "dual", "--vni", "201", "--cidr", "10.101.0.0/24,fd00:101::/64")
        cls.lab.ctl("create", "pool", "dual", "--subnet", "dual", "--range", "10.101.0.16-10.101.0.200,fd00:101::10-fd00:101::ff")
        cls.lab.ctl("create", "subnet", "six", "--vni", "202", "--cidr", "fd00:102::/64")
        cls.lab.ctl("create", "pool", "six", "--subnet", "six", "--range", "fd00:102::10-fd00:102::ff")

    def setUp(self):
        super().setUp()
        self.empty = inventory.take(self.lab)

    def pod(self, host, name, pool="dual", **annotations):
        wishes = {f"mooring.io/{key}": value for key, value in annotations.items()}
        return self.add(host, name, annotations={"mooring.io/pool": pool, **wishes})

    @staticmethod
    def six(pod):
        return [ip["address"] for ip in pod.attachment.result["ips"] if ":" in ip["address"]][0].partition("/")[0]

    def expect_ping6(self, source, target, count=2):
        self.expect_reach(source, self.six(target), count, self._name(target))

    def expect_both(self, source, target):
        self.expect_ping(source, target)
        self.expect_ping6(source, target)

    def dropped(self, host, table, match):
        """Packets that the one flow of br-int with this match, which drops (and tells the agent), has counted."""
        dump = self.lab.places[host].run(["ovs-ofctl", "-O", "OpenFlow15", "--no-names", "dump-flows", "br-int", f"table={table}"]).stdout
        lines = [line for line in dump.splitlines() if re.search(r"actions=(drop|controller)", line, re.I) and re.search(match, line)]
        self.assertEqual(1, len(lines), dump)
        return int(re.search(r"n_packets=(\d+)", lines[0]).group(1))

    def listen(self, pod, expression):
        """Starts to listen to what comes to the pod; answers a function that tells the packets so far."""
        log = tempfile.NamedTemporaryFile("r", encoding="utf-8")
        self.addCleanup(log.close)
        command = ["tcpdump", "-Z", "root", "--immediate-mode", "-U", "-l", "-n", "-Q", "in", "-i", "eth0", expression]
        with open(log.name, "w", encoding="utf-8") as out:
            listener = self.place(pod).popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, text=True)
        self.addCleanup(listener.stderr.close)
        self.addCleanup(listener.wait)
        self.addCleanup(listener.kill)
        while "listening on" not in (line := listener.stderr.readline()):
            self.assertTrue(line, "tcpdump did not start")

        def lines():
            log.seek(0)
            return log.read().splitlines()
        return lines

    def lie(self, pod, source, target, message, mac=None):
        self.place(pod).run(["/usr/bin/python3", "-c", _SEND, mac or pod.mac, source, target, message])

    # -- what an ADD makes -----------------------------------------------------------------------------------------

    def test_dual_stack_and_ipv6_only_pods(self):
        a, b, c = self.pod("h1", "a"), self.pod("h1", "b"), self.pod("h2", "c")
        d, e = self.pod("h1", "d", pool="six"), self.pod("h2", "e", pool="six")
        self.assertEqual(["10.101.0.1", "fd00:101::1"], [ip["gateway"] for ip in a.attachment.result["ips"]])
        self.assertEqual([{"dst": "0.0.0.0/0", "gw": "10.101.0.1"}, {"dst": "::/0", "gw": "fd00:101::1"}],
                         a.attachment.result["routes"])
        self.assertEqual([("fd00:102::1", 1)], [(ip["gateway"], len(d.attachment.result["ips"])) for ip in d.attachment.result["ips"]])
        addresses = json.loads(self.place(a).run(["ip", "-j", "-6", "addr", "show", "dev", "eth0"]).stdout)[0]["addr_info"]
        self.assertEqual({self.six(a), "link"}, {one["local"] if one["scope"] == "global" else one["scope"] for one in addresses})
        self.assertFalse([one for one in addresses if one.get("tentative") or one.get("dadfailed")], "usable at once")
        for source, target in ((a, b), (a, c), (c, b)):
            self.expect_both(source, target)
        self.expect_ping6(d, e)
        self.expect_ping6(a, d)  # another subnet, same host
        self.expect_ping6(e, a)  # another subnet, another host
        for pod in (a, c, d, e):
            cni.check(self.lab.places[pod.host], pod.attachment)
        self.assertEqual(0, self.lab.ctl("fsck", check=False).returncode)
        for pod in (a, b, c, d, e):
            self.lab.pods.delete(pod)
        self.expect_nothing_left()

    def test_only_between_subnets_a_hop_is_counted(self):
        a, b, d = self.pod("h1", "a"), self.pod("h2", "b"), self.pod("h2", "d", pool="six")
        ping = ["ping", "-n", "-c", "1", "-W", "1", "-t"]
        self.assertEqual(0, self.place(a).run([*ping, "1", self.six(b)], check=False).returncode)
        self.assertNotEqual(0, self.place(a).run([*ping, "1", self.six(d)], check=False).returncode)
        self.assertEqual(0, self.place(a).run([*ping, "2", self.six(d)], check=False).returncode)
        for gateway in ("fd00:101::1", "fd00:102::1"):
            self.assertTrue(traffic.reaches(self.place(a), gateway), f"{gateway} answers")

    def test_tcp_and_packets_as_big_as_the_mtu(self):
        a, c = self.pod("h1", "a"), self.pod("h2", "c", pool="six")
        self.assertEqual(2 << 20, traffic.exchange(self.place(c), self.six(c), self.place(a), 1 << 20))
        whole = ["ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", str(1450 - 48), self.six(c)]
        self.assertEqual(0, self.place(a).run(whole, check=False).returncode)

    def test_the_host_reaches_its_pods_and_pods_open_no_connections_to_it(self):
        for pod in (self.pod("h1", "a"), self.pod("h1", "d", pool="six")):
            self.assertEqual(2 << 16, traffic.exchange(self.place(pod), self.six(pod), self.place("h1"), 1 << 16))
            with self.assertRaises(LabError):
                traffic.exchange(self.place("h1"), HOST, self.place(pod), 1)

    def test_check_finds_a_missing_ipv6_address(self):
        pod = self.pod("h1", "a")
        self.place(pod).run(["ip", "addr", "del", f"{self.six(pod)}/64", "dev", "eth0"])
        with self.assertRaisesRegex(cni.CniError, self.six(pod)):
            cni.check(self.lab.places["h1"], pod.attachment)

    # -- neighbour discovery ---------------------------------------------------------------------------------------

    def test_every_neighbour_has_the_virtual_mac_and_nothing_is_flooded(self):
        a, b, c = self.pod("h1", "a"), self.pod("h1", "b"), self.pod("h2", "c")
        heard = [self.listen(pod, "icmp6 and ip6[40] >= 133 and ip6[40] <= 137") for pod in (b, c)]
        self.expect_ping6(a, b, 1)
        self.expect_ping6(a, c, 1)
        traffic.ping(self.place(a), "fd00:101::ffff", 1)  # an address that nobody has
        known = json.loads(self.place(a).run(["ip", "-j", "-6", "neigh", "show", "dev", "eth0"]).stdout)
        self.assertEqual({self.six(b), self.six(c), "fd00:101::ffff"}, {one["dst"] for one in known})
        self.assertEqual({VMAC}, {one.get("lladdr") for one in known})
        for lines, pod in zip(heard, (b, c)):
            # Answers to its own questions; nothing of anybody else's came here.
            answers = f"> {self.six(pod)}: ICMP6, neighbor advertisement"
            self.assertEqual([], [line for line in lines() if answers not in line], pod.name)

    def test_duplicate_address_detection_sees_silence(self):
        a = self.pod("h1", "a")
        own = f"{self.six(a)}/64"
        self.place(a).run(["ip", "addr", "del", own, "dev", "eth0"])
        self.place(a).run(["ip", "addr", "add", own, "dev", "eth0"])  # with the kernel's detection, as a guest would do it

        def state():
            found = json.loads(self.place(a).run(["ip", "-j", "-6", "addr", "show", "dev", "eth0", "scope", "global"]).stdout)
            return found[0]["addr_info"][0]
        eventually(lambda: not state().get("tentative"), 10, "duplicate address detection to end")
        self.assertFalse(state().get("dadfailed"))
        self.expect_ping6(self.pod("h2", "b"), a)

    # -- lies ------------------------------------------------------------------------------------------------------

    def test_lies_are_dropped_and_counted(self):
        a, b, c = self.pod("h1", "a"), self.pod("h1", "b"), self.pod("h2", "c")
        tll = "0201" + a.mac.replace(":", "")
        echo = "80000000" + "00070001"
        advertisement = "88000000" + "60000000" + packed(self.six(b)) + tll
        solicitation = "87000000" + "00000000" + packed(self.six(c)) + "01" + tll[2:]
        router = "86000000" + "40000708" + "0000000000000000"
        link_local = "fe80::1"
        everybody = "ff02::1"
        lies = [  # what, counted by which flow of table 10, source, to, message
            ("another's source address", "priority=0 ", self.six(c), self.six(b), echo),
            ("an advertisement of another's address", "priority=115,icmp6,icmp_type=136 ", self.six(a), self.six(c), advertisement),
            ("the same to everybody", "priority=115,icmp6,icmp_type=136 ", self.six(a), everybody, advertisement),
            ("a question from another's address", "priority=110,icmp6,icmp_type=135 ", self.six(b), "ff02::1:ff00:1", solicitation),
            ("a router", "priority=110,icmp6,icmp_type=134 ", link_local, everybody, router),
            ("a router to one", "priority=110,icmp6,icmp_type=134 ", self.six(a), self.six(c), router),
            ("a redirect", "priority=110,icmp6,icmp_type=137 ", self.six(a), self.six(c), "89000000" + "00000000" + packed(self.six(b)) * 2),
        ]
        heard = self.listen(c, "ip6")
        for what, counter, source, target, message in lies:
            with self.subTest(what):
                before = self.dropped("h1", 10, counter)
                self.lie(a, source, target, message)
                eventually(lambda: self.dropped("h1", 10, counter) > before, 5, f"{what} to be counted", interval=0.1)
        with self.subTest("another's MAC"):
            before = self.dropped("h1", 10, "priority=0 ")
            self.lie(a, self.six(a), self.six(c), echo, mac=b.mac)
            eventually(lambda: self.dropped("h1", 10, "priority=0 ") > before, 5, "it to be counted", interval=0.1)
        self.lie(a, self.six(a), self.six(c), echo)  # the truth arrives
        eventually(lambda: any("echo request" in line for line in heard()), 5, "the true packet to arrive")
        way = f"{self.six(a)} > {self.six(c)}: ICMP6, "
        true = (way + "echo request", way + f"neighbor advertisement, tgt is {self.six(a)}")
        self.assertEqual([], [line for line in heard() if not any(one in line for one in true)])
        self.expect_both(b, c)

    # -- changes ---------------------------------------------------------------------------------------------------

    def restart(self, machine, component):
        self.lab.services.stop(self.lab.layout.machines[machine], component, kill=True)
        self.lab.services.start(self.lab.layout.machines[machine], component)

    def test_both_families_survive_restarts(self):
        a, b, c = self.pod("h1", "a"), self.pod("h1", "b"), self.pod("h2", "c")
        d = self.pod("h2", "d", pool="six")
        self.expect_both(a, c)
        self.expect_ping6(d, a, 1)
        flows = {line for line in inventory.take(self.lab) if line.startswith("h1: flow")}
        for component in ("agent", "vswitchd"):
            self.restart("h1", component)
            for target in (b, c):
                for address in (target.address, self.six(target)):
                    eventually(lambda to=address: traffic.reaches(self.place(a), to, 1), 10, f"{address} after {component} was killed")
            eventually(lambda: traffic.reaches(self.place(d), self.six(a), 1), 10, "the other subnet")
            eventually(lambda: traffic.reaches(self.place("h1"), self.six(a), 1), 10, "the host")
            self.assertEqual(flows, {line for line in inventory.take(self.lab) if line.startswith("h1: flow")})

    def test_addresses_of_both_families_move_with_their_pod(self):
        far, near = self.pod("h2", "far"), self.pod("h1", "near")
        first = self.pod("h1", "db-0", kind="stateful", retention="OnDelete 1m")
        self.addCleanup(self.lab.ctl, "delete", "binding", "default/db-0", "--force")
        self.expect_both(far, first)
        self.expect_both(near, first)
        self.lab.pods.delete(first)
        second = self.pod("h2", "db-0", kind="stateful", retention="OnDelete 1m")
        self.assertEqual((first.address, self.six(first)), (second.address, self.six(second)))
        self.settle()
        for source in (far, near):
            self.assertEqual(1, traffic.ping(self.place(source), self.six(second), 1)[0], "the very first one")
            self.expect_both(source, second)


if __name__ == "__main__":
    unittest.main()
