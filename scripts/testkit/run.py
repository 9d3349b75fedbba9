#!/usr/bin/python3
"""What scripts/test does after scripts/deps: build, ctest, a summary that says what was slow, skipped and wrong."""
import argparse
import os
import re
import resource
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

from labkit import state  # noqa: E402
from labkit.lab import Lab  # noqa: E402
from labkit.narrator import Narrator  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
EXPECTED_SKIPS = f"{ROOT}/tests/expected-skips.txt"
# Fifteen minutes of two cores, in processor time, so that waiting for a busy machine does not count; and three times
# that, for the same work was seen to take up to so much longer on cores that are shared.
BUILD_BUDGET_CPU_SECONDS = 2 * 15 * 60 * 3
# What runs with sanitizers every time: the parts that read bytes from outside. The rest does with --full.
SANITIZED = ["base_unit_tests", "http_unit_tests", "http_component_tests", "directory_unit_tests", "ovs_unit_tests",
             "cni_unit_tests"]
# Eighteen minutes, and half of that for a machine that others use.
TEST_BUDGET_SECONDS = 27 * 60


@dataclass
class Case:
    name: str
    seconds: float
    outcome: str  # "passed", "failed", "skipped"
    output: str


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="scripts/test", description="Installs what is missing, builds, and runs the tests through ctest: all of them "
        "from the dev build, and those of the parts that read bytes from outside once more with the address and "
        "undefined-behaviour sanitizers (with --full: all but lint and system). System and component tests need root.")
    parser.add_argument("--full", action="store_true", help="also the tests labelled 'full' (long drills); no time budget")
    parser.add_argument("--filter", metavar="RE", help="only tests whose name matches (and no time budget)")
    parser.add_argument("--no-asan", action="store_true", help="all tests from the dev build, without sanitizers (quicker, less sure)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2, metavar="N", help="parallel compilers and tests")
    return parser.parse_args(arguments)


def remove_stale_labs():
    """Labs of tests that were killed: their names begin with t-PID-, and no such process lives."""
    if os.geteuid() != 0:
        return
    for name in state.names():
        match = re.match(r"t-(\d+)-", name)
        if match and not os.path.exists(f"/proc/{match.group(1)}"):
            print(f"removing lab {name}, left by a test that was killed", flush=True)
            Lab(name, Narrator(quiet=True)).down()


def children_cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def build(preset, target, jobs):
    environment = dict(os.environ, CCACHE_NOHASHDIR="1", CCACHE_BASEDIR=ROOT)
    for command in (["cmake", "--preset", preset], ["cmake", "--build", "--preset", preset, "-j", str(jobs), "--target", *target]):
        print("$", " ".join(command), flush=True)
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            print(done.stdout[-20000:])
            sys.exit(f"test: '{' '.join(command)}' failed")


def run_ctest(preset, which, arguments):
    """Runs ctest, letting it print, and returns its cases."""
    folder = f"{ROOT}/build/{preset}"
    junit = f"{folder}/ctest.xml"
    if os.path.exists(junit):
        os.unlink(junit)
    command = ["ctest", "--test-dir", folder, "--output-on-failure", "--output-junit", junit, "-j", str(arguments.jobs),
               "--no-tests=ignore", "--test-output-size-passed", "100000"]  # SKIP lines may stand anywhere
    command += which
    if arguments.filter:
        command += ["-R", arguments.filter]
    print("$", " ".join(command), flush=True)
    subprocess.run(command, cwd=ROOT, env=dict(os.environ, MOORING_BUILD_DIR=folder))
    return read_junit(junit, "" if preset == "dev" else f" [{preset}]")


def read_junit(path, suffix):
    if not os.path.exists(path):
        return []
    cases = []
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        outcome = {"run": "passed", "fail": "failed"}.get(case.get("status"), "skipped")
        output = case.findtext("system-out") or ""
        # ctest calls "notrun" both what was skipped and what could not be started: the latter is a failure.
        if outcome == "skipped" and "SKIP" not in output + str(case.find("skipped").get("message", "")).upper():
            outcome = "failed"
        cases.append(Case(case.get("name") + suffix, float(case.get("time", 0)), outcome, output))
    return cases


def skip_lines(cases):
    """`NAME: REASON`, from lines `SKIP: ...` that tests print (one file may hold several tests, some of them skipped)."""
    lines = set()
    for case in cases:
        said = [line.strip()[len("SKIP:"):].strip() for line in case.output.splitlines() if line.strip().startswith("SKIP:")]
        if case.outcome == "skipped" and not said:
            said = ["(no reason given)"]
        lines |= {f"{case.name}: {reason}" for reason in said}
    return sorted(lines)


def unexpected_skips(lines):
    """Skips that tests/expected-skips.txt does not name. A line there is a prefix of what is skipped; # begins a comment."""
    expected = []
    if os.path.exists(EXPECTED_SKIPS):
        with open(EXPECTED_SKIPS, encoding="utf-8") as file:
            expected = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    return [line for line in lines if not any(line.startswith(prefix) for prefix in expected)]


def summary(cases, build_cpu_seconds, test_seconds, budget):
    """Prints what happened; returns True if all is well."""
    failed = [case for case in cases if case.outcome == "failed"]
    passed = [case for case in cases if case.outcome == "passed"]
    skips = skip_lines(cases)
    unexpected = unexpected_skips(skips)
    print("\nThe ten slowest:")
    for case in sorted(cases, key=lambda case: -case.seconds)[:10]:
        print(f"  {case.seconds:7.1f} s  {case.name}")
    print(f"Build {build_cpu_seconds:.0f} s of processor time (budget {BUILD_BUDGET_CPU_SECONDS:.0f} s), "
          f"tests {test_seconds:.0f} s (budget {TEST_BUDGET_SECONDS} s)")
    print(f"Skipped: {len(skips)}" + "".join(f"\n  {line}" for line in skips))
    well = bool(cases) and not failed
    if not cases:
        print("No test ran.")
    for line in unexpected:
        print(f"Skip that tests/expected-skips.txt does not name: {line}")
        well = False
    if budget and build_cpu_seconds > BUILD_BUDGET_CPU_SECONDS:
        print("The build took longer than its budget.")
        well = False
    if budget and test_seconds > TEST_BUDGET_SECONDS:
        print("The tests took longer than their budget.")
        well = False
    for case in failed:
        print(f"FAILED: {case.name}")
    print(f"{len(passed)} passed, {len(failed)} failed")
    return well


def main(argv):
    arguments = parse_arguments(argv)
    remove_stale_labs()
    label = "^(quick|full)$" if arguments.full else "^quick$"
    # Preset, what to build of it, the tests that run from it. What is not built has no label, and is not run.
    runs = [("dev", ["all"], [])]
    if not arguments.no_asan:
        runs.append(("asan", ["all"] if arguments.full else SANITIZED, ["-LE", "^(lint|system)$"]))
    cpu_before = children_cpu_seconds()
    for preset, target, _ in runs:
        build(preset, target, arguments.jobs)
    build_cpu = children_cpu_seconds() - cpu_before
    built = time.monotonic()
    cases = []
    well = True
    for preset, _, which in runs:
        ran = run_ctest(preset, ["-L", label, *which], arguments)
        if not ran and not arguments.filter:
            print(f"No test of the {preset} build ran.")
            well = False
        cases += ran
    tested = time.monotonic()
    remove_stale_labs()
    well &= summary(cases, build_cpu, tested - built, budget=not (arguments.full or arguments.filter))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
