"""A lab whose controller has as many ports as a large cluster: its store is written by a program, not port by port."""
import os
import shutil
import tempfile

from benchkit.common import BenchError, run


def give(lab, build_folder, ports, nodes=2000):
    """The controller of `lab` comes back with that many ports of so many nodes instead of what it had. Everybody else finds it
    by themselves."""
    controller = lab.layout.machines["controller"]
    lab.services.stop(controller, "controller")
    folder = f"{lab.places['controller'].root}/var/lib/mooring"
    store = next((f"{path}/{name}" for path, _, names in os.walk(folder) for name in names if name.endswith(".db")), None)
    if not store:
        raise BenchError(f"the controller has no store below {folder}")
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(store + suffix):
            os.unlink(store + suffix)
    with tempfile.TemporaryDirectory(prefix="mooring-bench-") as made:
        run([f"{build_folder}/tests/ipam_store", "--store", f"{made}/store.db", "--ports", str(ports), "--nodes", str(nodes)])
        for name in os.listdir(made):
            shutil.copy(f"{made}/{name}", store + name[len("store.db"):])
    lab.services.start(controller, "controller")
