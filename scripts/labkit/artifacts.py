"""Things made once and kept in the cache ($MOORING_CACHE, else ~/.cache/mooring): container images from local programs and
the CRI messages. Each is keyed by what it is made of."""
import fcntl
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile

from .errors import LabError

PAUSE_IMAGE = "mooring.invalid/lab/pause:1"
BUSYBOX_IMAGE = "mooring.invalid/lab/busybox:1"
_HERE = os.path.dirname(os.path.realpath(__file__))
BUSYBOX_APPLETS = ("sh", "sleep", "ping", "ip", "nc", "sha256sum", "cat", "head", "dd", "hostname", "ls", "echo", "arping",
                   "httpd", "wget", "tr", "wc", "mkdir", "rm", "true", "id", "timeout")


def cache_folder():
    return os.environ.get("MOORING_CACHE") or os.path.expanduser("~/.cache/mooring")


def _made_once(kind, inputs, make):
    """Path of a folder in the cache that make(folder) fills, once for each content of the input files."""
    digest = hashlib.sha256()
    for path in [os.path.realpath(__file__), *inputs]:
        with open(path, "rb") as file:
            digest.update(hashlib.sha256(file.read()).digest())
    folder = f"{cache_folder()}/{kind}-{digest.hexdigest()[:16]}"
    if os.path.isdir(folder):
        return folder
    os.makedirs(cache_folder(), exist_ok=True)
    with open(f"{cache_folder()}/{kind}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(folder):
            new = tempfile.mkdtemp(prefix=f"{kind}-new-", dir=cache_folder())
            try:
                make(new)
                os.rename(new, folder)
            except BaseException:
                shutil.rmtree(new, ignore_errors=True)
                raise
    return folder


def _tool(argv):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is not installed", "run scripts/deps") from error
    if done.returncode:
        raise LabError(f"'{' '.join(argv)}' failed: {done.stderr.strip()}")


def pause_program():
    """A static program that waits, reaps and ends when asked to: process 1 of lab machines and of the lab's pods."""
    return compiled("pause", f"{_HERE}/pause.c")


def compiled(name, source):
    """A static program made of one C file."""
    def make(folder):
        _tool(["gcc", "-static", "-Os", "-s", "-Wall", "-Wextra", "-Werror", "-o", f"{folder}/{name}", source])
    return _made_once(name, [source], make) + f"/{name}"


def pause_image():
    """The container that holds a pod's namespaces open."""
    program = pause_program()

    def make(folder):
        write_image(f"{folder}/image.tar", PAUSE_IMAGE, ["/pause"], {"pause": program})
    return _made_once("pause-image", [program], make) + "/image.tar"


def busybox_image():
    """What the lab's containers run: Debian's static busybox."""
    program = "/bin/busybox"
    if not os.path.exists(program):
        raise LabError(f"{program} is not there", "run scripts/deps (Debian package busybox-static)")

    def make(folder):
        write_image(f"{folder}/image.tar", BUSYBOX_IMAGE, ["/bin/sleep", "86400"], {"bin/busybox": program},
                    {f"bin/{applet}": "/bin/busybox" for applet in BUSYBOX_APPLETS})
    return _made_once("busybox-image", [program], make) + "/image.tar"


def cri_messages():
    """Folder with cri_pb2.py and cri_pb2_grpc.py."""
    source = f"{_HERE}/cri.proto"

    def make(folder):
        _tool(["protoc", f"-I{_HERE}", f"--python_out={folder}", f"--grpc_out={folder}",
               "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin", source])
    return _made_once("cri-messages", [source], make)


def write_image(path, reference, entrypoint, files, links=None):
    """An OCI image layout with one layer, as a tar that `ctr images import` takes. files: place in the image -> source."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for folder in ("bin", "dev", "etc", "proc", "root", "run", "sys", "tmp", "var"):
            _put(tar, folder, kind=tarfile.DIRTYPE, mode=0o1777 if folder == "tmp" else 0o755)
        _put(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
        _put(tar, "etc/group", b"root:x:0:\n")
        for target, source in files.items():
            with open(source, "rb") as file:
                _put(tar, target, file.read(), mode=0o755)
        for name, target in (links or {}).items():
            _put(tar, name, kind=tarfile.SYMTYPE, link=target)
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    plain = layer.getvalue()
    packed = gzip.compress(plain, compresslevel=1, mtime=0)
    epoch = "1970-01-01T00:00:00Z"
    config = json.dumps({"architecture": machine, "os": "linux", "created": epoch,
                         "config": {"Env": ["PATH=/bin"], "Entrypoint": entrypoint},
                         "rootfs": {"type": "layers", "diff_ids": [_digest(plain)]}, "history": [{"created": epoch}]}).encode()
    manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                           "config": _descriptor("config.v1+json", config),
                           "layers": [_descriptor("layer.v1.tar+gzip", packed)]}).encode()
    described = _descriptor("manifest.v1+json", manifest)
    described["annotations"] = {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference}
    index = json.dumps({"schemaVersion": 2, "manifests": [described]}).encode()
    with tarfile.open(path, "w") as tar:
        _put(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _put(tar, "index.json", index)
        for folder in ("blobs", "blobs/sha256"):
            _put(tar, folder, kind=tarfile.DIRTYPE, mode=0o755)
        for blob in (config, manifest, packed):
            _put(tar, "blobs/sha256/" + _digest(blob).partition(":")[2], blob)


def _digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _descriptor(media_type, data):
    return {"mediaType": f"application/vnd.oci.image.{media_type}", "digest": _digest(data), "size": len(data)}


def _put(tar, name, data=b"", mode=0o644, kind=tarfile.REGTYPE, link=""):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.type, entry.linkname, entry.mtime = len(data), mode, kind, link, 0
    tar.addfile(entry, io.BytesIO(data))
