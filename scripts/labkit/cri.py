"""Pods through containerd's CRI, in kubelet's order of calls."""
import base64
import json
import os
import subprocess
import uuid

from . import artifacts
from .containerd import SOCKET, cgroup_parent
from .errors import LabError

_CLIENT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "cri_client.py")


class CriPod:
    def __init__(self, host, namespace, name, uid, config):
        self.host = host
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.config = config
        self.sandbox = None
        self.container = None
        self.address = None


class Cri:
    """One host's runtime service. Close it (or use `with`): it has a process."""

    def __init__(self, lab, host):
        self.lab = lab
        self.host = host
        place = lab.machine_place(host, "host")
        self._process = subprocess.Popen(
            ["/usr/bin/python3", _CLIENT, artifacts.cri_messages(), place.root + SOCKET],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)  # a Ctrl-C is not for it

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass  # it ended before us
        self._process.wait(timeout=10)
        self._process.stdout.close()

    def call(self, name, timeout=60, **request):
        self._process.stdin.write(json.dumps({"call": name, "request": request, "timeout": timeout}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise LabError(f"CRI {name} on {self.host}: the client process ended")
        answer = json.loads(line)
        if "error" in answer:
            raise LabError(f"CRI {name} on {self.host}: {answer['error']}")
        return answer["response"]

    def pod(self, name, namespace="default", uid=None, annotations=None, attempt=0):
        uid = uid or str(uuid.uuid4())
        config = {"metadata": {"name": name, "uid": uid, "namespace": namespace, "attempt": attempt}, "hostname": name,
                  "log_directory": f"/run/lab-containerd/logs/{uid}", "annotations": annotations or {},
                  "labels": {"io.kubernetes.pod.name": name, "io.kubernetes.pod.namespace": namespace,
                             "io.kubernetes.pod.uid": uid},
                  "linux": {"cgroup_parent": cgroup_parent(self.lab.state.name, self.host)}}
        return CriPod(self.host, namespace, name, uid, config)

    def run_sandbox(self, pod):
        pod.sandbox = self.call("RunPodSandbox", config=pod.config)["pod_sandbox_id"]
        pod.address = self.call("PodSandboxStatus", pod_sandbox_id=pod.sandbox)["status"]["network"]["ip"]
        return pod

    def run_container(self, pod, command=None):
        container = {"metadata": {"name": "main"}, "image": {"image": artifacts.BUSYBOX_IMAGE}, "log_path": "main.log"}
        if command:
            container["command"] = command
        created = self.call("CreateContainer", pod_sandbox_id=pod.sandbox, config=container, sandbox_config=pod.config)
        pod.container = created["container_id"]
        self.call("StartContainer", container_id=pod.container)
        return pod

    def run_pod(self, name, **options):
        """Sandbox (this calls CNI ADD) and one busybox container."""
        pod = self.run_sandbox(self.pod(name, **options))
        return self.run_container(pod)

    def execute(self, pod, *command, timeout=30):
        """Returns (exit code, stdout, stderr) of a command in the pod's container."""
        answer = self.call("ExecSync", timeout=timeout + 10, container_id=pod.container, cmd=list(command))
        return (answer.get("exit_code", 0), *(base64.b64decode(answer.get(name, "")).decode(errors="replace")
                                             for name in ("stdout", "stderr")))

    def stop(self, pod):
        self.call("StopPodSandbox", pod_sandbox_id=pod.sandbox)

    def remove(self, pod):
        self.call("RemovePodSandbox", pod_sandbox_id=pod.sandbox)

    def delete_pod(self, pod):
        """kubelet stops a sandbox more than once before it removes it."""
        self.stop(pod)
        self.stop(pod)
        self.remove(pod)

    def sandboxes(self):
        return self.call("ListPodSandbox").get("items", [])
