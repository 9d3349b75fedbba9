"""ADD and DEL of our plugin beside Debian's bridge with host-local, on a lab of one host."""
import json
import os
import re
import statistics
import tempfile
import time

from benchkit.common import PEER_DIR, ROOT, BenchError, build, machine, percentile, print_table, run, say

TARGETS = ["mooring", "mooring-agent", "mooring-controller", "mooringctl", "mooring-gateway", "cni_bench"]
OURS, PEER = "mooring", "bridge+host-local"
CALLERS = (1, 8)
CONFIGURATIONS = {
    OURS: {"cniVersion": "1.0.0", "name": "bench", "type": "mooring"},
    PEER: {"cniVersion": "1.0.0", "name": "bench-bridge", "type": "bridge", "bridge": "cni-bench0", "isDefaultGateway": True,
           "ipam": {"type": "host-local", "dataDir": "/run/cni-bench-addresses", "ranges": [[{"subnet": "10.200.0.0/16"}]]}},
}


def lab(name, *arguments):
    return run([f"{ROOT}/scripts/lab", "--name", name, "--quiet", *arguments])


def measure_round(stage, name, callers, count, prefix, timing=False):
    lab_name, folder, build_folder = stage
    plugin = "/opt/cni/bin/mooring" if name == OURS else f"{PEER_DIR}/bridge"
    arguments = ["exec", "h1", f"{build_folder}/tests/cni_bench", "--plugin", plugin, "--conf", f"{folder}/{name}.json",
                 "--count", str(count), "--callers", str(callers), "--prefix", prefix]
    report = json.loads(lab(lab_name, *arguments, *(["--timing"] if timing else [])).splitlines()[-1])
    if report["failures"]:
        raise BenchError(f"{name}: {len(report['failures'])} calls failed, the first: {report['failures'][0]}")
    return report


def summary(reports, command):
    took = [value for report in reports for value in report[command]["milliseconds"]]
    return {"p50_ms": percentile(took, 50), "p99_ms": percentile(took, 99),
            "per_second": len(took) / sum(report[command]["seconds"] for report in reports), "calls": len(took)}


def print_comparison(figures):
    rows = []
    for command in ("add", "del"):
        for callers in CALLERS:
            ours, peer = figures[OURS][callers][command], figures[PEER][callers][command]
            who = f"{command.upper()}, {callers} caller{'s' if callers > 1 else ''}"
            for label, key in (("p50 ms", "p50_ms"), ("p99 ms", "p99_ms"), ("per second", "per_second")):
                rows.append([f"{who}: {label}", f"{ours[key]:.2f}", f"{peer[key]:.2f}", f"{ours[key] / peer[key]:.2f} x"])
    print_table(["", OURS, PEER, "ratio"], rows)


def timed_calls(report, command):
    """For each call, its steps by name in their order, what is outside of them included, and their sum: (whole, steps)."""
    calls = []
    for whole, line in zip(report[command]["milliseconds"], report["timings" if command == "add" else "del_timings"]):
        words = re.search(r"timing: (.*)", line).group(1).split()
        steps = dict(zip(words[::2], map(float, words[1::2])))
        steps["exec-read-print-exit"] = whole - sum(steps.values())
        calls.append((whole, steps))
    return calls


