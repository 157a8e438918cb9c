"""The admin port: health, metrics, the JSON behind the page, the page's own promises, and clients
that mean harm. demo_server feeds it."""

import base64
import hashlib
import os
import re
import socket
import sys
import threading
import time
import unittest
from html.parser import HTMLParser

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402
from demo_server import Server  # noqa: E402


def read_all(s):
    data = b""
    while True:
        try:
            part = s.recv(65536)
        except ConnectionResetError:
            return data
        if not part:
            return data
        data += part


class Health(unittest.TestCase):
    def test_health_says_ok(self):
        with Server() as d:
            for path in ("/livez", "/readyz", "/startupz"):
                self.assertEqual(d.text(path), (200, "ok\n"))
                status, headers, body = d.request(path, method="HEAD")
                self.assertEqual((status, headers["Content-Length"], body), (200, "3", b""))

    def test_not_ready_says_why(self):
        with Server("--not-ready", "draining since 12:00") as d:
            self.assertEqual(d.text("/readyz"), (503, "not ok: draining since 12:00\n"))
            self.assertEqual(d.text("/livez")[0], 200)

    def test_not_alive_says_why(self):
        with Server("--dead") as d:
            self.assertEqual(d.text("/livez"),
                             (503, "not ok: the store's thread has not answered for 10 s\n"))

    def test_metrics_are_prometheus_text(self):
        with Server() as d:
            status, headers, body = d.request("/metrics")
            self.assertEqual((status, headers["Content-Type"]),
                             (200, "text/plain; version=0.0.4; charset=utf-8"))
            self.assertRegex(body.decode(), r"(?m)^# TYPE demo_done_total counter\ndemo_done_total \d+$")


