"""An overlay of 2,000 agents on one controller, and a host with many ports: does it hold?"""
import json
import os
import subprocess
import tempfile

from benchkit.common import BenchError, build, machine, run, say
from benchkit.controller import Controller
from benchkit.dense import bench_dense
from benchkit.ipam import Rows

TARGETS = ["mooring", "mooring-agent", "mooring-controller", "mooringctl", "mooring-gateway", "ipam_store", "scale_bench", "cni_bench"]
PARTS = ("agents", "dense")
SIZES = {  # what a run measures, and what --quick does
    "agents": (2000, 40), "whole": (16, 2), "thin": (200, 20), "ports": (100_000, 2000), "moves": (1000, 50), "adds": (500, 40), "slow_seconds": (30, 3),
    "fast_seconds": (5, 1), "move_seconds": (20, 2), "dense_ports": (500, 8), "dense_peers": (2000, 50), "dense_calls": (40, 6)}


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) / 1024


class Agents:
    """The simulator (tests/bench/scale_*) and its controller."""

    def __init__(self, folder, build_folder, size):
        self.folder, self.build, self.size = folder, build_folder, size
        self.phases, self.wrong = {}, None

    def measure(self):
        size = self.size
        say(f"making a store with {size['ports']:,} ports of {size['agents']:,} nodes")
        run([f"{self.build}/tests/ipam_store", "--store", f"{self.folder}/scale.db", "--bindings", str(size["moves"]),
             "--ports", str(size["ports"] - size["moves"]), "--nodes", str(size["agents"])])
        with Controller(self.build, self.folder, "scale.db") as controller:
            simulator = subprocess.Popen(
                [f"{self.build}/tests/scale_bench", "--socket", controller.socket,
                 *(f"--{name.replace('_', '-')}={size[name]}" for name in
                   ("agents", "whole", "thin", "adds", "slow_seconds", "fast_seconds", "moves", "move_seconds"))],
                stdout=subprocess.PIPE, text=True)
            try:
                for line in simulator.stdout:
                    self.hear(json.loads(line), controller)
            finally:
                simulator.kill()
                simulator.wait()
        if self.wrong is None:
            raise BenchError("scale_bench failed")

    def hear(self, report, controller):
        if "wrong" in report:
            self.wrong = report["wrong"]
        elif "begin" in report:
            say(f"agents: {report['begin']}")
            if report["begin"] == "restart":
                controller.kill()
                self.down = controller.start()
            self.cpu = cpu_seconds(controller.process.pid)
        else:
            report["controller_cpu_seconds"] = cpu_seconds(controller.process.pid) - self.cpu
            report["controller_peak_mb"] = peak_mb(controller.process.pid)
            if report["end"] == "restart":
                report["controller_start_seconds"] = self.down
            self.phases[report["end"]] = report
            say(f"  {report}")

    def rows(self, rows):
        for name, phase in self.phases.items():
            if "all_agents" in phase:
                rows.add(f"{name}: {phase['changes']:,} changes, until all {self.size['agents']:,} agents have one: p50", phase["all_agents"]["p50_ms"],
                         "ms", ("<=", 50))
                rows.add("  p99", phase["all_agents"]["p99_ms"], "ms", ("<=", 300))
                rows.add("  an agent: p50", phase["an_agent"]["p50_ms"], "ms")
                rows.add("  an agent: p99", phase["an_agent"]["p99_ms"], "ms")
                rows.add("  controller, share of a core", phase["controller_cpu_seconds"] / phase["seconds"] * 100, "%")
                rows.add("  all agents together, share of a core", phase["own_cpu_seconds"] / phase["seconds"] * 100, "%")
                rows.add("  bytes to an agent", phase["bytes_an_agent"] / 1000, "kB")
                rows.add("  flows changed, all agents together", phase["flow_changes"], "")
        snapshots, restart, streams = (self.phases[name] for name in ("snapshots", "restart", "streams"))
        rows.add(f"snapshot of {snapshots['ports']:,} ports to {snapshots['agents']} agents at once", snapshots["seconds"], "s")
        rows.add("restart (SIGKILL): the controller answers after", restart["controller_start_seconds"], "s")
        rows.add("  from the first agent that is back to the last", restart["seconds_from_the_first_to_the_last"], "s")
        rows.add("  agents that resumed by revision", restart["resumed"], "", (">=", self.size["agents"]))
        rows.add("  streams cut for slowness, silence, drift", sum(streams[what] for what in ("goodbyes", "silences", "drifts", "malformed")), "", ("<=", 0))
        rows.add("controller's memory, at most", max(phase["controller_peak_mb"] for phase in self.phases.values()), "MB")
        rows.add("simulator's memory, at most", streams["own_megabytes"], "MB")


def bench_scale(options):
    build_folder = os.path.realpath(options.build) if options.build else build(TARGETS)
    size = {name: quick if options.quick else full for name, (full, quick) in SIZES.items()}
    rows, raw, wrong = Rows(), {}, []
    parts = options.only or PARTS
    if "agents" in parts:
        # Not /tmp, which may be memory: a change is durable before it is told.
        with tempfile.TemporaryDirectory(prefix="mooring-bench-", dir="/var/tmp") as folder:
            agents = Agents(folder, build_folder, size)
            agents.measure()
        agents.rows(rows)
        raw["agents"], wrong = agents.phases, agents.wrong
    if "dense" in parts:
        raw["dense"] = bench_dense(options.lab, build_folder, size, rows)
    print(f"{machine()}{', quick: the figures mean nothing' if options.quick else ''}\n")
    rows.print()
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"rows": rows.rows, "wrong": wrong, "raw": raw}, file, indent=2)
    if wrong:
        raise BenchError("wrong:\n" + "\n".join(wrong))
