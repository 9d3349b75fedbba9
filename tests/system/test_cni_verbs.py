"""CHECK, STATUS, VERSION and the shapes of results, each with a real node: one thing is broken at a time."""
import json
import re
import unittest

from labkit import cni

from cni_case import CniCase
from lab_case import eventually, traffic


class CniVerbs(CniCase):
    def configuration(self, version="1.1.0", **keys):
        return self.ours(cniVersion=version, name=cni.first_conflist(self.host)["name"], **keys)

    def error_of(self, command, configuration):
        """The error object; None if there was none."""
        try:
            self.call("mooring", command, configuration)
        except cni.CniError as refused:
            return refused.error
        return None

    def ofctl(self, *arguments):
        return self.host.run(["ovs-ofctl", "-O", "OpenFlow15", *arguments]).stdout

    # -- ADD -------------------------------------------------------------------------------------------------------

    def test_other_names_of_a_pod_are_labels_of_its_port(self):
        conflist = {"cniVersion": "1.0.0", "name": "pods", "plugins": [
            self.ours(capabilities={"aliases": True}, runtimeConfig={"aliases": ["db", "primary.shop"]})]}
        pod, other = self.prepared("db-0", conflist), self.prepared("db-1")
        for one in (pod, other):
            cni.add(self.host, one.attachment)
        found = self.lab.listed("ports", "--label", "alias/primary.shop=true")
        self.assertEqual([pod.name], [port["hostname"] for port in found])

    # -- CHECK -----------------------------------------------------------------------------------------------------

    def test_check_says_which_one_is_wrong(self):
        def in_pod(command):
            return lambda pod: self.place(pod).run(command.split())

        def on_host(command):
            return lambda pod: self.host.run(command.format(link=pod.attachment.result["interfaces"][0]["name"]).split())

        def delete_flow(pod):
            flow = next(line for line in self.ofctl("--no-stats", "dump-flows", "br-int").splitlines()
                        if re.search(rf"nw_src={re.escape(pod.address)}\b", line))
            match = next(part for part in flow.split() if "nw_src=" in part)
            table = next(part for part in flow.split() if part.startswith("table=")).strip(",")
            self.ofctl("--strict", "del-flows", "br-int", f"{table},{match}")

        def delete_at_controller(pod):
            port = next(port for port in self.ports() if port["hostname"] == pod.name)
            self.lab.ctl("delete", "port", port["id"])

        cases = {
            "link": (in_pod("ip link set eth0 down"), "eth0 is down"),
            "address": (in_pod("ip address flush dev eth0"), "eth0 does not have the address {address}/"),
            "mac": (in_pod("ip link set eth0 address 0a:00:00:00:00:07"), "the MAC of eth0 is 0a:00:00:00:00:07, not {mac}"),
            "mtu": (in_pod("ip link set eth0 mtu 1300"), "the MTU of eth0 is 1300, not 1450"),
            "route": (in_pod("ip route del default"), "the route to 0.0.0.0/0 via"),
            "interface": (in_pod("ip link set eth0 name eth7"), "the container has no interface eth0"),
            "host-end": (on_host("ip link set {link} down"), "the host end {link} is down"),
            "host-mtu": (on_host("ip link set {link} mtu 1300"), "the MTU of {link} is 1300, not 1450"),
            "ovs-port": (on_host("ovs-vsctl --timeout=5 del-port {link}"), "Open vSwitch has no port {link}"),
            "flow": (delete_flow, "a flow was not in place: br-int: table="),
            "record": (delete_at_controller, "the controller's record: "),
        }
        for name, (break_it, expected) in cases.items():
            with self.subTest(name):
                pod = self.add("h1", f"broken-{name}")
                cni.check(self.host, pod.attachment)
                break_it(pod)
                with self.assertRaises(cni.CniError) as found:
                    cni.check(self.host, pod.attachment)
                self.assertEqual(111, found.exception.error["code"])
                self.assertIn(expected.format(address=pod.address, mac=pod.mac,
                                              link=pod.attachment.result["interfaces"][0]["name"]),
                              found.exception.error["msg"])
                self.lab.pods.delete(pod)
        self.expect_nothing_left()

    def test_a_flow_that_check_missed_is_back(self):
        pods = [self.add("h1", f"web-{i}") for i in range(2)]
        self.ofctl("del-flows", "br-int")
        with self.assertRaises(cni.CniError):
            cni.check(self.host, pods[0].attachment)
        cni.check(self.host, pods[0].attachment)
        self.assertTrue(traffic.reaches(self.place(pods[0]), pods[1].address))

    def test_check_needs_what_add_told(self):
        pod = self.add("h1", "web-0")
        result, pod.attachment.result = pod.attachment.result, None
        with self.assertRaises(cni.CniError) as refused:
            cni.check(self.host, pod.attachment)
        self.assertEqual(7, refused.exception.error["code"])
        pod.attachment.result = result

    # -- STATUS ----------------------------------------------------------------------------------------------------

    def test_status_says_who_is_away(self):
        self.assertIsNone(self.error_of("STATUS", self.configuration()))
        controller = self.lab.layout.machines["controller"]
        for machine, component, code, expected in (
                (self.machine, "vswitchd", 51, "ovs-vswitchd does not answer"), (self.machine, "ovsdb", 51, "OVSDB does not answer"),
                (controller, "controller", 50, "the controller does not answer"), (self.machine, "agent", 50, "mooring-agent")):
            with self.subTest(component):
                self.lab.services.stop(machine, component, kill=True)
                try:
                    error = {}

                    def told():
                        error.update(self.error_of("STATUS", self.configuration()) or {})
                        return error.get("code") == code
                    eventually(told, 10, f"STATUS to be {code}: {error}")
                    self.assertIn(expected, error["msg"])
                    self.assertEqual("1.1.0", error["cniVersion"])
                finally:
                    self.lab.services.start(machine, component)
                eventually(lambda: self.error_of("STATUS", self.configuration()) is None, 20, "STATUS to be fine again")

    def test_status_knows_that_the_pool_is_empty(self):
        self.create_subnet("tiny", 4711, "10.171.0.0/24", ranges=["10.171.0.9"])
        self.assertIsNone(self.error_of("STATUS", self.configuration(pool="tiny")))
        pod = self.add("h1", "web-0", annotations={"mooring.io/pool": "tiny"})
        error = self.error_of("STATUS", self.configuration(pool="tiny"))
        self.assertEqual(50, error["code"])
        self.assertRegex(error["msg"], "no address for a new pod: .*tiny")
        self.assertIsNone(self.error_of("STATUS", self.configuration()))  # of the default pool there are enough
        self.assertEqual(50, self.error_of("STATUS", self.configuration(pool="nowhere"))["code"])
        self.assertEqual(7, self.error_of("STATUS", self.configuration(pool="No Pool"))["code"])
        self.lab.pods.delete(pod)

    # -- versions --------------------------------------------------------------------------------------------------

    def test_each_version_gets_its_shape(self):
        for version in ("", "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"):
            with self.subTest(version):
                pod = self.prepared("web-0")
                pod.attachment.conflist = {**pod.attachment.conflist, "cniVersion": version}
                result = cni.add(self.host, pod.attachment)
                self.assertEqual(version or "0.1.0", result["cniVersion"])
                if version in ("", "0.1.0", "0.2.0"):
                    self.assertEqual({"cniVersion", "ip4", "dns"}, set(result) | {"dns"})
                    self.assertRegex(result["ip4"]["ip"], r"^10\.100\.\d+\.\d+/16$")
                    self.assertEqual("0.0.0.0/0", result["ip4"]["routes"][0]["dst"])
                else:
                    self.assertEqual("4" if version < "1" else None, result["ips"][0].get("version"))
                    self.assertEqual(1450 if version == "1.1.0" else None, result["interfaces"][1].get("mtu"))
                    self.assertEqual(pod.attachment.netns, result["interfaces"][result["ips"][0]["interface"]]["sandbox"])
                if version >= "0.4":
                    cni.check(self.host, pod.attachment)
                else:
                    with self.assertRaises(cni.CniError) as refused:
                        cni.check(self.host, pod.attachment)
                    self.assertEqual(1, refused.exception.error["code"])
                self.lab.pods.delete(pod)
        self.expect_nothing_left()

    def test_version_needs_nothing_and_status_and_gc_their_version(self):
        told = self.call("mooring", "VERSION", "")
        self.assertEqual(["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"], told["supportedVersions"])
        for command in ("STATUS", "GC"):
            self.assertEqual(1, self.error_of(command, self.configuration("1.0.0"))["code"])
        self.assertEqual(1, self.error_of("STATUS", self.configuration("2.0.0"))["code"])
        self.assertIn("0.1.0, 0.2.0", json.dumps(self.error_of("STATUS", self.configuration("9.9.9"))))


if __name__ == "__main__":
    unittest.main()
