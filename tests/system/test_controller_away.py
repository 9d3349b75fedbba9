"""The controller is away: new stateless pods get addresses of their node's block, pods that come again on their node have theirs
again, all of them are reached from everywhere, and when it is back it knows of them all."""
import itertools
import json
import os
import unittest

from labkit import cni

from lab_case import LabCase, eventually, inventory, traffic

STATELESS = {"arguments": {"MOORING_KIND": "stateless"}}
STATEFUL = {"arguments": {"MOORING_KIND": "stateful"}}
BLOCK = 4  # addresses


class ControllerAway(LabCase):
    options = {"hosts": 2, "agent_options": ["--block-pool", "pods", "--block-size", str(BLOCK)]}

    def setUp(self):
        super().setUp()
        eventually(lambda: {block["node"] for block in self.lab.listed("blocks")} == {"h1", "h2"}, 20, "both nodes to have a block")
        eventually(lambda: all(self._knows_blocks(host) for host in ("h1", "h2")), 20, "both blocks to be on the nodes' disks")

    def _knows_blocks(self, host):
        checkpoint = f"{self.lab.places[host].root}/var/lib/mooring/agent/directory"
        if not os.path.exists(checkpoint):
            return False
        with open(checkpoint, encoding="utf-8") as file:
            text = file.read()
        return all(block["range"] in text for block in self.lab.listed("blocks"))

    def room(self, host):
        """How many addresses the host can give: it leases another block when all of one are in use, which an earlier test may have
        brought about."""
        return BLOCK * sum(block["node"] == host for block in self.lab.listed("blocks"))

    def machine(self, name):
        return self.lab.layout.machines[name]

    def away(self):
        self.lab.services.stop(self.machine("controller"), "controller", kill=True)
        self.addCleanup(self.back)

    def back(self):
        self.lab.services.start(self.machine("controller"), "controller")

    def restart_agent(self, host):
        self.lab.services.stop(self.machine(host), "agent", kill=True)
        self.lab.services.start(self.machine(host), "agent")

    def held(self):
        """Address -> pods that the controller knows under it."""
        held = {}
        for port in self.ports():
            held.setdefault(port["address"], []).append((port["node"], port["hostname"], port["state"]))
        return held

    def expect_known(self, *pods):
        wanted = {pod.address: [(pod.host, pod.name, "active")] for pod in pods}
        eventually(lambda: self.held() == wanted, 20, f"the controller to know {wanted}, and no other port")

    def expect_all_deleted(self, *pods):
        for pod in pods:
            self.lab.pods.delete(pod)
        eventually(lambda: not self.ports(), 20, "the controller to have no port")
        left = [line for line in inventory.left(self.lab, self.empty) if "priority=80" not in line]  # blocks of nodes
        self.assertEqual([], left)

    # --------------------------------------------------------------------------------------------------------------

    def test_new_pods_have_addresses_of_the_block_and_are_known_later(self):
        far = self.add("h2", "far-0")
        self.away()
        new = self.add("h1", "new-0", **STATELESS)
        self.expect_ping(new, far)
        self.expect_ping(far, new)
        self.expect_ping("phys1", new)
        self.restart_agent("h1")
        second = self.add("h1", "new-1", **STATELESS)
        self.assertNotEqual(new.address, second.address, "the same address was given twice")
        on_far = self.add("h2", "new-2", **STATELESS)
        self.expect_ping(on_far, new)
        self.expect_ping(second, on_far)
        cni.check(self.lab.places["h1"], new.attachment)
        gone = self.add("h1", "web-7d9c5b7f6d-x2k4p")  # a deployment's: cannot be bound
        self.lab.pods.delete(gone)
        probe = self.place(far).popen(["ping", "-n", "-q", "-c", "400", "-i", "0.02", new.address], stdout=-1, text=True)
        self.back()
        self.expect_known(far, new, second, on_far)
        self.assertIn(" 0% packet loss", probe.communicate(timeout=60)[0], "the controller's return was felt")
        self.restart_agent("h1")
        for source, target in ((far, new), (new, on_far), (second, new)):
            self.expect_ping(source, target)
        cni.check(self.lab.places["h1"], new.attachment)
        self.expect_all_deleted(far, new, second, on_far)

    def status(self, **keys):
        """Exit code and standard error of CNI STATUS on h1."""
        conflist = cni.first_conflist(self.lab.places["h1"])
        configuration = {**conflist["plugins"][0], "cniVersion": "1.1.0", "name": conflist["name"], **keys}
        done = self.lab.places["h1"].run([f"{cni.PLUGIN_DIR}/mooring"], env={"CNI_COMMAND": "STATUS", "CNI_PATH": cni.PLUGIN_DIR},
                                         input=json.dumps(configuration), check=False)
        return (json.loads(done.stdout)["code"] if done.stdout else 0), done.stdout + done.stderr

    def test_status_is_fine_as_long_as_the_block_has_addresses(self):
        self.assertEqual((0, ""), self.status())
        room = self.room("h1")
        self.away()
        eventually(lambda: "the controller does not answer" in self.status()[1], 10, "the agent to see that the controller is away")
        code, said = self.status()
        self.assertEqual(0, code, said)
        self.assertIn("New stateless pods get addresses of this node's blocks", said)
        code, said = self.status(kind="stateful")
        self.assertEqual(50, code)
        self.assertIn("this node cannot help itself: it is stateful", said)
        pods = [self.add("h1", f"fill-{number}", **STATELESS) for number in range(room)]
        code, said = self.status()
        self.assertEqual(50, code)
        self.assertIn("no address is free", said)
        self.back()
        self.expect_known(*pods)
        eventually(lambda: self.status() == (0, ""), 10, "STATUS to be fine again")
        self.expect_all_deleted(*pods)

    def test_pods_that_come_again_have_their_own_address_again(self):
        far, bound, plain = self.add("h2", "far-0"), self.add("h1", "db-0", **STATEFUL), self.add("h1", "plain-0")
        self.away()
        self.lab.pods.delete(bound)
        again = self.add("h1", "db-0", **STATEFUL)
        self.assertEqual(bound.address, again.address)
        self.restart_agent("h1")
        self.lab.pods.delete(again)
        third = self.add("h1", "db-0", uid=again.uid, **STATEFUL)
        self.assertEqual(bound.address, third.address)
        self.expect_ping(far, third)
        self.lab.pods.forget(plain)  # its sandbox is dead, and nobody has sent a DEL
        plain_again = self.add("h1", "plain-0")
        self.assertEqual(plain.address, plain_again.address)
        # (A link that went without a DEL: vswitchd reads the routes anew, and may lose packets meanwhile.)
        eventually(lambda: traffic.reaches(self.place(plain_again), far.address, 1), 10, "the pod that came again to be heard")
        cni.delete(self.lab.places["h1"], plain.attachment)  # late
        self.expect_ping(far, plain_again)
        self.back()
        self.expect_known(far, third, plain_again)
        self.expect_ping(far, third)
        self.expect_ping("phys1", plain_again)
        self.expect_all_deleted(far, third, plain_again)
        self.lab.ctl("delete", "binding", "db-0", "--force", check=False)

    def test_who_may_have_an_address_of_its_own_is_refused(self):
        room = self.room("h1")
        self.away()
        for name, options in (("web-0", {}), ("db-1", STATEFUL), ("x-0", {"arguments": {"MOORING_KIND": "stateless", "IP": "10.100.0.200"}})):
            with self.assertRaisesRegex(cni.CniError, "this node cannot help itself"):
                self.lab.pods.add("h1", name, **options)
        pods = [self.add("h1", f"fill-{number}", **STATELESS) for number in range(room)]
        self.assertEqual(room, len({pod.address for pod in pods}))
        with self.assertRaisesRegex(cni.CniError, "no address is free"):
            self.lab.pods.add("h1", "one-too-many", **STATELESS)
        self.back()
        self.expect_known(*pods)
        self.expect_all_deleted(*pods)

    def test_what_somebody_else_has_by_now_is_refused_loudly(self):
        bound = self.add("h1", "db-2", **STATEFUL)
        self.away()
        self.lab.pods.delete(bound)
        again = self.add("h1", "db-2", **STATEFUL)
        self.assertEqual(bound.address, again.address)
        self.lab.services.stop(self.machine("h1"), "agent", kill=True)
        self.back()
        moved = self.add("h2", "db-2", **STATEFUL)  # while h1 cannot be heard
        self.assertEqual(bound.address, moved.address)
        self.lab.services.start(self.machine("h1"), "agent")
        eventually(lambda: "the controller refuses what this node gave by itself" in self.lab.services.log_end(self.machine("h1"), "agent", 40),
                   20, "h1 to say that it was refused")
        self.assertEqual({moved.address: [("h2", "db-2", "active")]}, self.held())
        far = self.add("h2", "far-1")
        self.expect_ping(far, moved)
        self.assertFalse(self._speaks(again, far), "the pod that lost its address is heard")
        self.expect_all_deleted(again, moved, far)

    def _speaks(self, source, target):
        return self.place(source).run(["ping", "-n", "-c", "2", "-W", "1", target.address], check=False).returncode == 0


