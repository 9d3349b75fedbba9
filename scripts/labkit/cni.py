"""Calls CNI plugins as a container runtime does (libcni 1.x): environment, configuration on stdin, one result or one error
on stdout. Knows nothing of labs: it is given a place where commands run."""
import json
import os
import posixpath

from .errors import LabError

PLUGIN_DIR = "/opt/cni/bin"
CONF_DIR = "/etc/cni/net.d"


class CniError(LabError):
    """A plugin refused. `error` is its error object, {} if it printed none."""

    def __init__(self, plugin, exit_code, error, stdout, stderr):
        text = error.get("msg") or stdout.strip() or stderr.strip() or "no error object on stdout"
        if error.get("details"):
            text += f" ({error['details']})"
        super().__init__(f"CNI plugin {plugin} failed (exit code {exit_code}, CNI code {error.get('code', 'none')}): {text}")
        self.exit_code = exit_code
        self.error = error
        self.stdout = stdout
        self.stderr = stderr


def first_conflist(place):
    """The configuration that a runtime takes: the first *.conflist of the host's conflist directory."""
    folder = place.root + CONF_DIR
    files = sorted(name for name in os.listdir(folder) if name.endswith(".conflist"))
    if not files:
        raise LabError(f"{place.name} has no CNI configuration in {CONF_DIR}")
    with open(f"{folder}/{files[0]}", encoding="utf-8") as file:
        return json.load(file)


class Attachment:
    """One container interface: what the runtime remembers between ADD and DEL."""

    def __init__(self, container_id, netns, interface="eth0", arguments=None, annotations=None, conflist=None, result=None):
        self.container_id = container_id
        self.netns = netns
        self.interface = interface
        self.arguments = arguments or {}
        self.annotations = annotations or {}
        self.conflist = conflist
        self.result = result

    def to_json(self):
        return dict(self.__dict__)

    @staticmethod
    def from_json(value):
        return Attachment(**value)

    def environment(self, command, netns=None):
        netns = self.netns if netns is None else netns
        environment = {
            "CNI_COMMAND": command, "CNI_CONTAINERID": self.container_id, "CNI_NETNS": netns, "CNI_IFNAME": self.interface,
            "CNI_PATH": PLUGIN_DIR, "CNI_ARGS": ";".join(f"{key}={value}" for key, value in self.arguments.items()),
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        environment.update({name: value for name, value in os.environ.items()
                            if name.endswith("SAN_OPTIONS") or name in ("TRACEPARENT", "TRACESTATE")})
        return environment

    def configuration(self, plugin, previous):
        """What libcni hands to one plugin of the list."""
        configuration = dict(plugin)  # libcni leaves `capabilities` in
        configuration["cniVersion"] = self.conflist.get("cniVersion", "")
        configuration["name"] = self.conflist["name"]
        offered = {"io.kubernetes.cri.pod-annotations": self.annotations or None, "portMappings": None}
        runtime = {name: offered[name] for name, wanted in plugin.get("capabilities", {}).items() if wanted and offered.get(name)}
        if runtime:
            configuration["runtimeConfig"] = runtime
        if previous is not None:
            configuration["prevResult"] = previous
        return configuration


def call_plugin(place, kind, environment, configuration, timeout=120):
    """One exec of one plugin. Returns what it printed (parsed, or None); raises CniError."""
    text = configuration if isinstance(configuration, str) else json.dumps(configuration)
    done = place.run([posixpath.join(PLUGIN_DIR, kind)], env=environment, input=text, check=False, timeout=timeout)
    try:
        printed = json.loads(done.stdout) if done.stdout.strip() else None
    except ValueError:
        printed = None
    if done.returncode:
        raise CniError(kind, done.returncode, printed if isinstance(printed, dict) else {}, done.stdout, done.stderr)
    return printed


def add(place, attachment):
    """ADD through the whole list; remembers and returns the last plugin's result."""
    result = None
    for plugin in attachment.conflist["plugins"]:
        result = call_plugin(place, plugin["type"], attachment.environment("ADD"), attachment.configuration(plugin, result))
    attachment.result = result
    return result


def check(place, attachment):
    for plugin in attachment.conflist["plugins"]:
        call_plugin(place, plugin["type"], attachment.environment("CHECK"), attachment.configuration(plugin, attachment.result))


def delete(place, attachment, netns=None, with_result=True):
    """DEL through the list, backwards. `netns=""` and with_result=False: the late DELs that kubelet's clean-up sends."""
    previous = attachment.result if with_result else None
    for plugin in reversed(attachment.conflist["plugins"]):
        call_plugin(place, plugin["type"], attachment.environment("DEL", netns), attachment.configuration(plugin, previous))
