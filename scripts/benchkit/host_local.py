"""Debian's host-local: a program started for each call, a file for each address, nothing synced."""
import ipaddress
import json
import os

from benchkit.common import PEER_DIR, BenchError, run

SUBNET = ipaddress.ip_network("10.200.0.0/16")


class HostLocal:
    def __init__(self, build, folder, name):
        self.bench, self.program = f"{build}/tests/cni_bench", f"{PEER_DIR}/host-local"
        if not os.path.exists(self.program):
            raise BenchError(f"{self.program} is missing: run scripts/deps")
        self.folder, self.data = folder, f"{folder}/{name}"
        self.conf = f"{folder}/{name}.json"
        with open(self.conf, "w", encoding="utf-8") as file:
            json.dump({"cniVersion": "1.0.0", "name": "bench", "type": "host-local",
                       "ipam": {"type": "host-local", "dataDir": self.data, "ranges": [[{"subnet": str(SUBNET)}]]}}, file)

    def fill(self, share):
        """Gives the first so many addresses to nobody in particular, as host-local writes it down."""
        os.makedirs(f"{self.data}/bench")
        last = None
        for number in range(2, int(SUBNET.num_addresses * share)):
            last = str(SUBNET[number])
            with open(f"{self.data}/bench/{last}", "w", encoding="ascii") as file:
                file.write("somebody\r\neth0")
        with open(f"{self.data}/bench/last_reserved_ip.0", "w", encoding="ascii") as file:
            file.write(str(SUBNET[1]))

    def measure(self, count, callers, prefix):
        """{"per_second", "p50_us"} of ADDs; each address is released again afterwards."""
        report = json.loads(run([self.bench, "--plugin", self.program, "--conf", self.conf, "--count", str(count),
                                 "--callers", str(callers), "--prefix", prefix, "--without-namespaces"]).splitlines()[-1])
        if report["failures"]:
            raise BenchError(f"host-local: {len(report['failures'])} calls failed, the first: {report['failures'][0]}")
        took = sorted(report["add"]["milliseconds"])
        return {"per_second": len(took) / report["add"]["seconds"], "p50_us": took[len(took) // 2] * 1000}
