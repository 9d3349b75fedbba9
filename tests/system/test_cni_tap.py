"""`"device": "tap"`: sandboxes that are virtual machines. A process plays the machine: it opens the tap device by its name
and speaks Ethernet through it."""
import json
import os
import subprocess
import unittest

from labkit import cni

from cni_case import CniCase
from lab_case import eventually, inventory

AT_STEP = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "support", "at_step.py")

# Opens the tap device, asks for the gateway's MAC by ARP, pings, answers pings until standard input closes.
_MACHINE = r"""
import fcntl, os, select, struct, sys, time
name, mac, own, gateway, target = sys.argv[1:6]
IFF_TAP, IFF_NO_PI, TUNSETIFF = 0x0002, 0x1000, 0x400454ca
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
raw = lambda address: bytes(map(int, address.split(".")))
mine = bytes.fromhex(mac.replace(":", ""))

def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff

def ethernet(to, kind, payload):
    os.write(tap, to + mine + struct.pack("!H", kind) + payload)

def ip(to_mac, to, icmp):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(icmp), 0, 0, 64, 1, 0, raw(own), to)
    ethernet(to_mac, 0x0800, head[:10] + struct.pack("!H", checksum(head)) + head[12:] + icmp)

def echo(kind, rest):
    body = struct.pack("!BBH", kind, 0, 0) + rest
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]

def frames(seconds):
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        ready, _, _ = select.select([tap, 0], [], [], left)
        if 0 in ready and not os.read(0, 1):
            sys.exit(0)
        if tap in ready:
            try:
                yield os.read(tap, 65536)
            except OSError:  # the device was deleted
                sys.exit(0)

def arp():
    ask = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mine, raw(own), bytes(6), raw(gateway))
    for _ in range(10):
        ethernet(b"\xff" * 6, 0x0806, ask)
        for frame in frames(1):
            if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\x00\x02" and frame[28:32] == raw(gateway):
                return frame[22:28]
    sys.exit("nobody answers ARP for " + gateway)

gateway_mac = arp()
print("arp " + gateway_mac.hex(":"), flush=True)
answered = 0
for number in range(10):
    ip(gateway_mac, raw(target), echo(8, struct.pack("!HH", 7, number) + bytes(1400 if number % 2 else 32)))
    for frame in frames(1):
        if frame[12:14] == b"\x08\x00" and frame[23] == 1 and frame[34] == 0 and frame[26:30] == raw(target):
            answered += 1
            break
    if answered == 3:
        break
print(f"answered {answered}", flush=True)
for frame in frames(60):
    if frame[12:14] == b"\x08\x00" and frame[23] == 1 and frame[34] == 8:
        ip(frame[6:12], frame[26:30], echo(0, frame[38:14 + struct.unpack("!H", frame[16:18])[0]]))
"""


