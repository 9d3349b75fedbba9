"""Pods made without a container runtime: a network namespace and a CNI ADD, exactly as a runtime would do it."""
import json
import os
import secrets
import uuid

from . import cni
from .errors import LabError
from .state import write_json

NETNS_DIR = "/run/netns"


class Pod:
    def __init__(self, host, namespace, name, uid, attachment):
        self.host = host
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.attachment = attachment

    @property
    def full_name(self):
        return f"{self.namespace}/{self.name}"

    @property
    def address(self):
        """The first address of the result, without prefix length; None before ADD."""
        addresses = (self.attachment.result or {}).get("ips") or []
        return addresses[0]["address"].partition("/")[0] if addresses else None

    @property
    def mac(self):
        for interface in (self.attachment.result or {}).get("interfaces") or []:
            if interface.get("sandbox"):
                return interface["mac"]
        return None

    def to_json(self):
        return {"host": self.host, "namespace": self.namespace, "name": self.name, "uid": self.uid,
                "attachment": self.attachment.to_json()}

    @staticmethod
    def from_json(value):
        return Pod(value["host"], value["namespace"], value["name"], value["uid"],
                   cni.Attachment.from_json(value["attachment"]))


class Pods:
    """The pods of one lab, kept as one file each below the lab's folder, newest last."""

    def __init__(self, lab):
        self.lab = lab
        self.folder = f"{lab.state.folder}/pods"

    def list(self, host=None):
        if not os.path.isdir(self.folder):
            return []
        pods = []
        for entry in os.scandir(self.folder):
            if not entry.name.endswith(".json"):
                continue
            try:
                with open(entry.path, encoding="utf-8") as file:
                    pods.append((os.fstat(file.fileno()).st_ctime_ns, Pod.from_json(json.load(file))))
            except FileNotFoundError:
                continue  # deleted by another command meanwhile
        return [pod for _, pod in sorted(pods, key=lambda pair: pair[0]) if host in (None, pod.host)]

    def find(self, host, namespace, name, container_id=None):
        found = [pod for pod in self.list(host) if (pod.namespace, pod.name) == (namespace, name) and
                 container_id in (None, pod.attachment.container_id)]
        if not found:
            there = ", ".join(pod.full_name for pod in self.list(host)) or "none"
            raise LabError(f"there is no pod {namespace}/{name} on {host}", f"pods there: {there}")
        return found[-1]

    def prepare(self, host, name, namespace="default", uid=None, arguments=None, annotations=None, container_id=None):
        """The pod's network namespace, with only a lo that is down, and everything for the ADD; no plugin is called."""
        place = self.lab.machine_place(host, "host")
        container_id = container_id or secrets.token_hex(32)
        netns = f"{NETNS_DIR}/cni-{uuid.uuid4()}"
        uid = uid or str(uuid.uuid4())
        wanted = {"IgnoreUnknown": "1", "K8S_POD_NAMESPACE": namespace, "K8S_POD_NAME": name,
                  "K8S_POD_INFRA_CONTAINER_ID": container_id, "K8S_POD_UID": uid}
        wanted.update(arguments or {})
        attachment = cni.Attachment(container_id, netns, arguments=wanted, annotations=annotations,
                                    conflist=cni.first_conflist(place))
        place.run(["ip", "netns", "add", os.path.basename(netns)])
        pod = Pod(host, namespace, name, uid, attachment)
        self.save(pod)
        return pod

    def add(self, host, name, **options):
        """prepare() and ADD. If ADD fails: DEL once and no namespace left, as containerd does; then the error."""
        pod = self.prepare(host, name, **options)
        place = self.lab.places[host]
        try:
            cni.add(place, pod.attachment)
        except BaseException:
            try:
                cni.delete(place, pod.attachment)
            except LabError as also:
                print(f"lab: the DEL after the failed ADD failed too: {also}", file=self.lab.narrator.stream)
            self.forget(pod)
            raise
        self.save(pod)
        return pod

    def delete(self, pod):
        cni.delete(self.lab.places[pod.host], pod.attachment)
        self.forget(pod)

    def forget(self, pod):
        """Removes namespace and record without calling a plugin: what a crash of the sandbox leaves of it."""
        place = self.lab.places[pod.host]
        if os.path.exists(place.root + pod.attachment.netns):
            place.run(["ip", "netns", "del", os.path.basename(pod.attachment.netns)])
        try:
            os.unlink(self._path(pod))
        except FileNotFoundError:
            pass

    def place(self, pod):
        return self.lab.places[pod.host].pod(pod.attachment.netns)

    def _path(self, pod):
        return f"{self.folder}/{pod.host}.{pod.attachment.container_id}.json"

    def save(self, pod):
        os.makedirs(self.folder, exist_ok=True)
        write_json(self._path(pod), pod.to_json())
