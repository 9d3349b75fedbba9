"""What the system tests share: a lab for each test class, removed whatever happens, and its logs when something fails."""
import os
import sys
import unittest

from labkit import inventory, news, traffic
from labkit.errors import LabError
from labkit.lab import Lab
from labkit.narrator import Narrator
from labkit.waiting import eventually

__all__ = ["LabCase", "LabError", "eventually", "inventory", "traffic"]


class LabCase(unittest.TestCase):
    """Set `options` to what `Lab.up` shall get. Every test leaves the lab as empty as it found it."""
    options = {}
    lab = None

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root")
        name = f"t-{os.getpid()}-{cls.__name__.lower()}"[:31].rstrip("-")
        cls.lab = Lab(name, Narrator(quiet=True))
        cls.addClassCleanup(cls.lab.down)
        cls.lab.up(**cls.options)
        cls.empty = inventory.take(cls.lab)

    def setUp(self):
        self.addCleanup(self._explain)

    def _explain(self):
        """The ends of the logs, if this test went wrong."""
        if self._outcome.success:
            return
        for machine in self.lab.layout.machines.values():
            for component in self.lab.services.of(machine):
                if component not in ("ovsdb", "vswitchd", "containerd"):
                    print(f"--- {machine.name} {component}:\n{self.lab.services.log_end(machine, component, 12)}", file=sys.stdout)

    # -- shorthand -------------------------------------------------------------------------------------------------

    def add(self, host, name, **options):
        """A pod that is deleted after the test."""
        pod = self.lab.pods.add(host, name, **options)
        self.addCleanup(self._delete_if_there, pod)
        return pod

    def _delete_if_there(self, pod):
        if any(other.attachment.container_id == pod.attachment.container_id for other in self.lab.pods.list(pod.host)):
            self.lab.pods.delete(pod)

    def place(self, who):
        """A pod's or a machine's place."""
        return self.lab.places[who] if isinstance(who, str) else self.lab.pods.place(who)

    def address(self, who):
        if not isinstance(who, str):
            return who.address
        return self.lab.layout.machines[who].address("eth0")

    def expect_ping(self, source, target, count=2):
        self.expect_reach(source, self.address(target), count, self._name(target))

    def expect_reach(self, source, address, count=2, name=""):
        """As expect_ping(), for an address of whoever it may be."""
        self.settle()
        self.assertTrue(traffic.reaches(self.place(source), address, count),
                        f"pings from {self._name(source)} to {name or address} answered")

    def settle(self):
        """Until agents and gateways know all pods that the controller knows, the agents have deleted the links that DELs left
        for them, and the switches have taken in all changes of links (docs/reliability.md says what each one may cost on the
        userspace datapath)."""
        news.wait(self.lab)

        def gone():
            return not any(name.startswith("gone-mo") for machine in self.lab.layout.of_role("host")
                           for name in os.listdir(f"{self.lab.places[machine.name].root}/sys/class/net"))
        eventually(gone, 10, "the links of deleted pods to be gone")
        for machine in self.lab.layout.of_role("host", "gateway"):
            traffic.settle(self.lab.places[machine.name])

    @staticmethod
    def _name(who):
        return who if isinstance(who, str) else f"{who.full_name} on {who.host}"

    def expect_nothing_left(self):
        self.assertEqual([], inventory.left(self.lab, self.empty))

    def ports(self):
        return self.lab.listed("ports")
