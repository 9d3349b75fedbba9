"""Being on a lab host: running commands and starting daemons inside its namespaces.

A host is held by process 1 of its pid namespace; its network, mount and UTS namespaces are entered through
/proc/PID/ns. Entering a pid namespace takes a fork, hence the small dances below.
"""
import ctypes
import os
import signal
import socket
import struct
import subprocess

from .errors import LabError
from .processes import MEMBER, Process

KINDS = ("pid", "net", "uts", "mnt")  # mnt last: afterwards /proc is the host's
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _setns(fd):
    if _libc.setns(fd, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns: " + os.strerror(ctypes.get_errno()))


def _wait_status_to_exit(status):
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def daemon_environment():
    """What a daemon on a lab host gets: little, and the sanitizers' options of whoever started the lab."""
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
    environment.update({name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")})
    return environment


class Place:
    """A host's namespaces, named by the process that holds them; optionally another network namespace seen from there."""

    def __init__(self, name, holder, netns=None):
        self.name = name
        self.holder = holder
        self.netns = netns  # a path on that host: a pod

    def pod(self, netns):
        return Place(self.name, self.holder, netns)

    @property
    def root(self):
        """The host's file system, seen from outside."""
        return f"/proc/{self.holder.pid}/root"

    def _require(self):
        if not self.holder.alive:
            raise LabError(f"{self.name} is gone (its process {self.holder.pid} ended)", "run 'scripts/lab up' to rebuild the lab")

    def enter(self, kinds=KINDS):
        """Moves this process into the namespaces. With "pid" only its children are in the pid namespace."""
        descriptors = [os.open(f"/proc/{self.holder.pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in kinds]
        where = os.getcwd() if "mnt" in kinds else None
        for descriptor in descriptors:
            _setns(descriptor)
            os.close(descriptor)
        if self.netns:
            descriptor = os.open(self.netns, os.O_RDONLY | os.O_CLOEXEC)
            _setns(descriptor)
            os.close(descriptor)
        if where:
            try:
                os.chdir(where)
            except OSError:
                os.chdir("/")

    def _enter_in_child(self):
        """For subprocess's preexec_fn: the process that goes on is in all namespaces; the one between waits for it."""
        self.enter()
        child = os.fork()
        if child:
            os.closerange(3, 4096)  # among them subprocess's own pipe, which tells the caller that exec worked
            while True:
                try:
                    _, status = os.waitpid(child, 0)
                    os._exit(_wait_status_to_exit(status))
                except InterruptedError:
                    continue
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    def popen(self, argv, **options):
        self._require()
        return subprocess.Popen(argv, preexec_fn=self._enter_in_child, **options)

    def run(self, argv, check=True, timeout=60, **options):
        """Runs a command there; returns CompletedProcess with text output. A failure is a LabError unless check=False."""
        self._require()
        if "stdout" not in options and "stderr" not in options:
            options["capture_output"] = True
        options.setdefault("text", True)
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        try:
            done = subprocess.run(argv, preexec_fn=self._enter_in_child, timeout=timeout, **options)
        except subprocess.TimeoutExpired as expired:
            raise LabError(f"on {self.name}: '{' '.join(argv)}' did not end within {timeout} s") from expired
        except (OSError, subprocess.SubprocessError) as error:
            raise LabError(f"on {self.name}: '{argv[0]}' cannot be started: {error}") from error
        if check and done.returncode:
            said = ((done.stderr or "") + (done.stdout or "")).strip()
            raise LabError(f"on {self.name}: '{' '.join(argv)}' failed ({done.returncode}): {said}")
        return done

    def ip(self, lines):
        """Runs `ip -batch` in the network namespace alone: process numbers in the lines are those of the caller."""
        self._require()
        done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, capture_output=True,
                              preexec_fn=lambda: self.enter(("net",)), timeout=60)
        if done.returncode:
            raise LabError(f"on {self.name}: ip -batch failed: {done.stderr.strip()}\n" + "\n".join(lines))

    def execute(self, argv):
        """For `lab exec`: runs argv with this terminal and returns its exit code."""
        self._require()
        child = os.fork()
        if child == 0:
            try:
                self.enter()
                grandchild = os.fork()
                if grandchild == 0:
                    os.execvp(argv[0], argv)
                for ignored in (signal.SIGINT, signal.SIGQUIT):
                    signal.signal(ignored, signal.SIG_IGN)
                _, status = os.waitpid(grandchild, 0)
                os._exit(_wait_status_to_exit(status))
            except FileNotFoundError:
                os.write(2, f"lab: {argv[0]}: command not found on {self.name}\n".encode())
                os._exit(127)
            except OSError as error:
                os.write(2, f"lab: {argv[0]}: {error}\n".encode())
                os._exit(126)
        previous = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGQUIT)}
        try:
            _, status = os.waitpid(child, 0)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        return _wait_status_to_exit(status)

    def start(self, argv, log, lab):
        """Starts a daemon there that outlives this command; its output is appended to the file `log` (seen from outside).
        Returns its Process, as seen from outside."""
        self._require()
        os.makedirs(os.path.dirname(log), exist_ok=True)
        environment = daemon_environment()
        environment[MEMBER] = f"{lab}/{self.name}"
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        # Three generations: the first enters, the second is inside and ends at once, so that the third, the daemon, becomes a
        # child of the host's process 1 (which reaps it at once) and not of whatever is process 1 out here.
        middle = os.fork()
        if middle == 0:
            try:
                ours.close()
                output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
                nothing = os.open("/dev/null", os.O_RDONLY)
                os.chdir("/")
                self.enter()
                inside = os.fork()
                if inside:
                    os.waitpid(inside, 0)
                    os._exit(0)
                if os.fork():
                    os._exit(0)
                os.setsid()
                theirs.send(b"+")  # the kernel adds our pid, as the receiver sees it
                for source, target in ((nothing, 0), (output, 1), (output, 2)):
                    os.dup2(source, target)
                os.execvpe(argv[0], argv, environment)
            except BaseException as error:  # nothing may return from here
                theirs.send(b"!" + str(error).encode())
                os._exit(127)
        theirs.close()
        pid, failure = None, None
        with ours:
            while True:  # until all other ends are closed: exec worked, or everybody is gone
                message, ancillary, _, _ = ours.recvmsg(4096, socket.CMSG_SPACE(12))
                if not message:
                    break
                if message.startswith(b"!"):
                    failure = message[1:].decode(errors="replace")
                for _, kind, data in ancillary:
                    if kind == socket.SCM_CREDENTIALS and message == b"+":
                        pid = struct.unpack("iii", data)[0]
        os.waitpid(middle, 0)
        if failure or not pid:
            raise LabError(f"on {self.name}: {argv[0]} cannot be started: {failure or 'it vanished'}")
        process = Process.of(pid)
        if not process:
            raise LabError(f"on {self.name}: {argv[0]} ended at once", f"its output is in {log}")
        return process
