"""The worker's page in a real browser, over a worker that works."""

import os
import re
import shutil
import struct
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)
import taskhost  # noqa: E402
import test_page  # noqa: E402
import worker  # noqa: E402


@unittest.skipUnless(test_page.CHROMIUM, "no chromium: apt-get install chromium")
class WorkerPage(unittest.TestCase):
    """One worker with a few executions for all cases: done, failed, running, waiting."""

    browse = test_page.Page.browse
    setUp = test_page.Page.setUp

    @classmethod
    def setUpClass(cls):
        cls.place = taskhost.Place()
        cls.w = worker.Worker(cls.place, "--slots", "1")
        cls.url = f"http://{cls.w.admin}"
        cls.done = [cls.w.client.create("echo", {"x": i}) for i in range(20)]
        for meta in cls.done:
            cls.w.client.wait(meta)
        cls.failed = cls.shell('echo "<b>bold</b> &amp;"; echo second >&2; exit 3')
        cls.w.client.wait(cls.failed)
        cls.running = cls.shell("sleep 300")
        while cls.w.client.get(cls.running).phase != worker.phase("RUNNING"):
            pass
        cls.waiting = cls.shell("true")

    @classmethod
    def tearDownClass(cls):
        for meta in (cls.waiting, cls.running):
            cls.w.client.delete(meta)
        code = cls.w.stop()
        shutil.rmtree(cls.place.root, True)
        assert code == 0, cls.w.log()

    @classmethod
    def shell(cls, script):
        return cls.w.client.create("shell", task_template=worker.template(
            "shell", custom={"script": script}))

    def dom(self, where=""):
        return test_page.Dom(self.browse(f"{self.url}/{where}", "--dump-dom"))

    def link(self, meta):
        """Where an answer to GetTask sends people."""
        return self.w.client.get(meta).log_links[0].uri

    def test_what_it_does(self):
        dom = self.dom()
        self.assertEqual(dom.text["state"], "ready")
        self.assertIn(self.w.address, dom.text["about"])
        self.assertIn("1 / 1", dom.text["tiles"])
        rows = [a for t, a in dom.tags if t == "tr" and a.get("class") == "row"]
        self.assertEqual(len(rows), 23)
        for state in ("succeeded", "failed", "running", "queued"):
            self.assertIn(state, dom.text["executions"])
        for plugin in ("echo", "shell", "sqlite3", "arith"):
            self.assertIn(plugin, dom.text["plugins"])
        for chart in ("throughput", "latency"):
            self.assertTrue(dom.paths.get(chart), chart)
            self.assertNotIn("NaN", "".join(dom.paths[chart]))

    def test_an_execution_by_its_link(self):
        link = self.link(self.failed)
        self.assertTrue(link.startswith(self.url), link)
        dom = self.dom(link[len(self.url) + 1:])
        self.assertEqual(dom.text["detail-state"], "failed")
        self.assertIn(link.rsplit("#", 1)[1], dom.text["detail-title"])
        self.assertIn("failed", dom.text["lanes"])
        self.assertIn("3", dom.text["facts"])
        self.assertIn("<b>bold</b> &amp;", dom.text["log"])  # as text
        self.assertIn("second", dom.text["log"])

    def test_nothing_comes_from_elsewhere(self):
        page = self.browse(f"{self.url}/", "--dump-dom")
        found = re.findall(r"""(?:src|href)=["']?(https?:[^"'> ]+)""", page)
        self.assertEqual([u for u in found if not u.startswith(self.url)], [])

    def test_picture_is_drawn(self):
        picture = os.path.join(self.home, "worker.png")
        self.browse(self.link(self.running), f"--screenshot={picture}")
        with open(picture, "rb") as f:
            data = f.read()
        self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(struct.unpack(">II", data[16:24])[0], 1280)
        self.assertGreater(len(data), 50000)
        keep = os.environ.get("TASKHOST_TEST_PICTURES")
        if keep:
            shutil.copy(picture, os.path.join(keep, "worker.png"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
