"""A lab as a whole: up, down, status, and what commands on it need."""
import contextlib
import json
import os
import secrets
import shutil
import signal

from . import cni, containerd, fabric, gateways, state, tuning
from .errors import LabError
from .layout import MAX_LABS, Layout
from .namespaces import Place
from .narrator import Narrator
from .pods import Pods
from .processes import members
from .services import ADMIN_TOKEN, COMPONENTS, NODE_TOKEN, Services, program
from .state import State, locked
from .waiting import eventually

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
DEFAULTS = {"hosts": 2, "gateways": 1, "physical": 1, "runtime": "none", "bare": False, "objects": True, "tune": False,
            "overlay": "10.100.0.0/16", "datapath": "auto", "agent_options": [], "segment": False}
CONFLIST = {"cniVersion": "1.0.0", "name": "mooring",
            "plugins": [{"type": "mooring", "capabilities": {"io.kubernetes.cri.pod-annotations": True}}]}
SHAPE = ("hosts", "gateways", "physical", "runtime", "bare", "overlay", "segment")  # what a lab that is up cannot change


def default_build():
    return os.path.realpath(os.environ.get("MOORING_BUILD_DIR") or f"{REPOSITORY}/build/dev")


class Lab:
    def __init__(self, name, narrator=None):
        self.state = State(name)
        self.narrator = narrator or Narrator()
        self.containerd = containerd.Containerd(self)
        self.services = Services(self)
        self.pods = Pods(self)
        self.layout = None
        self.places = {}
        self._attach()

    # -- what is there ---------------------------------------------------------------------------------------------

    @property
    def options(self):
        return self.state.data["options"]

    @property
    def is_up(self):
        return self.state.exists and self.state.data["phase"] == "up" and all(
            name in self.places and self.places[name].holder.alive for name in self.layout.machines)

    def _attach(self):
        self.places = {}
        if not self.state.exists:
            return
        options = self.options
        self.layout = Layout(self.state.data["number"], options["hosts"], options["gateways"], options["physical"],
                             options.get("segment", False))
        for name in self.state.data["holders"]:
            process = self.state.process("holders", name)
            if process:
                self.places[name] = Place(name, process)

    def require_up(self):
        if not self.is_up:
            what = "is damaged (it crashed, or the machine was restarted)" if self.state.exists else "is not up"
            raise LabError(f"lab '{self.state.name}' {what}", f"run: scripts/lab --name {self.state.name} up")
        return self

    def machine(self, name, *roles):
        self.require_up()
        machine = self.layout.machines.get(name)
        if not machine or (roles and machine.role not in roles):
            known = ", ".join(m.name for m in self.layout.machines.values() if not roles or m.role in roles)
            raise LabError(f"lab '{self.state.name}' has no {' or '.join(roles) or 'machine'} '{name}'", f"there are: {known}")
        return machine

    def machine_place(self, name, *roles):
        return self.places[self.machine(name, *roles).name]

    # -- up --------------------------------------------------------------------------------------------------------

    def up(self, **wanted):
        """Builds the lab, or completes it if it is up already. A crashed one is removed first."""
        options = {**DEFAULTS, "build": default_build(), **wanted}
        self._check_machine(options)
        with locked(self.state.name):
            self.state.load()
            self._attach()
            if self.is_up:
                self._refuse_other_shape(options)
                self.narrator.say(f"lab '{self.state.name}' is up already")
                self._start_services()
                return self
            self._remove("leftovers of an earlier lab")
            try:
                self._build(options)
            except BaseException:
                # Ctrl-C in the middle of cleaning up must not leave half of it.
                with _uninterrupted():
                    self._remove("what was built so far", keep_logs=True)
                raise
        return self

    def _check_machine(self, options):
        if os.geteuid() != 0:
            raise LabError("the lab is made of namespaces and needs root", "run it with sudo")
        for tool in ("unshare", "ip", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ethtool", "sysctl"):
            if not shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
                raise LabError(f"{tool} is not installed", "run scripts/deps")
        if not options["bare"]:
            for name in ("mooring-controller", "mooringctl", "mooring-agent", "mooring-gateway", "mooring"):
                program(options["build"], name)

    def _refuse_other_shape(self, options):
        other = [f"{key} {self.options[key]}" for key in SHAPE if self.options[key] != options[key]]
        if other:
            raise LabError(f"lab '{self.state.name}' is up with {', '.join(other)}",
                           f"take it down first: scripts/lab --name {self.state.name} down")

    def _build(self, options):
        with locked(".labs"):
            self.state.begin(state.free_number(MAX_LABS), options)
        self._attach()
        layout = self.layout
        self.narrator.say(f"lab '{self.state.name}' (number {layout.number}): {options['hosts']} hosts, "
                          f"{options['gateways']} gateways, {options['physical']} physical machines")
        if options["tune"]:
            tuning.tune(self.state.name)
        self._make_machines()
        fabric.make_bridges(self.places["fabric"])
        for machine in layout.machines.values():
            fabric.connect(layout, self.places, machine)
        for machine in layout.of_role("physical"):
            fabric.route_overlay(self.places[machine.name], options["overlay"], self.layout.shared_gateway)
        self.narrator.say("machines and links are there")
        if not options["bare"]:
            self._write_tokens()
            for machine in layout.of_role("host"):
                self.install_plugin(machine.name)
        self._start_services()
        if options["segment"]:
            fabric.make_segment(layout, self.places["fabric"])
        if options["objects"] and not options["bare"]:
            self._create_objects()
        if not options["bare"]:
            self._wait_for_tunnels()
        self.state.data["phase"] = "up"
        self.state.save()
        self.narrator.say(f"lab '{self.state.name}' is up")

    def _make_machines(self):
        begun = {}
        for machine in self.layout.machines.values():
            log = self.state.log_path(machine.name, "machine")
            begun[machine.name] = (fabric.start_holder(self.state.name, machine, log), machine, log)
        for name, (unshare, machine, log) in begun.items():
            place = fabric.finish_holder(unshare, machine, log)
            self.places[name] = place
            self.state.data["holders"][name] = {"pid": place.holder.pid, "started": place.holder.started}
            unshare.returncode = 0  # it lives on without us; Popen need not mourn it
        self.state.save()

    def _write_tokens(self):
        tokens = {NODE_TOKEN: secrets.token_hex(24), ADMIN_TOKEN: secrets.token_hex(24)}
        for machine in self.layout.of_role("controller", "host", "gateway"):
            for path, token in tokens.items():
                if path == ADMIN_TOKEN and machine.role != "controller":
                    continue
                target = self.places[machine.name].root + path
                with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
                    file.write(token + "\n")

    def install_plugin(self, host, conflist=None):
        """Puts our plugin and its conflist where runtimes look. By rename: a runtime may be starting the old one."""
        root = self.places[host].root
        target = f"{root}{cni.PLUGIN_DIR}/mooring"
        shutil.copy2(program(self.options["build"], "mooring"), target + ".new")
        os.replace(target + ".new", target)
        if not os.path.lexists(target + "-ipam"):
            os.symlink("mooring", target + "-ipam")
        self.install_conflist(host, conflist or CONFLIST)

    def install_conflist(self, host, conflist):
        state.write_json(f"{self.places[host].root}{cni.CONF_DIR}/10-{conflist['name']}.conflist", conflist)

    def _start_services(self):
        """Everything that should run and does not. Each kind is started everywhere, then awaited everywhere."""
        for component in COMPONENTS:
            begun = []
            for machine in self.layout.machines.values():
                if component in self.services.of(machine) and not self.services.process(machine, component):
                    self.services.start(machine, component, wait=False)
                    begun.append(machine)
            for machine in begun:
                self.services.wait_ready(machine, component)
                if component == "containerd":
                    self.containerd.import_images(machine)
            if begun:
                self.narrator.say(f"{component} runs on {', '.join(machine.name for machine in begun)}")

    def _create_objects(self):
        overlay = self.options["overlay"]
        if not self.listed("networks"):  # the controller may make it by itself
            self.ctl("create", "network", "default")
        self.ctl("create", "subnet", "pods", "--network", "default", "--cidr", overlay, "--vni", "100")
        self.ctl("create", "pool", "pods", "--subnet", "pods")
        self.narrator.say(f"network 'default', subnet 'pods' {overlay} and pool 'pods' are created")

    def _wait_for_tunnels(self):
        """Until hosts and gateways know one another's tunnel ends: agents ask for them when they hear of a node, and one that
        is asked while it still starts is asked again a second later."""
        ends = {machine.name: machine.address("eth0") for machine in self.layout.of_role("host", "gateway")}
        hosts = [machine.name for machine in self.layout.of_role("host")]

        def missing():
            for name in ends:
                known = fabric.known_tunnel_ends(self.places[name])
                others = [other for other in (ends if name in hosts else hosts) if other != name]
                unknown = [other for other in others if known is not None and ends[other] not in known]
                if unknown:
                    return f"{name} to know the tunnel ends of {', '.join(unknown)}"
            return None
        eventually(lambda: not missing(), 20, missing, interval=0.05)
        eventually(lambda: not gateways.missing(self), 20, lambda: gateways.missing(self), interval=0.05)

    def ctl(self, *arguments, check=True, timeout=30):
        """mooringctl against this lab's controller; returns CompletedProcess."""
        place = self.places["controller"]
        return place.run([program(self.options["build"], "mooringctl"), *arguments], check=check, timeout=timeout)

    def listed(self, collection, *filters):
        """The items of a collection, as mooringctl gives them."""
        return json.loads(self.ctl("get", collection, *filters, "-o", "json").stdout)["items"]

    # -- down ------------------------------------------------------------------------------------------------------

    def down(self):
        """Removes everything, also what a crash left; True if there was anything."""
        with locked(self.state.name), _uninterrupted():
            self.state.load()
            there = self._remove(None)
        return there

    def _remove(self, say, keep_logs=False):
        there = os.path.isdir(self.state.folder)
        for _ in range(5):  # a process may be between fork and its namespaces while we look
            found = members(self.state.name)
            if not found:
                break
            there = True
            if say:
                self.narrator.say(f"removing {say}")
                say = None
            for process in found:
                process.signal(signal.SIGKILL)
            for process in found:
                eventually(lambda: not process.alive, 20, f"process {process.pid} of lab '{self.state.name}' to die")
        stayed = []

        def groups_are_gone():
            stayed[:] = containerd.remove_cgroups(self.state.name)
            return not stayed
        eventually(groups_are_gone, 20, lambda: f"control groups to be removable: {stayed[:3]}", interval=0.1)
        tuning.untune(self.state.name)
        if keep_logs and os.path.isdir(f"{self.state.folder}/logs"):
            kept = self._failed_logs
            shutil.rmtree(kept, ignore_errors=True)
            os.makedirs(os.path.dirname(kept), exist_ok=True)
            os.rename(f"{self.state.folder}/logs", kept)
            self.narrator.say(f"logs of the failed start: {kept}")
        elif not keep_logs:
            shutil.rmtree(self._failed_logs, ignore_errors=True)
        self.state.remove()
        self.places = {}
        return there

    @property
    def _failed_logs(self):
        return f"{state.BASE}/.failed/{self.state.name}"

    # -- looking ---------------------------------------------------------------------------------------------------

    def status_rows(self):
        rows = [("MACHINE", "ROLE", "UNDERLAY", "MGMT", "PHYSICAL", "PODS", "RUNS")]
        for machine in self.layout.machines.values():
            if machine.role == "fabric":
                continue
            links = machine.links
            physical = "phys0" if "phys0" in links else "eth0" if machine.role == "physical" else None
            underlay = "eth0" if machine.has_ovs else None
            column = [machine.address(interface) if interface in links else "-" for interface in (underlay, "mgmt0", physical)]
            place = self.places.get(machine.name)
            if place and place.holder.alive:
                runs = " ".join(component if self.services.process(machine, component) else f"{component}(DOWN)"
                                for component in self.services.of(machine)) or "-"
            else:
                runs = "GONE"
            pods = str(len(self.pods.list(machine.name)) + self._cri_pods(machine.name)) if machine.role == "host" else "-"
            rows.append((machine.name, machine.role, *column, pods, runs))
        return rows

    def _cri_pods(self, host):
        """Those that `lab cri run` made."""
        try:
            return sum(name.startswith(f"{host}.") for name in os.listdir(f"{self.state.folder}/cri"))
        except FileNotFoundError:
            return 0


@contextlib.contextmanager
def _uninterrupted():
    """Ctrl-C and TERM wait until the block is done."""
    try:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
