"""What users install: the Debian packages, in a copy of this machine's file system that nobody else sees, and mooring-cni
on a node of a lab."""
import glob
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from lab_case import LabCase

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.environ["MOORING_BUILD_DIR"]
PACKAGES = ("agent", "cni", "controller", "ctl", "gateway")

# Run as root in a mount and network namespace of its own; $1 is an empty folder. What is written to / goes to a tmpfs.
IN_A_COPY = r"""
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root" "$1/debs"
cp "$2"/*.deb "$1/debs"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --bind /proc "$1/root/proc"
mount --bind /dev "$1/root/dev"
mount --bind "$1/debs" "$1/root/mnt"
mount -t tmpfs tmpfs "$1/root/run"
exec chroot "$1/root" /bin/sh -euc "$3"
"""


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="mooring-packages-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        made = subprocess.run(["cpack", "--config", f"{BUILD}/CPackConfig.cmake", "-B", cls.folder], cwd=BUILD,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if made.returncode != 0:
            raise RuntimeError(made.stdout)

    def in_a_copy(self, script):
        with tempfile.TemporaryDirectory(prefix="mooring-copy-") as folder:
            done = subprocess.run(["unshare", "--mount", "--net", "--ipc", "sh", "-c", IN_A_COPY, "sh", folder, self.folder, script],
                                  capture_output=True, text=True, timeout=120)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def test_there_is_one_for_each_component(self):
        names = sorted(os.path.basename(path).split("_")[0] for path in glob.glob(f"{self.folder}/*.deb"))
        self.assertEqual([f"mooring-{name}" for name in PACKAGES], names)

    def test_the_page_about_installing_lists_every_file(self):
        with open(f"{ROOT}/docs/howto/install.md", encoding="utf-8") as page:
            text = page.read()
        for deb in glob.glob(f"{self.folder}/*.deb"):
            listing = subprocess.run(["dpkg-deb", "-c", deb], capture_output=True, text=True, check=True).stdout
            files = [line.split()[5][1:] for line in listing.splitlines() if not line.startswith("d")]
            self.assertTrue(files, deb)
            for name in files:
                self.assertIn(f"`{name}`", text, f"{os.path.basename(deb)} has it")

    def test_installed_run_and_purged(self):
        said = self.in_a_copy(r"""
            dpkg -i /mnt/*.deb >/dev/null
            echo "verify: $(systemd-analyze verify /lib/systemd/system/mooring-*.service 2>&1 | grep mooring || true)"
            mkdir -p /run/mooring /var/lib/mooring/controller
            mooring-controller --config /etc/mooring/controller.conf 2>/run/log &
            controller=$!
            for i in $(seq 100); do [ ! -S /run/mooring/controller.sock ] || break; sleep 0.05; done
            mooringctl create subnet s --vni 7 --cidr 10.0.0.0/24 >/dev/null
            echo "subnet: $(mooringctl get subnet s -o json)"
            kill $controller; wait $controller
            echo "store: $(ls /var/lib/mooring/controller)"
            mooring-agent --config /etc/mooring/agent.conf 2>&1 | sed 's/^/agent: /' || true
            mooring-gateway --config /etc/mooring/gateway.conf 2>&1 | sed 's/^/gateway: /' || true
            mooring-cni install --wait 0 2>&1 | sed 's/^/cni: /' || true
            echo "plugin: $(echo '{}' | CNI_COMMAND=VERSION /opt/cni/bin/mooring | tr -d '\n')"
            complete=$(bash -c '. /usr/share/bash-completion/completions/mooringctl; complete -p mooringctl')
            echo "complete: $complete"
            echo "changed = 1" >> /etc/mooring/agent.conf
            dpkg -r mooring-cni >/dev/null
            echo "plugin after removal: $(ls /opt/cni/bin | grep -c '^mooring' || true)"
            dpkg -r mooring-agent mooring-controller mooring-ctl mooring-gateway >/dev/null
            echo "kept: $(ls /var/lib/mooring/controller /etc/mooring | tr '\n' ' ')"
            dpkg -P mooring-cni mooring-agent mooring-controller mooring-gateway mooring-ctl >/dev/null
            echo "left: $(find / -xdev -name '*mooring*' -newer /mnt -not -path '/var/lib/dpkg/*' -not -path '/tmp/*' -not -path '/var/log/*')"
            ls -d /etc/mooring /var/lib/mooring 2>/dev/null || echo "nothing of etc and var"
        """)
        lines = {}
        for line in said.splitlines():
            key, colon, value = line.partition(": ")
            if colon:
                lines.setdefault(key, []).append(value)
        self.assertEqual([""], [value.strip() for value in lines["verify"]], said)
        self.assertIn('"vni": 7', said)
        self.assertIn("controller.db", lines["store"][0])
        self.assertIn("--vtep or --underlay-interface", " ".join(lines["agent"]))
        self.assertIn("--underlay-interface is required", " ".join(lines["gateway"]))
        self.assertIn("the plugins are in place, the conflist is not", " ".join(lines["cni"]))
        self.assertIn("1.1.0", json.loads(lines["plugin"][0])["supportedVersions"])
        self.assertIn("mooringctl", lines["complete"][0])
        self.assertEqual("0", lines["plugin after removal"][0])
        self.assertIn("controller.db", lines["kept"][0])
        self.assertIn("agent.conf", lines["kept"][0])
        self.assertIn("nothing of etc and var", said)
        self.assertEqual([""], [value.strip() for value in lines["left"]], said)


