"""The daemons of a lab: what is started where, how it is known to be ready, and how it is stopped."""
import os
import socket
import time

from .errors import LabError
from .layout import CONTROLLER_PORT
from .waiting import eventually

PROGRAMS = {  # program -> its place below the build folder
    "mooring-controller": "ipam-controller/mooring-controller",
    "mooringctl": "ipam-controller/mooringctl",
    "mooring-agent": "ovs-agent/mooring-agent",
    "mooring-gateway": "overlay-gateway/mooring-gateway",
    "mooring": "cni-plugin/mooring",
}
OVS_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
NODE_TOKEN = "/etc/mooring/node.token"
KEEPALIVED_CONFIG = "/var/lib/mooring/gateway/keepalived.conf"  # the gateway writes it
KEEPALIVED_PID = "/run/mooring/keepalived.pid"
VRRP_PID = "/run/mooring/keepalived-vrrp.pid"  # of its child
ADMIN_TOKEN = "/etc/mooring/admin.token"

# Component -> the roles that have it, in the order in which they are started.
COMPONENTS = {
    "ovsdb": ("host", "gateway", "fabric"),
    "vswitchd": ("host", "gateway", "fabric"),
    "controller": ("controller",),
    "agent": ("host",),
    "gateway": ("gateway",),
    "keepalived": ("gateway",),
    "containerd": ("host",),
}
START_MARK = b"=== lab: starting"  # heads the part of a log that a start began
READY_SECONDS = {"containerd": 30}


