"""The controller's own speed, over its unix socket, beside host-local and Kea in the same run."""
import json
import os
import statistics
import subprocess
import tempfile
import time

from benchkit import kea
from benchkit.common import BenchError, build, machine, median_of, print_table, run, say
from benchkit.controller import Controller, remove_store
from benchkit.feeds import Followers, milliseconds_to_a_follower
from benchkit.host_local import HostLocal

TARGETS = ["mooring-controller", "mooringctl", "ipam_bench", "ipam_store", "cni_bench"]
PARTS = ("rate", "full", "start", "memory", "watch", "feeds")
NETWORKS = {"16": ("10.10.0.0/16", 16), "8": ("10.0.0.0/8", 8)}
SIZES = {  # what a run measures, and what --quick does
    "rounds": (5, 1), "count_64": (20000, 400), "count_8": (8000, 200), "count_1": (2000, 50), "host_local": (400, 16),
    "kea_seconds": (4, 1), "full_count": (4000, 100), "full_peer": (10, 2), "full_percent": (99, 2), "bindings": (150_000, 2000), "ports": (1_000_000, 2000),
    "watchers": (2000, 50), "watch_seconds": (15, 2)}


class Rows:
    """What was found: a line each, with the target that it is held to."""

    def __init__(self):
        self.rows = []

    def add(self, what, ours, unit, target=None, peer=None, peer_name=""):
        """`target`: ("<=" or ">=", number), of the ratio if there is a peer, else of our own figure."""
        ratio = ours / peer if peer else None
        value = ratio if peer else ours
        met = None if target is None else value <= target[1] if target[0] == "<=" else value >= target[1]
        self.rows.append({"what": what, "mooring": ours, "unit": unit, "peer": peer, "peer_name": peer_name, "ratio": ratio,
                          "target": f"{target[0]} {target[1]:g}{' x' if peer else ''}" if target else None, "met": met})

    def print(self):
        def number(value):
            return "" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
        table = [[row["what"], f"{number(row['mooring'])} {row['unit']}", f"{number(row['peer'])} {row['peer_name']}".strip(),
                  f"{number(row['ratio'])} x" if row["ratio"] else "", row["target"] or "",
                  {None: "", True: "met", False: "MISSED"}[row["met"]]] for row in self.rows]
        print_table(["", "mooring", "peer", "ratio", "target", ""], table)


