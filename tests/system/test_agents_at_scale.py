"""scripts/bench scale, small: every agent applies every change once, resumes after a restart, and its flows follow."""
import json
import os
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
AGENTS, ADDS, MOVES, CALLS = 40, 40, 50, 6  # of --quick


class Scale(unittest.TestCase):
    def test_every_agent_applies_every_change_once(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [f"{ROOT}/scripts/bench", "scale", "--quick", "--build", os.environ["MOORING_BUILD_DIR"], "--lab", f"t-{os.getpid()}-scale",
                 "--json", f"{folder}/figures.json"], capture_output=True, text=True, timeout=170)
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
            with open(f"{folder}/figures.json", encoding="utf-8") as file:
                report = json.load(file)
        self.assertEqual([], report["wrong"])
        phases = report["raw"]["agents"]
        for phase, changes in (("adds in 3 s", ADDS), ("adds in 1 s", ADDS), ("moves", MOVES), ("moves after the restart", MOVES)):
            self.assertEqual(changes, phases[phase]["changes"])
            self.assertEqual(AGENTS * changes, phases[phase]["an_agent"]["measured"])
        self.assertGreater(phases["moves"]["flow_changes"], 0)
        self.assertEqual((AGENTS, 0), (phases["restart"]["resumed"], phases["restart"]["snapshots"]))
        self.assertEqual([CALLS] * 3, [len(took) for took in report["raw"]["dense"].values()])


if __name__ == "__main__":
    unittest.main()
