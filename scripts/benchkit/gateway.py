"""The gateway: its path beside a Linux bridge and the kernel's VXLAN, and what 100,000 ports cost it."""
import json
import os
import statistics
import time

from benchkit import stored_ports
from benchkit.common import BenchError, build, machine, print_table, run, say
from benchkit.flows import cpu_seconds, memory_mib
from labkit import news, traffic
from labkit.lab import Lab
from labkit.narrator import Narrator
from labkit.waiting import eventually

TARGETS = ["mooring", "mooring-agent", "mooring-controller", "mooringctl", "mooring-gateway", "ipam_bench", "ipam_store"]
PARTS = ("path", "tables")
OURS, PEER = "mooring", "bridge + kernel VXLAN"
PEER_OVERLAY, PEER_GATEWAY, PEER_POD = "10.200.0.0/24", "10.200.0.1", "10.200.0.2"


# --- path: a container and a physical machine ---------------------------------------------------------------------------
def lay_peer(lab):
    """The same machines and links without Mooring: a bridge with a container on h1, a VXLAN device there and on gw1, routing by
    the kernel. Returns the container's place."""
    h1, gw1, phys1 = (lab.places[name] for name in ("h1", "gw1", "phys1"))
    ends = {name: lab.layout.machines[name].address("eth0") for name in ("h1", "gw1")}
    for place, own, other in ((h1, ends["h1"], ends["gw1"]), (gw1, ends["gw1"], ends["h1"])):
        place.ip([f"link add vx0 type vxlan id 42 local {own} remote {other} dstport 4789 dev eth0", "link set vx0 up"])
    h1.run(["ip", "netns", "add", "pod"])
    h1.ip(["link add br0 type bridge", "link set br0 up", "link set vx0 master br0"])
    h1.run(["ip", "link", "add", "p0", "type", "veth", "peer", "name", "eth0", "netns", "pod"])
    h1.ip(["link set p0 mtu 1450 master br0 up"])
    pod = h1.pod("/run/netns/pod")
    for line in (f"addr add {PEER_POD}/24 dev eth0", "link set eth0 mtu 1450 up", f"route add default via {PEER_GATEWAY}"):
        pod.run(["ip", *line.split()])
    gw1.ip([f"addr add {PEER_GATEWAY}/24 dev vx0"])
    gw1.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"])
    phys1.ip([f"route replace {PEER_OVERLAY} via {lab.layout.machines['gw1'].address('phys0')}"])
    return pod


def measure_path(lab, pod, address, options):
    machine_there = lab.places["phys1"]
    there = lab.layout.machines["phys1"].address("eth0")
    received, times = traffic.ping(pod, there, count=options.pings, interval="0.01")
    if received < options.pings:
        raise BenchError(f"{options.pings - received} of {options.pings} pings from {pod.name} to {there} were not answered")
    return {"rtt_p50_ms": statistics.median(times),
            "out_mbit": traffic.throughput(machine_there, there, pod, options.seconds, skip=0.5) / 1e6,
            "in_mbit": traffic.throughput(pod, address, machine_there, options.seconds, skip=0.5) / 1e6}


def path(options, build_folder):
    labs = {OURS: Lab(options.lab, Narrator(quiet=True)), PEER: Lab(options.lab + "-peer", Narrator(quiet=True))}
    figures = {name: [] for name in labs}
    try:
        for name, lab in labs.items():
            lab.up(hosts=1, gateways=1, physical=1, build=build_folder, bare=name == PEER)
        ours = labs[OURS].pods.add("h1", "web-0")
        ends = {OURS: (labs[OURS].pods.place(ours), ours.address), PEER: (lay_peer(labs[PEER]), PEER_POD)}
        for name, (pod, _) in ends.items():
            there = labs[name].layout.machines["phys1"].address("eth0")
            eventually(lambda way=pod, to=there: traffic.reaches(way, to, 1), 20, f"{name}: the physical machine to answer")
        for number in range(options.rounds):
            for name, lab in labs.items():
                say(f"path, {name}: round {number + 1} of {options.rounds}")
                figures[name].append(measure_path(lab, *ends[name], options))
    finally:
        for lab in labs.values():
            lab.down()
    return {name: {key: statistics.median(one[key] for one in rounds) for key in rounds[0]} for name, rounds in figures.items()}


def print_path(figures):
    ours, peer = figures[OURS], figures[PEER]
    rows = [[label, f"{ours[key]:.{digits}f}", f"{peer[key]:.{digits}f}", f"{ours[key] / peer[key]:.2f} x"] for label, key, digits in (
        ("round trip, p50 ms", "rtt_p50_ms", 3), ("container to machine, Mbit/s", "out_mbit", 0),
        ("machine to container, Mbit/s", "in_mbit", 0))]
    print_table(["container and physical machine", OURS, PEER, "ratio"], rows)


