"""scripts/demo as a user runs it: every step works, and an interrupted one leaves nothing."""
import os
import signal
import subprocess
import unittest

from labkit import state
from labkit.processes import members

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


class Demo(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        self.name = f"t-{os.getpid()}-demo"
        self.environment = dict(os.environ, MOORING_LAB=self.name)
        self.assertIn("MOORING_BUILD_DIR", self.environment, "run by ctest, or with MOORING_BUILD_DIR set")
        self.addCleanup(subprocess.run, [f"{ROOT}/scripts/lab", "--name", self.name, "--quiet", "down"])

    def expect_nothing_of_it(self):
        self.assertNotIn(self.name, state.names())
        self.assertEqual([], members(self.name))

    def test_every_step_works(self):
        done = subprocess.run([f"{ROOT}/scripts/demo"], env=self.environment, capture_output=True, text=True, timeout=110)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        table = done.stdout.rpartition("step  ")[2]
        self.assertEqual(9, table.count(" ok "), table)
        self.assertIn("All steps worked", table)
        self.expect_nothing_of_it()

    def test_an_interrupted_demo_says_so_and_leaves_nothing(self):
        demo = subprocess.Popen([f"{ROOT}/scripts/demo"], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, start_new_session=True)
        said = ""
        while "containerd makes three pods" not in said and (line := demo.stdout.readline()):
            said += line
        os.killpg(demo.pid, signal.SIGINT)  # Ctrl-C reaches the whole group
        said += demo.communicate(timeout=60)[0]
        self.assertEqual(1, demo.returncode, said)
        self.assertIn("NOT all steps worked", said)
        self.expect_nothing_of_it()


if __name__ == "__main__":
    unittest.main()