class Bench:
    def __init__(self, options):
        self.options = options
        self.build = os.path.realpath(options.build) if options.build else build(TARGETS)
        self.size = {name: quick if options.quick else full for name, (full, quick) in SIZES.items()}
        if options.rounds:
            self.size["rounds"] = options.rounds
        self.rows, self.wrong, self.raw = Rows(), [], {}

    def run(self):
        # Not /tmp, which may be memory: the figures are of durable answers.
        with tempfile.TemporaryDirectory(prefix="mooring-bench-", dir="/var/tmp") as folder:
            for part in self.options.only or PARTS:
                getattr(self, part)(folder)

    # --- programs ----------------------------------------------------------------------------------------------------
    def load(self, controller, clients, count, prefix, *more):
        report = json.loads(run([f"{self.build}/tests/ipam_bench", "load", "--socket", controller.socket, "--clients", str(clients),
                                 "--count", str(count), "--prefix", prefix, *more]))
        self.wrong += report["wrong"]
        return report

    def store(self, folder, name, *arguments):
        run([f"{self.build}/tests/ipam_store", "--store", f"{folder}/{name}", *arguments])

    # --- parts -------------------------------------------------------------------------------------------------------
    def rate(self, folder):
        """How many durable allocations a second, and how long one takes."""
        with_kea = not self.options.quick and not self.options.without_kea and kea.available()
        ours, peers = {64: [], 8: [], 1: []}, {"host-local": [], "kea": []}
        with Controller(self.build, folder, "rate.db") as controller:
            controller.make_subnet("rate", *NETWORKS["8"][:1], 100, {})
            controller.make_nodes(1)
            self.load(controller, 8, 100, "warm")
            host_local = HostLocal(self.build, folder, "host-local")
            host_local.measure(4, 1, "warm")
            for number in range(self.size["rounds"]):
                say(f"rate: round {number + 1} of {self.size['rounds']}")
                for clients, reports in ours.items():
                    reports.append(self.load(controller, clients, self.size[f"count_{clients}"], f"r{number}-{clients}"))
                peers["host-local"].append(host_local.measure(self.size["host_local"], 8, f"r{number}"))
                if with_kea:
                    with kea.Kea(f"{folder}/{number}") as server:
                        peers["kea"].append(server.measure(self.size["kea_seconds"]))
        self.raw["rate"] = {"mooring": ours, **peers}
        rate = {clients: median_of(reports, "per_second") for clients, reports in ours.items()}
        self.rows.add("durable allocations, 64 clients", rate[64], "/s", (">=", 10_000))
        self.rows.add("  p99", median_of(ours[64], "p99_us") / 1000, "ms", ("<=", 15))
        if peers["kea"]:
            self.rows.add("  beside Kea's leases (memfile, not synced)", rate[64], "/s", (">=", 1),
                          median_of(peers["kea"], "per_second"), "/s Kea")
        self.rows.add("durable allocations, 8 clients", rate[8], "/s", (">=", 30), median_of(peers["host-local"], "per_second"),
                      "/s host-local")
        self.rows.add("durable allocations, 1 client", rate[1], "/s")
        self.rows.add("  p50", median_of(ours[1], "p50_us") / 1000, "ms", ("<=", 0.6))

    def full(self, folder):
        """Does an allocation cost more when the pool is nearly full?"""
        for name, (cidr, prefix_length) in NETWORKS.items():
            took = {1: [], 99: []}
            for number in range(self.size["rounds"]):
                say(f"full: /{name}, round {number + 1} of {self.size['rounds']}")
                for percent, reports in took.items():
                    with Controller(self.build, folder, "full.db") as controller:
                        controller.make_subnet("full", cidr, 100, {"ranges": [cidr], "exclusions": list(taken(cidr, prefix_length, percent))})
                        controller.make_nodes(1)
                        reports.append(self.load(controller, 1, self.size["full_count"], "full", "--pairs"))
                    remove_store(controller.store)
            self.raw[f"full_{name}"] = took
            at = {percent: median_of(reports, "p50_us") / 1000 for percent, reports in took.items()}
            self.rows.add(f"an allocation, /{name} at 99 %: p50", at[99], "ms", ("<=", 1.25), at[1], "ms at 1 %")
        peer, full = {}, self.size["full_percent"]  # a file for each address takes its time to make
        for percent in (1, full):
            say(f"full: host-local's /16 at {percent} %")
            host_local = HostLocal(self.build, folder, f"host-local-{percent}")
            host_local.fill(percent / 100)
            peer[percent] = host_local.measure(self.size["full_peer"], 1, "full")["p50_us"] / 1000
        self.raw["full_host_local"] = peer
        self.rows.add(f"  the peer: host-local, /16 at {full} %", peer[full], "ms", None, peer[1], "ms at 1 %")

    def start(self, folder):
        """How long until a controller with many bindings answers?"""
        self.store(folder, "start.db", "--bindings", str(self.size["bindings"]))
        controller, took = Controller(self.build, folder, "start.db"), []
        for number in range(self.size["rounds"]):
            say(f"start: round {number + 1} of {self.size['rounds']}")
            took.append(controller.start())
            bindings = sum(pool["bound"] for pool in controller.ask("GET", "/v1/pools")["items"])
            if bindings != self.size["bindings"]:
                self.wrong.append(f"{bindings} of {self.size['bindings']} bindings came back")
            controller.kill()
        self.raw["start"] = took
        self.rows.add(f"start with {self.size['bindings']:,} bindings", statistics.median(took), "s", ("<=", 2))

    def memory(self, folder):
        """How much memory does a port take?"""
        say(f"memory: making a store with {self.size['ports']:,} ports")
        self.store(folder, "memory.db", "--ports", str(self.size["ports"]))
        controller = Controller(self.build, folder, "memory.db")
        try:
            took = controller.start()
            ports = sum(pool["allocated"] for pool in controller.ask("GET", "/v1/pools")["items"])
            if ports != self.size["ports"]:
                self.wrong.append(f"{ports} of {self.size['ports']} ports came back")
            started = controller.resident_bytes()
            self.load(controller, 8, min(self.size["count_8"], 2000), "busy")  # the default pool has 3,033 free
            busy = controller.resident_bytes()
        finally:
            controller.kill()
        self.raw["memory"] = {"start_seconds": took, "started_bytes": started, "busy_bytes": busy}
        self.rows.add(f"memory with {self.size['ports']:,} ports", started / 1e6, "MB", ("<=", 400))
        self.rows.add("  after allocations", busy / 1e6, "MB", ("<=", 400))
        self.rows.add("  start", took, "s")

    def watch(self, folder):
        """How soon does every agent know?"""
        say(f"watch: {self.size['watchers']} streams")
        with Controller(self.build, folder, "watch.db") as controller:
            controller.make_subnet("watch", "10.20.0.0/16", 100, {})
            watching = subprocess.Popen(
                [f"{self.build}/tests/ipam_bench", "watch", "--socket", controller.socket, "--watchers", str(self.size["watchers"]),
                 "--rate", "100", "--seconds", str(self.size["watch_seconds"]), "--restart"], stdout=subprocess.PIPE, text=True)
            try:
                if watching.stdout.readline().strip() == '{"ready_for":"restart"}':
                    controller.kill()
                    controller.start()
                output = watching.stdout.read()
            finally:
                watching.kill()
                watching.wait()
        if not output:
            raise BenchError("ipam_bench watch failed")
        report = json.loads(output)
        after = report["after_restart"]
        self.raw["watch"] = report
        self.wrong += report["wrong"]
        self.rows.add(f"a change at {report['watchers']:,} watchers, 100 changes/s: p99", report["p99_ms"], "ms", ("<=", 300))
        self.rows.add("  after a restart", after["p99_ms"], "ms", ("<=", 300))
        self.rows.add("  watchers that resumed without a snapshot", after["resumed"], "", (">=", report["watchers"]))
        self.rows.add("  until all had resumed", after["resume_seconds"], "s")
        self.rows.add("  revisions missed", len(report["wrong"]), "", ("<=", 0))

    def feeds(self, folder):
        """Do those who follow lists slow allocations down?"""
        say(f"feeds: making a store with {self.size['ports']:,} ports")
        self.store(folder, "feeds.db", "--ports", str(self.size["ports"]))
        rates = {False: [], True: []}
        with Controller(self.build, folder, "feeds.db") as controller:
            names = [f"team-{number}" for number in range(50)] + [f"end-{number}" for number in range(40)] + [f"bench-{number}" for number in range(10)]
            for number, name in enumerate(names):  # of 20,000, of 10,000, and of the pods that the load makes
                selector = {"namespaces": [name]} if number < 50 else {"hostnames": [f"*{number + 10}"]} if number < 90 else {"namespaces": ["bench"]}
                controller.ask("POST", "/v1/lists", {"name": name, "selector": selector})
            count = min(self.size["count_64"], 2000)  # the default pool has 3,033 free
            self.load(controller, 64, count, "warm")
            began = time.monotonic()
            with Followers(controller.socket, names):
                first = time.monotonic() - began
            contents = 0
            for number in range(2 * self.size["rounds"]):
                say(f"feeds: round {number + 1} of {2 * self.size['rounds']}")
                with Followers(controller.socket, names if number % 2 else []) as followers:
                    rates[number % 2 == 1].append(self.load(controller, 64, count, f"f{number}"))
                contents += followers.contents
            reach = milliseconds_to_a_follower(controller, "bench-0", 20)
        self.raw["feeds"] = {"alone": rates[False], "followed": rates[True], "contents": contents, "first_seconds": first, "reach_ms": reach}
        self.rows.add(f"allocations, 64 clients, {len(names)} lists followed", median_of(rates[True], "per_second"), "/s", (">=", 0.9),
                      median_of(rates[False], "per_second"), "/s, none followed")
        self.rows.add("  p99", median_of(rates[True], "p99_us") / 1000, "ms", None, median_of(rates[False], "p99_us") / 1000, "ms, none followed")
        self.rows.add("  from asking for an address to its follower", reach, "ms")
        self.rows.add(f"  until all {len(names)} have their first content", first, "s")


def taken(cidr, prefix_length, percent):
    """Ranges that cover so much of the network, with the holes spread over it."""
    first = int.from_bytes(bytes(map(int, cidr.split("/")[0].split("."))), "big")
    size = 2 ** (32 - prefix_length)
    pieces = min(500, size // 200)
    for piece in range(pieces):
        begin = first + size * piece // pieces
        last = begin + max(1, size * percent // 100 // pieces) - 1
        yield "-".join(".".join(map(str, address.to_bytes(4, "big"))) for address in (begin, last))


def bench_ipam(options):
    bench = Bench(options)
    bench.run()
    print(f"{machine()}; medians of {bench.size['rounds']} rounds{', quick: the figures mean nothing' if options.quick else ''}\n")
    bench.rows.print()
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"rows": bench.rows.rows, "wrong": bench.wrong, "raw": bench.raw}, file, indent=2)
    if bench.wrong:
        raise BenchError("wrong answers:\n" + "\n".join(bench.wrong))