class Api(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = Server()

    @classmethod
    def tearDownClass(cls):
        cls.d.__exit__(None)

    def test_worker(self):
        status, w = self.d.json("/api/worker")
        self.assertEqual((status, w["state"], w["slots"], w["queued"], w["oldest_ms"]),
                         (200, "ready", 8, 15, 4200))
        self.assertAlmostEqual(w["started_ms"] / 1000, time.time() - 3700, delta=60)

    def test_series_since(self):
        points = self.d.json("/api/series")[1]["points"]
        self.assertEqual([p["second"] for p in points],
                         list(range(points[0]["second"], points[0]["second"] + len(points))))
        self.assertGreater(len(points), 100)
        busy = [p for p in points if p["done"]]
        self.assertTrue(busy and all(0 < p["p50_ms"] <= p["p99_ms"] for p in busy))
        since = points[-3]["second"]
        again = self.d.json(f"/api/series?since={since}")[1]["points"]
        self.assertEqual(again[0]["second"], since + 1)

    def test_executions_in_pages(self):
        seen, before = [], ""
        while True:
            status, page = self.d.json(f"/api/executions?limit=50{before}")
            self.assertEqual(status, 200)
            seen += [e["id"] for e in page["executions"]]
            if not page["more"]:
                break
            before = "&before=" + seen[-1]
        self.assertEqual(seen, [f"{0x1000 + i:016x}" for i in range(120)])

    def test_executions_by_state(self):
        page = self.d.json("/api/executions?state=FAILED&limit=200")[1]
        self.assertEqual({e["state"] for e in page["executions"]}, {"FAILED"})
        self.assertEqual(len(page["executions"]), 15)
        failed = page["executions"][0]
        self.assertEqual(failed["code"], "PluginCrashed")
        self.assertTrue(failed["message"].endswith("\ufffd"))  # a byte that is not UTF-8

    def test_execution_has_timeline(self):
        status, e = self.d.json("/api/executions/0000000000001003")
        self.assertEqual((status, e["state"]), (200, "FAILED"))
        self.assertEqual([s["state"] for s in e["steps"]], ["QUEUED", "STARTING", "RUNNING", "FAILED"])
        times = [s["at_ms"] for s in e["steps"]]
        self.assertEqual(times, sorted(times))
        self.assertEqual(e["finished_ms"] - e["accepted_ms"], 900)

    def test_missing_execution(self):
        status, e = self.d.json("/api/executions/0000000000009999")
        self.assertEqual((status, e), (404, {"error": "there is no execution with that id"}))
        self.assertEqual(self.d.json("/api/executions/0000000000001002/logs")[0], 404)

    def test_log_can_be_followed(self):
        log, at = "", 0
        first = self.d.json("/api/executions/0000000000001001/logs?offset=0")[1]
        self.assertEqual((first["offset"], first["lost"], first["end"]), (0, 7, False))
        log, at = first["text"], first["next"]
        deadline = time.monotonic() + 10
        while len(log.splitlines()) < len(first["text"].splitlines()) + 3:
            self.assertLess(time.monotonic(), deadline)
            part = self.d.json(f"/api/executions/0000000000001001/logs?offset={at}")[1]
            self.assertEqual(part["offset"], at)
            log, at = log + part["text"], part["next"]
            time.sleep(0.05)
        self.assertTrue(log.startswith("the first line\n"))
        tail = self.d.json("/api/executions/0000000000001001/logs?tail=10")[1]
        self.assertEqual((len(tail["text"]), tail["next"] - tail["offset"]), (10, 10))

    def test_plugins_with_verdicts(self):
        plugins = self.d.json("/api/plugins")[1]["plugins"]
        self.assertEqual([p["state"] for p in plugins], ["active", "quarantined", "active", "refused"])
        self.assertIn("rebuild it", plugins[3]["reason"])
        self.assertGreater(plugins[1]["quarantined_until_ms"], time.time() * 1000)

    def test_bad_queries_are_named(self):
        for path, words in {
                "/api/executions?limit=x": "limit must be a number from 0 to 200",
                "/api/executions?limit=201": "limit must be a number from 0 to 200",
                "/api/executions?limit=0": "limit must be at least 1",
                "/api/executions?before=a/b": "before must be an execution's id",
                "/api/series?since=-1": "since must be a number",
                "/api/executions/0000000000001001/logs?tail=999999999": "tail must be a number",
                "/api/executions/0000000000001001/logs?offset=1e3": "offset must be a number"}.items():
            status, body = self.d.text(path)
            self.assertEqual(status, 400, path)
            self.assertIn(words, body)

    def test_unknown_paths(self):
        for path in ("/nothing", "/api", "/api/", "/api/executions/", "/api/executions/a/b",
                     "/api/executions/..%2f..%2fetc", "/api/executions/" + "a" * 101, "/index.html",
                     "//", "/livez/"):
            self.assertEqual(self.d.text(path)[0], 404, path)


class Slow(unittest.TestCase):
    """A source that answers later, or never."""

    def test_later_answers_arrive(self):
        with Server("--delay", 2000) as d:
            answers = []
            threads = [threading.Thread(target=lambda: answers.append(
                d.json("/api/executions?limit=3")[1]["executions"][0]["id"])) for _ in range(8)]
            for t in threads:
                t.start()
            self.assertEqual(d.text("/livez")[0], 200)
            self.assertEqual(answers, [])  # nobody waits for those
            for t in threads:
                t.join()
            self.assertEqual(answers, ["0000000000001000"] * 8)

    def test_no_answer_becomes_a_timeout(self):
        with Server("--never", "--patience", 300) as d:
            status, body = d.text("/api/executions")
            self.assertEqual(status, 504)
            self.assertIn("did not answer in time", body)

    def test_client_gone_before_the_answer(self):
        with Server("--delay", 200) as d:
            for _ in range(10):
                s = d.connect()
                s.sendall(b"GET /api/executions HTTP/1.1\r\nHost: localhost\r\n\r\n")
                s.close()
            time.sleep(0.4)
            self.assertEqual(len(d.json("/api/executions?limit=2")[1]["executions"]), 2)

    def test_end_with_answers_outstanding(self):
        with Server("--never") as d:
            for _ in range(5):
                d.connect().sendall(b"GET /api/executions HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertEqual(d.text("/livez")[0], 200)
        # `with` has checked that it ended well


class Page(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.links, self.outside, self.attributes, self.text_of, self.open = [], [], set(), {}, None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.open = tag
        for name, value in attrs:
            self.attributes.add(name)
            if name in ("href", "src"):
                (self.links if value.startswith("/") and not value.startswith("//")
                 else self.outside).append(value)

    def handle_data(self, data):
        if self.open in ("style", "script"):
            self.text_of[self.open] = self.text_of.get(self.open, "") + data
        self.open = None


class PageFile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = Server()
        cls.status, cls.headers, body = cls.d.request("/")
        cls.html = body.decode()
        cls.page = Page(cls.html)

    @classmethod
    def tearDownClass(cls):
        cls.d.__exit__(None)

    def test_page_is_one_file_from_here(self):
        self.assertEqual((self.status, self.headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertEqual(self.page.outside, ["data:,"])  # no icon is asked for
        self.assertNotRegex(self.html, r"https?://(?!www\.w3\.org/2000/svg)")
        self.assertNotRegex(self.html, r"@import|url\(|eval\(|innerHTML|outerHTML|insertAdjacent|document\.write")
        self.assertEqual({a for a in self.page.attributes if a == "style" or a.startswith("on")}, set())

    def test_policy_allows_only_this_page(self):
        policy = dict(p.strip().split(" ", 1) for p in self.headers["Content-Security-Policy"].split(";"))
        self.assertEqual(policy["default-src"], "'none'")
        self.assertEqual(policy["connect-src"], "'self'")
        self.assertEqual(policy["frame-ancestors"], "'none'")
        for tag in ("style", "script"):
            digest = hashlib.sha256(self.page.text_of[tag].encode()).digest()
            self.assertEqual(policy[f"{tag}-src"], f"'sha256-{base64.b64encode(digest).decode()}'")

    def test_links_lead_somewhere(self):
        self.assertGreaterEqual(len(self.page.links), 8)
        for link in self.page.links:
            self.assertEqual(self.d.request(link)[0], 200, link)

    def test_what_the_script_fetches_is_there(self):
        paths = set(re.findall(r'"(/api/[a-z]+)', self.page.text_of["script"]))
        self.assertEqual(paths, {"/api/worker", "/api/series", "/api/executions", "/api/plugins"})
        for path in paths:
            self.assertEqual(self.d.json(path)[0], 200, path)

    def test_every_answer_forbids_sniffing_and_caching(self):
        for path in ("/", "/livez", "/metrics", "/api/worker", "/nothing"):
            _, headers, _ = self.d.request(path)
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff", path)
            self.assertEqual(headers["Cache-Control"], "no-store", path)
            self.assertIn("default-src 'none'", headers["Content-Security-Policy"], path)


class Abuse(unittest.TestCase):
    def test_only_reading_is_allowed(self):
        with Server() as d:
            for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"):
                status, headers, _ = d.request("/", method=method)
                self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"), method)

    def test_bodies_are_refused(self):
        with Server() as d:
            self.assertEqual(d.request("/", body=b"x" * 10)[0], 400)
            s = d.connect()
            s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n")
            self.assertTrue(read_all(s).startswith(b"HTTP/1.1 400 "))

    def test_names_are_refused_on_loopback(self):
        with Server() as d:
            for host in ("evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.nip.io",
                         "", "xlocalhost"):
                self.assertEqual(d.request("/api/worker", headers={"Host": host})[0], 421, host)
            for host in ("localhost", "LOCALHOST:1", "127.0.0.1:9", "[::1]:8080", "[::1]", "a.localhost",
                         "10.0.0.1"):
                self.assertEqual(d.request("/api/worker", headers={"Host": host})[0], 200, host)
        with Server("--host", "0.0.0.0") as d:
            self.assertEqual(d.request("/livez", headers={"Host": "worker.example"})[0], 200)

    def test_long_headers_are_refused(self):
        with Server("--request-max", 8192) as d:
            self.assertIn(d.request("/livez", headers={"X": "y" * 20000})[0], (413, 431))
            self.assertIn(d.request("/" + "y" * 20000)[0], (413, 414, 431))
            self.assertEqual(d.text("/livez")[0], 200)

    def test_slow_headers_are_cut(self):
        with Server("--patience", 500) as d:
            s = d.connect()
            began = time.monotonic()
            s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
            try:
                while time.monotonic() - began < 10:
                    s.sendall(b"X-A: b\r\n")  # never silent, never done
                    time.sleep(0.05)
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.assertLess(time.monotonic() - began, 8)
            self.assertEqual(d.text("/livez")[0], 200)

    def test_slow_readers_are_cut(self):
        with Server("--patience", 500) as d:
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.settimeout(20)
            s.connect((d.host, d.port))
            # Pipelined, so that what is not read exceeds all buffers in between.
            s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 300)
            time.sleep(1.5)
            data = read_all(s)
            self.assertLess(data.count(b"</html>"), 300)
            self.assertEqual(d.text("/livez")[0], 200)

    def test_idle_connections_give_way(self):
        with Server("--connections", 20, "--patience", 60000) as d:
            idle = [d.connect() for _ in range(100)]
            for s in idle[:50]:
                s.sendall(b"GET / HT")
            began = time.monotonic()
            self.assertEqual(d.text("/livez"), (200, "ok\n"))
            self.assertLess(time.monotonic() - began, 5)
            cut = 0
            for s in idle:
                s.settimeout(0.05)
                try:
                    cut += s.recv(1) == b""
                except ConnectionResetError:
                    cut += 1
                except TimeoutError:
                    pass
            self.assertGreaterEqual(cut, 79)
            for s in idle:
                s.close()

    def test_busy_connections_stay(self):
        with Server("--connections", 4) as d:
            s = d.connect()
            for i in range(30):
                other = d.connect()
                s.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.assertTrue(s.recv(4096).startswith(b"HTTP/1.1 200 "), i)
                other.close()

    def test_garbage_is_survived(self):
        with Server("--patience", 500) as d:
            waiting = []
            for garbage in (b"\0" * 1000, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01" + b"a" * 500,
                            b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 5000,
                            b"GET /%zz%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
                            b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
                            b"GET /api/executions?%00=%00&limit HTTP/1.1\r\nHost: localhost\r\n\r\n"):
                s = d.connect()
                waiting.append(s)
                try:
                    s.sendall(garbage)
                    s.shutdown(socket.SHUT_WR)
                except (BrokenPipeError, ConnectionResetError, OSError):
                    pass
                self.assertEqual(d.text("/livez")[0], 200, garbage[:40])
            for s in waiting:  # each is answered or cut in the end
                read_all(s)
                s.close()
            self.assertEqual(d.text("/livez")[0], 200)

    def test_requests_leave_nothing_behind(self):
        with Server("--delay", 1) as d:
            def size():
                with open(f"/proc/{d.process.pid}/statm") as f:
                    total, memory = (int(v) * 4096 for v in f.read().split()[:2])
                return total, memory, len(os.listdir(f"/proc/{d.process.pid}/fd"))

            def burst(n):
                for i in range(n):
                    d.request(("/api/executions", "/", "/metrics", "/nothing")[i % 4])

            idle = size()[2]
            burst(200)
            before = size()
            burst(1500)
            deadline = time.monotonic() + 5
            while size()[2] > idle and time.monotonic() < deadline:
                time.sleep(0.05)
            total, memory, descriptors = size()
            self.assertEqual(descriptors, idle)
            if total < 1 << 40:  # else a sanitizer is in there, which keeps what was freed
                self.assertLess(memory - before[1], 1 << 20)


if __name__ == "__main__":
    tap.main()
