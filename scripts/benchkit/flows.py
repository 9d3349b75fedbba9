"""On-demand destinations: what a first packet waits, what a scan costs, and what 100,000 entries weigh."""
import json
import os
import re
import subprocess
import time

from benchkit import stored_ports
from benchkit.common import BenchError, ROOT, build, machine, percentile, print_table, say
from labkit import inventory, traffic
from labkit.lab import Lab
from labkit.narrator import Narrator
from labkit.waiting import eventually

TARGETS = ["mooring", "mooring-agent", "mooring-controller", "mooringctl", "mooring-gateway", "ipam_store"]
PARTS = ("first", "scan", "memory")
THERE, RELAY, AGENT = "the flow is there", "relayed by a gateway", "by the agent"
WAYS = {RELAY: 1, AGENT: 0}  # -> gateways
ONE_BY_ONE = ["--destination-idle-seconds", "1"]
_SCAN = f"{ROOT}/tests/support/scan.py"


def destination_flows(place):
    return sum("table=20" in flow and "priority=100," in flow for flow in inventory.flows(place, "br-tun"))


def no_flows(lab):
    """No pair has a flow, and the datapath has no cached path either."""
    eventually(lambda: not destination_flows(lab.places["h1"]) and not destination_flows(lab.places["h2"]), 20, "all flows to go")
    empty_caches(lab)


def empty_caches(lab):
    for machine in lab.layout.of_role("host", "gateway"):
        lab.places[machine.name].run(["ovs-appctl", "-t", "ovs-vswitchd", "revalidator/purge"])


def first_packets(options, build_folder, way):
    """Pairs of pods on two hosts. `way`: what the first ping of a pair meets, there and back."""
    lab = Lab(options.lab, Narrator(quiet=True))
    first, warm, lost = [], [], 0
    try:
        lab.up(hosts=3, gateways=0 if way == AGENT else 1, physical=0, build=build_folder, agent_options=[] if way == THERE else ONE_BY_ONE)
        pairs = [(lab.pods.add("h1", f"a-{i}"), lab.pods.add("h2", f"b-{i}")) for i in range(options.pairs)]
        if way == THERE:
            for a, b in pairs:
                traffic.ping(lab.pods.place(a), b.address, count=3, interval="0.02")
        for number in range(options.rounds):
            say(f"first packets, {way}: round {number + 1} of {options.rounds}")
            (empty_caches if way == THERE else no_flows)(lab)
            for a, b in pairs:
                received, times = traffic.ping(lab.pods.place(a), b.address, count=5, interval="0.02")
                lost += 5 - received
                if received == 5:
                    first.append(times[0])
                    warm += times[2:]
    finally:
        lab.down()
    if not first:
        raise BenchError("no first ping was answered")
    return {"first_p50_ms": percentile(first, 50), "first_p99_ms": percentile(first, 99), "warm_p50_ms": percentile(warm, 50),
            "warm_p99_ms": percentile(warm, 99), "first": len(first), "lost": lost}


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid, which="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(which + r":\s*(\d+) kB", file.read()).group(1)) / 1024


def scan(options, build_folder, way):
    """A container sends to random addresses of the /16 while two others of its host talk to another host."""
    lab = Lab(options.lab, Narrator(quiet=True))
    try:
        lab.up(hosts=2, gateways=WAYS[way], physical=0, build=build_folder)
        scanner, a, b = lab.pods.add("h1", "scan"), lab.pods.add("h1", "web-a"), lab.pods.add("h2", "web-b")
        pid = lab.services.process(lab.layout.machines["h1"], "agent").pid
        figures = {}
        for rate in (0, options.scan_rate):
            say(f"scan with {rate} packets a second, {way}")
            process = lab.pods.place(scanner).popen(["/usr/bin/python3", _SCAN, str(rate), str(options.scan_seconds), "[]"],
                                                    stdout=subprocess.PIPE, text=True)
            before, begun = cpu_seconds(pid), time.monotonic()
            count = int(options.scan_seconds * 50) - 50
            received, times = traffic.ping(lab.pods.place(a), b.address, count=count, interval="0.02")
            used = (cpu_seconds(pid) - before) / (time.monotonic() - begun)
            sent = int(process.communicate(timeout=options.scan_seconds + 60)[0])
            figures["scan" if rate else "quiet"] = {
                "sent_per_second": sent / options.scan_seconds,
                "p50_ms": percentile(times, 50), "p99_ms": percentile(times, 99), "lost": count - received, "agent_cpu": used,
                "flows": destination_flows(lab.places["h1"])}
        return figures
    finally:
        lab.down()


