"""Processes that cannot be mistaken for others: a pid counts only together with its start time.

Every process that holds a lab's namespaces open carries MOORING_LAB_MEMBER=LAB/ROLE in its environment, so that it is
found even if the lab command was killed before it could write the pid down.
"""
import os
import signal
from dataclasses import dataclass

from .errors import LabError
from .waiting import eventually

MEMBER = "MOORING_LAB_MEMBER"


def start_time(pid):
    """Clock ticks since boot, from /proc/PID/stat; None if there is no such process (a zombie counts as none)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


@dataclass(frozen=True)
class Process:
    pid: int
    started: int

    @staticmethod
    def of(pid):
        started = start_time(pid)
        return Process(pid, started) if started is not None else None

    @property
    def alive(self):
        return start_time(self.pid) == self.started

    def signal(self, number):
        if self.alive:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass

    def end(self, seconds=10.0, kill=False):
        """TERM, and KILL if it does not listen; or KILL at once."""
        if not kill:
            self.signal(signal.SIGTERM)
            try:
                eventually(lambda: not self.alive, seconds, "the process to end")
                return
            except LabError:
                pass  # it did not listen
        self.signal(signal.SIGKILL)
        eventually(lambda: not self.alive, 10, f"process {self.pid} to die")


def members(lab):
    """The processes of the lab that hold its namespaces open, whatever the state file says."""
    wanted = f"{MEMBER}={lab}/".encode()
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as environ:
                variables = environ.read().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if any(variable.startswith(wanted) for variable in variables):
            process = Process.of(int(entry))
            if process:
                found.append(process)
    return found


def labs_with_members():
    """Names of all labs that have a process."""
    names = set()
    wanted = f"{MEMBER}=".encode()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as environ:
                for variable in environ.read().split(b"\0"):
                    if variable.startswith(wanted):
                        names.add(variable[len(wanted):].decode().partition("/")[0])
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return names
