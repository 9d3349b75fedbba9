"""A fixed address moves to another host while the old host is well, hangs, is dead, or is cut off and comes back: the new pod is
reached, the old one neither serves nor sends once its host hears of it, and others do not notice."""
import unittest

from labkit import news, probes
from labkit.moves import Mover

from lab_case import LabCase, eventually, inventory, traffic


class Moves(LabCase):
    options = {"hosts": 3, "physical": 0}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.mover = Mover(cls.lab)
        cls.number = 0

    def move(self, old_host):
        number = type(self).number = type(self).number + 1
        name, address = f"db-{number}", f"10.100.200.{number}"
        self.mover.bind(name, address)
        self.addCleanup(self.mover.end)
        bystander = self.add("h2", f"bystander-{number}")
        old, _ = self.mover.add("h1", name, f"old-{number}", "old")
        self.addCleanup(self._delete_if_there, old)
        probing = self.mover.probe(address, interval_us=5000)
        self.expect_ping(self.mover.watcher, old)
        self.mover.strike(old_host)
        try:
            new, returned = self.mover.add("h2", name, f"new-{number}", "new")
            self.addCleanup(self._delete_if_there, new)
            eventually(lambda: traffic.reaches(self.place(self.mover.watcher), address, 3), 10, "the new pod to be reached")
            size = 1 << 20
            self.assertEqual(2 * size, traffic.exchange(self.place(bystander), bystander.address, self.place(self.mover.watcher), size))
        finally:
            self.mover.heal(old_host)
        eventually(lambda: self._is_off(old), 20, "the old pod to be off the network")
        back = probes.begin(self.place(self.mover.watcher), address, 5000)
        from_old = probes.begin(self.place(old), self.mover.watcher.address, 5000)
        answers = probes.answer(self.place(self.mover.watcher), "watcher")
        self.addCleanup(probes.end, answers)
        self.expect_ping(self.mover.watcher, new, count=10)
        after = probes.finish(back)
        self.assertEqual(({"new"}, 0), (after.answered_by, after.lost), "after the old host was back")
        self.assertEqual(set(), probes.finish(from_old).answered_by, "the old pod was heard")
        log = probes.finish(probing)
        self.assertEqual("new", log.rows[-1][2])
        return log, returned

    def _is_off(self, old):
        """The agent of h1 has shut its port: no flow lets it speak."""
        done = self.lab.places["h1"].run(["ovs-ofctl", "-O", "OpenFlow15", "dump-flows", "br-int", f"table=10,ip,nw_src={old.address}"],
                                         check=False)
        return done.returncode == 0 and "actions=" not in done.stdout

    def _destination(self, address):
        """Where h3 sends what is for that address, by the flow in its switch."""
        flows = inventory.flows(self.lab.places["h3"], "br-tun")
        return [flow.split("->tun_dst")[0].split("set_field:")[-1] for flow in flows if f"nw_dst={address} " in flow and "->tun_dst" in flow]

    def test_the_senders_host_does_not_hear_of_it(self):
        """Cut off from the controller alone: what it sends goes by the old host until it hears."""
        name, address = "db-deaf", "10.100.200.99"
        self.mover.bind(name, address)
        self.addCleanup(self.mover.end)
        old, _ = self.mover.add("h1", name, "old-deaf", "old")
        self.addCleanup(self._delete_if_there, old)
        self.expect_ping(self.mover.watcher, old)
        fabric, port = self.lab.places["fabric"], self.lab.layout.fabric_port(self.lab.layout.machines["h3"], "mgmt0")
        fabric.run(["ip", "link", "set", port, "down"])
        self.addCleanup(fabric.run, ["ip", "link", "set", port, "up"])
        probing = self.mover.probe(address, interval_us=5000)
        new, returned = self.mover.add("h2", name, "new-deaf", "new")
        self.addCleanup(self._delete_if_there, new)
        eventually(lambda: traffic.reaches(self.place(self.mover.watcher), address, 3), 10, "the new pod to be reached by the old host")
        log = probes.finish(probing)
        self.assertEqual("new", log.rows[-1][2])
        self.assertIsNotNone(log.dark_ms(returned, "new"))
        h1 = self.lab.layout.machines["h1"]
        self.lab.services.stop(h1, "agent", kill=True)
        self.lab.services.start(h1, "agent")

        def in_line():
            said = news.status(self.lab, h1, "agent")
            return said and said["controller"]["complete"] and all(bridge["in_line"] for bridge in said["flows"].values())
        eventually(in_line, 20, "the agent of the old host to have reconciled")
        self.assertTrue(traffic.reaches(self.place(self.mover.watcher), address, 3), "by the old host, whose agent was killed")
        self.assertEqual([self.lab.layout.machines["h1"].address("eth0")], self._destination(address))
        fabric.run(["ip", "link", "set", port, "up"])
        eventually(lambda: self._destination(address) == [self.lab.layout.machines["h2"].address("eth0")], 60, "h3 to send there itself")
        self.expect_ping(self.mover.watcher, new)

    def test_the_old_host_is_well(self):
        log, returned = self.move("alive")
        self.assertIsNotNone(log.dark_ms(returned, "new"))

    def test_the_old_host_hangs(self):
        self.move("stopped")

    def test_the_old_host_is_dead_and_comes_back(self):
        self.move("killed")

    def test_the_old_host_is_cut_off_and_comes_back(self):
        self.move("cut off")


if __name__ == "__main__":
    unittest.main()
