"""Addresses that a pod may use beside its own, and that move between pods by a call."""
import unittest

from lab_case import LabCase, eventually, traffic

EXTRA = ("10.103.0.200", "fd00:103::200")


class ExtraAddresses(LabCase):
    options = {"hosts": 2, "gateways": 0, "physical": 0}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.ctl("create", "subnet", "ha", "--vni", "203", "--cidr", "10.103.0.0/24,fd00:103::/64")
        cls.lab.ctl("create", "pool", "ha", "--subnet", "ha", "--range", "10.103.0.16-10.103.0.99,fd00:103::10-fd00:103::ff")
        for address in EXTRA:
            cls.lab.ctl("create", "extra-address", address, "-n", "default", "--hostname", "lb-*")

    def move(self, to):
        for address in EXTRA:
            self.lab.ctl("extra-address", "move", address, "--to", to)

    def take(self, pod):
        """What keepalived does when it becomes the master."""
        for address in EXTRA:
            self.place(pod).run(["ip", "addr", "add", f"{address}/{128 if ':' in address else 32}", "dev", "eth0",
                                 *(["nodad"] if ":" in address else [])])

    def answers(self, source, address):
        return traffic.reaches(self.place(source), address, 1)

    def test_they_are_their_holders_and_move(self):
        web = {"mooring.io/pool": "ha"}
        first, second, near, far = (self.add(host, name, annotations=web) for host, name in
                                    (("h1", "lb-0"), ("h2", "lb-1"), ("h1", "near"), ("h2", "far")))
        self.take(first)
        self.take(second)  # it must not help
        for address in EXTRA:
            self.assertFalse(self.answers(near, address), f"{address} has no holder")
        for holder, other in ((first, second), (second, first)):
            self.move(f"default/{holder.name}")
            for address in EXTRA:
                for source in (near, far):
                    eventually(lambda by=source, to=address: self.answers(by, to), 5, f"{address} to be {holder.name}'s for {source.name}")
                eventually(lambda to=address: self.answers(holder.host, to), 5, f"{holder.host} to reach {address} of its pod")
                spoofed = ["ping", "-n", "-c", "1", "-W", "1", "-I", address]
                for pod, right in ((holder, 0), (other, 1)):
                    targets = [ip["address"].partition("/")[0] for ip in far.attachment.result["ips"]]
                    target = targets[1 if ":" in address else 0]
                    done = self.place(pod).run([*spoofed, target], check=False)
                    self.assertEqual(right, done.returncode, f"{pod.name} speaking as {address}: {done.stdout}")
        self.move("nobody")
        for address in EXTRA:
            eventually(lambda to=address: not self.answers(near, to), 5, f"{address} to be nobody's")


if __name__ == "__main__":
    unittest.main()
