"""What the tests of VIPs share: a VIP called shop in front of pods called web-N, and its callers."""
from labkit import news, vips

from lab_case import LabCase


class VipCase(LabCase):
    """Set `vip` to its address."""
    options = {"hosts": 3, "gateways": 2, "physical": 1}
    vip = ""

    def setUp(self):
        super().setUp()
        vips.create(self.lab, "shop", self.vip, "web-*")
        self.addCleanup(self.lab.ctl, "delete", "vip", "shop")

    def pod(self, host, name):
        return self.add(host, name)

    def serve(self, pod):
        server = vips.serve(self.place(pod), pod.name)
        self.addCleanup(vips.end, server)
        return server

    def expect_healthy(self, *names, within=15):
        """And all switches know it."""
        news.wait(self.lab, vips.expect_healthy(self.lab, "shop", names, within))

    def calls(self, caller, count=30, kind="tcp"):
        return vips.answers(self.place(caller), self.vip, count, kind)

    def live(self, caller, count=8):
        """Connections that go on until they are looked at."""
        one = vips.Caller(self.place(caller), self.vip, count, pause=0)
        self.addCleanup(one.stop)
        return one

    def expect_alive(self, *callers):
        for one in callers:
            for kept in one.finish().kept:
                self.assertEqual(("", 1), (kept.broke, len(kept.names)), kept)
                self.assertGreater(kept.count, 0)

    def three(self):
        pods = [self.pod(f"h{i + 1}", f"web-{i}") for i in range(3)]
        servers = [self.serve(pod) for pod in pods]
        self.expect_healthy("web-0", "web-1", "web-2")
        self.settle()
        return pods, servers
