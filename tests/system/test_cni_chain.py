"""In one list with plugins of others (Debian's containernetworking-plugins): behind them and before them, and what they
and runtimes write that is not quite ours."""
import json
import unittest

from labkit import cni

from cni_case import CniCase
from lab_case import traffic

PORT = 8099


class CniChain(CniCase):
    options = {"hosts": 2, "gateways": 0, "physical": 0}

    def conflist(self, *plugins, version="1.0.0"):
        return {"cniVersion": version, "name": "chained", "plugins": list(plugins)}

    def added(self, name, conflist):
        pod = self.prepared(name, conflist)
        cni.add(self.host, pod.attachment)
        return pod

    def test_the_usual_ones_behind_us(self):
        self.third_party("portmap", "bandwidth", "tuning", "firewall")
        # What docs/reference/cni.md asks of a node for host ports.
        self.host.run(["sysctl", "-w", "net.ipv4.ip_forward=1"])
        self.host.run("iptables -t nat -A POSTROUTING -o mooring0 -m conntrack --ctstate DNAT -j MASQUERADE".split())
        mapping = {"hostPort": PORT, "containerPort": 80, "protocol": "tcp"}
        for version in ("0.4.0", "1.0.0"):
            with self.subTest(version):
                pod = self.added("web-0", self.conflist(
                    self.ours(),
                    {"type": "tuning", "sysctl": {"net.core.somaxconn": "611"}},
                    {"type": "bandwidth", "ingressRate": 80_000_000, "ingressBurst": 8_000_000,
                     "egressRate": 80_000_000, "egressBurst": 8_000_000},
                    {"type": "firewall", "backend": "iptables"},
                    {"type": "portmap", "snat": True, "runtimeConfig": {"portMappings": [mapping]}},
                    version=version))
                result = pod.attachment.result
                self.assertEqual(pod.attachment.netns, result["interfaces"][result["ips"][0]["interface"]]["sandbox"])
                for plugin in pod.attachment.conflist["plugins"]:
                    if plugin["type"] != "portmap":  # Debian's fails CHECK of every container without IPv6
                        cni.call_plugin(self.host, plugin["type"], pod.attachment.environment("CHECK"),
                                        pod.attachment.configuration(plugin, result))
                self.assertEqual("611", self.place(pod).run(["sysctl", "-n", "net.core.somaxconn"]).stdout.strip())
                self.assertIn("tbf", self.host.run(["tc", "qdisc", "show", "dev", result["interfaces"][0]["name"]]).stdout)
                # The host port: from another machine and from the node itself, over mooring0 to the pod and back.
                for client, address in (("h2", self.lab.layout.machines["h1"].address("eth0")), ("h1", "127.0.0.1")):
                    server = self.place(pod).popen(["/bin/busybox", "nc", "-l", "-p", "80", "-e", "/bin/echo", "hello from web-0"])
                    try:
                        self.assertEqual("hello from web-0", self.fetch(client, address), f"from {client}")
                    finally:
                        server.kill()
                        server.wait()
                cni.delete(self.host, pod.attachment)
                cni.delete(self.host, pod.attachment, netns="", with_result=False)  # as kubelet does
                self.lab.pods.forget(pod)
        self.expect_nothing_left()

    def fetch(self, host, address):
        """What a TCP server at the host port says; tried until it listens."""
        for _ in range(20):
            done = self.lab.places[host].run(["/bin/busybox", "nc", "-w", "1", address, str(PORT)], check=False)
            if done.stdout:
                return done.stdout.strip()
        return ""

    def test_others_before_us(self):
        """A plugin before us has made another interface: its result is kept, ours is added, and theirs stays theirs."""
        self.third_party("bridge", "host-local")
        second = self.prepared("web-1")
        lan = cni.Attachment(second.attachment.container_id, second.attachment.netns, interface="lan0", conflist=self.conflist(
            {"type": "bridge", "bridge": "cni8", "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.174.0.0/24"}]]}}))
        before = cni.add(self.host, lan)
        second.attachment.conflist = self.conflist(self.ours(prevResult=before))
        merged = cni.call_plugin(self.host, "mooring", second.attachment.environment("ADD"), {
            **second.attachment.configuration(second.attachment.conflist["plugins"][0], before)})
        second.attachment.result = merged
        self.assertEqual(before["interfaces"], merged["interfaces"][:3])
        self.assertEqual(before["ips"][0], merged["ips"][0])
        self.assertEqual("eth0", merged["interfaces"][merged["ips"][1]["interface"]]["name"])
        cni.check(self.host, second.attachment)
        cni.delete(self.host, second.attachment)
        cni.delete(self.host, lan)
        self.lab.pods.forget(second)
        self.host.run(["ip", "link", "del", "cni8"])
        self.expect_nothing_left()

    def test_what_runtimes_write(self):
        """Go's spelling of keys, null lists, keys that nobody knows (containerd, podman)."""
        odd = [
            {"runtimeConfig": {"portMappings": None, "ips": None, "dns": None, "bandwidth": None, "mac": None}},
            {"runtimeConfig": {"PortMappings": [{"HostPort": 1, "ContainerPort": 2, "Protocol": "tcp", "HostIP": ""}],
                               "DNS": {"Servers": None, "Searches": ["x"], "Options": None},
                               "Bandwidth": {"IngressRate": 0, "IngressBurst": 0, "EgressRate": 0, "EgressBurst": 0}}},
            {"runtimeConfig": None, "args": None, "labels": None, "prevResult": None, "ipam": {}},
            {"unknown": {"deep": [1, None]}, "capabilities": {"ips": True, "portMappings": True, "what": False}, "dns": {}},
            {"args": {"cni": {"ips": None, "labels": [{"key": "a", "value": "b"}]}, "podman": {}}, "ipam": {"type": ""}},
        ]
        for keys in odd:
            with self.subTest(json.dumps(keys)):
                pod = self.added("web-0", self.conflist(self.ours(**keys)))
                cni.check(self.host, pod.attachment)
                self.lab.pods.delete(pod)
        wished = (({"runtimeConfig": {"IPs": ["10.100.66.1/16"]}}, "10.100.66.1"),
                  ({"runtimeConfig": {"ips": ["10.100.66.2"]}}, "10.100.66.2"),
                  ({"args": {"cni": {"ips": ["10.100.66.3/16"]}}}, "10.100.66.3"))
        for keys, address in wished:
            with self.subTest(address):
                pod = self.added("web-0", self.conflist(self.ours(**keys)))
                self.assertEqual(address, pod.address)
                self.lab.pods.delete(pod)
        mac = self.added("web-0", self.conflist(self.ours(runtimeConfig={"MAC": "02:00:00:00:42:09"})))
        self.assertEqual("02:00:00:00:42:09", mac.mac)
        self.assertTrue(traffic.reaches(self.place(mac), "10.100.0.1"))
        self.lab.pods.delete(mac)
        self.expect_nothing_left()


if __name__ == "__main__":
    unittest.main()
