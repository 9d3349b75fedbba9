"""Every metric that the alert rules and the dashboard use is one that a real controller has; the page about webhooks verifies."""
import http.client
import http.server
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

from labkit.unix_http import UnixConnection

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.environ["MOORING_BUILD_DIR"]
PAGES = f"{ROOT}/docs/observability"
# Words of PromQL, and what Prometheus itself adds to a scrape.
NOT_METRICS = {"and", "or", "unless", "on", "by", "sum", "rate", "increase", "changes", "delta", "time", "le", "job", "inf", "Inf",
               "histogram_quantile", "ignoring", "without", "bool", "max", "min", "up", "__rate_interval"}


def metrics_used(expression):
    """(name, {labels}) of each metric in an expression."""
    used = set()
    plain = re.sub(r'"[^"]*"', '""', expression)
    for match in re.finditer(r"([A-Za-z_:][\w:]*)\s*(\{([^}]*)\})?", plain):
        name, selectors = match.group(1), match.group(3) or ""
        before = plain[:match.start()].rstrip()
        inside = before.count("{") > before.count("}")
        grouping = re.search(r"\b(by|on|ignoring|without)\s*\([^)]*$", before)
        if name in NOT_METRICS or inside or grouping or re.search(r"[\d$]$", plain[:match.start()]) or before.endswith("["):
            continue
        used.add((name, frozenset(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selectors))))
    return used


def series_of(text):
    """name -> set of its label names, from the text that Prometheus reads."""
    series = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, labels = re.match(r"([\w:]+)(\{.*\})?", line).groups()
            series.setdefault(name, set()).update(re.findall(r'(\w+)="', labels or ""))
    return series