class CniTap(CniCase):
    options = {"hosts": 2, "gateways": 0, "physical": 0}

    def conflist(self, version="1.0.0", **keys):
        return {"cniVersion": version, "name": "machines", "plugins": [self.ours(device="tap", **keys)]}

    def added(self, name, **keys):
        pod = self.prepared(name, self.conflist(**keys))
        cni.add(self.host, pod.attachment)
        return pod

    def machine_of(self, pod, target):
        gateway = pod.attachment.result["ips"][0]["gateway"]
        process = self.place(pod).popen(["/usr/bin/python3", "-c", _MACHINE, "eth0", pod.mac, pod.address, gateway, target.address],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, process)
        return process

    @staticmethod
    def stop(process):
        process.stdin.close()
        process.wait(timeout=20)
        process.stdout.close()

    def test_a_machine_speaks_through_it(self):
        near, far = self.add("h1", "web-0"), self.add("h2", "web-1")
        for target in (near, far):
            with self.subTest(self._name(target)):
                pod = self.added("vm-0", version="1.1.0")
                result = pod.attachment.result
                names = [(one["name"], "sandbox" in one) for one in result["interfaces"]]
                self.assertEqual([(names[0][0], False), ("eth0", True), (names[0][0], True)], names)
                self.assertEqual(1, result["ips"][0]["interface"])
                self.assertEqual([1450] * 3, [one["mtu"] for one in result["interfaces"]])
                link = json.loads(self.place(pod).run(["ip", "-j", "-d", "link", "show", "eth0"]).stdout)[0]
                self.assertEqual(("tun", pod.mac), (link["linkinfo"]["info_kind"], link["address"]))
                self.assertEqual("", self.place(pod).run(["ip", "-o", "address", "show", "scope", "global"]).stdout)
                cni.check(self.host, pod.attachment)
                machine = self.machine_of(pod, target)
                self.assertEqual("arp 0a:6d:6f:6f:72:01", machine.stdout.readline().strip())
                self.assertEqual("answered 3", machine.stdout.readline().strip())
                self.expect_ping(target, pod)
                self.expect_ping("h1", pod)  # the host reaches it too
                cni.check(self.host, pod.attachment)
                cni.delete(self.host, pod.attachment)  # while the machine runs
                self.assertNotIn("eth0", self.links_in(pod))
                cni.delete(self.host, pod.attachment)
                cni.delete(self.host, pod.attachment, netns="", with_result=False)
                self.stop(machine)
                self.lab.pods.forget(pod)

    def links_in(self, pod):
        return [link["ifname"] for link in json.loads(self.place(pod).run(["ip", "-j", "link", "show"]).stdout)]

    def test_check_says_what_is_wrong(self):
        cases = {
            "redirection": ("tc qdisc del dev eth0 ingress", "what comes in by eth0 does not go to mo"),
            "other-way": ("tc qdisc del dev {inner} ingress", "what comes in by mo"),
            "inner": ("ip link set {inner} down", "the container end {inner} behind eth0 is down"),
            "mtu": ("ip link set eth0 mtu 1300", "the MTU of eth0 is 1300, not 1450"),
            "device": ("ip link del eth0", "the container has no interface eth0"),
        }
        for name, (command, expected) in cases.items():
            with self.subTest(name):
                pod = self.added(f"vm-{name}")
                inner = pod.attachment.result["interfaces"][2]["name"]
                self.place(pod).run(command.format(inner=inner).split())
                with self.assertRaises(cni.CniError) as found:
                    cni.check(self.host, pod.attachment)
                self.assertIn(expected.format(inner=inner), found.exception.error["msg"])
                cni.delete(self.host, pod.attachment)
                self.assertEqual([], [link for link in self.links_in(pod) if link != "lo" and not link.startswith("gone-mo")])
                self.lab.pods.forget(pod)

    def test_gc_takes_it_and_a_user_may_open_it(self):
        pod = self.added("vm-0", tapUser=424242)
        self.assertIn("user 424242", self.place(pod).run(["ip", "-d", "link", "show", "eth0"]).stdout)
        self.gc([], conflist=self.conflist())
        self.assertIn("eth0", self.links_in(pod), "it is alive")
        self.gc([], conflist=self.conflist(), gc="strict")
        self.assertEqual([], [link for link in self.links_in(pod) if link != "lo" and not link.startswith("mo")])
        eventually(lambda: self.links_in(pod) == ["lo"], 5, "the veth pair to be gone")
        cni.delete(self.host, pod.attachment)
        self.lab.pods.forget(pod)

    def test_an_add_killed_at_any_step_leaves_no_device(self):
        pods = []
        for step in range(1, 100):
            pod = self.prepared(f"vm-{step}", self.conflist())
            pods.append(pod)
            configuration = pod.attachment.configuration(pod.attachment.conflist["plugins"][0], None)
            done = self.host.run(["/usr/bin/python3", AT_STEP, str(step), "kill", f"{cni.PLUGIN_DIR}/mooring"],
                                 env=pod.attachment.environment("ADD"), input=json.dumps(configuration), check=False)
            if done.returncode != 137:
                self.assertEqual(0, done.returncode, done.stdout)
                break
        self.assertGreater(len(pods), 20)
        # Killed once the confirmation was on its way: the agent may have taken it before it saw that the plugin is dead. What
        # was confirmed stays until DEL, or the namespace's end.
        confirmed = {pod.name for pod in pods[-5:]}
        eventually(lambda: self.known() <= confirmed, 15,
                   lambda: f"the addresses of others than {sorted(confirmed)} to be given back: {sorted(self.known())}")
        known = self.known()
        self.assertIn(pods[-1].name, known)
        for pod in pods:
            if pod.name not in known:
                eventually(lambda: self.links_in(pod) == ["lo"], 5, f"nothing to be left in {pod.name}: {self.links_in(pod)}")
        for pod in pods:
            cni.delete(self.host, pod.attachment, with_result=False)
            self.assertNotIn("eth0", self.links_in(pod))
            self.lab.pods.forget(pod)
        self.assertEqual([], inventory.left(self.lab, self.empty, 15))  # what was killed last is found by the agent itself

    def test_a_failed_add_leaves_nothing(self):
        pod = self.prepared("vm-0", self.conflist())
        place = self.place(pod)
        place.run(["ip", "link", "add", "eth0", "type", "dummy"], check=False)
        place.run(["ip", "tuntap", "add", "eth0", "mode", "tap"], check=False)
        with self.assertRaises(cni.CniError) as refused:
            cni.add(self.host, pod.attachment)
        self.assertIn("the container has one of that name", refused.exception.error["msg"])
        cni.delete(self.host, pod.attachment)
        self.assertIn("eth0", self.links_in(pod), "it is not ours")
        self.lab.pods.forget(pod)


if __name__ == "__main__":
    unittest.main()