def answers(path):
    """True if somebody listens on the unix socket (a path seen from outside)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        try:
            probe.connect(path)
            return True
        except OSError:
            return False


def program(build, name):
    path = os.path.join(build, PROGRAMS[name])
    if not os.access(path, os.X_OK):
        raise LabError(f"{path} is missing", "build first: cmake --preset dev && cmake --build --preset dev "
                       "(or say where: --build DIR, or MOORING_BUILD_DIR)")
    return path


class Services:
    """Needs from the lab: layout, places, state (processes, logs), options (build, datapath, network)."""

    def __init__(self, lab):
        self.lab = lab

    def of(self, machine):
        """The components that the machine has in this lab."""
        absent = set()
        if self.lab.options["runtime"] != "containerd":
            absent.add("containerd")
        if self.lab.options["bare"]:
            absent |= {"controller", "agent", "gateway", "keepalived"}
        if not self.lab.options.get("segment"):
            absent.add("keepalived")
            if machine.role == "fabric":  # its switches with VLANs
                absent |= {"ovsdb", "vswitchd"}
        return [name for name, roles in COMPONENTS.items() if machine.role in roles and name not in absent]

    def process(self, machine, component):
        """The running process, or None."""
        process = self.lab.state.process("services", f"{machine.name}/{component}")
        return process if process and process.alive else None

    def start(self, machine, component, wait=True):
        if self.process(machine, component):
            return
        place = self.lab.places[machine.name]
        if component == "ovsdb":
            self._make_database(place)
        if component == "containerd":
            self.lab.containerd.prepare(machine)
        if component == "keepalived":
            self._end_keepalived(place)
        log = self.lab.state.log_path(machine.name, component)
        os.makedirs(os.path.dirname(log), exist_ok=True)
        with open(log, "ab") as file:
            file.write(START_MARK + f" {component} at {time.strftime('%H:%M:%S')}\n".encode())
        process = place.start(self._argv(machine, component), log, self.lab.state.name)
        self.lab.state.record("services", f"{machine.name}/{component}", process)
        if wait:
            self.wait_ready(machine, component)

    def wait_ready(self, machine, component):
        place = self.lab.places[machine.name]

        def ready():
            if not self.process(machine, component):
                raise LabError(f"{component} on {machine.name} ended while starting:\n{self.log_end(machine, component)}",
                               f"all of it: scripts/lab --name {self.lab.state.name} logs {machine.name} {component}")
            return self._is_ready(place, component)
        try:
            eventually(ready, READY_SECONDS.get(component, 20), f"{component} on {machine.name} to be ready", interval=0.03)
        except LabError as error:
            if error.hint:
                raise
            raise LabError(f"{error.message}; the end of its log:\n{self.log_end(machine, component)}") from error
        if component == "ovsdb":
            # What the Debian package's start script would set, and no more.
            place.run(["ovs-vsctl", "--no-wait", "init", "--", "set", "Open_vSwitch", ".",
                       f"external_ids:hostname={machine.name}", f"external_ids:system-id={self.machine_id(machine)}"])

    def stop(self, machine, component, kill=False):
        process = self.process(machine, component)
        if process:
            process.end(kill=kill)
            if component == "keepalived":
                self._end_keepalived(self.lab.places[machine.name])
        self.lab.state.record("services", f"{machine.name}/{component}", None)

    @staticmethod
    def _end_keepalived(place):
        """Its child may live on for a moment when it was killed, and a new one would refuse to start beside it."""
        place.run(["sh", "-c", f"[ ! -e {VRRP_PID} ] || kill -KILL $(cat {VRRP_PID}); rm -f {KEEPALIVED_PID} {VRRP_PID}"], check=False)

    def log_end(self, machine, component, lines=15):
        try:
            with open(self.lab.state.log_path(machine.name, component), encoding="utf-8", errors="replace") as file:
                return "".join("    " + line for line in file.readlines()[-lines:])
        except FileNotFoundError:
            return "    (no log)"

    def machine_id(self, machine):
        """Stable for a lab, other in each lab: 32 hexadecimal digits."""
        return (self.lab.state.name + "/" + machine.name).encode().hex().ljust(32, "0")[-32:]

    def _make_database(self, place):
        os.makedirs(f"{place.root}/run/openvswitch", exist_ok=True)  # gone after a reboot
        if not os.path.exists(f"{place.root}/etc/openvswitch/conf.db"):
            place.run(["ovsdb-tool", "create", "/etc/openvswitch/conf.db", OVS_SCHEMA])

    def _is_ready(self, place, component):
        root = place.root
        if component == "ovsdb":
            return answers(f"{root}/run/openvswitch/db.sock")
        if component == "vswitchd":
            return self._vswitchd_ready(place)
        if component == "controller":
            return answers(f"{root}/run/mooring/controller.sock")
        if component == "agent":
            return answers(f"{root}/run/mooring/agent.sock")
        if component == "gateway":
            return answers(f"{root}/run/mooring/gateway.sock")
        if component == "keepalived":
            return os.path.exists(f"{root}{KEEPALIVED_PID}")
        if component == "containerd":
            return answers(f"{root}/run/containerd/containerd.sock")
        raise ValueError(component)

    def _vswitchd_ready(self, place):
        return place.run(["ovs-appctl", "--timeout=5", "-t", "ovs-vswitchd", "version"], check=False).returncode == 0

    def _argv(self, machine, component):
        options = self.lab.options
        build = options["build"]
        if component == "ovsdb":
            return ["ovsdb-server", "/etc/openvswitch/conf.db", "--remote=punix:/run/openvswitch/db.sock",
                    "--remote=db:Open_vSwitch,Open_vSwitch,manager_options", "--pidfile", "--unixctl=/run/openvswitch/ovsdb.ctl",
                    "-vconsole:info", "-vsyslog:off", "-vfile:off"]
        if component == "vswitchd":
            return ["ovs-vswitchd", "unix:/run/openvswitch/db.sock", "--pidfile", "-vconsole:info", "-vsyslog:off", "-vfile:off"]
        if component == "controller":
            return [program(build, "mooring-controller"), "--listen-tcp", f"{machine.address('mgmt0')}:{CONTROLLER_PORT}",
                    "--node-token-file", NODE_TOKEN, "--admin-token-file", ADMIN_TOKEN]
        node = ["--name", machine.name, "--machine-id", self.machine_id(machine)] if machine.has_ovs else []
        if component in ("agent", "gateway"):
            node += ["--vtep", machine.address("eth0"), "--underlay-interface", "eth0", "--controller",
                     self.lab.layout.controller_url, "--token-file", NODE_TOKEN, "--datapath", options["datapath"]]
        if component == "agent":
            return [program(build, "mooring-agent"), *node, *options.get("agent_options", [])]
        if component == "gateway":
            shared = self.lab.layout.shared_gateway
            return [program(build, "mooring-gateway"), *node, "--network", "default", "--physical-interface", "phys0",
                    *(["--shared-address", shared] if shared else []), *(["--bridge-interface", "seg0"] if options.get("segment") else []), *options.get("gateway_options", [])]
        if component == "keepalived":  # as packaging/mooring-vrrp.service has it
            return ["keepalived", "--dont-fork", "--log-console", "--no-syslog", "--vrrp", "--use-file", KEEPALIVED_CONFIG,
                    "--pid", KEEPALIVED_PID, "--vrrp_pid", VRRP_PID]
        if component == "containerd":
            return self.lab.containerd.argv()
        raise ValueError(component)
