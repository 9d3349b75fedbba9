"""docs/api/openapi.yaml is what a real controller answers to: the same routes, and real objects have the shapes it says."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest

import yaml

from labkit.unix_http import UnixConnection

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
PROGRAM = f"{os.environ['MOORING_BUILD_DIR']}/ipam-controller/mooring-controller"
METHODS = ("get", "put", "post", "delete", "patch")


class Document:
    """The parts of OpenAPI 3.0 that our document uses; anything else in a schema is an error here."""
    known = {"type", "properties", "required", "additionalProperties", "items", "enum", "minimum", "maximum", "minItems", "maxItems",
             "nullable", "allOf", "description", "writeOnly", "$ref"}
    types = {"string": str, "integer": int, "boolean": bool, "object": dict, "array": list}

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.root = yaml.safe_load(file)

    def resolved(self, node):
        while "$ref" in node:
            found = self.root
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node

    def operations(self):
        return {(method.upper(), path): operation for path, item in self.root["paths"].items()
                for method, operation in item.items() if method in METHODS}

    def faults(self, value, schema, where):
        """What of `value` does not fit."""
        schema = self.resolved(schema)
        unknown = set(schema) - self.known
        if unknown:
            return [f"{where}: the document says {unknown}, which this test does not know"]
        if value is None and schema.get("nullable"):
            return []
        faults = [fault for part in schema.get("allOf", []) for fault in self.faults(value, part, where)]
        wanted = self.types.get(schema.get("type"))
        if wanted and (not isinstance(value, wanted) or (wanted is int and isinstance(value, bool))):
            return faults + [f"{where}: {value!r} is no {schema['type']}"]
        if "enum" in schema and value not in schema["enum"]:
            faults.append(f"{where}: {value!r} is none of {schema['enum']}")
        if isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            faults.append(f"{where}: {value} is out of bounds")
        if isinstance(value, list):
            for index, item in enumerate(value):
                faults += self.faults(item, schema.get("items", {}), f"{where}[{index}]")
        if isinstance(value, dict):
            properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
            faults += [f"{where}.{key} is missing" for key in schema.get("required", []) if key not in value]
            for key, item in value.items():
                if key in properties:
                    faults += self.faults(item, properties[key], f"{where}.{key}")
                elif others is False:
                    faults.append(f"{where}.{key} is not in the document")
                elif isinstance(others, dict):
                    faults += self.faults(item, others, f"{where}.{key}")
        return faults


class OpenApi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = Document(f"{ROOT}/docs/api/openapi.yaml")
        cls.folder = tempfile.mkdtemp(prefix="mooring-openapi-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.socket = f"{cls.folder}/c.sock"
        log = open(f"{cls.folder}/log", "wb")
        cls.addClassCleanup(log.close)
        cls.controller = subprocess.Popen([PROGRAM, "--store", f"{cls.folder}/c.db", "--node-silence-seconds", "0", "--listen-unix", cls.socket], stdout=log, stderr=log)
        cls.addClassCleanup(cls.controller.wait)
        cls.addClassCleanup(cls.controller.kill)
        deadline = time.monotonic() + 20
        while not os.path.exists(cls.socket):
            assert cls.controller.poll() is None and time.monotonic() < deadline, "mooring-controller did not start"
            time.sleep(0.01)
        cls.used = set()

    def ask(self, method, target, body=None, headers=None):
        """Asks, and checks request and answer against the document. Returns (status, JSON, headers)."""
        path = target.partition("?")[0]
        pattern = next(p for m, p in self.document.operations() if m == method and self.fits(p, path))
        operation = self.document.operations()[(method, pattern)]
        self.used.add((method, pattern))
        connection = UnixConnection(self.socket)
        try:
            connection.request(method, target, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        kind = answer.headers["Content-Type"]
        values = [json.loads(line) for line in text.splitlines()] if kind == "application/x-ndjson" else [json.loads(text)]
        said = operation["responses"].get(str(answer.status), operation["responses"]["default"])
        content = self.document.resolved(said)["content"]
        self.assertIn(kind, content, f"{method} {target}: {text}")
        faults = [fault for value in values for fault in self.document.faults(value, content[kind]["schema"], f"{method} {pattern} {answer.status}")]
        if body is not None and answer.status < 300:
            faults += self.document.faults(body, operation["requestBody"]["content"]["application/json"]["schema"], f"body of {method} {pattern}")
        self.assertEqual([], faults)
        self.assertEqual("headers" in said and "ETag" in said["headers"], "ETag" in answer.headers, f"ETag of {method} {target}")
        return answer.status, values[-1], answer.headers

    @staticmethod
    def fits(pattern, path):
        return re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/:]+", re.escape(pattern)), path) is not None

    def must(self, method, target, body=None):
        status, value, _ = self.ask(method, target, body)
        self.assertLess(status, 300, f"{method} {target}: {value}")
        return value

    def test_document_and_server_have_the_same_routes(self):
        printed = subprocess.run([PROGRAM, "--print-routes"], check=True, capture_output=True, text=True).stdout.split("\n")
        server = {}
        for line in filter(None, printed):
            method, path, access = line.split(" ")
            server[(method, path)] = access
        document = {route: next(iter(operation["security"][0])) for route, operation in self.document.operations().items()}
        self.assertEqual(server, document)

    def test_every_reference_leads_somewhere_and_every_schema_is_used(self):
        text = json.dumps(self.document.root)
        references = set(re.findall(r'"\$ref": "([^"]+)"', text))
        for reference in references:
            self.assertTrue(self.document.resolved({"$ref": reference}))
        parts = {f"#/components/{kind}/{name}" for kind in ("schemas", "parameters", "responses") for name in self.document.root["components"][kind]}
        self.assertEqual(parts, references)
        for path, item in self.document.root["paths"].items():
            parameters = {p["name"] for p in item.get("parameters", []) if p.get("in") == "path"}
            self.assertEqual(set(re.findall(r"{(\w+)}", path)), parameters, path)

    def test_no_body_is_free_form(self):
        """What has no shape of its own is somebody else's JSON: a question to a node and its answer."""
        free = set()
        for (method, path), operation in self.document.operations().items():
            bodies = [operation.get("requestBody", {}), operation["responses"].get("200", {})]
            for kind, content in [item for body in bodies for item in body.get("content", {}).items()]:
                schema = self.document.resolved(content["schema"])
                if kind not in ("text/plain", "application/vnd.sqlite3") and not any(key in schema for key in ("properties", "allOf", "additionalProperties")):
                    free.add((method, path))
        self.assertEqual({("POST", "/v1/answers/{id}"), ("GET", "/v1/watch")}, free)  # docs/api/watch.md has the frames

    def test_real_objects_have_the_shapes_of_the_document(self):
        must = self.must
        must("POST", "/v1/networks", {"name": "blue", "isolated": True})
        must("POST", "/v1/subnets", {"name": "s", "network": "blue", "vni": 7, "cidr": "10.7.0.0/16", "cidr6": "fd00:7::/64", "mtu_bytes": 1400,
                                     "dns": {"nameservers": ["10.7.0.53"], "domain": "d", "search": ["a.b"], "options": ["ndots:5"]},
                                     "routes": [{"destination": "10.9.0.0/16", "via": "10.7.0.2"}, {"destination": "10.8.0.0/16", "metric": 7, "mtu_bytes": 1300, "advmss_bytes": 1200, "table": 100},
                                                {"destination": "10.6.0.0/16", "scope": 253}]})
        of_underlay = must("POST", "/v1/subnets", {"name": "of-underlay", "network": "blue", "vni": 8, "cidr": "10.17.0.0/16"})
        self.assertTrue(of_underlay["mtu_from_underlay"])
        must("DELETE", "/v1/subnets/of-underlay")
        must("POST", "/v1/pools", {"name": "p", "subnet": "s", "ranges": ["10.7.1.0/24", "fd00:7::100-fd00:7::1ff"]})
        must("POST", "/v1/pools", {"name": "q", "subnet": "s", "ranges": ["10.7.2.0/24"], "exclusions": ["10.7.2.9"], "kind": "stateful",
                                   "strategy": "lowest", "cooldown_seconds": 60, "namespace_quota": 9, "quotas": {"shop": 20},
                                   "selector": {"namespaces": ["x-*"], "hostnames": ["*"], "nodes": ["h?"], "zones": ["z"], "labels": {"a": "b"}},
                                   "allow": ["shop"], "deny": ["shop/x"], "fallback": ["p"], "retention": "TTL 7d"})
        must("POST", "/v1/reservations", {"name": "r", "subnet": "s", "range": "10.7.1.9", "note": "printer"})
        must("POST", "/v1/rules", {"name": "u", "order": 7, "selector": {"hostnames": ["db-*"]}, "takeover": True,
                                   "wishes": {"pools": ["p"], "kind": "stateful", "retention": "Never", "labels": {"a": "b"}}})
        must("POST", "/v1/webhooks", {"name": "w", "url": "http://127.0.0.1:9/x", "events": ["pool.*"], "secret": "0123456789abcdef", "disabled": True})
        must("POST", "/v1/lists", {"name": "l", "network": "blue", "addresses": ["192.0.2.0/24"], "note": "n",
                                   "selector": {"namespaces": ["shop"], "hostnames": ["db-*"], "labels": {"a": "b"}}})
        must("POST", "/v1/access-rules", {"name": "a", "network": "blue", "order": 7, "action": "allow", "direction": "from-physical", "physical": ["192.0.2.0/24"],
                                          "list": "l", "protocol": "tcp", "ports": ["443", "8000-8999"], "source_ports": ["1024-65535"], "note": "n"})
        must("POST", "/v1/vips", {"name": "v", "network": "blue", "address": "10.7.0.80", "ports": ["tcp:80:8080"], "note": "n",
                                  "selector": {"hostnames": ["db-*"]}, "listed": ["10.7.1.1"], "check": {"kind": "http", "path": "/x"}})
        must("POST", "/v1/bindings", {"network": "blue", "namespace": "shop", "hostname": "db-0", "labels": {"a": "b"}, "note": "n",
                                      "retention": "WithWorkload", "workload": "db", "pool": "p"})
        must("POST", "/v1/extra-addresses", {"network": "blue", "address": "fd00:7::101", "namespace": "shop", "hostnames": ["db-*"], "note": "vip"})
        must("PUT", "/v1/nodes/h1", {"machine_id": "m1", "vtep": "172.31.0.1", "version": "1", "zone": "z", "labels": {"rack": "7"}})
        must("POST", "/v1/vips:report", {"node": "h1", "verdicts": [{"vip": "v", "address": "10.7.1.1", "healthy": False, "why": "w"}]})
        must("PUT", "/v1/gateways/g1", {"machine_id": "m9", "vtep": "172.31.0.9", "network": "blue"})
        must("POST", "/v1/gateways/g1:report", {"state": "serving"})
        request = {"node": "h1", "attachment": {"container_id": "c1", "ifname": "eth0"}, "pod_uid": "u", "namespace": "shop", "hostname": "db-0",
                   "wishes": {"network": "blue"}, "configured": {"subnet": "s"}}
        must("POST", "/v1/ports:try", request)
        port = must("POST", "/v1/ports:allocate", request)
        must("POST", "/v1/ports:confirm", {"node": "h1", "attachment": request["attachment"], "generation": port["generation"]})
        other = {**request, "attachment": {"container_id": "c2", "ifname": "eth0"}, "hostname": "db-1"}
        both = must("POST", "/v1/ports:allocate-all", {"requests": [other, {**other, "node": "h9"}]})["results"]
        self.assertEqual([["allocation"], ["problem"]], [list(result) for result in both])
        must("POST", "/v1/extra-addresses:move", {"network": "blue", "address": "fd00:7::101", "to": {"namespace": "shop", "hostname": "db-0"}})
        block = must("POST", "/v1/blocks:lease", {"node": "h1", "pool": "p", "count": 4})
        given = {"request": {**request, "attachment": {"container_id": "c3", "ifname": "eth0"}, "hostname": "job-0"}, "vni": 7,
                 "addresses": [block["range"].split("-")[0], "fd00:7::108"], "mac": "0a:58:00:00:00:01", "generation": block["generation"]}
        self.assertEqual((409, "conflict"), (lambda status, value, _: (status, value["title"]))(*self.ask("POST", "/v1/ports:given", given)))
        must("POST", "/v1/blocks:lease?dry_run=true", {"node": "h1", "pool": "p", "ipv6": True, "use_seconds": 60})
        must("GET", "/v1/version")
        self.assertEqual({"restoring": False}, must("GET", "/v1/restore"))
        self.assertEqual(409, self.ask("POST", "/v1/restore:finish", {"without": ["h1"], "leave_out": False})[0])

        names = {"networks": "blue", "subnets": "s", "pools": "p", "reservations": "r", "rules": "u", "webhooks": "w", "lists": "l", "access-rules": "a", "vips": "v", "nodes": "h1", "gateways": "g1",
                 "bindings": "blue/shop/db-0/0", "extra-addresses": "blue/fd00_7__101", "blocks": block["id"], "ports": port["port_id"]}
        for collection, name in names.items():
            self.assertGreater(len(must("GET", f"/v1/{collection}?limit=1000")["items"]), 0, collection)
            value = must("GET", f"/v1/{collection}/{name}")
            self.assertEqual(404, self.ask("GET", f"/v1/{collection}/{self.missing(name)}")[0])
            target, stale = f"/v1/{collection}/{name}", {"If-Match": '"1"'}
            self.assertEqual(412, self.ask("DELETE", target, None, stale)[0], target)
            if collection not in ("nodes", "gateways", "blocks", "ports"):
                self.assertEqual(412, self.ask("PUT", target, value, stale)[0], target)
                status, same, headers = self.ask("PUT", target, value, {"If-Match": f'"{value["revision"]}"'})
                self.assertEqual((200, value["revision"]), (status, same["revision"]))
                self.assertEqual(f'"{value["revision"]}"', headers["ETag"])

        self.assertIn("error", must("GET", "/v1/access-rules/a/use")["items"][0])  # no gateway listens
        claim = {"address": port["address"].partition("/")[0], "mac": "02:00:00:00:00:09", "interface": "eth1", "count": 2}
        report = {"role": "gateway", "name": "g1", "own_mac": "02:00:00:00:00:01", "sightings": [claim, {**claim, "mac": "02:00:00:00:00:01"}, {**claim, "address": "10.7.3.3"}]}
        must("POST", "/v1/sightings", report)
        must("POST", "/v1/sightings", report)
        rogue, = must("GET", f"/v1/sightings?address={claim['address']}")["items"]
        self.assertEqual((4, "shop/db-0 in network blue on node h1", "interface eth1", "gateway g1"), tuple(rogue[key] for key in ("count", "holder", "where", "reporter")))
        self.assertEqual(1, len(must("GET", "/v1/events?type=address.rogue")["items"]))
        feed = must("GET", "/v1/lists/l/feed")
        self.assertEqual((True, "db-0"), (feed["members"][0]["live"], feed["members"][0]["hostname"]))
        self.assertEqual(400, self.ask("GET", "/v1/lists/l/feed?format=xml&wait_seconds=1")[0])
        self.plans(request)
        self.the_rest(request)
        must("POST", "/v1/ports:release", {"node": "h1", "attachment": request["attachment"], "reason": "cni-del"})
        must("DELETE", "/v1/workloads/shop/db")
        must("DELETE", "/v1/bindings/blue/shop/db-1/0?force=true")  # rule u made it
        must("POST", f"/v1/blocks/{block['id']}:return")
        must("DELETE", "/v1/extra-addresses/blue/fd00_7__101")
        for target in ("rules/u", "pools/q", "reservations/r", "webhooks/w", "access-rules/a", "vips/v", "lists/l", "gateways/g1", "nodes/h1?force=true", "pools/p", "subnets/s", "networks/blue"):
            must("DELETE", f"/v1/{target}")
        # A stream, a scrape, a file, and what needs a node that listens have tests of their own.
        elsewhere = {("GET", "/v1/watch"), ("GET", "/metrics"), ("GET", "/v1/backup"), ("POST", "/v1/answers/{id}"), ("POST", "/v1/nodes/{name}:query"),
                     ("POST", "/v1/gateways/{name}:query")}
        self.assertEqual(elsewhere, set(self.document.operations()) - self.used)

    def plans(self, request):
        must = self.must
        redis = {"namespace": "shop", "workload": "redis", "replicas": 2, "wishes": {"network": "blue", "pools": ["q"]}, "nodes": ["h1"], "first": 1}
        must("POST", "/v1/plans:statefulset", {**redis, "replicas": 12, "interface_ordinal": 1, "configured": {"kind": "stateful"}})
        self.assertEqual([True, False, 2], [must("POST", "/v1/plans:statefulset?dry_run=true", {**redis, "reserve": True})[key] for key in ("fits", "applied", "reserved")])
        self.assertEqual(404, self.ask("GET", "/v1/bindings/blue/shop/redis-1/0")[0])
        self.assertTrue(must("POST", "/v1/plans:statefulset", {**redis, "reserve": True})["applied"])
        self.assertEqual("plan", must("GET", "/v1/bindings/blue/shop/redis-2/0")["origin"])
        must("POST", "/v1/plans:scale", {"namespace": "shop", "workload": "web", "replicas": 3, "wishes": {"network": "blue"}})
        self.assertFalse(must("POST", "/v1/plans:pool-delete", {"pool": "p"})["fits"])  # db-0 is bound there
        must("POST", "/v1/plans:pool-shrink", {"pool": "p", "ranges": ["10.7.1.128/25", "fd00:7::100-fd00:7::1ff"], "exclusions": ["10.7.1.130"]})
        self.assertFalse(must("POST", "/v1/plans:node-drain", {"node": "h1"})["fits"])
        must("PUT", "/v1/nodes/h2", {"machine_id": "m2", "vtep": "172.31.0.2"})
        self.assertTrue(must("POST", "/v1/plans:node-drain", {"node": "h1", "to": ["h2"]})["fits"])
        for body in ({"pool": "none"}, {"pool": "p", "ranges": ["10.7.1.1-x"]}):
            self.assertIn(self.ask("POST", "/v1/plans:pool-shrink", body)[0], (400, 404))
        for ordinal in (1, 2):
            must("DELETE", f"/v1/bindings/blue/shop/redis-{ordinal}/0")

    def the_rest(self, request):
        """Whatever is no object: reports, the ledger, explanations, events."""
        must = self.must
        item = {"network": "blue", "namespace": "shop", "hostname": "imported", "address": "10.7.3.3", "source": "a.csv:1"}
        for target in ("dry_run=true&findings=all", "dry_run=true&on_conflict=skip"):
            must("POST", f"/v1/bindings:import?{target}", {"items": [item, {**item, "address": "10.9.9.9"}]})
        for spec in ({"name": "green"}, {"name": "GREEN"}):
            must("POST", "/v1/objects:apply?dry_run=true", {"objects": [{"kind": "network", "spec": spec, "source": "f.yaml:1"}]})
        port = {"attachment": "c1/eth0", "namespace": "shop", "hostname": "db-0", "network": "blue", "vni": 7, "addresses": ["10.7.1.0"],
                "mac": "0a:58:0a:07:01:00", "generation": 1, "ofport": 1, "ovs_port": True, "link": True, "netns_alive": True, "journal": "adding"}
        must("POST", "/v1/nodes/h1/inventory", {"complete": True, "boot_id": "b", "ovsdb_id": "o", "highest_generation": 1, "in_flight": ["c9/eth0"],
                                                "ports": [port], "stray_links": ["x"]})
        must("GET", "/v1/nodes/h1/inventory")
        must("POST", "/v1/nodes/h1:release-held")
        must("DELETE", "/v1/nodes/h2?fence=true")
        must("POST", "/v1/nodes/h2:unfence")
        must("GET", "/v1/fsck?deadline_seconds=1")
        must("POST", "/v1/fsck:repair", {"nodes": ["h1"], "force": False, "deadline_seconds": 1})
        explained = {**request, "attachment": {"container_id": "c7", "ifname": "eth0"}}
        must("POST", "/v1/ports:explain", {**explained, "hostname": "new-0"})
        must("POST", "/v1/ports:explain", {**explained, "node": "h77"})
        traced = {"network": "blue", "namespace": "shop", "hostname": "db-0", "to": "10.7.3.3", "protocol": "tcp", "port": 80}
        self.assertIn(must("POST", "/v1/ports:trace", traced)["outcome"], ("stops", "unknown"))  # no node answers here
        must("POST", "/v1/ports:try", {**explained, "hostname": "new-0"})
        self.assertEqual(404, self.ask("POST", "/v1/ports:allocate", {**explained, "hostname": "new-0", "wishes": {"pools": ["none"]}})[0])
        must("GET", "/v1/refusals/shop/new-0")
        must("POST", "/v1/webhooks/w:test")
        must("GET", "/v1/events?limit=100")
        head = must("GET", "/v1/audit?limit=1000")["head"]
        self.assertTrue(must("POST", "/v1/audit:verify")["whole"])
        segment = must("GET", f"/v1/audit:export?up_to={head['seq'] - 1}")
        must("POST", "/v1/audit:prune", {"last_seq": segment["last_seq"], "last_hash": segment["last_hash"]})

    @staticmethod
    def missing(name):
        head, slash, last = name.rpartition("/")
        if name.startswith("blue/fd00"):
            return "blue/fd00_7__fff"
        return f"{head}{slash}77" if slash else "nobody"


if __name__ == "__main__":
    unittest.main()
