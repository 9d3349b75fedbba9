"""Ten hosts, two gateways: every host reaches every other; a storm of ADD and DEL leaves nothing."""
import unittest
from concurrent.futures import ProcessPoolExecutor

from labkit.lab import Lab
from labkit.narrator import Narrator

from lab_case import LabCase, traffic


def churn(lab_name, host):
    """In a process of its own: ten ADDs on one host, every second one deleted again."""
    lab = Lab(lab_name, Narrator(quiet=True))
    for i in range(10):
        pod = lab.pods.add(host, f"storm-{host}-{i}")
        if i % 2:
            lab.pods.delete(pod)


class Scale(LabCase):
    options = {"hosts": 10, "gateways": 2, "physical": 2}

    def test_every_host_reaches_every_other(self):
        pods = [self.add(f"h{i}", f"web-{i}") for i in range(1, 11)]
        for source in pods:
            for target in pods:
                if source is not target:
                    received, _ = traffic.ping(self.place(source), target.address, count=1)
                    self.assertEqual(1, received, f"{self._name(source)} -> {self._name(target)}")
        for machine in ("phys1", "phys2"):
            self.expect_ping(machine, pods[9])

    def test_a_storm_of_add_and_del(self):
        with ProcessPoolExecutor(4) as pool:
            list(pool.map(churn, [self.lab.state.name] * 10, [f"h{i}" for i in range(1, 11)]))
        addresses = [port["address"] for port in self.ports()]
        self.assertEqual(50, len(addresses))
        self.assertEqual(50, len(set(addresses)), "an address was given twice")
        for pod in self.lab.pods.list():
            self.lab.pods.delete(pod)
        self.expect_nothing_left()


if __name__ == "__main__":
    unittest.main()
