"""Probes between the pods of a drill: every pod sends numbered packets to every other, and every number is accounted for."""
import json
import os
import select
import subprocess
from dataclasses import dataclass, field

from labkit import artifacts
from labkit.errors import LabError

_SOURCE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "probe.c")
PORT = 7999


@dataclass
class Path:
    """What one pod sent to another."""
    source: str
    target: str
    sent: int
    lost: int
    longest_gap_ms: float  # without a packet, from the one before to the one after, seen at the sender
    worst_ms: float        # that a packet took
    gaps: list = field(default_factory=list)  # {first, lost, ms, to_ns}; to_ns: 0 = nothing came any more

    def split_at(self, moment_ns):
        """(lost in gaps that were over before, lost in the others, the longest of these in ms)."""
        later = [gap for gap in self.gaps if not gap["to_ns"] or gap["to_ns"] >= moment_ns]
        lost = sum(gap["lost"] for gap in later)
        return self.lost - lost, lost, max((gap["ms"] for gap in later), default=0.0)


class Probes:
    """`ends`: name -> (place, address). begin(), then end(), which returns the paths. Or stop(): nothing is told."""

    def __init__(self, ends, rate):
        self.ends = ends
        self.interval_us = max(1, round(1_000_000 / rate))
        self.processes = {}

    def begin(self):
        program = artifacts.compiled("probe", _SOURCE)
        try:
            for name, (place, address) in self.ends.items():
                peers = [other for other_name, (_, other) in self.ends.items() if other_name != name]
                self.processes[name] = place.popen([program, address, str(PORT), str(self.interval_us), *peers], stdin=subprocess.PIPE,
                                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for name, process in self.processes.items():
                if process.stdout.readline().strip() != "ready":
                    raise LabError(f"the probe in {name} did not start: {process.stderr.read().strip()}")
            for process in self.processes.values():
                self._tell(process)
        except BaseException:
            self.stop()
            raise

    @staticmethod
    def _tell(process):
        process.stdin.write("\n")
        process.stdin.flush()

    def end(self):
        said = {}
        try:
            for process in self.processes.values():
                self._tell(process)
            for name, process in self.processes.items():
                if not select.select([process.stdout], [], [], 20)[0]:
                    raise LabError(f"the probe in {name} does not end")
                out, err = process.communicate(timeout=20)
                if process.returncode:
                    raise LabError(f"the probe in {name} failed: {err.strip()}")
                said[name] = json.loads(out)
        finally:
            self.stop()
        return [self._path(said, source, target) for source in self.ends for target in self.ends if source != target]

    def _path(self, said, source, target):
        sent = said[source][self.ends[target][1]]["sent"]
        seen = said[target][self.ends[source][1]]
        gaps = [{"first": gap["first"], "lost": gap["lost"], "to_ns": gap["to_ns"],
                 "ms": (gap["to_ns"] - gap["from_ns"]) / 1e6 if gap["from_ns"] else gap["lost"] * self.interval_us / 1000}
                for gap in seen["gaps"]]
        if seen["end"] < sent:  # the last ones
            gaps.append({"first": seen["end"], "lost": sent - seen["end"], "to_ns": 0,
                         "ms": (sent - seen["end"]) * self.interval_us / 1000})
        return Path(source, target, sent, sent - seen["received"], max((gap["ms"] for gap in gaps), default=0.0), seen["worst_ms"], gaps)

    def stop(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                try:
                    pipe.close()
                except OSError:
                    pass  # what was still to be written to a process that is gone
        self.processes = {}
