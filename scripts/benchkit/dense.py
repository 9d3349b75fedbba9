"""What an ADD takes on a host that is empty, and on one with many ports and many peers. Real Open vSwitch, in a lab."""
import json
import tempfile

from benchkit.common import ROOT, BenchError, percentile, run, say
from benchkit.controller import ask
from labkit import inventory
from labkit.lab import Lab
from labkit.narrator import Narrator
from labkit.waiting import eventually

CONFIGURATION = {"cniVersion": "1.0.0", "name": "bench", "type": "mooring"}


class Host:
    """h1 of a lab with one host, whose directory has that many other nodes."""

    def __init__(self, lab, build_folder, folder):
        self.lab, self.build, self.name = lab, build_folder, lab.state.name
        self.configuration = f"{folder}/mooring.json"
        with open(self.configuration, "w", encoding="utf-8") as file:
            json.dump(CONFIGURATION, file)

    def add(self, count, prefix, *more):
        """Milliseconds of each ADD, one caller; the containers are deleted at the end unless --keep."""
        output = run([f"{ROOT}/scripts/lab", "--name", self.name, "--quiet", "exec", "h1", f"{self.build}/tests/cni_bench", "--plugin",
                      "/opt/cni/bin/mooring", "--conf", self.configuration, "--folder", f"/run/cni-bench-{prefix}", "--count", str(count),
                      "--prefix", prefix, *more])
        report = json.loads(output.splitlines()[-1])
        if report["failures"]:
            raise BenchError(f"{len(report['failures'])} calls failed, the first: {report['failures'][0]}")
        return report["add"]["milliseconds"]

    def make_peers(self, count):
        for number in range(count):
            ask(f"{self.lab.places['controller'].root}/run/mooring/controller.sock", "PUT", f"/v1/nodes/peer{number}", {
                "machine_id": f"peer{number}", "vtep": f"172.29.{number // 250}.{number % 250 + 1}", "version": "bench"})
        eventually(lambda: sum("tun_src=172.29." in flow for flow in inventory.flows(self.lab.places["h1"], "br-tun")) >= count,
                   60, "the agent to know all peers", interval=0.5)


def bench_dense(name, build_folder, size, rows):
    lab = Lab(name, Narrator(quiet=True))
    took = {}
    try:
        lab.up(hosts=1, gateways=0, physical=0, build=build_folder)
        with tempfile.TemporaryDirectory(prefix="mooring-bench-") as folder:
            host = Host(lab, build_folder, folder)
            host.add(5, "warm")
            say("dense: an empty host")
            took["empty"] = host.add(size["dense_calls"], "empty")
            say(f"dense: {size['dense_peers']:,} peers")
            host.make_peers(size["dense_peers"])
            took["peers"] = host.add(size["dense_calls"], "peers")
            say(f"dense: {size['dense_ports']} ports")
            host.add(size["dense_ports"], "fill", "--keep", "--callers", "4")
            took["dense"] = host.add(size["dense_calls"], "dense")
    finally:
        lab.down()
    for which, text in (("empty", "an empty host"), ("peers", f"{size['dense_peers']:,} peers"),
                        ("dense", f"{size['dense_peers']:,} peers, {size['dense_ports']} ports")):
        rows.add(f"ADD on {text}: p50", percentile(took[which], 50), "ms", ("<=", 1.5) if which == "dense" else None,
                 percentile(took["empty"], 50) if which == "dense" else None, "ms empty" if which == "dense" else "")
        rows.add("  p99", percentile(took[which], 99), "ms")
    return took
