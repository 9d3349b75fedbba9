"""The lab itself, without Mooring's programs: what it builds, that it can be crashed at any point, that it leaves nothing."""
import json
import os
import signal
import subprocess
import time
import unittest

from lab_case import eventually, traffic
from labkit import state
from labkit.containerd import remove_cgroups
from labkit.cri import Cri
from labkit.errors import LabError
from labkit.lab import Lab
from labkit.narrator import Narrator
from labkit.processes import members

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BRIDGE = {"cniVersion": "1.0.0", "name": "stock", "plugins": [
    {"type": "bridge", "bridge": "cni0", "isGateway": True, "capabilities": {"io.kubernetes.cri.pod-annotations": True},
     "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.99.0.0/24"}]]}}]}


def root_links():
    return {link["ifname"] for link in json.loads(subprocess.check_output(["ip", "-j", "link"]))}


def root_mounts():
    with open("/proc/self/mounts", encoding="utf-8") as file:
        return {line.split()[1] for line in file}


class LabItself(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")

    def lab(self, suffix="a"):
        lab = Lab(f"t-{os.getpid()}-lab-{suffix}", Narrator(quiet=True))
        self.addCleanup(lab.down)
        return lab

    def command(self, lab, *arguments, **options):
        return subprocess.run([f"{ROOT}/scripts/lab", "--name", lab.state.name, *arguments], capture_output=True, text=True,
                              timeout=60, **options)

    def with_stock_plugin(self, lab, host="h1"):
        lab.places[host].run(["sh", "-c", "cp /usr/lib/cni/* /opt/cni/bin/"])
        lab.install_conflist(host, BRIDGE)

    def test_hosts_have_their_own_everything_and_nothing_stays(self):
        links, mounts = root_links(), root_mounts()
        lab = self.lab().up(bare=True)
        h1, h2 = lab.places["h1"], lab.places["h2"]
        h1.run(["ovs-vsctl", "add-br", "only-here", "--", "set", "bridge", "only-here", "datapath_type=netdev"])
        self.assertEqual("only-here", h1.run(["ovs-vsctl", "list-br"]).stdout.strip())
        self.assertEqual("", h2.run(["ovs-vsctl", "list-br"]).stdout.strip())
        h1.run(["sh", "-c", "echo x > /etc/mooring-test; echo x > /var/lib/mooring/x; echo x > /run/x"])
        for path in ("/etc/mooring-test", "/var/lib/mooring/x", "/run/x"):
            self.assertFalse(os.path.exists(path), path)
            self.assertNotEqual(0, h2.run(["test", "-e", path], check=False).returncode)
        self.assertTrue(traffic.reaches(h1, lab.layout.machines["h2"].address("eth0")))
        self.assertTrue(traffic.reaches(h1, lab.layout.machines["controller"].address("mgmt0")))
        self.assertTrue(traffic.reaches(lab.places["gw1"], lab.layout.machines["phys1"].address("eth0")))
        self.assertIn("10.100.0.0/16 scope link", lab.places["phys1"].run(["ip", "route", "show", "dev", "eth0"]).stdout)
        self.assertEqual(links, root_links())
        self.assertTrue(lab.down())
        self.assertEqual(links, root_links())
        self.assertEqual(mounts, root_mounts())
        self.assertEqual([], members(lab.state.name))
        self.assertFalse(os.path.exists(lab.state.folder))

    def test_tcp_between_machines_has_the_right_checksum(self):
        lab = self.lab().up(bare=True)
        machine = lab.layout.machines["phys1"].address("eth0")
        self.assertEqual(2 << 20, traffic.exchange(lab.places["phys1"], machine, lab.places["gw1"], size=1 << 20))

    def test_kill_at_any_point_of_up_leaves_nothing_after_down(self):
        lab = self.lab()
        for milliseconds in (60, 120, 200, 300, 450):
            up = subprocess.Popen([f"{ROOT}/scripts/lab", "--name", lab.state.name, "up", "--bare"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                up.wait(timeout=milliseconds / 1000)
            except subprocess.TimeoutExpired:
                up.send_signal(signal.SIGKILL)
                up.wait()
            down = self.command(lab, "down")
            self.assertEqual(0, down.returncode, down.stderr)
            self.assertEqual([], members(lab.state.name), f"killed after {milliseconds} ms")
            self.assertFalse(os.path.exists(lab.state.folder))

    def test_up_after_a_crash_and_up_again(self):
        lab = self.lab().up(bare=True)
        first = lab.places["h1"].holder
        os.kill(first.pid, signal.SIGKILL)
        eventually(lambda: not first.alive, 5, "the host to die")
        self.assertFalse(lab.is_up)
        again = self.lab()
        again.up(bare=True)
        self.assertTrue(again.is_up)
        holder = again.places["h1"].holder
        again.services.stop(again.layout.machines["h1"], "vswitchd", kill=True)
        third = self.lab().up(bare=True)
        self.assertEqual(holder, third.places["h1"].holder, "up rebuilt a lab that was whole")
        self.assertTrue(third.services.process(third.layout.machines["h1"], "vswitchd"), "up did not start what was missing")
        with self.assertRaisesRegex(LabError, "is up with"):
            self.lab().up(bare=True, hosts=3)

    def test_a_dead_pid_is_not_mistaken(self):
        lab = self.lab()
        lab.state.begin(9, {"hosts": 1, "gateways": 0, "physical": 0, "bare": True, "runtime": "none"})
        bystander = subprocess.Popen(["cat"], stdin=subprocess.PIPE)  # has a recorded pid, but another start time
        self.addCleanup(lambda: (bystander.stdin.close(), bystander.wait()))
        lab.state.data["holders"]["h1"] = {"pid": bystander.pid, "started": 1}
        lab.state.data["services"]["h1/agent"] = {"pid": bystander.pid, "started": 1}
        lab.state.save()
        self.assertTrue(self.lab().down())
        self.assertIsNone(bystander.poll())

    def test_two_labs_side_by_side(self):
        a = self.lab("a").up(bare=True, hosts=1, gateways=0, physical=0)
        b = self.lab("b").up(bare=True, hosts=1, gateways=0, physical=0)
        self.assertNotEqual(a.layout.number, b.layout.number)
        self.assertNotEqual(a.layout.machines["h1"].address("eth0"), b.layout.machines["h1"].address("eth0"))
        self.assertIn(a.state.name, state.names())
        a.down()
        self.assertTrue(b.is_up)
        self.assertTrue(b.services.process(b.layout.machines["h1"], "vswitchd"))

    def test_the_command_line(self):
        lab = self.lab()
        self.assertEqual(1, self.command(lab, "status").returncode)
        self.assertEqual(0, self.command(lab, "up", "--bare", "--hosts", "1", "--gateways", "0", "--phys", "0").returncode)
        lab = self.lab()
        self.with_stock_plugin(lab)
        self.assertRegex(self.command(lab, "status").stdout, r"h1 +host .*ovsdb vswitchd")
        self.assertEqual("/opt/cni/bin\n/etc/cni/net.d\n", self.command(lab, "cni", "h1").stdout)
        added = self.command(lab, "pod", "add", "h1", "web-0", "--uid", "u1", "--arg", "A=b", "--annotation", "x/y=z")
        result = json.loads(added.stdout)
        address = result["ips"][0]["address"].partition("/")[0]
        self.assertIn(address, self.command(lab, "pod", "exec", "h1", "web-0", "ip", "-br", "addr").stdout)
        self.assertIn("web-0", self.command(lab, "pod", "list").stdout)
        self.assertEqual(1, self.command(lab, "pod", "add", "h1", "web-0").returncode)
        attachment = lab.pods.find("h1", "default", "web-0").attachment
        self.assertEqual({"A": "b", "K8S_POD_UID": "u1"}, {key: attachment.arguments.get(key) for key in ("A", "K8S_POD_UID")})
        self.assertEqual({"x/y": "z"}, attachment.annotations)
        self.assertEqual(7, self.command(lab, "exec", "h1", "sh", "-c", "exit 7").returncode)
        self.assertEqual("h1\n", self.command(lab, "exec", "h1", "hostname").stdout)
        self.assertEqual(0, self.command(lab, "restart", "h1", "vswitchd", "--kill").returncode)
        self.assertEqual(0, self.command(lab, "pod", "del", "h1", "web-0").returncode)
        for wrong in (("exec", "h9", "true"), ("pod", "del", "h1", "web-0"), ("restart", "h1", "gateway"), ("logs", "h1", "none"),
                      ("cni", "controller")):
            refused = self.command(lab, *wrong)
            self.assertEqual(1, refused.returncode, wrong)
            self.assertRegex(refused.stderr, r"^lab: .+\n  .+", str(wrong))
        self.assertEqual(2, self.command(lab, "up", "--hosts", "0").returncode)
        self.assertEqual(0, self.command(lab, "down").returncode)

    def test_a_failing_add_leaves_no_namespace(self):
        lab = self.lab().up(bare=True, hosts=1, gateways=0, physical=0)
        lab.places["h1"].run(["sh", "-c", "cp /usr/lib/cni/* /opt/cni/bin/"])
        broken = json.loads(json.dumps(BRIDGE))
        broken["plugins"][0]["ipam"]["ranges"] = [[{"subnet": "nonsense"}]]
        lab.install_conflist("h1", broken)
        refused = self.command(lab, "pod", "add", "h1", "web-0")
        self.assertEqual(1, refused.returncode)
        self.assertIn("code", json.loads(refused.stdout), "the plugin's error object is on stdout")
        self.assertEqual([], os.listdir(f"{lab.places['h1'].root}/run/netns"))
        self.assertEqual([], lab.pods.list())

    def test_containerd_makes_pods_and_goes_without_a_trace(self):
        lab = self.lab().up(bare=True, runtime="containerd", hosts=1, gateways=0, physical=0)
        self.with_stock_plugin(lab)
        with Cri(lab, "h1") as cri:
            eventually(lambda: self._network_ready(cri), 15, "containerd to see the conflist")
            pods = [cri.run_pod(f"web-{i}", namespace="prod") for i in range(2)]
            code, out, err = cri.execute(pods[0], "ping", "-c", "1", "-W", "1", pods[1].address)
            self.assertEqual(0, code, out + err)
            self.assertEqual("web-0\n", cri.execute(pods[0], "hostname")[1])
            self.assertEqual(2, len(cri.sandboxes()))
            cri.delete_pod(pods[0])
            self.assertEqual(1, len(cri.sandboxes()))
        began = time.monotonic()
        lab.down()  # with a pod still there
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual([], remove_cgroups(lab.state.name))
        self.assertEqual([], members(lab.state.name))

    @staticmethod
    def _network_ready(cri):
        conditions = cri.call("Status")["status"]["conditions"]
        return all(condition.get("status") for condition in conditions)

    def test_ten_hosts(self):
        lab = self.lab().up(bare=True, hosts=10, gateways=2, physical=2)
        self.assertTrue(traffic.reaches(lab.places["h1"], lab.layout.machines["h10"].address("eth0")))
        self.assertTrue(traffic.reaches(lab.places["gw2"], lab.layout.machines["phys2"].address("eth0")))

    def test_tune_is_put_back(self):
        def current():
            with open("/proc/sys/net/core/rmem_default", encoding="ascii") as file:
                return int(file.read())
        before = current()
        a = self.lab("a").up(bare=True, tune=True, hosts=1, gateways=0, physical=0)
        self.assertGreaterEqual(current(), 8 << 20)
        b = self.lab("b").up(bare=True, tune=True, hosts=1, gateways=0, physical=0)
        a.down()
        self.assertGreaterEqual(current(), 8 << 20, "the other lab still wants it")
        b.down()
        self.assertEqual(before, current())


if __name__ == "__main__":
    unittest.main()
