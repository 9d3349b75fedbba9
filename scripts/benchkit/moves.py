"""How long an address is dark when its pod is made anew on another host."""
import json
import os
import time

from benchkit.common import BenchError, build, machine, percentile, print_table, say
from labkit import probes
from labkit.lab import Lab
from labkit.moves import OLD_HOSTS, Mover
from labkit.narrator import Narrator

TARGETS = ["mooring", "mooring-agent", "mooring-controller", "mooringctl", "mooring-gateway"]
BEFORE_SECONDS, AFTER_SECONDS, HEALED_SECONDS = 0.5, 1.5, 2.0


def one_move(mover, number, old_host):
    name, address = f"db-{number}", f"10.100.200.{number + 1}"
    mover.bind(name, address)
    old, _ = mover.add("h1", name, f"old-{number}", "old")
    probing = mover.probe(address)
    time.sleep(BEFORE_SECONDS)
    struck = time.monotonic()
    mover.strike(old_host)
    try:
        new, returned = mover.add("h2", name, f"new-{number}", "new")
        time.sleep(AFTER_SECONDS)
    finally:
        mover.heal(old_host)
    healed = time.monotonic()
    time.sleep(HEALED_SECONDS)
    log = probes.finish(probing)
    mover.end()
    mover.lab.pods.delete(new)
    mover.lab.pods.delete(old)
    if log.between(until=struck).answered_by != {"old"}:
        raise BenchError(f"move {number}: the pod did not answer before it moved")
    return {"dark_ms": log.between(until=healed).dark_ms(returned, "new"), "lost": log.between(returned, healed).lost,
            "old_after": sum(by == "old" for _, _, by in log.between(returned).rows),
            "lost_after_healing": log.between(healed).lost, "add_ms": (returned - struck) * 1000}


def bench_moves(options):
    build_folder = os.path.realpath(options.build) if options.build else build(TARGETS)
    lab = Lab(options.lab, Narrator(quiet=True))
    figures, number = {}, 0
    try:
        lab.up(hosts=3, gateways=options.gateways, physical=0, build=build_folder)
        mover = Mover(lab)
        for old_host in OLD_HOSTS:
            figures[old_host] = []
            for _ in range(options.moves):
                say(f"move {number + 1}: the old host is {old_host}")
                figures[old_host].append(one_move(mover, number, old_host))
                number += 1
    finally:
        lab.down()
    print(f"{machine()}; {options.moves} moves each, probed once a millisecond from a third host, {options.gateways} gateway(s)\n")
    rows = []
    for old_host, moves in figures.items():
        dark = [move["dark_ms"] for move in moves]
        if None in dark:
            rows.append([old_host, f"{dark.count(None)} never ended", *[""] * 4])
            continue
        rows.append([old_host, f"{percentile(dark, 50):.1f}", f"{percentile(dark, 99):.1f}", f"{max(move['lost'] for move in moves)}",
                     str(sum(move["old_after"] for move in moves)), f"{max(move['lost_after_healing'] for move in moves)}"])
    print_table(["the old host is", "dark p50 ms", "p99", "lost at most", "answers by the old pod", "lost after it is back"], rows)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=2)
