#!/usr/bin/python3
"""Runs a program up to its Nth step and kills it there, or holds it until a file appears. A step is a system call that
others can notice: connecting, sending, writing, entering a namespace. (By ptrace: the program is a static one.)

    at_step.py N kill PROGRAM...     exit code 137 if it got that far, else the program's own
    at_step.py N FILE PROGRAM...     FILE.held is made when it is held; it goes on when FILE is there
"""
import ctypes
import os
import signal
import sys
import time

SYSCALLS = {  # by machine: number -> name
    "x86_64": {1: "write", 16: "ioctl", 42: "connect", 44: "sendto", 46: "sendmsg", 308: "setns"},
    "aarch64": {64: "write", 29: "ioctl", 203: "connect", 206: "sendto", 211: "sendmsg", 268: "setns"},
}
PTRACE_TRACEME, PTRACE_DETACH, PTRACE_SYSCALL, PTRACE_SETOPTIONS = 0, 17, 24, 0x4200
PTRACE_O_TRACESYSGOOD, PTRACE_O_EXITKILL = 1, 0x100000
_libc = ctypes.CDLL(None, use_errno=True)


def ptrace(request, pid, data=0):
    if _libc.ptrace(request, pid, None, ctypes.c_void_p(data)) != 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request}: {os.strerror(ctypes.get_errno())}")


def syscall_of(pid):
    with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
        return int(file.read().split()[0])


def hold_until(path):
    with open(path + ".held", "w", encoding="ascii"):
        pass
    while not os.path.exists(path):
        time.sleep(0.005)


def main():
    step, what, argv = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    names = SYSCALLS[os.uname().machine]
    child = os.fork()
    if child == 0:
        ptrace(PTRACE_TRACEME, 0)
        os.execv(argv[0], argv)
    os.waitpid(child, 0)  # stopped by its exec
    ptrace(PTRACE_SETOPTIONS, child, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)
    entering, delivered = True, 0
    while True:
        ptrace(PTRACE_SYSCALL, child, delivered)
        _, status = os.waitpid(child, 0)
        if not os.WIFSTOPPED(status):
            return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        delivered = 0
        if os.WSTOPSIG(status) != signal.SIGTRAP | 0x80:
            delivered = os.WSTOPSIG(status)
            continue
        number = syscall_of(child) if entering else None
        entering = not entering
        if number not in names:
            continue
        step -= 1
        if step:
            continue
        if what == "kill":
            print(f"killed before {names[number]}", file=sys.stderr)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return 137
        hold_until(what)
        ptrace(PTRACE_DETACH, child)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
