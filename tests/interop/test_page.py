"""The worker's page in a real browser, over the made-up data of demo_server."""

import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from html.parser import HTMLParser

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402
from demo_server import Server  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MARKUP = "<img src=x onerror=\"document.title='owned'\">&amp;<script>1</script>"


class Dom(HTMLParser):
    """Tags seen, and the text below each id."""

    VOID = {"meta", "link", "img", "br", "hr", "input"}

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.stack, self.paths = [], {}, [], {}
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if tag not in self.VOID:
            self.stack.append((tag, attrs.get("id")))
        if tag == "path":
            owner = next((i for _, i in reversed(self.stack) if i), None)
            self.paths.setdefault(owner, []).append(attrs.get("d", ""))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.stack.pop()

    def handle_endtag(self, tag):
        while self.stack and self.stack.pop()[0] != tag:
            pass

    def handle_data(self, data):
        for _, i in self.stack:
            if i:
                self.text[i] = self.text.get(i, "") + data


@unittest.skipUnless(CHROMIUM, "no chromium: apt-get install chromium")
class Page(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="taskhost-test-")
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)

    def browse(self, url, *args):
        done = subprocess.run(
            [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             f"--user-data-dir={self.home}", "--window-size=1280,1600", "--hide-scrollbars",
             "--virtual-time-budget=5000", "--enable-logging=stderr", *args, url],
            capture_output=True, text=True, timeout=120, errors="replace",
            env={**os.environ, "HOME": self.home})
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        # The browser itself tells of a 404 that the page expects: no log yet.
        self.assertEqual([c for c in console if "404" not in c], [])
        return done.stdout

    def dom(self, server, hash_=""):
        return Dom(self.browse(f"{server.url}/{hash_}", "--dump-dom"))

    def test_page_shows_what_the_worker_does(self):
        with Server() as d:
            dom = self.dom(d)
        self.assertEqual(dom.text["state"], "ready")
        self.assertIn("gRPC 127.0.0.1:8000", dom.text["about"])
        for words in ("Ended per second", "Slots in use", "3 / 8", "oldest 4.2 s"):
            self.assertIn(words, dom.text["tiles"])
        for chart, points in (("throughput", 100), ("latency", 90)):
            drawn = max(dom.paths[chart], key=len)
            self.assertGreater(drawn.count("L"), points, chart)
            self.assertNotIn("NaN", "".join(dom.paths[chart]))
        self.assertEqual(len([1 for t, a in dom.tags if t == "tr" and a.get("class") == "row"]), 50)
        for words in ("all 4 slots of arith are in use", "PluginCrashed: signal 11", "retry wait"):
            self.assertIn(words, dom.text["executions"])
        for words in ("quarantined", "5 crashes in 60 s", "rebuild it", "memory 512 MiB (cgroup)",
                      "in-process: crashes and hard cancels are not contained", "128,934"):
            self.assertIn(words, dom.text["plugins"])

    def test_page_keeps_polling(self):
        with Server() as d:
            ticks = next(a["data-ticks"] for t, a in self.dom(d).tags if t == "body")
        self.assertGreaterEqual(int(ticks), 3)

    def test_execution_shows_timeline_and_log(self):
        with Server() as d:
            dom = self.dom(d, "#0000000000001003")
        self.assertIn("0000000000001003", dom.text["detail-title"])
        self.assertEqual(dom.text["detail-state"], "failed")
        self.assertIn("queued → starting → running → failed", dom.text["lanes"])
        self.assertEqual(len([1 for t, a in dom.tags if t == "rect"]), 4)
        self.assertIn("PluginCrashed: signal 11 in " + MARKUP, dom.text["facts"])
        self.assertTrue(dom.text["log"].startswith("the first line\n"))
        self.assertEqual(self.numbers(dom), list(range(1, 11)))

    def numbers(self, dom):
        return [int(n) for n in re.findall(r"^(\d+) ended", dom.text["log"], re.M)]

    def test_log_is_followed(self):
        with Server() as d:
            numbers = self.numbers(self.dom(d, "#0000000000001001"))
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))  # each once, in order
        self.assertGreater(len(numbers), 11)

    def test_missing_execution_is_said(self):
        with Server() as d:
            self.assertIn("no such execution", self.dom(d, "#00ff").text["facts"])

    def test_names_are_never_markup(self):
        with Server() as d:
            dom = self.dom(d, "#0000000000001003")
        self.assertEqual([t for t, _ in dom.tags if t in ("img", "iframe")], [])
        self.assertEqual(len([1 for t, _ in dom.tags if t == "script"]), 1)
        self.assertNotIn("owned", dom.text.get("title", ""))
        for part in ("log", "facts", "plugins", "detail-title"):
            self.assertIn(MARKUP, dom.text[part], part)

    def test_reason_is_shown_when_not_ready(self):
        with Server("--not-ready", "finishing 3 executions") as d:
            dom = self.dom(d)
        self.assertEqual((dom.text["state"], dom.text["reason"]), ("draining", "finishing 3 executions"))

    def test_picture_is_drawn(self):
        picture = os.path.join(self.home, "page.png")
        with Server() as d:
            self.browse(f"{d.url}/#0000000000001003", f"--screenshot={picture}")
        with open(picture, "rb") as f:
            data = f.read()
        self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(struct.unpack(">II", data[16:24])[0], 1280)
        self.assertGreater(len(data), 50000)  # an empty page compresses to almost nothing
        keep = os.environ.get("TASKHOST_TEST_PICTURES")
        if keep:
            shutil.copy(picture, os.path.join(keep, "page.png"))


if __name__ == "__main__":
    tap.main()
