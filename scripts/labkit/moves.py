"""A pod with a fixed address made anew on another host, under probes: who answered when."""
import signal
import time

from . import cni, probes

NODE_PARTS = ("agent", "vswitchd", "ovsdb")
OLD_HOSTS = ("alive", "stopped", "killed", "cut off")  # what may be the matter with the host that had the pod


class Mover:
    """In a lab of three hosts: pods move from h1 to h2, and a pod of h3 watches."""

    def __init__(self, lab):
        self.lab = lab
        self.machine = lab.layout.machines["h1"]
        self.watcher = lab.pods.add("h3", "watcher")
        self.running = []

    def bind(self, name, address):
        self.lab.ctl("create", "binding", f"default/{name}", "--address", address)

    def add(self, host, name, uid, who):
        """A pod that answers probes as `who` from the moment it has its address; and when its ADD returned."""
        pod = self.lab.pods.prepare(host, name, uid=uid)
        self.running.append(probes.answer(self.lab.pods.place(pod), who))
        cni.add(self.lab.places[host], pod.attachment)
        returned = time.monotonic()
        self.lab.pods.save(pod)
        return pod, returned

    def strike(self, old_host):
        """Something befalls h1."""
        if old_host == "stopped":
            for part in NODE_PARTS:
                self.lab.services.process(self.machine, part).signal(signal.SIGSTOP)
        elif old_host == "killed":
            for part in NODE_PARTS:
                self.lab.services.stop(self.machine, part, kill=True)
        elif old_host == "cut off":
            self._links("down")

    def heal(self, old_host):
        if old_host == "stopped":
            for part in NODE_PARTS:
                self.lab.services.process(self.machine, part).signal(signal.SIGCONT)
        elif old_host == "killed":
            for part in reversed(NODE_PARTS):
                self.lab.services.start(self.machine, part)
        elif old_host == "cut off":
            self._links("up")

    def _links(self, state):
        fabric = self.lab.places["fabric"]
        for interface in ("eth0", "mgmt0"):
            fabric.run(["ip", "link", "set", self.lab.layout.fabric_port(self.machine, interface), state])

    def probe(self, address, interval_us=1000):
        return probes.begin(self.lab.pods.place(self.watcher), address, interval_us)

    def end(self):
        for process in self.running:
            probes.end(process)
        self.running.clear()