def memory(options, build_folder):
    """An agent whose directory has that many ports of other nodes."""
    lab = Lab(options.lab, Narrator(quiet=True))
    try:
        lab.up(hosts=1, gateways=0, physical=0, build=build_folder, objects=False)
        host = lab.layout.machines["h1"]
        say(f"an agent with {options.entries:,} directory entries")
        empty = memory_mib(lab.services.process(host, "agent").pid)
        lab.services.stop(host, "agent")
        stored_ports.give(lab, build_folder, options.entries)
        lab.services.start(host, "agent")
        checkpoint = f"{lab.places['h1'].root}/var/lib/mooring/agent/directory"
        enough = options.entries * 60  # bytes: the whole directory, not the former one
        eventually(lambda: os.path.exists(checkpoint) and os.path.getsize(checkpoint) > enough, 180, "the directory to be on the disk", interval=0.2)
        pid = lab.services.process(host, "agent").pid
        snapshot, peak = memory_mib(pid), memory_mib(pid, "VmHWM")
        lab.services.stop(host, "agent")
        lab.services.start(host, "agent")
        eventually(lambda: inventory.flows(lab.places["h1"], "br-tun"), 20, "the flows to be there")
        return {"empty_mib": empty, "snapshot_mib": snapshot, "peak_mib": peak, "restarted_mib": memory_mib(lab.services.process(host, "agent").pid),
                "flows": destination_flows(lab.places["h1"])}
    finally:
        lab.down()


def print_first(figures):
    there = figures[THERE]
    print_table(["first ping of a pair", "lost", "p50 ms", "p99", "later p50 ms", "p99", "more than with a flow, p50", "p99"],
                [[way, str(f["lost"]), *(f"{value:.2f}" for value in (
                    f["first_p50_ms"], f["first_p99_ms"], f["warm_p50_ms"], f["warm_p99_ms"], f["first_p50_ms"] - there["first_p50_ms"],
                    f["first_p99_ms"] - there["first_p99_ms"]))] for way, f in figures.items()])


def print_scan(figures):
    print_table(["others while a container scans", "scanned/s", "lost", "p50 ms", "p99 ms", "agent's share of a core", "flows"],
                [[f"{way}: {which}", f"{f['sent_per_second']:.0f}", str(f["lost"]), f"{f['p50_ms']:.2f}", f"{f['p99_ms']:.2f}",
                  f"{f['agent_cpu']:.0%}", str(f["flows"])] for way, both in figures.items() for which, f in both.items()])


def print_memory(figures, entries):
    print_table([f"agent's memory, {entries:,} entries", "MiB"],
                [["empty directory", f"{figures['empty_mib']:.1f}"], ["after the snapshot", f"{figures['snapshot_mib']:.1f}"],
                 ["at most until then", f"{figures['peak_mib']:.1f}"],
                 ["started from the checkpoint", f"{figures['restarted_mib']:.1f}"], ["destination flows", str(figures["flows"])]])


def bench_flows(options):
    build_folder = os.path.realpath(options.build) if options.build else build(TARGETS)
    parts, figures = options.only or PARTS, {}
    if "first" in parts:
        figures["first"] = {way: first_packets(options, build_folder, way) for way in (THERE, RELAY, AGENT)}
    if "scan" in parts:
        figures["scan"] = {way: scan(options, build_folder, way) for way in WAYS}
    if "memory" in parts:
        figures["memory"] = memory(options, build_folder)
    print(machine())
    for part, show in (("first", print_first), ("scan", print_scan), ("memory", lambda found: print_memory(found, options.entries))):
        if part in figures:
            print()
            show(figures[part])
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=2)
