"""containerd on a lab host: a real runtime with its CRI plugin, as kubelet uses it, with root, state and sockets of its own."""
import os
import shutil

from . import artifacts
from .errors import LabError

SOCKET = "/run/containerd/containerd.sock"
_CONFIG = """\
version = 2
root = "/run/lab-containerd/root"
state = "/run/lab-containerd/state"
[grpc]
  address = "{socket}"
[ttrpc]
  address = "{socket}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "/run/lab-containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
"""


def cgroup_parent(lab, host):
    return f"/mooring-lab-{lab}/{host}"


class Containerd:
    def __init__(self, lab):
        self.lab = lab

    def prepare(self, machine):
        place = self.lab.places[machine.name]
        for tool in ("containerd", "runc"):
            if not shutil.which(tool):
                raise LabError(f"{tool} is not installed", "run scripts/deps")
        with open(f"{place.root}/etc/containerd/config.toml", "w", encoding="utf-8") as file:
            file.write(_CONFIG.format(socket=SOCKET, pause=artifacts.PAUSE_IMAGE))
        # The runtime calls `loopback` for every sandbox; it comes from Debian.
        shutil.copy2("/usr/lib/cni/loopback", f"{place.root}/opt/cni/bin/loopback")

    @staticmethod
    def argv():
        return ["containerd", "--config", "/etc/containerd/config.toml"]

    def import_images(self, machine):
        place = self.lab.places[machine.name]
        for name, path in (("pause", artifacts.pause_image()), ("busybox", artifacts.busybox_image())):
            inside = f"/run/lab-containerd/{name}.tar"
            shutil.copyfile(path, place.root + inside)
            place.run(["ctr", "-a", SOCKET, "-n", "k8s.io", "images", "import", inside], timeout=60)
            os.unlink(place.root + inside)


def remove_cgroups(lab):
    """Removes the control groups of the lab's containers: every hierarchy (v1) or the one (v2). Returns what stayed."""
    stayed = []
    tops = ["/sys/fs/cgroup"]
    try:
        tops += [entry.path for entry in os.scandir("/sys/fs/cgroup") if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return stayed
    for top in tops:
        group = f"{top}/mooring-lab-{lab}"
        for folder, _, _ in os.walk(group, topdown=False):
            try:
                os.rmdir(folder)
            except OSError as error:
                stayed.append(f"{folder}: {error.strerror}")
    return stayed
