"""A real mooring-controller in a folder of its own: started, asked over its unix socket, killed, started again."""
import json
import os
import signal
import subprocess
import time

from benchkit.common import BenchError
from labkit.unix_http import UnixConnection

START_PATIENCE = 120


def ask(path, method, target, body=None):
    """The answer, JSON, of the controller that listens on that unix socket."""
    connection = UnixConnection(path, timeout=60)
    try:
        connection.request(method, target, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status >= 300:
        raise BenchError(f"{method} {target}: {answer.status} {text.decode()}")
    return json.loads(text)


class Controller:
    def __init__(self, build, folder, store="controller.db"):
        self.program = f"{build}/ipam-controller/mooring-controller"
        self.store, self.socket, self.log = f"{folder}/{store}", f"{folder}/controller.sock", f"{folder}/controller.log"
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        """Returns the seconds from its start until it has answered a question."""
        begin = time.monotonic()
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [self.program, "--store", self.store, "--listen-unix", self.socket, "--log-level", "warning"], stdout=log, stderr=log)
        while True:
            try:
                self.ask("GET", "/v1/networks")
                return time.monotonic() - begin
            except OSError:
                if self.process.poll() is not None or time.monotonic() > begin + START_PATIENCE:
                    with open(self.log, encoding="utf-8") as log:
                        raise BenchError(f"mooring-controller did not start:\n{log.read()[-4000:]}") from None
                time.sleep(0.005)

    def kill(self):
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def ask(self, method, path, body=None):
        return ask(self.socket, method, path, body)

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise BenchError("the kernel does not tell the controller's memory")

    def make_subnet(self, name, cidr, vni, pool):
        self.ask("POST", "/v1/subnets", {"name": name, "cidr": cidr, "vni": vni})
        self.ask("POST", "/v1/pools", {"name": name, "subnet": name, **pool})

    def make_nodes(self, count):
        for number in range(count):
            self.ask("PUT", f"/v1/nodes/n{number}", {"machine_id": f"m{number}", "vtep": f"172.31.{number // 250}.{number % 250 + 1}",
                                                     "version": "bench"})


def remove_store(path):
    for suffix in ("", "-wal", "-shm", ".lock"):
        if os.path.exists(path + suffix):
            os.remove(path + suffix)
