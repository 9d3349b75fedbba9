"""FRR on a lab machine: its routing daemons, each alone, without the scripts of its package."""
import json
import os
import shutil

from .waiting import eventually

FOLDER = "/usr/lib/frr"
RUN = "/run/frr"
DAEMONS = ("zebra", "bgpd")


def start(lab, machine, config=""):
    """zebra and bgpd of `machine`; `config`: what bgpd shall have from the beginning."""
    place = lab.places[machine.name]
    os.makedirs(f"{place.root}{RUN}", exist_ok=True)
    shutil.chown(f"{place.root}{RUN}", "frr", "frr")
    for daemon in DAEMONS:
        start_one(lab, machine, daemon, config if daemon == "bgpd" else "")


def start_one(lab, machine, daemon, config=""):
    """Returns its process."""
    place = lab.places[machine.name]
    path = f"{RUN}/{daemon}.conf"
    with open(place.root + path, "w", encoding="utf-8") as file:
        file.write(config)
    shutil.chown(place.root + path, "frr", "frr")
    log = lab.state.log_path(machine.name, daemon)
    os.makedirs(os.path.dirname(log), exist_ok=True)
    argv = [f"{FOLDER}/{daemon}", "-A", "127.0.0.1", "-P", "0", "-f", path, "-i", f"{RUN}/{daemon}.pid", "--log", "stdout"]
    process = place.start(argv, log, lab.state.name)
    eventually(lambda: os.path.exists(f"{place.root}{RUN}/{daemon}.vty"), 15, f"{daemon} on {machine.name} to listen", interval=0.05)
    return process


def show(lab, machine, command):
    """What bgpd or zebra answers to a `show … json`."""
    return json.loads(lab.places[machine.name].run(["vtysh", "-c", command]).stdout)
