"""Feeds as those read them that they are for: nft loads the sets (in a network namespace of its own), HAProxy the map."""
import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest

from labkit.unix_http import UnixConnection

BUILD = os.environ["MOORING_BUILD_DIR"]
PROGRAM = f"{BUILD}/ipam-controller/mooring-controller"
CTL = f"{BUILD}/ipam-controller/mooringctl"

RULES = """
table inet filter {
  set list-3com-v4 { type ipv4_addr; flags interval; }
  set list-3com-v6 { type ipv6_addr; flags interval; }
  chain input {
    type filter hook input priority filter; policy accept;
    ip saddr @list-3com-v4 accept
    ip6 saddr @list-3com-v6 accept
  }
}
"""
HAPROXY = """
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend in
  bind unix@{folder}/haproxy.sock
  http-request set-var(txn.list) req.hdr_ip(x-from),map_ip({folder}/lists.map,nobody)
  http-request return status 200 content-type text/plain lf-string "%[var(txn.list)]"
"""


class Feeds(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="mooring-feeds-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.socket = f"{self.folder}/c.sock"
        log = open(f"{self.folder}/log", "wb")
        self.addCleanup(log.close)
        self.controller = subprocess.Popen([PROGRAM, "--store", f"{self.folder}/c.db", "--listen-unix", self.socket], stdout=log, stderr=log)
        self.addCleanup(self.controller.wait)
        self.addCleanup(self.controller.kill)
        self.until(lambda: os.path.exists(self.socket), "mooring-controller did not start")
        self.must("POST", "/v1/subnets", {"name": "s", "vni": 7, "cidr": "10.7.0.0/16", "cidr6": "fd00:7::/64"})
        self.must("POST", "/v1/pools", {"name": "p", "subnet": "s"})
        # Words of nft and a digit in front: names that lists may have.
        for name, selector in (("3com", {"hostnames": ["web-*"]}), ("ip", {"hostnames": ["db-*"]}), ("add-set", {"namespaces": ["none"]})):
            self.must("POST", "/v1/lists", {"name": name, "selector": selector})

    def until(self, condition, otherwise):
        deadline = time.monotonic() + 30
        while not condition():
            self.assertLess(time.monotonic(), deadline, otherwise)
            time.sleep(0.01)

    def must(self, method, target, body=None):
        connection = UnixConnection(self.socket)
        try:
            connection.request(method, target, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        self.assertLess(answer.status, 300, text)
        return json.loads(text)

    def bind(self, hostname, address, address6):
        self.must("POST", "/v1/bindings", {"namespace": "shop", "hostname": hostname, "address": address, "address6": address6})

    def feed(self, name, form, *more):
        return subprocess.run([CTL, "--server", f"unix:{self.socket}", "feed", name, "--format", form, *more],
                              check=True, capture_output=True, text=True).stdout

    def file(self, name, text):
        with open(f"{self.folder}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
        return file.name

    def test_nft_checks_and_loads_every_feed(self):
        self.bind("web-0", "10.7.1.0", "fd00:7::10")
        self.bind("web-1", "10.7.1.1", "fd00:7::11")
        self.bind("db-0", "10.7.9.9", "fd00:7::99")
        for name in ("3com", "ip", "add-set"):
            checked = subprocess.run(["unshare", "-n", "nft", "-c", "-f", self.file(name, self.feed(name, "nftables"))],
                                     capture_output=True, text=True)
            self.assertEqual((0, ""), (checked.returncode, checked.stderr), name)
        before = self.file("before.nft", self.feed("3com", "nftables", "--table", "filter"))
        self.bind("web-7", "10.7.2.0", "fd00:7::20")
        self.must("DELETE", "/v1/bindings/default/shop/web-1/0")
        after = self.file("after.nft", self.feed("3com", "nftables", "--table", "filter"))
        rules = self.file("rules.nft", RULES)
        script = f"set -e; nft -f {rules}; nft -f {before}; nft -j list ruleset; nft -f {after}; nft -j list ruleset"
        loaded = subprocess.run(["unshare", "-n", "sh", "-c", script], capture_output=True, text=True)
        self.assertEqual(0, loaded.returncode, loaded.stderr)

        def sets(line):
            found = {item["set"]["name"]: item["set"].get("elem", []) for item in json.loads(line)["nftables"] if "set" in item}
            return [found["list-3com-v4"], found["list-3com-v6"]]

        first, second = loaded.stdout.splitlines()
        self.assertEqual([[{"prefix": {"addr": "10.7.1.0", "len": 31}}], [{"prefix": {"addr": "fd00:7::10", "len": 127}}]], sets(first))
        self.assertEqual([["10.7.1.0", "10.7.2.0"], ["fd00:7::10", "fd00:7::20"]], sets(second))

    def test_haproxy_checks_the_map_and_finds_addresses_in_it(self):
        self.bind("web-0", "10.7.1.0", "fd00:7::10")
        self.bind("web-1", "10.7.1.1", "fd00:7::11")
        self.bind("db-0", "10.7.9.9", "fd00:7::99")
        self.file("lists.map", self.feed("3com", "haproxy") + self.feed("ip", "haproxy") + self.feed("add-set", "haproxy"))
        config = self.file("haproxy.cfg", HAPROXY.format(folder=self.folder))
        checked = subprocess.run(["haproxy", "-c", "-q", "-f", config], capture_output=True, text=True)
        self.assertEqual((0, ""), (checked.returncode, checked.stderr))
        proxy = subprocess.Popen(["haproxy", "-db", "-f", config], stderr=subprocess.DEVNULL)
        self.addCleanup(proxy.wait)
        self.addCleanup(proxy.kill)
        self.until(lambda: os.path.exists(f"{self.folder}/haproxy.sock"), "haproxy did not start")
        for address, name in (("10.7.1.1", "3com"), ("fd00:7::11", "3com"), ("10.7.9.9", "ip"), ("10.7.1.2", "nobody")):
            connection = UnixConnection(f"{self.folder}/haproxy.sock")
            try:
                connection.request("GET", "/", None, {"x-from": address})
                self.assertEqual(name, connection.getresponse().read().decode())
            finally:
                connection.close()


if __name__ == "__main__":
    unittest.main()
