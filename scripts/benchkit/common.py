"""What every benchmark needs: programs, processes, percentiles, tables."""
import os
import platform
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
PEER_DIR = "/usr/lib/cni"


class BenchError(Exception):
    pass


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(argv, **more):
    done = subprocess.run(argv, capture_output=True, text=True, **more)
    if done.returncode:
        raise BenchError(f"'{' '.join(argv)}' failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


def build(targets):
    environment = dict(os.environ, CCACHE_NOHASHDIR="1", CCACHE_BASEDIR=ROOT)
    say("building the release preset")
    run(["cmake", "--preset", "release"], cwd=ROOT, env=environment)
    run(["cmake", "--build", "--preset", "release", "-j", str(os.cpu_count() or 2), "--target", *targets], cwd=ROOT, env=environment)
    return f"{ROOT}/build/release"


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def median_of(reports, key):
    return statistics.median(report[key] for report in reports)


def machine():
    return f"{platform.node()}: Linux {platform.release()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"


def print_table(head, rows):
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, ["-" * width for width in widths], *rows]:
        print("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))).rstrip())
