"""scripts/bench really measures: a short run of it, on a lab of its own."""
import json
import os
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


class Bench(unittest.TestCase):
    def test_cni_compares_both_plugins_and_says_where_the_time_goes(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [f"{ROOT}/scripts/bench", "cni", "--build", os.environ["MOORING_BUILD_DIR"], "--rounds", "1", "--count", "3",
                 "--lab", f"t-{os.getpid()}-bench", "--json", f"{folder}/figures.json"], capture_output=True, text=True, timeout=150)
            self.assertEqual(0, done.returncode, done.stderr)
            with open(f"{folder}/figures.json", encoding="utf-8") as file:
                report = json.load(file)
        self.assertIn("ADD, 8 callers: per second", done.stdout)
        for plugin in ("mooring", "bridge+host-local"):
            for callers in ("1", "8"):
                for command in ("add", "del"):
                    figures = report["figures"][plugin][callers][command]
                    self.assertEqual(3, figures["calls"])
                    self.assertGreater(figures["p99_ms"], 0)
                    self.assertGreaterEqual(figures["p99_ms"], figures["p50_ms"])
        self.assertIn("wait-for-confirmation", report["steps_ms"]["add"])

    def test_pods_are_made_and_deleted_at_once_and_nothing_is_left(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [f"{ROOT}/scripts/bench", "cni", "--pods", "4", "--build", os.environ["MOORING_BUILD_DIR"], "--rounds", "1",
                 "--lab", f"t-{os.getpid()}-pods", "--json", f"{folder}/figures.json"], capture_output=True, text=True, timeout=150)
            self.assertEqual(0, done.returncode, done.stderr)
            with open(f"{folder}/figures.json", encoding="utf-8") as file:
                report = json.load(file)
        self.assertIn("4 pods, 8 callers", done.stdout)
        self.assertEqual(1, len(report["mooring"]["up_down_gone_seconds"]))

    def test_gateway_measures_its_path_and_its_tables(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [f"{ROOT}/scripts/bench", "gateway", "--build", os.environ["MOORING_BUILD_DIR"], "--rounds", "1", "--pings", "10",
                 "--seconds", "0.5", "--ports", "2000", "--changes", "200", "--lab", f"t-{os.getpid()}-gw", "--json",
                 f"{folder}/figures.json"], capture_output=True, text=True, timeout=150)
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
            with open(f"{folder}/figures.json", encoding="utf-8") as file:
                report = json.load(file)
        for figures in report["path"].values():
            self.assertEqual({"rtt_p50_ms", "out_mbit", "in_mbit"}, set(figures))
            self.assertGreater(min(figures.values()), 0)
        self.assertGreaterEqual(report["tables"]["flows"], 2000)
        self.assertGreater(report["tables"]["changes_per_second"], 0)
        self.assertIn("machine to container, Mbit/s", done.stdout)

    def test_ipam_measures_every_part_and_finds_no_wrong_answer(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [f"{ROOT}/scripts/bench", "ipam", "--quick", "--build", os.environ["MOORING_BUILD_DIR"], "--json", f"{folder}/figures.json"],
                capture_output=True, text=True, timeout=150)
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
            with open(f"{folder}/figures.json", encoding="utf-8") as file:
                report = json.load(file)
        self.assertEqual([], report["wrong"])
        rows = {row["what"].strip(): row for row in report["rows"]}
        for what in ("durable allocations, 64 clients", "durable allocations, 8 clients", "an allocation, /8 at 99 %: p50",
                     "start with 2,000 bindings", "memory with 2,000 ports"):
            self.assertGreater(rows[what]["mooring"], 0)
            self.assertIn(what, done.stdout)
        self.assertEqual("/s host-local", rows["durable allocations, 8 clients"]["peer_name"])
        for clients, count in (("64", 400), ("8", 200), ("1", 50)):
            load = report["raw"]["rate"]["mooring"][clients][0]
            self.assertEqual(count, load["calls"])
            self.assertGreaterEqual(load["p99_us"], load["p50_us"])
            self.assertGreater(load["repeated"], 0)
        watch = report["raw"]["watch"]
        self.assertEqual(watch["watchers"] * watch["changes"], watch["deliveries"])
        self.assertGreater(watch["after_restart"]["measured"], 0)
        self.assertEqual((watch["watchers"], 0), (watch["after_restart"]["resumed"], watch["after_restart"]["snapshots"]))


if __name__ == "__main__":
    unittest.main()
