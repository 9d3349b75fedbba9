"""What survives the lab command: /run/mooring-lab/NAME/{state.json,logs/,pods/}, and the locks that keep two commands apart.

state.json is written before what it describes is relied on, and replaced by rename, so it is whole after any crash.
"""
import contextlib
import fcntl
import json
import os
import re
import shutil
import sys

from .errors import LabError
from .processes import Process, labs_with_members

BASE = "/run/mooring-lab"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


def valid_name(name):
    if not _NAME.fullmatch(name):
        raise LabError(f"'{name}' cannot be a lab's name", "use 1 to 31 of a-z, 0-9 and '-', beginning with a letter or digit")
    return name


def boot_id():
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


@contextlib.contextmanager
def locked(name):
    """Serialises commands on one lab (or on all, with a name that begins with a dot). The holder removes
    the file; who waited for it notices and begins anew."""
    os.makedirs(BASE, mode=0o755, exist_ok=True)
    path = f"{BASE}/{name}.lock"
    while True:
        with open(path, "w", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not name.startswith("."):
                    print(f"lab {name}: waiting for another command to end", file=sys.stderr, flush=True)
                fcntl.flock(file, fcntl.LOCK_EX)
            try:
                if os.stat(path).st_ino != os.fstat(file.fileno()).st_ino:
                    continue  # removed while we waited: another file is the lock now
            except FileNotFoundError:
                continue
            try:
                yield
            finally:
                os.unlink(path)
            return


def write_json(path, value, mode=0o644):
    new = f"{path}.new"
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
    os.replace(new, path)


class State:
    """`data`: number, phase ("starting" or "up"), boot, options, holders {machine: process}, services {"h1/agent": process}."""

    def __init__(self, name):
        self.name = valid_name(name)
        self.folder = f"{BASE}/{name}"
        self.data = None
        self.load()

    @property
    def exists(self):
        return self.data is not None

    def load(self):
        try:
            with open(f"{self.folder}/state.json", encoding="utf-8") as file:
                self.data = json.load(file)
        except FileNotFoundError:
            self.data = None
        except ValueError:  # not ours or damaged: as good as a crash
            self.data = None

    def save(self):
        os.makedirs(self.folder, exist_ok=True)
        write_json(f"{self.folder}/state.json", self.data)

    def begin(self, number, options):
        self.data = {"number": number, "phase": "starting", "boot": boot_id(), "options": options, "holders": {}, "services": {}}
        self.save()

    def record(self, table, key, process):
        if process is None:
            self.data[table].pop(key, None)
        else:
            self.data[table][key] = {"pid": process.pid, "started": process.started}
        self.save()

    def process(self, table, key):
        """The recorded process, alive or not; None if there is no record or it is of an earlier boot."""
        row = self.data[table].get(key) if self.data else None
        if row is None or self.data["boot"] != boot_id():
            return None
        return Process(row["pid"], row["started"])

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.data = None

    def log_path(self, machine, component):
        return f"{self.folder}/logs/{machine}/{component}.log"


def names():
    """All labs: those with a folder, and those that a crash left with processes only."""
    entries = os.scandir(BASE) if os.path.isdir(BASE) else ()
    with_folder = {entry.name for entry in entries if entry.is_dir() and _NAME.fullmatch(entry.name)}
    return sorted(with_folder | labs_with_members())


def free_number(limit):
    """The lowest lab number that no other lab uses. Call with the ".labs" lock held, and begin() before giving it back."""
    taken = set()
    for name in names():
        state = State(name)
        if state.exists:
            taken.add(state.data["number"])
    for number in range(limit):
        if number not in taken:
            return number
    raise LabError(f"all {limit} address ranges for labs are taken", "end some: scripts/lab --name NAME down")