def print_breakdown(report, command):
    """Means over the half of the calls that is neither quick nor slow: unlike medians they add up."""
    calls = sorted(timed_calls(report, command), key=lambda call: call[0])
    middle = calls[len(calls) // 4:len(calls) - len(calls) // 4]
    whole = statistics.mean(call[0] for call in middle)
    means = {name: statistics.mean(steps[name] for _, steps in middle) for name in middle[0][1]}
    rows = [[name.replace("-", " "), f"{min(steps[name] for _, steps in calls):.2f}", f"{value:.2f}", f"{value / whole:.0%}"]
            for name, value in means.items()]
    rows.append(["whole", f"{calls[0][0]:.2f}", f"{whole:.2f}", "100%"])
    print_table([f"where the time of {command.upper()} goes, 1 caller", "least ms", "usual ms", "share"], rows)
    return means


def left_behind(lab_name):
    """How many ports of br-int and links of pods are still there."""
    ports = lab(lab_name, "exec", "h1", "ovs-vsctl", "list-ports", "br-int").split()
    links = [line.split("@")[0].split()[0] for line in lab(lab_name, "exec", "h1", "ip", "-br", "link").splitlines()]
    return len([name for name in ports + links if name.startswith("mo") and name != "mooring0"])


def up_and_down(stage, name, options, number):
    """Seconds until all are up, until all DELs have returned, and, of ours, until nothing of them is left."""
    report = measure_round(stage, name, CALLERS[-1], options.pods, f"pods{number}")
    ended = time.monotonic()
    while name == OURS and left_behind(stage[0]):
        time.sleep(0.2)
        if time.monotonic() - ended > 60:
            raise BenchError("a minute after their DELs, ports or links of pods are left")
    return report["add"]["seconds"], report["del"]["seconds"], time.monotonic() - ended


def bench_pods(options):
    """As many pods as a host may have, all at once, beside the peer."""
    build_folder = os.path.realpath(options.build) if options.build else build(TARGETS)
    say("starting a lab of one host")
    lab(options.lab, "down")
    lab(options.lab, "up", "--hosts", "1", "--gateways", "0", "--phys", "0", "--build", build_folder)
    took = {name: [] for name in CONFIGURATIONS}
    with tempfile.TemporaryDirectory(prefix="mooring-bench-") as folder:
        stage = (options.lab, folder, build_folder)
        write_configurations(folder)
        try:
            for number in range(options.rounds):
                for name in CONFIGURATIONS:
                    say(f"round {number + 1} of {options.rounds}: {options.pods} pods by {name}")
                    took[name].append(up_and_down(stage, name, options, number))
        finally:
            if not options.keep:
                lab(options.lab, "down")
    medians = {name: [statistics.median(column) for column in zip(*rounds)] for name, rounds in took.items()}
    print(f"{machine()}; {options.pods} pods, {CALLERS[-1]} callers, medians of {options.rounds} rounds\n")
    rows = [[label, f"{medians[OURS][i]:.2f}", f"{medians[PEER][i]:.2f}" if i < 2 else ""]
            for i, label in enumerate(["up: seconds", "down: seconds", "until no port and link is left: seconds more"])]
    print_table(["", OURS, PEER], rows)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({name: {"up_down_gone_seconds": rounds} for name, rounds in took.items()}, file, indent=2)


def write_configurations(folder):
    for name, configuration in CONFIGURATIONS.items():
        with open(f"{folder}/{name}.json", "w", encoding="utf-8") as file:
            json.dump(configuration, file)


def bench_cni(options):
    if not os.path.exists(f"{PEER_DIR}/bridge"):
        raise BenchError(f"{PEER_DIR}/bridge is missing: run scripts/deps")
    if options.pods:
        bench_pods(options)
        return
    build_folder = os.path.realpath(options.build) if options.build else build(TARGETS)
    say("starting a lab of one host")
    lab(options.lab, "down")
    lab(options.lab, "up", "--hosts", "1", "--gateways", "0", "--phys", "0", "--build", build_folder)
    reports = {name: {callers: [] for callers in CALLERS} for name in CONFIGURATIONS}
    with tempfile.TemporaryDirectory(prefix="mooring-bench-") as folder:
        stage = (options.lab, folder, build_folder)
        write_configurations(folder)
        try:
            for name in CONFIGURATIONS:  # files into the page cache, the bridge made
                measure_round(stage, name, 1, 4, "warm")
            for number in range(options.rounds):
                order = list(CONFIGURATIONS) if number % 2 == 0 else list(CONFIGURATIONS)[::-1]
                for callers in CALLERS:
                    for name in order:
                        say(f"round {number + 1} of {options.rounds}: {name}, {callers} caller(s)")
                        prefix = f"r{number}-c{callers}"
                        reports[name][callers].append(measure_round(stage, name, callers, options.count, prefix))
            timed = measure_round(stage, OURS, 1, options.count, "timed", timing=True)
        finally:
            if not options.keep:
                lab(options.lab, "down")
    figures = {name: {callers: {command: summary(reports[name][callers], command) for command in ("add", "del")}
                      for callers in CALLERS} for name in CONFIGURATIONS}
    print(f"{machine()}; {options.rounds} rounds of {options.count} containers\n")
    print_comparison(figures)
    print()
    breakdown = {command: print_breakdown(timed, command) for command in ("add", "del")}
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"figures": figures, "steps_ms": breakdown}, file, indent=2)
