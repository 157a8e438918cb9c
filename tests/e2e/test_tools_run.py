"""tools/run, as somebody who has just cloned this would use it: on the tree's own release build."""

import os
import re
import signal
import subprocess
import sys
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
import taskhost

RUN = os.path.join(taskhost.SOURCE, "tools", "run")
# The worker's settings come from its flags alone, as with a new user.
ENV = {k: v for k, v in os.environ.items() if not k.startswith("TASKHOST_")}


class ToolsRun(unittest.TestCase):
    def check_samples(self, text):
        self.assertRegex(text, r"(?m)^  ready grpc=\S+:\d+ admin=\S+:\d+ socket=\S+ pid=\d+$")
        for result in ('{"o0":42}', '{"centred":[-1.5,0.0,1.5],"mean":2.5}', "hello Ann"):
            self.assertIn(f"\n    {result}\n", text)
        self.assertEqual(len(re.findall(r"(?m)^    \S+ +succeeded ", text)), 3, text)

    def assert_gone(self, text):
        pid = re.search(r" pid=(\d+)", text)[1]
        self.assertFalse(os.path.exists(f"/proc/{pid}"))
        state = os.path.dirname(re.search(r" socket=(\S+)", text)[1])
        self.assertFalse(os.path.exists(state), state)

    def test_once_ends_after_the_samples(self):
        done = subprocess.run([RUN, "--once"], env=ENV, capture_output=True, text=True, timeout=250)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.check_samples(done.stdout)
        self.assertTrue(done.stdout.endswith("\nAll samples succeeded.\n"), done.stdout)
        self.assert_gone(done.stdout)

    def test_it_stays_up_until_ctrl_c(self):
        p = subprocess.Popen([RUN], env=ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, start_new_session=True)
        self.addCleanup(lambda: p.poll() is None and os.killpg(p.pid, signal.SIGKILL))
        text = ""
        for line in p.stdout:
            text += line
            if line.startswith("Ctrl-C ends it"):
                break
        self.check_samples(text)
        page = re.search(r"http://\S+/", text)[0]
        with urllib.request.urlopen(page + "readyz", timeout=10) as answer:
            self.assertEqual(answer.status, 200)
        os.killpg(p.pid, signal.SIGINT)
        self.assertEqual((p.stdout.read(), p.wait(30)), ("", 130))
        self.assert_gone(text)

    def test_wrong_words(self):
        done = subprocess.run([RUN, "--twice"], env=ENV, capture_output=True, text=True, timeout=10)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("usage: tools/run [--once]", done.stderr)


if __name__ == "__main__":
    tap.main()
