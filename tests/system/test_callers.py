"""Real callers of the plugin beside kubelet's CRI: podman, ctr, and libcni with its cache."""
import json
import os
import re
import subprocess
import unittest

from labkit import artifacts, containerd

from lab_case import LabCase, LabError, eventually

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.environ["MOORING_BUILD_DIR"]
ID = "c" * 64
CONFLIST = "/etc/cni/net.d/10-mooring.conflist"
PODMAN = {
    "containers.conf": """\
[network]
network_backend = "cni"
cni_plugin_dirs = ["/opt/cni/bin"]
network_config_dir = "/etc/cni/net.d"
default_network = "mooring"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
pids_limit = 0
""",
    "storage.conf": """\
[storage]
driver = "vfs"
graphroot = "/run/podman-lab/storage"
runroot = "/run/podman-lab/run"
""",
    "policy.json": '{"default": [{"type": "insecureAcceptAnything"}]}\n',
}


class Callers(LabCase):
    def on(self, host, *command, check=True):
        return self.lab.places[host].run(list(command), check=check)

    def port(self, hostname):
        return next((port for port in self.ports() if port["hostname"] == hostname), None)


class PodmanAndCtr(Callers):
    options = {"runtime": "containerd"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        place = cls.lab.places["h1"]
        os.makedirs(f"{place.root}/etc/containers", exist_ok=True)
        for name, text in PODMAN.items():
            with open(f"{place.root}/etc/containers/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        place.run(["podman", "load", "-q", "-i", artifacts.busybox_image()])

    def podman(self, *arguments, check=True):
        return self.on("h1", "podman", *arguments, check=check)

    def run_container(self, name, *options):
        self.podman("run", "-d", "--pull", "never", "--cap-add", "NET_RAW", "--name", name,
                    "--cgroup-parent", containerd.cgroup_parent(self.lab.state.name, "h1"), *options, artifacts.BUSYBOX_IMAGE)
        self.addCleanup(self.podman, "rm", "-f", "-t", "0", name, check=False)

    def address_in(self, name):
        return re.search(r"inet ([\d.]+)", self.podman("exec", name, "ip", "addr", "show", "eth0").stdout).group(1)

    def pings(self, name, address):
        self.settle()
        return self.podman("exec", name, "ping", "-c", "1", "-W", "2", address, check=False).returncode == 0

    def test_a_name_of_podmans_own_and_a_fixed_address(self):
        self.run_container("blissful_satoshi")
        self.run_container("web-1", "--ip", "10.100.9.9", "--mac-address", "02:00:00:00:00:99")
        self.assertEqual("10.100.9.9", self.address_in("web-1"))
        port = self.port("web-1")
        self.assertEqual(("10.100.9.9", "02:00:00:00:00:99"), (port["address"], port["mac"]))
        self.assertTrue(self.pings("blissful_satoshi", "10.100.9.9"))
        self.expect_reach("phys1", "10.100.9.9")
        self.assertTrue([port for port in self.ports() if port["hostname"].startswith("blissful-satoshi-")])
        self.podman("rm", "-f", "-t", "0", "blissful_satoshi", "web-1")
        self.expect_nothing_left()

    def test_reload_on_a_live_namespace_keeps_the_address(self):
        self.run_container("web-2")
        self.run_container("web-3")
        before = self.address_in("web-2")
        self.podman("network", "reload", "web-2")  # DEL, then ADD, of the same container in the same namespace
        self.assertEqual(before, self.address_in("web-2"))
        self.assertTrue(self.pings("web-3", before))
        self.podman("rm", "-f", "-t", "0", "web-2", "web-3")
        self.expect_nothing_left()

    def test_a_refusal_says_why(self):
        self.run_container("first", "--ip", "10.100.9.10")
        with self.assertRaisesRegex(LabError, r"10\.100\.9\.10.*first"):
            self.run_container("second", "--ip", "10.100.9.10")

    def ctr(self, *arguments, check=True):
        return self.on("h1", "ctr", "-a", containerd.SOCKET, "-n", "k8s.io", *arguments, check=check)

    def test_a_container_that_never_gets_a_del_leaves_nothing(self):
        self.ctr("run", "--cni", "-d", "--cgroup", f"{containerd.cgroup_parent(self.lab.state.name, 'h1')}/never",
                 artifacts.BUSYBOX_IMAGE, "never", "/bin/sleep", "600")
        (port,) = self.ports()  # ctr tells its plugins no name: it is made from namespace and id
        self.assertTrue(port["hostname"].startswith("k8s-io-never"), port["hostname"])
        self.expect_reach("phys1", port["address"])
        self.ctr("task", "kill", "-s", "KILL", "never")
        eventually(lambda: "STOPPED" in self.ctr("task", "ls").stdout, 5, "the container to end")
        self.ctr("task", "rm", "never")
        self.ctr("container", "rm", "never")
        eventually(lambda: not self.ports(), 30, "the agent to find that the container is gone")
        self.expect_nothing_left()


class Libcni(Callers):
    options = {"hosts": 1}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.program = f"{BUILD}/tests/libcni_caller"
        environment = {**os.environ, "GO111MODULE": "off", "GOPATH": f"{BUILD}/tests/go:/usr/share/gocode",
                       "GOCACHE": f"{BUILD}/tests/go-cache"}
        built = subprocess.run(["go", "build", "-o", cls.program, f"{ROOT}/tests/support/libcni_caller/main.go"],
                               env=environment, capture_output=True, text=True)
        if built.returncode:
            raise RuntimeError(built.stderr)

    def call(self, command, pod, arguments="", check=True, **runtime_config):
        return self.on("h1", self.program, command, CONFLIST, pod.attachment.container_id, pod.attachment.netns, "eth0",
                       "/run/libcni-cache", "/opt/cni/bin", arguments, json.dumps(runtime_config), check=check)

    def prepared(self, name):
        pod = self.lab.pods.prepare("h1", name)
        self.addCleanup(self.lab.pods.delete, pod)
        return pod

    def test_add_check_del_with_its_cache(self):
        pod = self.prepared("web-0")
        result = json.loads(self.call("ADD", pod, "IgnoreUnknown=1;K8S_POD_NAME=web-0;IP=10.100.5.5").stdout)
        self.assertEqual("10.100.5.5/16", result["ips"][0]["address"])
        self.expect_reach("phys1", "10.100.5.5")
        self.call("CHECK", pod)
        self.lab.pods.place(pod).run(["ip", "addr", "del", "10.100.5.5/16", "dev", "eth0"])
        checked = self.call("CHECK", pod, check=False)
        self.assertEqual(1, checked.returncode)
        self.assertIn("10.100.5.5", checked.stderr)
        self.call("DEL", pod)
        self.call("DEL", pod)
        self.assertEqual([], self.ports())

    def test_an_error_is_told_in_its_words(self):
        pod = self.prepared("web-1")
        refused = self.call("ADD", pod, "IP=192.0.2.1", check=False)
        self.assertEqual(1, refused.returncode)
        self.assertIn("192.0.2.1", refused.stderr)
        self.call("DEL", pod)


if __name__ == "__main__":
    unittest.main()
