"""scripts/demo: Mooring's main job, on real containers, told as a short story with a table at the end."""
import argparse
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time

from . import capture, inventory, traffic
from .cri import Cri
from .errors import LabError
from .lab import Lab
from .narrator import Narrator

MEGABYTES = 4
DB_ADDRESS = "10.100.77.10"


class Failed(Exception):
    """A step did not show what it should."""


class Story:
    def __init__(self, lab):
        self.lab = lab
        self.cri = {}
        self.pods = {}
        self.table = []
        self.empty = None
        self.told = False
        self.stack = contextlib.ExitStack()

    # -- telling ---------------------------------------------------------------------------------------------------

    def step(self, title, tell):
        """One line of the table. A failed step does not hide the next ones."""
        print(f"\n{len(self.table) + 1}. {title}", flush=True)
        began = time.monotonic()
        try:
            result, well = tell(), True
        except (Failed, LabError, OSError, subprocess.SubprocessError) as error:
            result, well = str(error), False
            print(textwrap.indent(f"FAILED: {error}", "   "), flush=True)
        self.table.append((title, "ok" if well else "FAILED", result.splitlines()[0][:70], time.monotonic() - began))
        return well

    def say(self, text):
        print(textwrap.indent(text, "   "), flush=True)

    def print_table(self):
        print("\n" + "-" * 118)
        print(f"{'step':<48}{'result':<8}{'time':>8}  what was seen")
        for title, result, seen, seconds in self.table:
            print(f"{title[:47]:<48}{result:<8}{seconds:6.1f} s  {seen}")
        print("-" * 118)

    @property
    def well(self):
        return self.told and all(row[1] == "ok" for row in self.table)

    # -- the steps -------------------------------------------------------------------------------------------------

    def build(self):
        self.lab.up(hosts=2, gateways=1, physical=1, runtime="containerd")
        for host in ("h1", "h2"):
            self.cri[host] = self.stack.enter_context(Cri(self.lab, host))
        self.empty = inventory.take(self.lab)
        datapath = self.lab.places["h1"].run(["ovs-vsctl", "get", "bridge", "br-int", "datapath_type"]).stdout.strip().strip('"')
        self.say(f"two hosts, each with its own Open vSwitch ({datapath or 'kernel'} datapath) and containerd; one gateway; one physical machine")
        return f"controller, 2 agents, 1 gateway; datapath {datapath or 'kernel'}"

    def run(self, host, name, **options):
        began = time.monotonic()
        pod = self.cri[host].run_pod(name, **options)
        pod.created_seconds = time.monotonic() - began
        self.pods[name] = pod
        self.say(f"{host}: pod {pod.namespace}/{name} has {pod.address} ({pod.created_seconds * 1000:.0f} ms for sandbox and container)")
        return pod

    def create_pods(self):
        for host, name in (("h1", "web-0"), ("h1", "web-1"), ("h2", "web-2")):
            self.run(host, name, annotations={"mooring.io/workload": "web"})
        return f"{', '.join(pod.address for pod in self.pods.values())}"

    def in_pod(self, name, *command, timeout=60):
        pod = self.pods[name]
        code, out, err = self.cri[pod.host].execute(pod, *command, timeout=timeout)
        if code:
            raise Failed(f"in pod {name}: '{' '.join(command)}' failed ({code}): {(err or out).strip()[-300:]}")
        return out

    def pod_pings(self, name, address, count=3):
        out = self.in_pod(name, "ping", "-c", str(count), "-i", "0.2", "-W", "1", address)
        if f"{count} packets received" not in out:
            raise Failed(f"pod {name} -> {address}: {out.strip().splitlines()[-1]}")
        return out.strip().splitlines()[-1].rpartition("= ")[2]

    def same_host(self):
        target = self.pods["web-1"].address
        with capture.Capture(self.lab) as underlay:
            times = self.pod_pings("web-0", target)
            outside = [line for line in underlay.stop() if target in line]
        if outside:
            raise Failed(f"packets between two pods of h1 were seen on the underlay: {outside[0]}")
        self.say(f"web-0 -> web-1 ({target}): {times}; nothing of it on the underlay")
        return f"3 of 3 pings, {times}"

    def two_hosts(self):
        target = self.pods["web-2"].address
        with capture.Capture(self.lab) as underlay:
            times = self.pod_pings("web-0", target)
            seen = capture.vxlan_lines(underlay.stop())
        inner = [pair for pair in seen if f"> {target}: ICMP echo request" in pair[1]]
        if len(inner) < 3:
            raise Failed(f"the pings were answered, but the underlay shows {len(inner)} of 3 in VXLAN")
        self.say(f"web-0 -> web-2 ({target}): {times}; on the underlay:\n  {inner[0][0]}\n    {inner[0][1]}")
        return f"3 of 3 pings, {times}; VXLAN seen"

    def physical_pings(self):
        machine = self.lab.layout.machines["phys1"].address("eth0")
        there = self.pod_pings("web-0", machine)
        lines = []
        for name in ("web-0", "web-2"):
            received, times = traffic.ping(self.lab.places["phys1"], self.pods[name].address)
            if received != 3:
                raise Failed(f"phys1 -> {name} ({self.pods[name].address}): {received} of 3 pings answered")
            lines.append(f"phys1 -> {name} ({self.pods[name].address}): {min(times):.1f} ms")
        self.say(f"web-0 -> phys1 ({machine}): {there}\n" + "\n".join(lines))
        return f"pod -> {machine} and back by overlay address"

    def serve(self, name):
        """A web server in the pod, with some megabytes of noise; returns their checksum."""
        out = self.in_pod(name, "sh", "-c", f"mkdir -p /www && head -c {MEGABYTES << 20} /dev/urandom > /www/noise && "
                          "httpd -p 80 -h /www && sha256sum /www/noise")
        return out.split()[0]

    def fetch(self, who, fetched, expected):
        """fetched(command) runs a shell command somewhere and returns its output."""
        got = fetched.split()[0] if fetched.split() else ""
        if got != expected:
            raise Failed(f"{who}: what arrived has checksum {got or 'none'}, sent was {expected}")
        self.say(f"{who}: {MEGABYTES} MiB, SHA-256 {got[:16]}... is right")

    def tcp(self):
        sums = {name: self.serve(name) for name in ("web-0", "web-2")}
        physical = self.lab.places["phys1"]
        folder = "/run/www"
        physical.run(["sh", "-c", f"mkdir -p {folder} && head -c {MEGABYTES << 20} /dev/urandom > {folder}/noise && "
                      f"busybox httpd -p 80 -h {folder}"])
        noise = physical.run(["sha256sum", f"{folder}/noise"]).stdout.split()[0]
        machine = self.lab.layout.machines["phys1"].address("eth0")
        get = "timeout 20 {}wget -q -O - http://{}/noise | sha256sum"  # wget -T crashes in Debian's static busybox
        for source, target in (("web-0", "web-2"), ("web-2", "web-0")):
            self.fetch(f"{source} <- {target}",
                       self.in_pod(source, "sh", "-c", get.format("", self.pods[target].address)), sums[target])
        self.fetch("web-0 <- phys1", self.in_pod("web-0", "sh", "-c", get.format("", machine)), noise)
        done = physical.run(["sh", "-c", get.format("busybox ", self.pods["web-2"].address)])
        self.fetch("phys1 <- web-2", done.stdout, sums["web-2"])
        return f"{MEGABYTES} MiB each way, checksums right"

    def host_probes(self):
        seen = []
        for host, name in (("h1", "web-0"), ("h2", "web-2")):
            address = self.pods[name].address
            began = time.monotonic()
            done = self.lab.places[host].run(["sh", "-c", f"timeout 10 busybox wget -q -O - http://{address}/noise | wc -c"])
            if done.stdout.strip() != str(MEGABYTES << 20):
                raise Failed(f"{host} -> {name} ({address}): got {done.stdout.strip()} of {MEGABYTES << 20} bytes {done.stderr.strip()}")
            seen.append(f"{host} -> {name} in {(time.monotonic() - began) * 1000:.0f} ms")
        self.say("TCP from the host itself: " + ", ".join(seen))
        return ", ".join(seen)

    def fixed_address(self):
        self.lab.ctl("create", "binding", "prod/db-0", "--address", DB_ADDRESS)
        first = self.run("h1", "db-0", namespace="prod")
        mac = self.in_pod("db-0", "cat", "/sys/class/net/eth0/address").strip()
        if first.address != DB_ADDRESS:
            raise Failed(f"db-0 is bound to {DB_ADDRESS}, but got {first.address}")
        self.pod_pings("web-2", DB_ADDRESS)
        self.cri["h1"].delete_pod(first)
        second = self.run("h2", "db-0", namespace="prod")
        physical = self.lab.places["phys1"]
        answers = {"web-0": None, "phys1": None}
        answers["web-0"] = self.pod_pings("web-0", DB_ADDRESS, count=1)
        answers["phys1"], _ = traffic.ping(physical, DB_ADDRESS, count=1)
        moved_mac = self.in_pod("db-0", "cat", "/sys/class/net/eth0/address").strip()
        if (second.address, moved_mac) != (DB_ADDRESS, mac):
            raise Failed(f"db-0 had {DB_ADDRESS} {mac} on h1 and has {second.address} {moved_mac} on h2")
        if not answers["phys1"]:
            raise Failed(f"after the move, phys1's first ping to {DB_ADDRESS} was not answered")
        self.say(f"db-0 moved from h1 to h2: still {DB_ADDRESS}, {mac}; the first ping of web-0 and of phys1 was answered")
        return f"{DB_ADDRESS} {mac} on h1, then on h2"

    def delete(self):
        for pod in list(self.pods.values()):
            self.cri[pod.host].delete_pod(pod)
        self.lab.ctl("delete", "binding", "prod/db-0")
        more = inventory.left(self.lab, self.empty)
        if more:
            raise Failed(f"{len(more)} things are left:\n" + "\n".join(more[:20]))
        self.say("as before the first pod: no allocation, OVS port, flow, link or namespace is left")
        return "nothing is left"

    def tell(self):
        with self.stack:
            if self.step("Build the overlay", self.build) and self.step("containerd makes three pods", self.create_pods):
                self.step("Pods of one host reach each other", self.same_host)
                self.step("Pods of two hosts reach each other (VXLAN)", self.two_hosts)
                self.step("Pod and physical machine reach each other", self.physical_pings)
                self.step("TCP arrives as it was sent", self.tcp)
                self.step("The host reaches its pods (kubelet's probes)", self.host_probes)
                self.step("A fixed address moves to another host", self.fixed_address)
                self.step("All is deleted, nothing is left", self.delete)
        self.told = True