# --- tables: a gateway of a large cluster -------------------------------------------------------------------------------
def waited(condition, seconds, what):
    begun = time.monotonic()
    eventually(condition, seconds, what, interval=0.05)
    return time.monotonic() - begun


def tables(options, build_folder):
    lab = Lab(options.lab, Narrator(quiet=True))
    try:
        lab.up(hosts=1, gateways=1, physical=1, build=build_folder, objects=False)
        gw1 = lab.layout.machines["gw1"]
        pids = {part: lab.services.process(gw1, part).pid for part in ("gateway", "vswitchd")}
        figures = {"ports": options.ports, **{f"{part}_empty_mib": memory_mib(pid) for part, pid in pids.items()}}
        lab.services.stop(lab.layout.machines["h1"], "agent")  # it would hear of them too
        say(f"a gateway with {options.ports:,} ports")
        stored_ports.give(lab, build_folder, options.ports)
        used = {part: cpu_seconds(pid) for part, pid in pids.items()}

        def said():
            return news.status(lab, gw1, "gateway") or {"flows": {"actual": 0, "in_line": False}, "directory": {"revision": 0}}

        def all_there():
            flows = said()["flows"]
            return flows["in_line"] and flows["actual"] >= options.ports
        figures["fill_seconds"] = waited(all_there, 300, "the gateway to have all flows")
        for part, pid in pids.items():
            figures[f"{part}_fill_cpu_seconds"] = cpu_seconds(pid) - used[part]
            figures[f"{part}_mib"] = memory_mib(pid)
        figures["flows"] = said()["flows"]["actual"]

        used, begun = {part: cpu_seconds(pid) for part, pid in pids.items()}, time.monotonic()
        socket = f"{lab.places['controller'].root}/run/mooring/controller.sock"
        report = json.loads(run([f"{build_folder}/tests/ipam_bench", "load", "--socket", socket, "--clients", "16", "--nodes", "100",
                                 "--count", str(options.changes // 2), "--pairs", "--prefix", "change"]))
        if report["wrong"]:
            raise BenchError(f"the controller gave wrong answers: {report['wrong'][0]}")
        asked = time.monotonic() - begun
        newest = lab.listed("nodes")  # any answer: what was asked before it is in the stream
        if not newest:
            raise BenchError("the controller has no nodes")
        figures["behind_seconds"] = waited(lambda: said()["flows"]["in_line"] and caught_up(lab, said()), 120, "the gateway to have all changes")
        whole = asked + figures["behind_seconds"]
        figures["changes_per_second"] = options.changes / whole
        for part, pid in pids.items():
            figures[f"{part}_changes_cpu_share"] = (cpu_seconds(pid) - used[part]) / whole
        return figures
    finally:
        lab.down()


def caught_up(lab, said):
    """Has the gateway heard of the controller's newest revision?"""
    metrics = lab.places["controller"].run(["curl", "-s", "--unix-socket", "/run/mooring/controller.sock", "http://controller/metrics"]).stdout
    newest = next(float(line.split()[1]) for line in metrics.splitlines() if line.startswith("mooring_revision "))
    return said["directory"]["revision"] >= newest


def print_tables(figures):
    rows = [["flows in its switch", f"{figures['flows']:,}"],
            ["seconds from the controller's start until all were there", f"{figures['fill_seconds']:.1f}"],
            ["  processor time: mooring-gateway, seconds", f"{figures['gateway_fill_cpu_seconds']:.1f}"],
            ["  processor time: ovs-vswitchd, seconds", f"{figures['vswitchd_fill_cpu_seconds']:.1f}"],
            ["mooring-gateway, MiB (empty)", f"{figures['gateway_mib']:.0f} ({figures['gateway_empty_mib']:.0f})"],
            ["ovs-vswitchd, MiB (empty)", f"{figures['vswitchd_mib']:.0f} ({figures['vswitchd_empty_mib']:.0f})"],
            ["changes a second, allocations and releases", f"{figures['changes_per_second']:,.0f}"],
            ["  behind at the end of them, seconds", f"{figures['behind_seconds']:.2f}"],
            ["  mooring-gateway's share of a core", f"{figures['gateway_changes_cpu_share']:.0%}"],
            ["  ovs-vswitchd's share of a core", f"{figures['vswitchd_changes_cpu_share']:.0%}"]]
    print_table([f"a gateway with {figures['ports']:,} ports", ""], rows)


def bench_gateway(options):
    build_folder = os.path.realpath(options.build) if options.build else build(TARGETS)
    parts, figures = options.only or PARTS, {}
    if "path" in parts:
        figures["path"] = path(options, build_folder)
    if "tables" in parts:
        figures["tables"] = tables(options, build_folder)
    print(machine())
    for part, show in (("path", print_path), ("tables", print_tables)):
        if part in figures:
            print()
            show(figures[part])
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=2)
