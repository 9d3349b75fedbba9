"""What the tests of CNI share: several interfaces of one container, configurations of their own, other projects' plugins."""
import json
import os
import shutil

from labkit import cni

from lab_case import LabCase

THIRD_PARTY = "/usr/lib/cni"  # Debian's containernetworking-plugins


class CniCase(LabCase):
    options = {"hosts": 1, "gateways": 0, "physical": 0}

    def setUp(self):
        super().setUp()
        self.host = self.lab.places["h1"]
        self.machine = self.lab.layout.machines["h1"]

    def third_party(self, *plugins):
        """Puts them where the host's runtimes look for plugins."""
        for plugin in plugins:
            target = f"{self.host.root}{cni.PLUGIN_DIR}/{plugin}"
            if not os.path.exists(target):
                shutil.copy2(f"{THIRD_PARTY}/{plugin}", target)

    def ours(self, **keys):
        """Our plugin as the host's conflist has it, with more keys."""
        return {**cni.first_conflist(self.host)["plugins"][0], **keys}

    def prepared(self, name, conflist=None, **options):
        """A pod that has only a namespace yet; whatever it is given by the test is deleted after it."""
        pod = self.lab.pods.prepare("h1", name, **options)
        if conflist:
            pod.attachment.conflist = conflist
        self.addCleanup(self._delete_if_there, pod)
        return pod

    def interface(self, pod, name, conflist, arguments=None):
        """Another interface of the pod: its attachment, not added yet."""
        first = pod.attachment
        attachment = cni.Attachment(first.container_id, first.netns, interface=name, conflist=conflist,
                                    arguments={**first.arguments, **(arguments or {})}, annotations=first.annotations)
        self.addCleanup(lambda: os.path.exists(self.host.root + first.netns) and cni.delete(self.host, attachment))
        return attachment

    def call(self, plugin, command, configuration, **environment):
        """What a plugin prints; raises CniError."""
        return cni.call_plugin(self.host, plugin, {"CNI_COMMAND": command, "CNI_PATH": cni.PLUGIN_DIR, **environment}, configuration)

    def gc(self, valid, plugin="mooring", conflist=None, **keys):
        """CNI GC with these attachments as the valid ones; what it says on standard error."""
        conflist = conflist or cni.first_conflist(self.host)
        configuration = {**conflist["plugins"][0], "cniVersion": "1.1.0", "name": conflist["name"], **keys,
                         "cni.dev/valid-attachments": [{"containerID": one.container_id, "ifname": one.interface} for one in valid]}
        done = self.host.run([f"{cni.PLUGIN_DIR}/{plugin}"], env={"CNI_COMMAND": "GC", "CNI_PATH": cni.PLUGIN_DIR},
                             input=json.dumps(configuration), check=False)
        if done.returncode:
            raise cni.CniError(plugin, done.returncode, json.loads(done.stdout), done.stdout, done.stderr)
        self.assertEqual("", done.stdout)
        return done.stderr

    def agent_status(self):
        return json.loads(self.host.run(["curl", "-s", "--unix-socket", "/run/mooring/agent.sock", "http://agent/v1/status"]).stdout)

    def known(self):
        """Hostnames of the controller's ports."""
        return {port["hostname"] for port in self.ports()}

    def controller_post(self, path, body):
        done = self.lab.places["controller"].run(
            ["curl", "-sS", "--fail-with-body", "--unix-socket", "/run/mooring/controller.sock", "-d", json.dumps(body),
             "-H", "content-type: application/json", f"http://controller{path}"])
        return json.loads(done.stdout)

    def create_subnet(self, name, vni, cidr, **pool):
        self.lab.ctl("create", "subnet", name, "--vni", str(vni), "--cidr", cidr)
        self.addCleanup(self.lab.ctl, "delete", "subnet", name)
        self.controller_post("/v1/pools", {"name": name, "subnet": name, **pool})
        self.addCleanup(self.lab.ctl, "delete", "pool", name)
