"""What is done to daemons and machines. Everything here is undone by the same call, also when it is interrupted."""
import contextlib
import os
import signal
import time

from labkit.waiting import eventually

ORDER = ("ovsdb", "vswitchd", "controller", "agent", "keepalived")  # that an init system starts them in


def in_order(targets):
    """(machine, component) pairs, as they have to be started."""
    return sorted(targets, key=lambda target: ORDER.index(target[1]))


def restart(stage, targets, number):
    """Signals all of them (TERM or KILL), and starts each again as soon as it has ended, as an init system does. Returns
    component -> seconds from the signal until it was ready again."""
    services = stage.lab.services
    began = time.monotonic()
    down(stage, targets, number)
    took = {}
    for machine, component in in_order(targets):
        services.start(machine, component)
        took[component] = time.monotonic() - began
    return took


def wait_for_vswitchd(stage, machine):
    """Until vswitchd follows the database again. It tries once a second, then after two more; until then one on the userspace
    datapath forwards nothing: packets wait in the receive buffers of its interfaces."""
    stage.lab.places[machine.name].run(["ovs-vsctl", "--timeout=30", "set", "Open_vSwitch", ".", f"other_config:drilled={time.time():.0f}"],
                                       timeout=40)


def down(stage, targets, number):
    services = stage.lab.services
    processes = [(target, services.process(*target)) for target in targets]
    for _, process in processes:
        if process:
            process.signal(number)
    for (machine, component), process in processes:
        if process:
            eventually(lambda: not process.alive, 30, f"{component} on {machine.name} to end", interval=0.005)
        stage.lab.state.record("services", f"{machine.name}/{component}", None)


def start(stage, targets):
    for machine, component in in_order(targets):
        stage.lab.services.start(machine, component)


def pause(stage, targets, seconds):
    """STOP, and CONT after `seconds`."""
    processes = [stage.lab.services.process(*target) for target in targets]
    try:
        for process in processes:
            process.signal(signal.SIGSTOP)
        stage.hold(seconds)
    finally:
        for process in processes:
            process.signal(signal.SIGCONT)
    return {component: seconds for _, component in targets}


@contextlib.contextmanager
def full_disk(stage, machine, folder="/var/lib/mooring"):
    """Not one more page for files below the folder, which is a file system of its own in a lab."""
    place = stage.lab.places[machine.name]
    figures = os.statvfs(f"{place.root}{folder}")
    used_kib = (figures.f_blocks - figures.f_bfree) * figures.f_frsize // 1024
    place.run(["mount", "-o", f"remount,size={max(used_kib, 4)}k", folder])
    try:
        yield
    finally:
        place.run(["mount", "-o", "remount,size=50%", folder])
