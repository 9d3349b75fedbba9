"""Where drills play: a lab of at least three hosts, a pod on each of three, and what must be true of them before and after."""
import glob
import json
import time

from labkit import cni, inventory, traffic
from labkit.errors import LabError
from labkit.waiting import eventually

from .probes import Probes

NAMESPACE = "drill"
VICTIM = "a"  # the pod on the host to which things happen


class Stage:
    """`say`: takes one line of progress."""

    def __init__(self, lab, say, rate=1000, stop_seconds=30.0):
        self.lab = lab
        self.say = say
        self.rate = rate
        self.stop_seconds = stop_seconds
        self.pods = {}
        self.read = {}  # of each log, in bytes
        hosts = lab.layout.of_role("host")
        if len(hosts) < 3:
            raise LabError(f"lab '{lab.state.name}' has {len(hosts)} hosts; drills need three",
                           "take it down and let the drill build its own, or: scripts/lab up --hosts 3")
        self.hosts = dict(zip("abc", hosts))

    @property
    def victim(self):
        return self.hosts[VICTIM]

    @property
    def controller(self):
        return self.lab.layout.machines["controller"]

    # -- pods ------------------------------------------------------------------------------------------------------

    def add(self, end, kind="stateful"):
        """The pod of one end, with an address that stays with its name."""
        return self.lab.pods.add(self.hosts[end].name, f"drill-{end}", namespace=NAMESPACE, annotations={"mooring.io/kind": kind})

    def open(self):
        self.close()  # of a drill that was killed, or went wrong
        for end in self.hosts:
            self.pods[end] = self.add(end)

    def close(self):
        for pod in self.lab.pods.list():
            if pod.namespace == NAMESPACE:
                self.lab.pods.delete(pod)
        self.pods = {}

    def place(self, end):
        return self.lab.pods.place(self.pods[end])

    def probes(self, ends=None, machines=()):
        """Between these pods and, by name, these physical machines."""
        places = {end: (self.place(end), self.pods[end].address) for end in ends or self.pods}
        places |= {name: (self.lab.places[name], self.lab.layout.machines[name].address("eth0")) for name in machines}
        return Probes(places, self.rate)

    # -- what must be true -----------------------------------------------------------------------------------------

    def hold(self, seconds):
        """Lets the probes go on."""
        time.sleep(seconds)

    def settle(self):
        """Nothing is under way: every pod reaches every other, deleted pods' links are gone, agents are at their controller."""
        def links_gone():
            return not any(name.startswith("gone-mo") for host in self.lab.layout.of_role("host") for name in self._links(host))
        eventually(links_gone, 20, "the links of deleted pods to be gone", interval=0.1)
        eventually(self.agents_are_there, 60, "all agents to be at the controller", interval=0.2)
        for source in self.pods:
            for target in self.pods:
                if source != target:
                    eventually(lambda: self.reaches(source, target), 20, f"pod {source} to reach pod {target}", interval=0.2)

    def reaches(self, source, target):
        return traffic.reaches(self.place(source), self.pods[target].address, 1)

    def _links(self, host):
        place = self.lab.places[host.name]
        return [link["ifname"] for link in json.loads(place.run(["ip", "-j", "link", "show"]).stdout)]

    def agents_are_there(self):
        try:
            nodes = {node["name"]: node["live"] for node in self.lab.listed("nodes")}
        except LabError:
            return False  # the controller is on its way
        return all(nodes.get(host.name) for host in self.lab.layout.of_role("host"))

    def flows(self):
        """What the hosts' pods depend on, without what comes and goes with traffic."""
        return {host.name: inventory.flows(self.lab.places[host.name], "br-int") for host in self.hosts.values()}

    def expect_flows(self, before):
        def same():
            return all(now == before[name] for name, now in self.flows().items())

        def differing():
            lines = [f"{name}: {'-' if line in before[name] else '+'} {line}" for name, now in self.flows().items()
                     for line in sorted(now ^ before[name])]
            return "the flows of br-int to be as before:\n" + "\n".join(lines[:10])
        eventually(same, 20, differing, interval=0.2)

    def expect_no_reports(self):
        """A build with sanitizers has found nothing since the last call."""
        reports = []
        for log in sorted(glob.glob(f"{self.lab.state.folder}/logs/*/*.log")):
            with open(log, "rb") as file:
                file.seek(self.read.get(log, 0))
                text = file.read()
                self.read[log] = file.tell()
            reports += [f"{log}: {line.decode(errors='replace').strip()}" for line in text.splitlines() if b"Sanitizer: " in line]
        if reports:
            raise LabError(f"{len(reports)} reports of a sanitizer:\n" + "\n".join(reports[:5]))

    def expect_adds(self, *hosts):
        """A pod can be made and deleted on each of these machines; returns the seconds until the last one could."""
        began = time.monotonic()
        for host in hosts:
            problem = []

            def can():
                try:
                    self.lab.pods.delete(self.lab.pods.add(host.name, "drill-new", namespace=NAMESPACE))
                    return True
                except cni.CniError as error:
                    problem[:] = [error.message]
                    return False
            eventually(can, 30, lambda: f"an ADD on {host.name} to work: {problem}", interval=0.2)
        return time.monotonic() - began
