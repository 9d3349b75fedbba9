"""What is left behind, and who removes it: CNI GC, and ADDs that are killed at each of their steps."""
import contextlib
import json
import os
import tempfile
import threading
import unittest

from labkit import cni

from cni_case import CniCase
from lab_case import eventually, inventory

AT_STEP = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "support", "at_step.py")
SOME_STEPS = (12, 17, 22)  # of an ADD: with an address; with a link; with an OVS port


class CniLeftovers(CniCase):
    options = {"hosts": 2, "gateways": 0, "physical": 0}

    def start_add(self, pod, *wrapper):
        """The exit code of an ADD of the pod's first plugin under a wrapper, and what it said."""
        plugin = pod.attachment.conflist["plugins"][0]
        done = self.host.run([*wrapper, f"{cni.PLUGIN_DIR}/mooring"], env=pod.attachment.environment("ADD"), check=False,
                             input=json.dumps(pod.attachment.configuration(plugin, None)))
        if done.returncode == 0:
            pod.attachment.result = json.loads(done.stdout)
        return done.returncode, done.stderr

    # -- GC --------------------------------------------------------------------------------------------------------

    def test_gc_takes_what_the_runtime_has_forgotten_and_nothing_else(self):
        refused_before = self.agent_status()["counters"]["gc_refused_total"]
        kept, alive, gone = (self.add("h1", f"web-{i}") for i in range(3))
        far = self.add("h2", "far-0")
        other = self.prepared("other-0")
        other.attachment.conflist = {**other.attachment.conflist, "name": "other"}
        cni.add(self.host, other.attachment)
        self.lab.pods.forget(gone)  # the sandbox is gone; its DEL never comes

        said = self.gc([kept.attachment])
        self.assertEqual({"web-0", "web-1", "other-0", "far-0"}, self.known())  # at once
        self.assertIn(f"{alive.attachment.container_id}/eth0 stays", said)
        self.assertEqual(refused_before + 1, self.agent_status()["counters"]["gc_refused_total"])
        for pod in (kept, alive, other):
            self.expect_ping(pod, far)

        said = self.gc([kept.attachment], gc="strict")
        self.assertIn(f"{alive.attachment.container_id}/eth0 is removed", said)
        self.assertEqual({"web-0", "other-0", "far-0"}, self.known())
        for pod in (kept, other):
            self.expect_ping(pod, far)
        self.assertEqual("", self.gc([kept.attachment], gc="strict"))  # again
        for pod in (kept, far, other, alive):
            self.lab.pods.delete(pod)
        self.expect_nothing_left()

    def test_gc_without_a_list_removes_nothing(self):
        pod = self.add("h1", "web-0")
        configuration = self.ours(cniVersion="1.1.0", name=cni.first_conflist(self.host)["name"], gc="strict")
        for wrong in ({}, {"cni.dev/valid-attachments": "none"}, {"cni.dev/valid-attachments": [{"containerID": "x"}]}):
            with self.assertRaises(cni.CniError) as refused:
                self.call("mooring", "GC", {**configuration, **wrong})
            self.assertEqual(7, refused.exception.error["code"])
        self.assertEqual({"web-0"}, self.known())
        cni.check(self.host, pod.attachment)

    def test_gc_while_open_vswitch_is_away_says_so_and_works_later(self):
        pod = self.add("h1", "web-0")
        self.lab.pods.forget(pod)
        self.lab.services.stop(self.machine, "ovsdb")
        self.addCleanup(self.lab.services.start, self.machine, "ovsdb")
        eventually(lambda: not self.agent_status()["ovsdb"]["connected"], 5, "the agent to notice")
        with self.assertRaises(cni.CniError) as refused:
            self.gc([])
        self.assertEqual(11, refused.exception.error["code"])
        self.lab.services.start(self.machine, "ovsdb")
        eventually(lambda: self.agent_status()["ready"], 10, "the agent to be ready")
        self.gc([])
        self.expect_nothing_left()

    @contextlib.contextmanager
    def held_add(self, pod, step):
        """An ADD of the pod that is held at a step while the block runs; yields where its outcome will be."""
        outcome = []
        with tempfile.TemporaryDirectory() as folder:
            go = f"{folder}/go"
            adding = threading.Thread(target=lambda: outcome.append(
                self.start_add(pod, "/usr/bin/python3", AT_STEP, str(step), go)))
            adding.start()
            eventually(lambda: os.path.exists(go + ".held") or not adding.is_alive(), 10, "the ADD to be held")
            try:
                self.assertTrue(adding.is_alive(), outcome)
                yield outcome
            finally:
                with open(go, "w", encoding="ascii"):
                    pass
                adding.join()

    def test_gc_never_takes_an_add_in_flight(self):
        for step in SOME_STEPS:
            pod = self.prepared(f"slow-{step}")
            with self.held_add(pod, step) as outcome:
                self.assertNotIn(pod.attachment.container_id, self.gc([], gc="strict"))
            self.assertEqual(0, outcome[0][0], outcome)
            cni.check(self.host, pod.attachment)
            self.lab.pods.delete(pod)
        self.expect_nothing_left()

    def test_a_del_that_overtakes_its_add_wins(self):
        for step in SOME_STEPS:
            pod = self.prepared(f"overtaken-{step}")
            with self.held_add(pod, step) as outcome:
                cni.delete(self.host, pod.attachment, with_result=False)
            self.assertNotEqual(0, outcome[0][0], outcome)
            self.lab.pods.delete(pod)  # again
        self.expect_nothing_left()

    # -- killed ----------------------------------------------------------------------------------------------------

    def test_an_add_killed_at_any_step_leaves_nothing(self):
        pods, killed_before = [], []
        for step in range(1, 100):
            pod = self.prepared(f"killed-{step}")
            exit_code, said = self.start_add(pod, "/usr/bin/python3", AT_STEP, str(step), "kill")
            pods.append(pod)
            if exit_code != 137:
                self.assertEqual(0, exit_code, said)
                break
            killed_before.append(said.strip().rpartition(" ")[2])
        # It asks the agent twice and Open vSwitch once, sends a dozen netlink messages, and writes its result last.
        self.assertGreater(len(killed_before), 15, killed_before)
        self.assertEqual("write", killed_before[-1])
        # The last was not killed; the one before was killed when all was done but its result not told. Everybody else is
        # found by the agent itself, with nobody calling DEL or GC, and while the namespaces are alive.
        survivors = {pods[-1].name, pods[-2].name}
        eventually(lambda: self.known() == survivors, 15, f"only {survivors} to be left of {sorted(self.known())}")
        self.gc([pods[-1].attachment])
        self.assertEqual(survivors, self.known())  # alive: GC leaves it to whoever removes its namespace
        self.gc([pods[-1].attachment], gc="strict")
        self.assertEqual({pods[-1].name}, self.known())
        for pod in pods:
            self.lab.pods.delete(pod)
        self.assertEqual([], inventory.left(self.lab, self.empty))


if __name__ == "__main__":
    unittest.main()
