"""`--tune`: the one system-wide setting that the lab can change, and puts back.

OVS' userspace datapath reads NICs through AF_PACKET sockets whose receive buffer is net.core.rmem_default: at its usual
208 KiB, bulk TCP loses packets in bursts. The value before the first tuned lab is kept until the last tuned lab ends.
"""
import json
import os

from .state import BASE, locked, write_json

_KEY = "/proc/sys/net/core/rmem_default"
_RECORD = f"{BASE}/tuned.json"
WANTED = 8 * 1024 * 1024


def _read():
    try:
        with open(_RECORD, encoding="utf-8") as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return {"before": None, "labs": []}


def _set(value):
    with open(_KEY, "w", encoding="ascii") as file:
        file.write(str(value))


def tune(lab):
    with locked(".tuning"):
        record = _read()
        if record["before"] is None:
            with open(_KEY, encoding="ascii") as file:
                record["before"] = int(file.read())
        record["labs"] = sorted({*record["labs"], lab})
        write_json(_RECORD, record)  # before the change: a crash between the two changes nothing
        _set(max(WANTED, record["before"]))


def untune(lab):
    """Does nothing for a lab that was not tuned."""
    if not os.path.exists(_RECORD):
        return
    with locked(".tuning"):
        record = _read()
        if lab not in record["labs"]:
            return
        record["labs"].remove(lab)
        if record["labs"]:
            write_json(_RECORD, record)
        else:
            _set(record["before"])
            os.unlink(_RECORD)
