"""The controller goes back to a backup while real agents and pods live: nobody loses an address, none is given twice."""
import unittest

from labkit import services

from lab_case import LabCase, eventually, traffic


class Restore(LabCase):
    options = {"hosts": 2, "gateways": 1}
    backup = "/var/lib/mooring/backup.db"

    def controller(self):
        return self.lab.layout.machines["controller"]

    def go_back(self, *down):
        """To the backup, as docs/howto/backup.md says. The agents of `down` do not come back by themselves."""
        self.lab.services.stop(self.controller(), "controller")
        for host in down:
            self.lab.services.stop(self.lab.layout.machines[host], "agent", kill=True)
        program = services.program(self.lab.options["build"], "mooring-controller")
        said = self.lab.places["controller"].run([program, "restore", "--from", self.backup, "--force"])
        self.assertIn("as a new incarnation", said.stdout)
        self.lab.services.start(self.controller(), "controller")

    def expect_soon(self, source, target):
        """New pods are known to the others as soon as these have found the controller again."""
        eventually(lambda: traffic.reaches(self.place(source), self.address(target), 1), 15, f"{source.name} to reach {target.name}")

    def status(self):
        return self.lab.ctl("restore", "status").stdout

    def restored(self):
        return "nothing is being restored" in self.status()

    def held(self):
        """Pod -> what the controller has for it."""
        return {port["hostname"]: (port["node"], port["mac"], port["address"]) for port in self.ports()}

    def test_pods_made_after_the_backup_keep_their_addresses(self):
        before = self.add("h1", "web-0")
        self.lab.ctl("backup", self.backup, "--force")
        after = [self.add("h1", "web-1"), self.add("h2", "web-2")]
        addresses = {pod.name: pod.address for pod in (before, *after)}
        held = self.held()
        self.settle()
        self.go_back()
        eventually(self.restored, 30, "both nodes to have reported")
        self.assertEqual(held, self.held())
        events = self.lab.ctl("events", "--type", "restore.finished").stdout
        self.assertIn("1 ports as it has them, 2 taken over", events)
        self.expect_ping(before, after[1])
        self.expect_ping(after[0], after[1])
        new = [self.add("h1", "web-3"), self.add("h2", "web-4")]
        given = [*addresses.values(), *(pod.address for pod in new)]
        self.assertEqual(len(given), len(set(given)), given)
        self.expect_soon(new[0], before)
        self.expect_soon(new[1], after[0])

    def test_a_node_that_does_not_report_is_waited_for_and_can_be_left_out(self):
        pods = [self.add("h1", "db-0"), self.add("h2", "db-1")]
        self.settle()
        self.lab.ctl("backup", self.backup, "--force")
        self.go_back("h2")
        eventually(lambda: "reported     h1" in self.status(), 30, "h1 to have reported")
        self.assertIn("missing      h2", self.status())
        refused = self.lab.ctl("create", "binding", "shop/db-9", "--address", "10.0.0.200", check=False)
        self.assertNotEqual(0, refused.returncode)
        self.assertIn("h2", refused.stderr)
        # The data plane does not care.
        self.assertTrue(traffic.reaches(self.place(pods[0]), self.address(pods[1])), "pods reach each other meanwhile")
        self.lab.ctl("restore", "finish", "--without", "h2")
        self.assertTrue(self.restored())
        other = self.add("h1", "db-2")
        self.assertNotIn(other.address, [pod.address for pod in pods])
        self.lab.services.start(self.lab.layout.machines["h2"], "agent")
        self.expect_soon(other, pods[1])


if __name__ == "__main__":
    unittest.main()
