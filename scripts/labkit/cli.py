"""The command line of scripts/lab. It is an interface that scripts and people rely on: extend it, do not change it."""
import argparse
import json
import os
import sys

from . import cni, power, state
from .cli_cri import add_cri_verbs
from .errors import LabError
from .lab import DEFAULTS, Lab, default_build
from .layout import MAX_GATEWAYS, MAX_HOSTS, MAX_PHYSICAL, overlay
from .narrator import Narrator

PAGE = """\
A lab is a small data centre on this machine: hosts with an Open vSwitch each, a controller, overlay gateways and
physical machines, all of them network namespaces joined by links of their own. The real network, OVS, /etc, /run and
/var of this machine are never touched, and `down` removes everything, also after a crash.

  scripts/lab up                                  two hosts, one gateway, one physical machine
  scripts/lab pod add h1 web-0                    a pod on host 1; prints the CNI result
  scripts/lab pod add h2 web-1
  scripts/lab pod exec h1 web-0 ping -c 3 10.100.0.3
  scripts/lab exec phys1 ping -c 3 10.100.0.2     a physical machine reaches the pod by its overlay address
  scripts/lab ctl get ports                       mooringctl against this lab's controller
  scripts/lab exec h1 ovs-ofctl -O OpenFlow15 dump-flows br-int
  scripts/lab restart h1 agent --kill
  scripts/lab down

Machines are named h1, h2, ... (hosts), gw1, ... (gateways), phys1, ... (physical machines), controller, and fabric
(the links between them: `scripts/lab exec fabric tcpdump -ni br-underlay` sees the tunnels' packets).
Several labs can be up: name them by --name NAME before the verb, or by MOORING_LAB in the environment.
More: docs/lab.md
"""


