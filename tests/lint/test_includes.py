"""The arrows of house-style: who may include whom, that domains are pure, and that each foreign library is in one place."""
import os
import re
import unittest

from sources import COMPONENTS, ROOT, cxx_files, line_of, read, without_comments_and_literals

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.M)

# cni-plugin -> ovs-agent/lib -> ipam-controller/lib <- overlay-gateway (-> ovs-agent/lib)
LIBRARIES_OF = {
    "ipam-controller": {"ipam-controller"},
    "ovs-agent": {"ovs-agent", "ipam-controller"},
    "cni-plugin": {"ovs-agent", "ipam-controller"},
    "overlay-gateway": {"ovs-agent", "ipam-controller"},
}
IMPURE = re.compile(r"^(spdlog/|nlohmann/|boost/asio|boost/beast|sqlite3|netlink/|openvswitch/|sys/|linux/|net/if|unistd\.h|"
                    r"fcntl\.h|fstream$|iostream$|thread$|mutex$|filesystem$)")
# Foreign header -> the only places that may include it.
FOREIGN = (
    (re.compile(r"^sqlite3(ext)?\.h$"), ("ipam-controller/store/",)),
    (re.compile(r"^yaml-cpp/"), ("ipam-controller/exchange/",)),
    (re.compile(r"^(netlink/|linux/(rtnetlink|if_link|if_addr|veth)\.h)"), ("ovs-agent/lib/mooring/netlink/",)),
    (re.compile(r"^prometheus/"), ("ipam-controller/observe/",)),
    (re.compile(r"^(openssl/|boost/asio/ssl)"), ("ipam-controller/lib/mooring/http/",)),
    (re.compile(r"^(openvswitch/|openflow/|ofp-|ovsdb-idl|vswitch-idl|lib/vswitch-idl|dp-packet|unixctl\.h|config\.h)"),
     ("ovs-agent/lib/mooring/ovs/shim/",)),
)
BEAST = re.compile(r"^boost/beast")


def library_owners():
    owners = {}
    for component in COMPONENTS:
        folder = f"{ROOT}/{component}/lib/mooring"
        if os.path.isdir(folder):
            owners.update({name: component for name in os.listdir(folder)})
    return owners


def includes(name):
    text = read(name)
    for match in INCLUDE.finditer(text):
        yield match.group(1) or match.group(2), f"{name}:{line_of(text, match.start())}"


def reached_by(target, owners, seen=None):
    """All that a library's header includes in the end."""
    seen = set() if seen is None else seen
    library = target.split("/")[1]
    name = f"{owners.get(library)}/lib/{target}"
    if target not in seen and os.path.exists(f"{ROOT}/{name}"):
        seen.add(target)
        for further, _ in includes(name):
            if further.startswith("mooring/"):
                reached_by(further, owners, seen)
            else:
                seen.add(further)
    return seen


class Includes(unittest.TestCase):
    def setUp(self):
        self.owners = library_owners()
        self.wrong = []

    def tearDown(self):
        self.assertEqual([], self.wrong, "\n" + "\n".join(self.wrong))

    def test_components_include_only_along_the_arrows(self):
        for name in cxx_files(*COMPONENTS):
            component, in_library = name.split("/")[0], "/lib/mooring/" in name
            for target, where in includes(name):
                first, _, rest = target.partition("/")
                if first == "mooring":
                    library = rest.partition("/")[0]
                    owner = self.owners.get(library)
                    if owner is None:
                        self.wrong.append(f"{where}: there is no library mooring/{library}")
                    elif owner not in LIBRARIES_OF[component]:
                        self.wrong.append(f"{where}: {component} must not use {owner}'s library mooring/{library}")
                elif first in COMPONENTS:
                    if first != component:
                        self.wrong.append(f"{where}: {component} must not include {target}")
                    elif in_library:
                        self.wrong.append(f"{where}: a library must not include its component ({target})")
                elif first in ("tests", "fakes", "support"):
                    self.wrong.append(f"{where}: the product must not include {target}")

    def test_libraries_have_no_cycle(self):
        graph = {}
        for name in cxx_files(*COMPONENTS):
            if "/lib/mooring/" in name:
                library = name.partition("/lib/mooring/")[2].partition("/")[0]
                uses = {target.split("/")[1] for target, _ in includes(name) if target.startswith("mooring/")}
                graph.setdefault(library, set()).update(uses - {library})
        reached = {}

        def reach(library):
            if library not in reached:
                reached[library] = set()
                for used in graph.get(library, ()):
                    reached[library] |= {used} | reach(used)
            return reached[library]
        for library in sorted(graph):
            if library in reach(library) or any(library in graph.get(used, ()) for used in graph[library]):
                self.wrong.append(f"mooring/{library} includes itself through {sorted(graph[library])}")

    def test_domains_are_pure(self):
        for name in cxx_files(*COMPONENTS):
            parts = name.split("/")
            if len(parts) < 3 or parts[1] != "domain":
                continue
            for target, where in includes(name):
                if IMPURE.match(target):
                    self.wrong.append(f"{where}: a domain has no I/O, clock, log, SQL or JSON: {target}")
                if target.startswith("mooring/"):  # values of a library are welcome, its I/O is not
                    for further in sorted(reached_by(target, self.owners)):
                        if IMPURE.match(further) and not further.startswith("nlohmann/"):
                            self.wrong.append(f"{where}: a domain has no I/O, clock or log: {target} brings {further}")
                if target.startswith(f"{parts[0]}/") and not target.startswith(f"{parts[0]}/domain/"):
                    self.wrong.append(f"{where}: a domain includes nothing of the layers around it: {target}")
            text = without_comments_and_literals(read(name))
            for match in re.finditer(r"_clock::now\s*\(", text):
                self.wrong.append(f"{name}:{line_of(text, match.start())}: a domain gets `now` as an argument")

    def test_use_cases_do_not_know_adapters(self):
        for name in cxx_files(*COMPONENTS):
            parts = name.split("/")
            if len(parts) > 2 and parts[1] == "app":
                for target, where in includes(name):
                    if re.match(rf"{parts[0]}/(adapters|store|api|cli|web)/", target):
                        self.wrong.append(f"{where}: app/ works over ports, not over {target}")

    def test_foreign_headers_are_in_one_place_each(self):
        for name in cxx_files(*COMPONENTS):
            for target, where in includes(name):
                for pattern, places in FOREIGN:
                    if pattern.match(target) and not name.startswith(places):
                        self.wrong.append(f"{where}: {target} belongs into {' '.join(places)} alone")
                if BEAST.match(target) and not re.search(r"/http/[^/]+\.cpp$", name):
                    self.wrong.append(f"{where}: {target} (3.8 s a unit) belongs into http/*.cpp alone")


if __name__ == "__main__":
    unittest.main()
