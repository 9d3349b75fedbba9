"""The long version of "kill -9 of the controller loses no acknowledged address": it dies again and again under load."""
import unittest
from concurrent.futures import ProcessPoolExecutor

from labkit import cni
from labkit.lab import Lab
from labkit.narrator import Narrator

from lab_case import LabCase, eventually

PODS = 60
KILLS = 30


def keep_adding(lab_name, host):
    """As kubelet: a failed ADD is tried again, with a new container id. Returns {pod: address} of what was acknowledged."""
    lab = Lab(lab_name, Narrator(quiet=True))
    acknowledged = {}
    for i in range(PODS):
        name = f"{host}-web-{i}"

        def added():
            try:
                acknowledged[name] = lab.pods.add(host, name).address
                return True
            except cni.CniError as error:
                if error.error.get("code") not in (5, 11):
                    raise
                return False
        eventually(added, 60, f"{name} to be added", interval=0.1)
    return acknowledged


class Kill(LabCase):
    def test_the_controller_dies_under_load(self):
        controller = self.lab.layout.machines["controller"]
        with ProcessPoolExecutor(2) as pool:
            running = [pool.submit(keep_adding, self.lab.state.name, host) for host in ("h1", "h2")]
            for _ in range(KILLS):
                before = len(self.lab.pods.list())
                self.lab.services.stop(controller, "controller", kill=True)
                self.lab.services.start(controller, "controller")
                eventually(lambda: len(self.lab.pods.list()) > before or all(work.done() for work in running), 60, "an ADD to succeed")
            acknowledged = {name: address for work in running for name, address in work.result().items()}
        self.assertEqual(2 * PODS, len(acknowledged))
        self.assertEqual(len(acknowledged), len(set(acknowledged.values())), "an address was given twice")
        self.assertEqual(acknowledged, {port["hostname"]: port["address"] for port in self.ports()
                                        if port["hostname"] in acknowledged})
        for pod in self.lab.pods.list():
            self.lab.pods.delete(pod)
        eventually(lambda: not self.ports(), 30, "failed ADDs to be released too")
        self.expect_nothing_left()


if __name__ == "__main__":
    unittest.main()
