"""Kea's DHCPv4 server (memfile) and its own load client perfdhcp, in two network namespaces joined by a veth pair."""
import json
import os
import re
import shutil
import subprocess
import time

from benchkit.common import BenchError, run, say

PACKAGES = ["kea-dhcp4-server", "kea-admin"]
RATES = (5000, 6500, 8000, 10000)  # asked for; it drops what it cannot do
SERVER, CLIENT = "10.0.0.1", "10.0.0.2"


def available():
    """Installs Debian's Kea if it is not there: it is a peer, not a dependency."""
    missing = [program for program in ("kea-dhcp4", "perfdhcp") if not shutil.which(program)]
    if not missing:
        return True
    say(f"installing {' '.join(PACKAGES)} ({' and '.join(missing)} missing)")
    done = subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES], capture_output=True, text=True,
                          env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))
    if done.returncode:
        say("*" * 100 + f"\nKEA IS NOT MEASURED: apt-get could not install {' '.join(PACKAGES)}:\n{done.stderr[-1000:]}\n" + "*" * 100)
    return done.returncode == 0


class Kea:
    def __init__(self, folder):
        self.folder = f"{folder}/kea"
        self.server, self.client = f"kea-s-{os.getpid()}", f"kea-c-{os.getpid()}"
        self.process = None
        self.asked = 0

    def __enter__(self):
        os.makedirs(self.folder, exist_ok=True)
        try:
            self.make_link()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()
        for name in (self.server, self.client):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def make_link(self):
        for name in (self.server, self.client):
            run(["ip", "netns", "add", name])
        run(["ip", "link", "add", "kea-s", "netns", self.server, "type", "veth", "peer", "name", "kea-c", "netns", self.client])
        for name, link, address in ((self.server, "kea-s", SERVER), (self.client, "kea-c", CLIENT)):
            run(["ip", "-n", name, "addr", "add", f"{address}/8", "dev", link])
            run(["ip", "-n", name, "link", "set", link, "up"])
            run(["ip", "-n", name, "link", "set", "lo", "up"])

    def start(self):
        conf = f"{self.folder}/kea.json"
        with open(conf, "w", encoding="utf-8") as file:
            json.dump({"Dhcp4": {
                "interfaces-config": {"interfaces": ["kea-s"], "dhcp-socket-type": "udp"},
                "lease-database": {"type": "memfile", "persist": True, "name": f"{self.folder}/leases.csv", "lfc-interval": 0},
                "valid-lifetime": 4000,
                "multi-threading": {"enable-multi-threading": True, "thread-pool-size": os.cpu_count() or 2, "packet-queue-size": 64},
                "subnet4": [{"id": 1, "subnet": "10.0.0.0/8", "interface": "kea-s", "pools": [{"pool": "10.1.0.0-10.254.255.255"}]}],
                "loggers": [{"name": "kea-dhcp4", "severity": "ERROR", "output_options": [{"output": "stderr"}]}]}}, file)
        with open(f"{self.folder}/log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.server, "kea-dhcp4", "-c", conf], stdout=log, stderr=log,
                env=dict(os.environ, KEA_PIDFILE_DIR=self.folder, KEA_LOCKFILE_DIR=self.folder))
        deadline = time.monotonic() + 20
        while self.perfdhcp("-r", "50", "-p", "1", "-W", "200000")["acks"] == 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                with open(f"{self.folder}/log", encoding="utf-8") as log:
                    raise BenchError(f"kea-dhcp4 does not answer:\n{log.read()[-2000:]}")

    def perfdhcp(self, *arguments):
        self.asked += 1
        base = f"mac=00:{self.asked // 256:02x}:{self.asked % 256:02x}:00:00:00"  # clients that it has not seen
        done = subprocess.run(["ip", "netns", "exec", self.client, "perfdhcp", "-4", "-l", "kea-c", "-b", base, "-R", "1000000",
                               *arguments, SERVER], capture_output=True, text=True, check=False)
        acks = re.search(r"REQUEST-ACK\*\*\*.*?received packets: (\d+)", done.stdout, re.S)
        sent = re.search(r"DISCOVER-OFFER\*\*\*.*?sent packets: (\d+)", done.stdout, re.S)
        return {"acks": int(acks.group(1)) if acks else 0, "sent": int(sent.group(1)) if sent else 0}

    def measure(self, seconds):
        """The best of several rates: leases acknowledged a second, and the share of exchanges that were dropped then."""
        best = {"per_second": 0, "dropped": 0}
        for rate in RATES:
            report = self.perfdhcp("-r", str(rate), "-p", str(seconds), "-W", "200000")
            per_second = report["acks"] / seconds
            if per_second > best["per_second"]:
                best = {"per_second": per_second, "dropped": 1 - report["acks"] / max(1, report["sent"])}
        if best["per_second"] == 0:
            raise BenchError("kea-dhcp4 acknowledged nothing")
        return best
