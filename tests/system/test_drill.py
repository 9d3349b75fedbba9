"""scripts/drill: a few drills are played for real, and the table, the exit code and what is left behind are looked at."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

from labkit import inventory, state

from lab_case import LabCase

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
PLAYED = ("agent-kill", "ovsdb-kill", "vswitchd-kill", "controller-kill", "agent-disk-full", "reboot")


def drill(*arguments):
    return subprocess.run([sys.executable, f"{ROOT}/scripts/drill", *arguments], capture_output=True, text=True, timeout=170)


class Words(unittest.TestCase):
    def test_list_and_a_name_that_there_is_not(self):
        listed = drill("list")
        self.assertEqual(0, listed.returncode, listed.stderr)
        names = {line.split()[0] for line in listed.stdout.splitlines()}
        for component in ("agent", "vswitchd", "ovsdb", "controller", "node", "all"):
            for fault in ("term", "kill", "stop"):
                self.assertIn(f"{component}-{fault}", names)
        self.assertLessEqual({"none", "headless", "reboot", "agent-disk-full", "controller-disk-full"}, names)
        self.assertLessEqual({"vip-backend-kill", "vip-backend-node-kill", "vip-gateway-kill", "vip-set-change"}, names)
        wrong = drill("agent-sleep")
        self.assertEqual(2, wrong.returncode)
        self.assertIn("scripts/drill list", wrong.stderr)


class Drills(LabCase):
    options = {"hosts": 3, "gateways": 1, "physical": 0, "tune": True}

    def test_the_faults_that_say_most(self):
        with tempfile.TemporaryDirectory() as folder:
            played = drill(*PLAYED, "--lab", self.lab.state.name, "--quiet", "--markdown", "--json", f"{folder}/out.json")
            self.assertIn(played.returncode, (0, 1), played.stdout + played.stderr)
            with open(f"{folder}/out.json", encoding="utf-8") as file:
                outcomes = json.load(file)["drills"]
        self.assertEqual(list(PLAYED), [outcome["name"] for outcome in outcomes])
        self.assertEqual(played.returncode == 0, all(outcome["passed"] for outcome in outcomes))
        for outcome in outcomes:
            with self.subTest(outcome["name"]):
                self.assertGreater(outcome["sent"], 1000)
                self.assertEqual([], outcome["problems"], outcome)
        self.assertEqual(len(PLAYED) + 2, len(played.stdout.splitlines()), played.stdout)  # a row each, nothing to explain
        self.lab.state.load()  # daemons were started by another process
        self.assertFalse([pod.full_name for pod in self.lab.pods.list()])
        self.assertEqual([], inventory.left(self.lab, self.empty))
        self.assertIn(self.lab.state.name, state.names())


if __name__ == "__main__":
    unittest.main()
