"""The capability `bandwidth`: both ways, by meters of br-int, over restarts of agent and vswitchd, gone with the port."""
import re
import unittest

from labkit import cni

from cni_case import CniCase
from lab_case import eventually, traffic

RATE = 20_000_000  # bits a second


class CniBandwidth(CniCase):
    options = {"hosts": 2, "gateways": 0, "physical": 0}

    def limited(self, name, **bandwidth):
        conflist = {"cniVersion": "1.0.0", "name": "pods", "plugins": [
            self.ours(capabilities={"bandwidth": True}, runtimeConfig={"bandwidth": bandwidth})]}
        pod = self.prepared(name, conflist)
        cni.add(self.host, pod.attachment)
        return pod

    def meters(self):
        """rate and burst in kilobits by meter; None while the switch does not answer."""
        done = self.host.run(["ovs-ofctl", "-O", "OpenFlow15", "dump-meters", "br-int"], check=False)
        if done.returncode != 0:
            return None
        dumped = done.stdout
        return {int(number): (int(rate), int(burst)) for number, rate, burst in
                re.findall(r"meter=(\d+) kbps burst bands=\s*type=drop rate=(\d+) burst_size=(\d+)", dumped)}

    def expect_rate(self, source, target, share=(0.5, 1.15)):
        got = traffic.throughput(self.place(target), target.address, self.place(source), seconds=4, skip=1)
        print(f"{self._name(source)} to {self._name(target)}: {got / RATE:.1%} of the rate")
        self.assertGreater(got, share[0] * RATE)
        self.assertLess(got, share[1] * RATE)

    def test_both_ways_are_limited_on_one_host_and_across(self):
        pod = self.limited("slow-0", ingressRate=RATE, ingressBurst=2**32 - 1, egressRate=RATE, egressBurst=2**32 - 1)
        here, there = self.add("h1", "fast-0"), self.add("h2", "fast-1")
        for other in (here, there):
            self.expect_rate(pod, other)
            self.expect_rate(other, pod)
        free = traffic.throughput(self.place(there), there.address, self.place(here), seconds=1)
        self.assertGreater(free, 2 * RATE, "pods without a limit have none")

    def test_the_limit_lives_as_long_as_the_port(self):
        pod = self.limited("slow-0", egressRate=RATE, egressBurst=4_000_000)
        made = self.meters()
        self.assertEqual([(20_000, 4_000)], list(made.values()))
        cni.check(self.host, pod.attachment)
        for component in ("agent", "vswitchd"):
            with self.subTest(component):
                self.lab.services.stop(self.machine, component, kill=True)
                self.lab.services.start(self.machine, component)
                eventually(lambda: self.agent_status().get("ready") and self.meters() == made, 20, "the meters to be back")
                eventually(lambda: self.is_right(pod), 10, "CHECK to be content")
        self.expect_rate(pod, self.add("h2", "fast-0"))
        number = next(iter(made))
        # What somebody else changed is told by CHECK, and put right.
        self.host.run(["ovs-ofctl", "-O", "OpenFlow15", "mod-meter", "br-int", f"meter={number},kbps,burst,bands=type=drop,rate=7,burst_size=7"])
        with self.assertRaises(cni.CniError) as found:
            cni.check(self.host, pod.attachment)
        self.assertIn(f"br-int: meter={number},kbps", found.exception.error["msg"])
        self.assertEqual(made, self.meters())
        cni.delete(self.host, pod.attachment)
        eventually(lambda: self.meters() == {}, 5, "the meter to be gone")
        self.lab.pods.forget(pod)

    def is_right(self, pod):
        try:
            cni.check(self.host, pod.attachment)
            return True
        except cni.CniError:
            return False

    def test_what_cannot_be_enforced_is_refused(self):
        with self.assertRaises(cni.CniError) as refused:
            self.limited("slow-0", ingressRate=999, ingressBurst=8000)
        self.assertEqual(7, refused.exception.error["code"])
        self.assertIn("runtimeConfig.bandwidth.ingressRate is 999", refused.exception.error["msg"])


if __name__ == "__main__":
    unittest.main()
