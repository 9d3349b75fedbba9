"""The command line of scripts/drill."""
import argparse
import json
import os
import sys

from labkit.errors import LabError
from labkit.lab import Lab, default_build
from labkit.narrator import Narrator

from . import bridges, report, vips
from .drills import DRILLS, perform
from .stage import Stage

PAGE = """\
Fault drills: daemons are killed, stopped and starved in a lab while three pods on three hosts send one another numbered
packets, 1,000 a second on each of the six paths, and every packet is accounted for.

  scripts/drill list                      what there is
  scripts/drill agent-kill                one drill
  scripts/drill vswitchd-kill reboot      some
  scripts/drill short                     those that say most, in a minute
  scripts/drill all --markdown            all, as the table of docs/reliability.md
  scripts/drill all --stop-seconds 5      all, with shorter stops

Without --lab it builds a lab of its own (three hosts, a gateway; for gateway- and vip- drills two and a physical machine, for bridge- drills two on a segment; receive buffers of this machine are raised while it is up)
and removes it. With --lab it plays in a lab that is up, makes pods drill/drill-a, -b, -c there and deletes them.

A drill passes if nothing more was lost than the daemon's own absence explains (agent, ovsdb-server, controller: nothing; vswitchd:
its down time and 500 ms for the flows), all flows are back, and new pods can be made. Of vip- drills connections are counted: new
ones that failed, and ("elsewhere") those with other back ends that broke. Exit code: 0 all passed, 1 one did not, 2 it could not be
played. More: docs/reliability.md
"""


def parse(arguments):
    parser = argparse.ArgumentParser(prog="scripts/drill", description=PAGE, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="DRILL", help="a drill's name, 'short', 'all', or 'list'")
    parser.add_argument("--lab", metavar="NAME", help="play in this lab, which is up")
    parser.add_argument("--keep", action="store_true", help="leave its own lab (named 'drill') up")
    parser.add_argument("--build", metavar="DIR", help="where Mooring was built (default: $MOORING_BUILD_DIR, else build/dev)")
    parser.add_argument("--datapath", choices=("auto", "system", "netdev"), default="auto", help="of its own lab (default auto)")
    parser.add_argument("--rate", type=_number(1, 5000), default=1000, metavar="N", help="packets a second on each path (default 1000)")
    parser.add_argument("--stop-seconds", type=_number(1, 600), default=30, metavar="S", help="how long SIGSTOP lasts (default 30)")
    parser.add_argument("--markdown", action="store_true", help="the table as Markdown")
    parser.add_argument("--json", metavar="FILE", help="write all figures there, too")
    parser.add_argument("--quiet", action="store_true", help="no progress lines")
    return parser.parse_args(arguments)


def _number(low, high):
    def read(text):
        if not text.isdigit() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number from {low} to {high}")
        return int(text)
    return read


def chosen(names):
    drills = []
    for name in names:
        if name == "all":
            drills += DRILLS.values()
        elif name == "short":
            drills += [drill for drill in DRILLS.values() if drill.short]
        elif name in DRILLS:
            drills.append(DRILLS[name])
        else:
            raise LabError(f"there is no drill '{name}'", "see: scripts/drill list")
    return list({drill.name: drill for drill in drills}.values())  # each once


def play(lab, drills, options, narrator, outcomes):
    """Fills in `outcomes`, one after the other."""
    stage = Stage(lab, narrator.say, options.rate, options.stop_seconds)
    try:
        stage.open()
        if _any(drills, "bridge-"):
            bridges.open_subnet(stage)
        if _any(drills, "vip-"):
            vips.open_vip(stage)
        for drill in drills:
            narrator.say(f"{drill.name}: {drill.text}")
            outcome = perform(stage, drill)
            outcomes.append(outcome)
            for line in [*outcome.notes, *outcome.problems]:
                narrator.say(f"  {line}")
            narrator.say(f"  {'ok' if outcome.passed else 'FAILED'}: lost {outcome.lost_node} on its host's paths "
                         f"(longest gap {outcome.gap_node_ms:.0f} ms), {outcome.lost_others} elsewhere, of {outcome.sent}; "
                         f"{outcome.seconds:.0f} s")
    finally:
        stage.close()
        if _any(drills, "vip-"):
            vips.close_vip(stage)


def _any(drills, *beginnings):
    return any(drill.name.startswith(beginnings) for drill in drills)


def run(options):
    if options.names == ["list"]:
        width = max(len(name) for name in DRILLS)
        for drill in DRILLS.values():
            print(f"{drill.name.ljust(width)}  {drill.text}{' [short]' if drill.short else ''}")
        return 0
    drills = chosen(options.names)
    if os.geteuid() != 0:
        raise LabError("the lab is made of namespaces and needs root", "run it with sudo")
    narrator = Narrator(quiet=options.quiet)
    lab = Lab(options.lab or "drill", narrator)
    mine = options.lab is None and not lab.is_up
    outcomes = []
    try:
        if mine:
            segment = _any(drills, "bridge-")  # these need two machines on a segment
            gateways = segment or _any(drills, "gateway-", "vip-")  # these a second one, and a machine
            lab.up(hosts=3, gateways=2 if gateways else 1, physical=2 if segment else 1 if gateways else 0, segment=segment,
                   tune=True, datapath=options.datapath,
                   build=os.path.realpath(options.build) if options.build else default_build())
        play(lab.require_up(), drills, options, narrator, outcomes)
    finally:
        if outcomes:  # also of a run that was cut short
            print(report.markdown(outcomes) if options.markdown else report.table(outcomes))
        if options.json:
            with open(options.json, "w", encoding="utf-8") as file:
                json.dump(report.as_json(outcomes), file, indent=1)
        if mine and not options.keep:
            lab.down()
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def main(arguments):
    options = parse(arguments)
    try:
        return run(options)
    except LabError as error:
        print(f"drill: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("drill: interrupted", file=sys.stderr)
        return 130
