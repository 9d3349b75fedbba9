"""mooringctl trace against real faults: each is found where it is, and the last line names it."""
import json
import os
import unittest

from lab_case import LabCase, eventually


class Trace(LabCase):
    options = {"hosts": 2, "gateways": 1, "physical": 1}

    def trace(self, source, target, *more):
        done = self.lab.ctl("trace", f"{source.namespace}/{source.name}", "to", target, "-o", "json", *more, check=False, timeout=60)
        answer = json.loads(done.stdout)
        self.assertEqual(0 if answer["outcome"] == "arrives" else 1, done.returncode, done.stdout)
        return answer

    def expect_verdict(self, answer, outcome, pattern):
        self.assertEqual(outcome, answer["outcome"], json.dumps(answer, indent=1))
        self.assertRegex(answer["verdict"], pattern)

    def ofctl(self, host, bridge, *arguments):
        return self.lab.places[host].run(["ovs-ofctl", "-O", "OpenFlow15", *arguments[:1], bridge, *arguments[1:]])

    def test_what_arrives(self):
        a, near, far = self.add("h1", "web-a"), self.add("h1", "web-near"), self.add("h2", "web-far")
        self.expect_ping(a, far)
        answer = self.trace(a, far.address, "--tcp", "80")
        self.expect_verdict(answer, "arrives", rf"^arrives: default/web-a reaches {far.address} \(default/web-far\) on node h2, by way of node h1")
        self.assertTrue(all(hop["ok"] for hop in answer["hops"]), answer)
        self.assertEqual({"binding", "target", "port", "gate", "directory", "switch", "delivery", "flows"},
                         {hop["step"] for hop in answer["hops"]} - {"relay"})
        self.expect_verdict(self.trace(a, "default/web-near"), "arrives", r"on node h1$")
        phys = self.lab.layout.machines["phys1"].address("eth0")
        self.expect_verdict(self.trace(a, phys), "arrives", r"gateway gw1 hands it to the physical network")
        table = self.lab.ctl("trace", "default/web-a", "to", "default/web-far").stdout
        self.assertRegex(table, r"(?m)^WHERE +STEP +DETAIL$")
        self.assertTrue(table.splitlines()[-1].startswith("arrives: "), table)

    def test_what_is_wrong_with_the_words(self):
        a = self.add("h1", "web-a")
        for arguments, status, says in ((("default/nobody", "to", a.address), 1, "no such pod"),
                                        (("default/web-a", "from", a.address), 2, "'from' stands where 'to' should"),
                                        (("default/web-a", "to", "nowhere"), 2, "neither an address nor a pod"),
                                        (("default/web-a", "to", a.address, "--tcp", "0"), 2, "--tcp")):
            done = self.lab.ctl("trace", *arguments, check=False)
            self.assertEqual(status, done.returncode, done.stderr)
            self.assertIn(says, done.stderr)

    def test_pods_that_are_gone(self):
        a, b = self.add("h1", "web-a"), self.add("h2", "web-b", annotations={"mooring.io/kind": "stateful"})
        self.lab.pods.delete(b)
        answer = self.trace(a, b.address)
        self.expect_verdict(answer, "stops", r"^stops on (node h1|gateway gw1): ")
        self.assertRegex(next(hop["detail"] for hop in answer["hops"] if hop["step"] == "target"),
                         "bound to default/web-b, which has no live port")
        self.expect_verdict(self.trace(b, a.address), "stops", r"^default/web-b has no live port; ")
        # Its namespace goes without a DEL.
        c = self.add("h2", "web-c")
        place = self.lab.places["h2"]
        place.run(["ip", "netns", "del", os.path.basename(c.attachment.netns)])
        self.expect_verdict(self.trace(a, c.address), "stops", r"stops on .*: .*(is gone|no open port|nobody|no port|gone)")

    def test_a_flow_that_somebody_removed(self):
        a, b = self.add("h1", "web-a"), self.add("h1", "web-b")
        self.expect_ping(a, b)
        self.ofctl("h1", "br-int", "del-flows", "table=30")
        answer = self.trace(a, b.address)
        self.expect_verdict(answer, "stops", r"^stops on node h1: br-int drops it in table 30: no flow matches.* put right now: br-int: table=30")
        self.assertEqual([False], [hop["ok"] for hop in answer["hops"] if hop["step"] == "flows"])
        eventually(lambda: self.trace(a, b.address)["outcome"] == "arrives", 10, "the flows to be put right")
        # Without the last step, a gateway brings the packet back.
        self.ofctl("h1", "br-int", "del-flows", f"table=40,ip,nw_dst={b.address}")
        answer = self.trace(a, b.address)
        self.assertRegex(" ".join(hop["detail"] for hop in answer["hops"] if hop["step"] == "flows"), rf"table=40.*nw_dst={b.address}")

    def test_a_spoofed_source(self):
        a, b = self.add("h1", "web-a"), self.add("h2", "web-b")
        self.expect_verdict(self.trace(a, b.address, "--from-address", "10.100.77.77"), "stops",
                            r"^stops on node h1: br-int drops it in table 10: the spoof guard")

    def test_a_vtep_that_the_receiver_does_not_know(self):
        a, b = self.add("h1", "web-a"), self.add("h2", "web-b")
        self.expect_ping(a, b)
        sender = self.lab.layout.machines["h1"].address("eth0")
        gateway = self.lab.layout.machines["gw1"].address("eth0")
        for vtep in (sender, gateway):
            self.ofctl("h2", "br-tun", "del-flows", f"table=10,tun_src={vtep}")
        answer = self.trace(a, b.address)
        self.expect_verdict(answer, "stops", r"^stops on node h2: br-tun drops it in table 10: the sender's VTEP .*table=10")
        eventually(lambda: self.trace(a, b.address)["outcome"] == "arrives", 10, "the flow to be put right")

    def test_an_isolated_subnet(self):
        self.lab.ctl("create", "network", "lone", "--isolated")
        for name, cidr, vni in (("left", "10.50.0.0/24", "501"), ("right", "10.51.0.0/24", "502")):
            self.lab.ctl("create", "subnet", name, "--network", "lone", "--cidr", cidr, "--vni", vni)
            self.lab.ctl("create", "pool", name, "--subnet", name)
        self.addCleanup(self.remove_lone)
        a = self.add("h1", "web-left", annotations={"mooring.io/network": "lone", "mooring.io/pool": "left"})
        b = self.add("h2", "web-right", annotations={"mooring.io/network": "lone", "mooring.io/pool": "right"})
        self.expect_verdict(self.trace(a, b.address, "--network", "lone"), "stops", r"^stops on node h1: br-int .*the network is isolated")

    def remove_lone(self):
        for pod in self.lab.pods.list():
            self.lab.pods.delete(pod)
        for name in ("left", "right"):
            self.lab.ctl("delete", "pool", name)
            self.lab.ctl("delete", "subnet", name)
        self.lab.ctl("delete", "network", "lone")

    def test_a_node_that_is_silent(self):
        a, b = self.add("h1", "web-a"), self.add("h2", "web-b")
        self.expect_ping(a, b)
        machine = self.lab.layout.machines["h2"]
        self.lab.services.stop(machine, "agent")
        self.addCleanup(self.lab.services.start, machine, "agent")
        answer = self.trace(a, b.address)
        self.expect_verdict(answer, "unknown", r"^cannot be told: node h2 does not answer")
        self.assertTrue(all(hop["ok"] for hop in answer["hops"] if hop["where"] == "node h1"), answer)


if __name__ == "__main__":
    unittest.main()