class OnANode(LabCase):
    options = {"hosts": 1}
    FOLDER = "/run/mooring-install"

    def run_cni(self, *arguments):
        """(exit code, output)"""
        command, *rest = arguments
        done = self.lab.places["h1"].run(
            [f"{BUILD}/cni-plugin/mooring-cni", command, "--source", f"{BUILD}/cni-plugin",
             "--conflist", f"{self.FOLDER}/10-mooring.conflist", "--plugin-folder", f"{self.FOLDER}/bin",
             "--conf-folder", f"{self.FOLDER}/net.d", *rest], check=False)
        return done.returncode, done.stdout + done.stderr

    def path(self, name):
        return f"{self.lab.places['h1'].root}{self.FOLDER}/{name}"

    def setUp(self):
        super().setUp()
        shutil.rmtree(self.path(""), ignore_errors=True)
        os.makedirs(self.path(""))
        shutil.copy(f"{ROOT}/cni-plugin/packaging/10-mooring.conflist", self.path("10-mooring.conflist"))

    def test_the_conflist_comes_when_the_agent_is_ready(self):
        machine = self.lab.layout.machines["h1"]
        self.lab.services.stop(machine, "agent", kill=True)
        self.addCleanup(self.lab.services.start, machine, "agent")
        code, said = self.run_cni("install", "--wait", "0")
        self.assertEqual(1, code, said)
        self.assertIn("start the agent and call again", said)
        self.assertTrue(os.path.exists(self.path("bin/mooring")))
        self.assertEqual([], os.listdir(self.path("net.d")))
        self.lab.services.start(machine, "agent")
        code, said = self.run_cni("install", "--wait", "20")
        self.assertEqual(0, code, said)
        self.assertEqual(["10-mooring.conflist"], os.listdir(self.path("net.d")))
        code, said = self.run_cni("status")
        self.assertEqual((0, 3), (code, said.count("as ")), said)
        before = os.stat(self.path("bin/mooring"))
        code, said = self.run_cni("install")
        self.assertEqual((0, 3), (code, said.count("is there already")), said)
        self.assertEqual(before.st_ino, os.stat(self.path("bin/mooring")).st_ino)

    def test_it_works_while_the_old_plugin_runs(self):
        os.makedirs(self.path("bin"))
        shutil.copy("/bin/sleep", self.path("bin/mooring"))
        running = subprocess.Popen([self.path("bin/mooring"), "60"])
        self.addCleanup(running.wait)
        self.addCleanup(running.kill)
        code, said = self.run_cni("install")
        self.assertEqual(0, code, said)
        self.assertIsNone(running.poll())

    def test_uninstall_is_refused_while_containers_need_the_plugin(self):
        code, said = self.run_cni("install")
        self.assertEqual(0, code, said)
        self.add("h1", "web-0")
        code, said = self.run_cni("uninstall")
        self.assertEqual(1, code, said)
        self.assertIn("mooring-agent has 1 ports of containers", said)
        self.assertIn("--force", said)
        self.assertTrue(os.path.exists(self.path("net.d/10-mooring.conflist")))
        code, said = self.run_cni("uninstall", "--force")
        self.assertEqual(0, code, said)
        self.assertEqual(([], []), (os.listdir(self.path("net.d")), os.listdir(self.path("bin"))))
        code, said = self.run_cni("uninstall", "--force")
        self.assertEqual((0, 3), (code, said.count("was not there")), said)
        self.assertEqual(1, self.run_cni("status")[0])

    def test_a_bad_conflist_is_refused_and_nothing_done(self):
        good = json.load(open(self.path("10-mooring.conflist"), encoding="utf-8"))
        mooring = good["plugins"][0]
        for bad, complaint in (
                ("{", "JSON"), ("[]", "object"),
                (json.dumps({**good, "name": ""}), "name is missing"),
                (json.dumps({**good, "plugins": []}), "plugins is missing"),
                (json.dumps({**good, "plugins": [{"type": "bridge"}]}), "no plugin of it has type mooring"),
                (json.dumps({**good, "cniVersion": "9.0.0"}), "9.0.0"),
                (json.dumps({**good, "plugins": [{**mooring, "kind": 7}]}), "kind"),
                (json.dumps({**good, "plugins": [{**mooring, "timeoutSeconds": 0}]}), "timeoutSeconds")):
            with self.subTest(complaint):
                with open(self.path("10-mooring.conflist"), "w", encoding="utf-8") as file:
                    file.write(bad)
                code, said = self.run_cni("install")
                self.assertEqual(1, code, said)
                self.assertIn(complaint, said)
                self.assertIn("10-mooring.conflist", said)
                self.assertFalse(os.path.exists(self.path("bin")))


if __name__ == "__main__":
    unittest.main()