def main(arguments):
    parser = build_parser()
    options = parser.parse_args(arguments)
    try:
        if options.name is None:
            options.name = os.environ.get("MOORING_LAB") or "lab"
        if os.geteuid() != 0:
            raise LabError("the lab is made of namespaces and needs root", "run it with sudo")
        return options.run(options) or 0
    except LabError as error:
        print(f"lab: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141


def build_parser():
    parser = argparse.ArgumentParser(prog="scripts/lab", description=PAGE,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", metavar="NAME", help="which lab (default: $MOORING_LAB, else 'lab')")
    parser.add_argument("--quiet", action="store_true", help="no progress lines")
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    def verb(name, run, help_text, parent=verbs, **more):
        added = parent.add_parser(name, help=help_text, description=help_text, **more)
        added.set_defaults(run=run)
        return added

    up = verb("up", run_up, "build the lab, or start what is missing in it")
    up.add_argument("--hosts", type=_count(1, MAX_HOSTS), default=DEFAULTS["hosts"], metavar="N", help="hosts (default 2)")
    up.add_argument("--gateways", type=_count(0, MAX_GATEWAYS), default=DEFAULTS["gateways"], metavar="G",
                    help="overlay gateways (default 1)")
    up.add_argument("--phys", dest="physical", type=_count(0, MAX_PHYSICAL), default=DEFAULTS["physical"], metavar="P",
                    help="physical machines (default 1)")
    up.add_argument("--segment", action="store_true",
                    help="gateways and physical machines are on a segment with VLANs too (seg0), for bridged subnets")
    up.add_argument("--runtime", choices=("none", "containerd"), default=DEFAULTS["runtime"],
                    help="run containerd with its CRI plugin on each host")
    up.add_argument("--build", metavar="DIR", help="where Mooring was built (default: $MOORING_BUILD_DIR, else build/dev)")
    up.add_argument("--overlay", type=_overlay, default=DEFAULTS["overlay"], metavar="CIDR",
                    help="the subnet 'pods' (default 10.100.0.0/16)")
    up.add_argument("--no-objects", dest="objects", action="store_false", help="create no network, subnet and pool")
    up.add_argument("--datapath", choices=("auto", "system", "netdev"), default=DEFAULTS["datapath"],
                    help="the datapath that agents and gateways use (default auto: the kernel's (system) if its module is there, else userspace (netdev))")
    up.add_argument("--bare", action="store_true", help="machines, links and Open vSwitch only, nothing of Mooring")
    up.add_argument("--tune", action="store_true",
                    help="raise net.core.rmem_default of this machine to 8 MiB while the lab is up (bulk TCP through the "
                         "userspace datapath)")

    verb("down", run_down, "remove the lab, or what a crash left of it")
    verb("status", run_status, "a table of the lab's machines and what runs on them")
    verb("list", run_list, "the names of all labs")

    execute = verb("exec", run_exec, "run a command as on a machine of the lab")
    execute.add_argument("host", metavar="HOST")
    execute.add_argument("command", nargs=argparse.REMAINDER, metavar="CMD")

    ctl = verb("ctl", run_ctl, "mooringctl against this lab's controller", add_help=False)
    ctl.add_argument("command", nargs=argparse.REMAINDER, metavar="ARGS")

    pod = verb("pod", None, "make pods the way a runtime does")
    pods = pod.add_subparsers(metavar="ACTION", required=True)
    add = verb("add", run_pod_add, "network namespace + CNI ADD; prints the CNI result alone on stdout", pods)
    _pod_arguments(add)
    add.add_argument("--uid", help="K8S_POD_UID (default: a random one)")
    add.add_argument("--arg", action="append", default=[], type=_pair, metavar="K=V", help="a further CNI_ARGS pair")
    add.add_argument("--annotation", action="append", default=[], type=_pair, metavar="K=V", help="a pod annotation")
    add.add_argument("--container-id", metavar="ID", help="the container id (default: a random one)")
    add.add_argument("--replace", action="store_true",
                     help="a pod of this name may still be there: kubelet's order after 'delete --force'")
    delete = verb("del", run_pod_del, "CNI DEL, and the network namespace goes", pods)
    _pod_arguments(delete)
    delete.add_argument("--container-id", metavar="ID", help="which one, if there are several of that name (default: the newest)")
    execute = verb("exec", run_pod_exec, "run a command in the pod's network namespace", pods)
    _pod_arguments(execute)
    execute.add_argument("command", nargs=argparse.REMAINDER, metavar="CMD")
    verb("list", run_pod_list, "the pods of the lab", pods)

    where = verb("cni", run_cni, "print the host's plugin directory and conflist directory, for any other CNI caller")
    where.add_argument("host", metavar="HOST")

    for name, text in (("restart", "stop and start a daemon"), ("stop", "stop a daemon"), ("start", "start a daemon")):
        action = verb(name, run_service, f"{text}: HOST agent|vswitchd|ovsdb|gateway|containerd, or controller")
        action.add_argument("host", metavar="HOST", help="h1, gw1, ..., or 'controller'")
        action.add_argument("component", nargs="?", metavar="COMPONENT")
        if name != "start":
            action.add_argument("--kill", action="store_true", help="by SIGKILL")
        action.set_defaults(action=name, kill=False)

    reboot = verb("reboot", run_reboot, "cut a host's power and boot it: pods, /run and the boot id go, conf.db and /var stay")
    reboot.add_argument("host", metavar="HOST")

    logs = verb("logs", run_logs, "the logs of a machine")
    logs.add_argument("host", metavar="HOST")
    logs.add_argument("component", nargs="?", metavar="COMPONENT")
    logs.add_argument("-f", "--follow", action="store_true", help="go on printing as they grow")

    add_cri_verbs(verb)
    return parser


def _pod_arguments(parser):
    parser.add_argument("host", metavar="HOST")
    parser.add_argument("pod", metavar="NAME")
    parser.add_argument("--namespace", default="default", metavar="NS", help="the pod's namespace (default 'default')")


def _count(low, high):
    def parse(text):
        if not text.isdigit() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number from {low} to {high}")
        return int(text)
    return parse


def _pair(text):
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form KEY=VALUE")
    return key, value


def _overlay(text):
    try:
        return overlay(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def open_lab(options):
    return Lab(options.name, Narrator(quiet=options.quiet))


def print_table(rows, stream=None):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip(), file=stream or sys.stdout)


def run_up(options):
    wanted = {key: getattr(options, key) for key in
              ("hosts", "gateways", "physical", "runtime", "overlay", "objects", "datapath", "bare", "tune", "segment")}
    wanted["build"] = os.path.realpath(options.build) if options.build else default_build()
    lab = open_lab(options).up(**wanted)
    print_table(lab.status_rows())


def run_down(options):
    lab = open_lab(options)
    lab.narrator.say(f"lab '{options.name}' is removed" if lab.down() else f"there is no lab '{options.name}'")


def run_status(options):
    lab = open_lab(options)
    if not lab.state.exists:
        print(f"lab '{options.name}' is not up (scripts/lab up builds it)")
        return 1
    rows = lab.status_rows()
    print_table(rows)
    return 0 if lab.is_up and not any("DOWN" in row[-1] or "GONE" in row[-1] for row in rows) else 1


def run_list(_options):
    for name in state.names():
        lab = Lab(name)
        print(f"{name}  {'up' if lab.is_up else 'damaged: scripts/lab --name ' + name + ' down'}")


def _command(options, otherwise):
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command and otherwise is None:
        raise LabError("what shall be run?", "see scripts/lab --help")
    return command or otherwise


def run_exec(options):
    place = open_lab(options).machine_place(options.host)
    return place.execute(_command(options, [os.environ.get("SHELL") or "/bin/sh"]))


def run_ctl(options):
    lab = open_lab(options).require_up()
    if lab.options["bare"]:
        raise LabError(f"lab '{options.name}' is bare: it has no controller")
    from .services import program
    return lab.places["controller"].execute([program(lab.options["build"], "mooringctl"), *options.command])


def run_pod_add(options):
    lab = open_lab(options)
    lab.machine(options.host, "host")
    there = [pod for pod in lab.pods.list(options.host) if (pod.namespace, pod.name) == (options.namespace, options.pod)]
    if there and not options.replace:
        raise LabError(f"pod {options.namespace}/{options.pod} is on {options.host} already (container {there[-1].attachment.container_id[:12]})",
                       "delete it first, or add --replace to do as kubelet does after 'delete --force'")
    try:
        pod = lab.pods.add(options.host, options.pod, namespace=options.namespace, uid=options.uid, arguments=dict(options.arg),
                           annotations=dict(options.annotation), container_id=options.container_id)
    except cni.CniError as error:
        if error.stdout.strip():
            print(error.stdout.strip())  # the plugin's own error object, for whoever parses it
        if error.stderr.strip():
            print(error.stderr.strip(), file=sys.stderr)
        raise
    print(json.dumps(pod.attachment.result, indent=2))


def run_pod_del(options):
    lab = open_lab(options)
    lab.machine(options.host, "host")
    lab.pods.delete(lab.pods.find(options.host, options.namespace, options.pod, options.container_id))


def run_pod_exec(options):
    lab = open_lab(options)
    lab.machine(options.host, "host")
    pod = lab.pods.find(options.host, options.namespace, options.pod)
    return lab.pods.place(pod).execute(_command(options, [os.environ.get("SHELL") or "/bin/sh"]))


def run_pod_list(options):
    lab = open_lab(options).require_up()
    rows = [("HOST", "NAMESPACE", "NAME", "ADDRESS", "MAC", "CONTAINER")]
    for pod in lab.pods.list():
        rows.append((pod.host, pod.namespace, pod.name, pod.address or "-", pod.mac or "-", pod.attachment.container_id[:12]))
    print_table(rows)


def run_cni(options):
    open_lab(options).machine(options.host, "host")
    print(cni.PLUGIN_DIR)
    print(cni.CONF_DIR)


def run_service(options):
    lab = open_lab(options)
    machine = lab.machine(options.host)
    have = lab.services.of(machine)
    component = options.component or ("controller" if machine.role == "controller" else None)
    if component not in have:
        raise LabError(f"{machine.name} has no component '{component or ''}'", f"it has: {', '.join(have) or 'none'}")
    if options.action != "start":
        lab.services.stop(machine, component, kill=options.kill)
    if options.action != "stop":
        lab.services.start(machine, component)


def run_reboot(options):
    lab = open_lab(options)
    pods = power.reboot(lab, lab.machine(options.host, "host"))
    lab.narrator.say(f"{options.host} is up again; gone with its power: {', '.join(pod.full_name for pod in pods) or 'no pods'}")


def run_logs(options):
    lab = open_lab(options)
    if not lab.state.exists:
        raise LabError(f"lab '{options.name}' is not up")
    folder = f"{lab.state.folder}/logs/{options.host}"
    there = sorted(name[:-4] for name in os.listdir(folder)) if os.path.isdir(folder) else []
    wanted = [options.component] if options.component else [name for name in there if os.path.getsize(f"{folder}/{name}.log")]
    if not there or any(name not in there for name in wanted):
        raise LabError(f"there is no log of {options.host} {options.component or ''}".rstrip(),
                       f"there are: {', '.join(there) or 'none'}")
    paths = [f"{folder}/{name}.log" for name in wanted]
    sys.stdout.flush()
    os.execvp("tail", ["tail", "-n", "+1", *(["-F"] if options.follow else []), *paths])