class BlockForATime(LabCase):
    """A block that an operator leased by hand, for a time without word from the controller; and given back."""
    options = {"hosts": 1, "gateways": 0, "physical": 0}

    def _has_block(self):
        try:
            with open(f"{self.lab.places['h1'].root}/var/lib/mooring/agent/directory", encoding="utf-8") as file:
                return '"kind":"block"' in file.read()
        except FileNotFoundError:
            return False

    def _refused(self, name):
        """Why h1 gives no address; "" if it does."""
        try:
            self.lab.pods.delete(self.lab.pods.add("h1", name, **STATELESS))
            return ""
        except cni.CniError as refused:
            return refused.error["msg"]

    def test_it_is_used_as_long_as_it_may_be_and_given_back_when_it_is_asked_for(self):
        controller = self.lab.layout.machines["controller"]
        self.lab.ctl("block", "lease", "h1", "--pool", "pods", "--count", "4", "--use", "15s")
        eventually(self._has_block, 30, "the block to be on the node's disk")
        self.lab.services.stop(controller, "controller", kill=True)
        self.addCleanup(self.lab.services.start, controller, "controller")
        pod = self.add("h1", "in-time", **STATELESS)
        self.assertTrue(pod.address)
        names = (f"late-{number}" for number in itertools.count())  # who had an address would have it again
        eventually(lambda: "the node has no block of addresses" in self._refused(next(names)), 40, "the node to stop giving addresses")
        self.lab.services.start(controller, "controller")
        eventually(lambda: [port["hostname"] for port in self.ports()] == ["in-time"], 20, "the controller to know the pod")
        self.lab.pods.delete(pod)
        self.lab.ctl("block", "delete", self.lab.listed("blocks")[0]["id"])
        eventually(lambda: not self.lab.listed("blocks"), 30, "the node to give the block back")


if __name__ == "__main__":
    unittest.main()
