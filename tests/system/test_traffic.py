"""Packets between pods, hosts and physical machines, on real Open vSwitch and real kernel links."""
import re
import subprocess
import unittest

from labkit import capture

from lab_case import LabCase, eventually, traffic


class Traffic(LabCase):
    def setUp(self):
        super().setUp()
        self.a = self.add("h1", "web-a")
        self.b = self.add("h1", "web-b")
        self.c = self.add("h2", "web-c")

    def test_pods_reach_each_other_and_only_other_hosts_need_a_tunnel(self):
        with capture.Capture(self.lab) as underlay:
            self.expect_ping(self.a, self.b)
            self.expect_ping(self.a, self.c)
            self.expect_ping(self.c, self.b)
            seen = capture.vxlan_lines(underlay.stop())
        inner = " ".join(line for _, line in seen)
        self.assertIn(f"{self.a.address} > {self.c.address}: ICMP echo request", inner)
        self.assertNotIn(f"{self.a.address} > {self.b.address}", inner, "same-host traffic was on the underlay")

    def test_physical_machine_and_pods_reach_each_other_without_nat(self):
        machine = self.address("phys1")
        with capture.Capture(self.lab) as underlay:
            self.expect_ping(self.a, "phys1")
            self.expect_ping("phys1", self.a)
            self.expect_ping("phys1", self.c)
            inner = " ".join(line for _, line in capture.vxlan_lines(underlay.stop()))
        self.assertIn(f"{self.a.address} > {machine}: ICMP echo request", inner)
        self.assertIn(f"{machine} > {self.c.address}: ICMP echo request", inner, "the pod sees the machine's own address")

    def test_tcp_arrives_as_it_was_sent(self):
        for server, client in ((self.b, self.a), (self.c, self.a), (self.a, "phys1"), ("phys1", self.c)):
            with self.subTest(server=self._name(server), client=self._name(client)):
                size = 2 << 20
                self.assertEqual(2 * size, traffic.exchange(self.place(server), self.address(server), self.place(client), size))

    def test_the_host_reaches_its_pods_by_tcp_and_pods_cannot_open_connections_to_the_host(self):
        size = 1 << 20
        self.assertEqual(2 * size, traffic.exchange(self.place(self.a), self.a.address, self.place("h1"), size))
        self.assertEqual(2 * size, traffic.exchange(self.place(self.c), self.c.address, self.place("h2"), size))
        with self.assertRaises(traffic.LabError):  # SYN to the host's address
            traffic.exchange(self.place("h1"), "169.254.77.2", self.place(self.a), 1)

    def test_a_packet_as_big_as_the_mtu_crosses_the_tunnel_in_one_piece(self):
        whole = ["ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", str(1450 - 28), self.c.address]
        self.assertEqual(0, self.place(self.a).run(whole, check=False).returncode)

    def test_a_pod_cannot_use_an_address_that_is_not_its_own(self):
        stolen = self.c.address
        self.place(self.a).run(["ip", "addr", "add", f"{stolen}/32", "dev", "eth0"])
        done = self.place(self.a).run(["ping", "-n", "-c", "1", "-W", "1", "-I", stolen, self.b.address], check=False)
        self.assertNotEqual(0, done.returncode)
        self.expect_ping(self.b, self.c)

    def test_duplicate_address_detection_sees_silence(self):
        probe = ["busybox", "arping", "-D", "-c", "2", "-w", "2", "-I", "eth0", self.a.address]
        self.assertEqual(0, self.place(self.a).run(probe, check=False).returncode)


class FirstPackets(LabCase):
    """A lab in which no packet has crossed a tunnel yet: the address of a tunnel's other end must be known beforehand."""

    def expect_first(self, source, target):
        received, _ = traffic.ping(self.place(source), self.address(target), count=1)
        self.assertEqual(1, received, f"first ping from {self._name(source)} to {self._name(target)} answered")

    def test_the_first_packet_of_each_way_is_not_lost(self):
        a, b = self.add("h1", "web-a"), self.add("h2", "web-b")
        self.expect_first(a, b)
        self.expect_first("phys1", b)
        self.expect_first(a, "phys1")
        new = self.add("h2", "web-new")
        self.expect_first(a, new)
        self.expect_first("phys1", new)


# Sends one datagram as a DHCP server answers its client.
_DHCP_ANSWER = """
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 67))
server.sendto(sys.argv[2].encode(), (sys.argv[1], 68))
"""
# Prints what comes to DHCP's client port, until the word that it was given.
_DHCP_CLIENT = """
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.bind(("", 68))
client.settimeout(10)
print("listening", flush=True)
while True:
    word = client.recv(100).decode()
    print(word, flush=True)
    if word == sys.argv[1]:
        break
"""


class DhcpServers(LabCase):
    options = {"hosts": 2, "gateways": 0, "physical": 0, "agent_options": ["--dhcp-server", "default/dhcp-*"]}

    def answer(self, pod, client, word):
        self.place(pod).run(["/usr/bin/python3", "-c", _DHCP_ANSWER, client.address, word])

    def dropped(self):
        guard = ["ovs-ofctl", "-O", "OpenFlow15", "dump-flows", "br-int", "table=10,udp,tp_src=67,tp_dst=68"]
        dumped = self.lab.places["h1"].run(guard).stdout.splitlines()
        return sum(int(re.search(r"n_packets=(\d+)", flow).group(1)) for flow in dumped if flow.endswith("actions=drop"))

    def test_only_pods_that_may_be_dhcp_servers_are_heard(self):
        server, other, client = self.add("h1", "dhcp-0"), self.add("h1", "web-a"), self.add("h2", "web-b")
        self.expect_ping(other, client)
        self.expect_ping(server, client)
        hears = self.place(client).popen(["/usr/bin/python3", "-c", _DHCP_CLIENT, "from-the-server"], stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual("listening", hears.stdout.readline().strip())
            before = self.dropped()
            self.answer(other, client, "from-another")
            self.answer(server, client, "from-the-server")
            self.assertEqual("from-the-server", hears.communicate(timeout=15)[0].strip())
        finally:
            hears.kill()
            hears.wait()
            hears.stdout.close()
        eventually(lambda: self.dropped() == before + 1, 10, "the other's answer to be counted as dropped")


if __name__ == "__main__":
    unittest.main()
