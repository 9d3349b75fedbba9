"""What the plugin says when it cannot: one error object on stdout with the right code and the way out, and nothing is left."""
import json
import unittest

from labkit import cni

from lab_case import LabCase, inventory


class BadInput(LabCase):
    options = {"hosts": 1, "gateways": 0, "physical": 0}

    def setUp(self):
        super().setUp()
        self.host = self.lab.places["h1"]
        self.before = inventory.take(self.lab)

    def call(self, command="ADD", environment=None, configuration=None, raw=None):
        """One exec of the plugin with a good call, changed as asked; returns (exit code, stdout as JSON or None)."""
        pod = self.lab.pods.prepare("h1", "web-0")
        self.addCleanup(self.lab.pods.forget, pod)
        attachment = pod.attachment
        variables = attachment.environment(command)
        variables.update(environment or {})
        variables = {key: value for key, value in variables.items() if value is not None}
        conf = attachment.configuration(attachment.conflist["plugins"][0], None)
        conf.update(configuration or {})
        conf = {key: value for key, value in conf.items() if value is not None}
        done = self.host.run([f"{cni.PLUGIN_DIR}/mooring"], env=variables, input=json.dumps(conf) if raw is None else raw, check=False)
        return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None

    def expect_error(self, code, mentions, **call):
        exit_code, said = self.call(**call)
        self.assertNotEqual(0, exit_code, said)
        self.assertEqual(code, said["code"], said)
        self.assertRegex(said["msg"], mentions)
        self.assertIn("cniVersion", said)
        self.assertNotIn("ips", said)
        self.lab.pods.forget(self.lab.pods.list("h1")[-1])
        self.assertEqual([], inventory.left(self.lab, self.before))

    def test_environment(self):
        for variables, mentions in (({"CNI_CONTAINERID": None}, "CNI_CONTAINERID"), ({"CNI_CONTAINERID": "../x"}, "CNI_CONTAINERID"),
                                    ({"CNI_IFNAME": None}, "CNI_IFNAME"), ({"CNI_IFNAME": "a-name-too-long-x"}, "CNI_IFNAME"),
                                    ({"CNI_IFNAME": "a/b"}, "CNI_IFNAME"), ({"CNI_NETNS": None}, "CNI_NETNS"),
                                    ({"CNI_ARGS": "nonsense"}, "CNI_ARGS"), ({"CNI_COMMAND": "DANCE"}, "CNI_COMMAND"),
                                    ({"CNI_COMMAND": None}, "CNI_COMMAND"), ({"CNI_ARGS": "IP=10.100.0.999"}, "IP")):
            with self.subTest(**{key: str(value) for key, value in variables.items()}):
                self.expect_error(4, mentions, environment=variables)

    def test_a_namespace_that_is_none(self):
        for path in ("/run/netns/none", "/etc/passwd"):
            with self.subTest(path=path):
                exit_code, said = self.call(environment={"CNI_NETNS": path})
                self.assertNotEqual(0, exit_code)
                self.assertIn(path, said["msg"])

    def test_configuration(self):
        self.expect_error(6, ".", raw="{nonsense")
        self.expect_error(6, ".", raw="")
        self.expect_error(1, "9.9.9", configuration={"cniVersion": "9.9.9"})
        self.expect_error(7, "name", configuration={"name": None})

    def test_every_supported_version_gets_its_own_shape_of_result(self):
        for version in ("0.3.1", "0.4.0", "1.0.0", "1.1.0"):
            with self.subTest(version=version):
                exit_code, result = self.call(configuration={"cniVersion": version})
                self.assertEqual(0, exit_code, result)
                self.assertEqual(version, result["cniVersion"])
                self.assertEqual(version in ("0.3.1", "0.4.0"), "version" in result["ips"][0])
                self.assertEqual("eth0", result["interfaces"][result["ips"][0]["interface"]]["name"])
                pod = self.lab.pods.list("h1")[-1]
                cni.delete(self.host, pod.attachment, with_result=False)
                self.lab.pods.forget(pod)

    def test_version_needs_nothing(self):
        done = self.host.run([f"{cni.PLUGIN_DIR}/mooring"], env={"CNI_COMMAND": "VERSION"}, input="{}", check=False)
        self.assertEqual(0, done.returncode)
        self.assertIn("1.1.0", json.loads(done.stdout)["supportedVersions"])

    def test_the_interface_name_is_in_use(self):
        pod = self.lab.pods.prepare("h1", "web-0")
        self.addCleanup(self.lab.pods.forget, pod)
        self.lab.pods.place(pod).run(["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other"])
        with self.assertRaisesRegex(cni.CniError, "eth0") as refused:
            cni.add(self.host, pod.attachment)
        self.assertEqual(101, refused.exception.error["code"])
        self.lab.pods.forget(pod)
        self.assertEqual([], inventory.left(self.lab, self.before))

    def test_an_exhausted_pool_says_what_it_tried(self):
        self.lab.ctl("create", "subnet", "tiny", "--cidr", "10.101.9.0/24", "--vni", "101")
        self.addCleanup(self.lab.ctl, "delete", "subnet", "tiny")
        self.lab.ctl("create", "pool", "tiny", "--subnet", "tiny", "--range", "10.101.9.8-10.101.9.9")
        self.addCleanup(self.lab.ctl, "delete", "pool", "tiny")
        wish = {"mooring.io/pool": "tiny"}
        pods = [self.add("h1", f"tiny-{i}", annotations=wish) for i in range(2)]
        with self.assertRaisesRegex(cni.CniError, "tiny") as refused:
            self.lab.pods.add("h1", "tiny-2", annotations=wish)
        self.assertEqual(104, refused.exception.error["code"])
        self.lab.pods.delete(pods[0])
        again = self.add("h1", "tiny-2", annotations=wish)
        self.assertEqual(pods[0].address, again.address)
        self.lab.pods.delete(again)
        self.lab.pods.delete(pods[1])
        self.assertEqual([], inventory.left(self.lab, self.before))

    def test_an_address_that_is_taken_names_its_owner(self):
        wish = {"mooring.io/ip": "10.100.8.8"}
        self.add("h1", "first", annotations=wish)
        with self.assertRaisesRegex(cni.CniError, r"10\.100\.8\.8.*first|first.*10\.100\.8\.8") as refused:
            self.lab.pods.add("h1", "second", annotations=wish)
        self.assertEqual(105, refused.exception.error["code"])

    def test_an_address_outside_of_every_subnet(self):
        with self.assertRaisesRegex(cni.CniError, r"10\.99\.0\.1") as refused:
            self.lab.pods.add("h1", "web-0", annotations={"mooring.io/ip": "10.99.0.1"})
        self.assertGreaterEqual(refused.exception.error["code"], 2)
        self.assertEqual([], inventory.left(self.lab, self.before))

    def test_mooringctl_refuses_with_cause_and_way_out(self):
        for arguments, status in ((("create", "subnet", "x", "--cidr", "10.100.0.0/33", "--vni", "7"), 2),
                                  (("create", "subnet", "x", "--network", "none", "--cidr", "10.9.0.0/16", "--vni", "7"), 1),
                                  (("create", "subnet", "x", "--cidr", "10.100.1.0/24", "--vni", "7"), 1),
                                  (("delete", "network", "default"), 1), (("get", "nothing"), 2)):
            with self.subTest(arguments=" ".join(arguments)):
                done = self.lab.ctl(*arguments, check=False)
                self.assertEqual(status, done.returncode, done.stderr)
                self.assertTrue(done.stderr.strip())


if __name__ == "__main__":
    unittest.main()
