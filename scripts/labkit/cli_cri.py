"""`scripts/lab cri`: pods through a host's containerd (labs made with --runtime containerd)."""
import json
import os
import sys

from .cri import Cri, CriPod
from .errors import LabError
from .state import write_json


def add_cri_verbs(verb):
    parser = verb("cri", None, "pods through the host's containerd, as kubelet makes them (labs with --runtime containerd)")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for name, run, text in (("run", _run, "sandbox and a busybox container; prints the pod's address"),
                            ("exec", _exec, "run a command in the pod's container"),
                            ("del", _del, "stop and remove the pod"),
                            ("list", _list, "the sandboxes of the host")):
        action = verb(name, run, text, actions)
        action.add_argument("host", metavar="HOST")
        if name != "list":
            action.add_argument("pod", metavar="NAME")
            action.add_argument("--namespace", default="default", metavar="NS", help="the pod's namespace (default 'default')")
        if name == "run":
            action.add_argument("--uid", help="the pod's UID (default: a random one)")
            action.add_argument("--annotation", action="append", default=[], metavar="K=V", help="a pod annotation")
        if name == "exec":
            action.add_argument("command", nargs="...", metavar="CMD")


def _open(options):
    from .cli import open_lab
    lab = open_lab(options)
    lab.machine(options.host, "host")
    if lab.options["runtime"] != "containerd":
        raise LabError(f"lab '{options.name}' has no containerd", "build it with: scripts/lab up --runtime containerd")
    return lab, Cri(lab, options.host)


def _record(lab, host, namespace, name):
    return f"{lab.state.folder}/cri/{host}.{namespace}.{name}.json"


def _find(lab, options):
    path = _record(lab, options.host, options.namespace, options.pod)
    if not os.path.exists(path):
        raise LabError(f"there is no pod {options.namespace}/{options.pod} on {options.host}", "see: scripts/lab cri list HOST")
    with open(path, encoding="utf-8") as file:
        kept = json.load(file)
    pod = CriPod(options.host, options.namespace, options.pod, kept["uid"], kept["config"])
    pod.sandbox, pod.container, pod.address = kept["sandbox"], kept["container"], kept["address"]
    return pod, path


def _run(options):
    lab, cri = _open(options)
    path = _record(lab, options.host, options.namespace, options.pod)
    if os.path.exists(path):
        raise LabError(f"pod {options.namespace}/{options.pod} is on {options.host} already", "delete it first")
    annotations = dict(pair.partition("=")[::2] for pair in options.annotation)
    with cri:
        pod = cri.run_pod(options.pod, namespace=options.namespace, uid=options.uid, annotations=annotations)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_json(path, {"uid": pod.uid, "config": pod.config, "sandbox": pod.sandbox, "container": pod.container,
                      "address": pod.address})
    print(pod.address)


def _exec(options):
    lab, cri = _open(options)
    pod, _ = _find(lab, options)
    with cri:
        code, out, err = cri.execute(pod, *options.command)
    sys.stdout.write(out)
    sys.stderr.write(err)
    return code


def _del(options):
    lab, cri = _open(options)
    pod, path = _find(lab, options)
    with cri:
        cri.delete_pod(pod)
    os.unlink(path)


def _list(options):
    from .cli import print_table
    _, cri = _open(options)
    rows = [("NAMESPACE", "NAME", "STATE", "SANDBOX")]
    with cri:
        for item in cri.sandboxes():
            rows.append((item["metadata"].get("namespace", ""), item["metadata"]["name"],
                         item.get("state", "SANDBOX_READY").removeprefix("SANDBOX_").lower(), item["id"][:12]))
    print_table(rows)