def main(argv):
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description="Installs what is missing, builds, and shows Mooring's main job: two hosts with an Open "
        "vSwitch and containerd each, a gateway and a physical machine, all as network namespaces of this machine.",
        epilog="With MOORING_BUILD_DIR in the environment nothing is built: the programs are taken from there.")
    parser.add_argument("--keep", action="store_true", help="leave the lab up to look around (its name is 'demo', or $MOORING_LAB)")
    options = parser.parse_args(argv)
    began = time.monotonic()
    lab = Lab(os.environ.get("MOORING_LAB") or "demo", Narrator(stream=sys.stdout))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    story = Story(lab)
    try:
        if lab.down():
            print("An earlier demo was removed.")
        story.tell()
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
    finally:
        if not options.keep:
            lab.down()
    if story.table:
        story.print_table()
    print(f"{'All steps worked' if story.well else 'NOT all steps worked'}, {time.monotonic() - began:.0f} s in all.")
    if options.keep:
        print(KEPT.format(name=lab.state.name))
    return 0 if story.well else 1


KEPT = """
The lab is up. Look around:
  scripts/lab --name {name} status
  scripts/lab --name {name} ctl get ports
  scripts/lab --name {name} cri run h1 web-9
  scripts/lab --name {name} exec h1 ovs-ofctl -O OpenFlow15 dump-flows br-int
  scripts/lab --name {name} logs h1 agent
and end it by
  scripts/lab --name {name} down"""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