class Observability(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="mooring-observe-")
        cls.socket = f"{cls.folder}/c.sock"
        with open(f"{cls.folder}/log", "w", encoding="utf-8") as log:
            cls.controller = subprocess.Popen(
                [f"{BUILD}/ipam-controller/mooring-controller", "--store", f"{cls.folder}/c.db", "--listen-unix", cls.socket,
                 "--metrics-listen", "127.0.0.1:0"], stderr=log)
        deadline = time.monotonic() + 10
        while " ready" not in cls.log():
            if time.monotonic() > deadline:
                raise RuntimeError(cls.log())
            time.sleep(0.01)
        cls.ask("POST", "/v1/subnets", {"name": "s", "vni": 7, "cidr": "10.0.0.0/28"})
        cls.ask("POST", "/v1/pools", {"name": "p", "subnet": "s", "ranges": ["10.0.0.2-10.0.0.3"]})
        cls.ask("POST", "/v1/vips", {"name": "v", "address": "10.0.0.9", "ports": ["tcp:80"], "selector": {"hostnames": ["web-*"]}})
        cls.ask("PUT", "/v1/nodes/h1", {"machine_id": "m1", "vtep": "172.31.0.1"})
        cls.ask("PUT", "/v1/gateways/g1", {"machine_id": "m2", "vtep": "172.31.0.2", "network": "default"})
        cls.ask("POST", "/v1/bindings", {"namespace": "shop", "hostname": "db-0"})
        cls.ask("POST", "/v1/ports:allocate", cls.pod("web-0"))
        cls.ask("POST", "/v1/ports:allocate", cls.pod("web-1"), expected=409)

    @classmethod
    def tearDownClass(cls):
        cls.controller.terminate()
        cls.controller.wait(10)
        shutil.rmtree(cls.folder)

    @classmethod
    def log(cls):
        with open(f"{cls.folder}/log", encoding="utf-8") as log:
            return log.read()

    @staticmethod
    def pod(hostname):
        return {"node": "h1", "attachment": {"container_id": hostname, "ifname": "eth0"}, "namespace": "shop", "hostname": hostname}

    @classmethod
    def ask(cls, method, path, body=None, expected=None):
        connection = UnixConnection(cls.socket)
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status != expected and (expected or answer.status >= 300):
            raise AssertionError(f"{method} {path}: {answer.status} {text}")
        return text

    def expressions(self):
        with open(f"{PAGES}/mooring-alerts.yaml", encoding="utf-8") as file:
            rules = re.findall(r"^\s+expr: (.+)$", file.read(), re.M)
        with open(f"{PAGES}/mooring-dashboard.json", encoding="utf-8") as file:
            dashboard = json.load(file)
        panels = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        variables = [entry["query"] for entry in dashboard["templating"]["list"] if entry["type"] == "query"]
        variables = [re.match(r"label_values\((.*), \w+\)$", query).group(1) for query in variables]
        self.assertGreater(len(rules), 10)
        self.assertGreater(len(panels), 20)
        return rules + panels + variables

    def test_every_metric_of_rules_and_dashboard_is_there_with_its_labels(self):
        receiver = self.start_receiver(lambda handler, body: None)
        self.ask("POST", "/v1/webhooks", {"name": "names", "url": receiver, "secret": "sixteen-letters!"})
        series = series_of(self.ask("GET", "/metrics"))
        self.ask("DELETE", "/v1/webhooks/names")
        wrong = []
        for expression in self.expressions():
            used = metrics_used(expression)
            self.assertTrue(used or "up{" in expression, expression)
            for name, labels in used:
                if name not in series:
                    wrong.append(f"{name}: not in /metrics ({expression})")
                elif labels - series[name] - {"job"}:
                    wrong.append(f"{name}: has no label {labels - series[name]} ({expression})")
        self.assertEqual([], wrong)

    def test_what_is_read_where_a_token_is_not_needed(self):
        port = int(re.search(r"metrics on 127\.0\.0\.1 port (\d+)", self.log()).group(1))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        self.assertEqual((200, "text/plain; version=0.0.4; charset=utf-8"), (answer.status, answer.getheader("Content-Type")))
        self.assertIn('mooring_allocation_failures_total{reason="pool-exhausted"} 1', answer.read().decode())
        for path in ("/v1/pools", "/", "/metrics/x"):
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(404, answer.status, path)

    def test_promtool_agrees(self):
        promtool = shutil.which("promtool")
        if not promtool:
            self.skipTest("promtool is not installed (package prometheus)")
        rules = subprocess.run([promtool, "check", "rules", f"{PAGES}/mooring-alerts.yaml"], capture_output=True, text=True)
        self.assertEqual(0, rules.returncode, rules.stdout + rules.stderr)
        metrics = subprocess.run([promtool, "check", "metrics"], input=self.ask("GET", "/metrics"), capture_output=True, text=True)
        self.assertEqual((0, ""), (metrics.returncode, metrics.stdout + metrics.stderr))

    def start_receiver(self, got):
        """A receiver of webhooks; `got` is called with the request and its body. Returns its URL."""
        class Receiver(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                got(self, self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *words):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}/hook"

    def test_the_example_of_the_page_about_webhooks_verifies_a_real_message(self):
        with open(f"{PAGES}/webhooks.md", encoding="utf-8") as page:
            example = re.search(r"```python\n(.*?)```", page.read(), re.S).group(1)
        names = {}
        exec(compile(example, "webhooks.md", "exec"), names)
        arrived, messages = threading.Event(), []

        def got(handler, body):
            messages.append(({name.lower(): value for name, value in handler.headers.items()}, body))
            arrived.set()
        url = self.start_receiver(got)
        made = json.loads(self.ask("POST", "/v1/webhooks", {"name": "page", "url": url}))
        self.ask("POST", "/v1/webhooks/page:test")
        self.assertTrue(arrived.wait(10))
        headers, body = messages[0]
        self.assertTrue(names["verified"](made["secret"], headers, body))
        self.assertFalse(names["verified"](made["secret"], headers, body + b" "))
        self.assertFalse(names["verified"](made["secret"], dict(headers, **{"webhook-timestamp": "1614265330"}), body))
        self.assertFalse(names["verified"]("whsec_" + "QUFB" * 8, headers, body))
        self.assertEqual("webhook.test", json.loads(body)["events"][0]["type"])
        self.assertNotIn("secret", json.loads(self.ask("GET", "/v1/webhooks/page")))
        self.ask("DELETE", "/v1/webhooks/page")


if __name__ == "__main__":
    unittest.main()
