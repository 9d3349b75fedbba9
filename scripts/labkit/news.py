"""Whether agents and gateways know what the controller knows. An ADD is answered before they do, and who lost the controller
looks for it again in steps of up to five seconds: a packet to a pod that its gateway has not heard of yet is lost."""
import json

from .unix_http import UnixConnection
from .waiting import eventually

SECONDS = 20  # a few steps of the watch stream's longest back-off (5 s), on a busy machine
_ANSWER_SECONDS = 5


def wait(lab, revision=0):
    """`revision`: of another object that they shall have heard of, too."""
    late = []

    def known():
        late[:] = behind(lab, revision)
        return not late
    eventually(known, SECONDS, lambda: f"agents and gateways to know all pods: {'; '.join(late)}")


def behind(lab, revision=0):
    """What is running and does not have all of the controller's ports yet, or not in its switch: "h1 agent: …" each. Empty too
    if there is no controller to hear from, for then nobody knows more than they do."""
    machines = lab.layout.machines
    if not any(lab.services.process(machine, "controller") for machine in machines.values()):
        return []
    newest = max((port["revision"] for port in lab.listed("ports")), default=0)
    newest = max(newest, revision)
    late = []
    for machine in machines.values():
        for component in lab.services.of(machine):
            if component in ("agent", "gateway") and lab.services.process(machine, component):
                lacks = _lacks(status(lab, machine, component), newest)
                if lacks:
                    late.append(f"{machine.name} {component}: {lacks}")
    return late


def status(lab, machine, component):
    """GET /v1/status of an agent or a gateway, or None if it does not answer."""
    asked = UnixConnection(f"{lab.places[machine.name].root}/run/mooring/{component}.sock", timeout=_ANSWER_SECONDS)
    try:
        asked.request("GET", "/v1/status")
        answer = asked.getresponse()
        return json.loads(answer.read()) if answer.status == 200 else None
    except OSError:
        return None
    finally:
        asked.close()


def _lacks(said, newest):
    if said is None:
        return "does not answer"
    watch = {**said["controller"], **said["directory"]}  # a gateway tells of the directory there, an agent here
    if not (watch["connected"] and watch["complete"]):
        return "looks for the controller"
    if watch["revision"] < newest:
        return f"is at revision {watch['revision']} of {newest}"
    flows = said["flows"]
    bridges = [flows] if "in_line" in flows else flows.values()
    return "" if all(bridge["in_line"] for bridge in bridges) else "its flows are not in the switch"
