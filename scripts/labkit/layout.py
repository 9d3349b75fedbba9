"""Names and addresses of a lab, all from its number: what lies where.

  underlay  172.31.LAB.0/24   eth0 of hosts and gateways: VXLAN runs here
  mgmt      172.30.LAB.0/24   mgmt0 of hosts, gateways and controller: the controller is reached here
  physical  192.168.LAB.0/24  phys0 of gateways, eth0 of physical machines
  segment   no addresses      seg0 of gateways and physical machines, if the lab has one: over two switches with VLANs (Open
                              vSwitch) that a cable joins (of machines with odd and with even numbers), so that it can be split
"""
import ipaddress
from dataclasses import dataclass

MAX_LABS = 250
MAX_HOSTS = 100
MAX_GATEWAYS = 20
MAX_PHYSICAL = 20
CONTROLLER_PORT = 7480
DEFAULT_OVERLAY = "10.100.0.0/16"


@dataclass(frozen=True)
class Machine:
    """One namespace of the lab. `links`: interface name -> (bridge of the fabric, address with prefix length or None)."""
    name: str
    role: str  # fabric, controller, host, gateway, physical
    links: dict

    def address(self, interface):
        return self.links[interface][1].partition("/")[0]

    @property
    def has_ovs(self):
        return self.role in ("host", "gateway")


class Layout:
    def __init__(self, number, hosts, gateways, physical, segment=False):
        self.number = number
        self.machines = {}
        self._add("fabric", "fabric", {})
        self._add("controller", "controller", {"mgmt0": ("br-mgmt", f"172.30.{number}.250/24")})
        for i in range(1, hosts + 1):
            self._add(f"h{i}", "host", self._inside(i))
        for i in range(1, gateways + 1):
            links = self._inside(200 + i)
            links["phys0"] = ("br-phys", f"192.168.{number}.{i}/24")
            if segment:
                links["seg0"] = (SEGMENT[1 - i % 2], None)
            self._add(f"gw{i}", "gateway", links)
        for i in range(1, physical + 1):
            links = {"eth0": ("br-phys", f"192.168.{number}.{100 + i}/24")}
            if segment:
                links["seg0"] = (SEGMENT[1 - i % 2], None)
            self._add(f"phys{i}", "physical", links)

    def _inside(self, last):
        return {"eth0": ("br-underlay", f"172.31.{self.number}.{last}/24"),
                "mgmt0": ("br-mgmt", f"172.30.{self.number}.{last}/24")}

    def _add(self, name, role, links):
        self.machines[name] = Machine(name, role, links)

    def of_role(self, *roles):
        return [machine for machine in self.machines.values() if machine.role in roles]

    @property
    def shared_gateway(self):
        """The address that one of several gateways has: the physical machines' next hop. None: there is one gateway, or none."""
        return f"192.168.{self.number}.250" if len(self.of_role("gateway")) > 1 else None

    @property
    def controller_url(self):
        return f"http://{self.machines['controller'].address('mgmt0')}:{CONTROLLER_PORT}"

    def fabric_port(self, machine, interface):
        """The name of the link's end in the fabric: `ul-h1`, `mg-h1`, `ph-gw1`."""
        return {"br-underlay": "ul-", "br-mgmt": "mg-", "br-phys": "ph-", SEGMENT[0]: "sg-", SEGMENT[1]: "sg-"}[machine.links[interface][0]] + machine.name


SEGMENT = ("br-seg1", "br-seg2")
BRIDGES = ("br-underlay", "br-mgmt", "br-phys")


def overlay(text):
    """A CIDR that can be the lab's overlay: IPv4 and apart from the lab's own ranges."""
    network = ipaddress.IPv4Network(text)
    for own in ("172.30.0.0/15", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8"):
        if network.overlaps(ipaddress.IPv4Network(own)):
            raise ValueError(f"{text} overlaps {own}, which the lab uses itself")
    return str(network)
