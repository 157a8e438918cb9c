"""A state directory that is full, or can only be read."""

import contextlib
import os
import resource
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import grpc
import tap
import taskhost
import unruly
import worker
from worker import phase, values


class Disk(unittest.TestCase):
    """Each test has a small file system of its own for the state directory."""
    SIZE = "160m"  # 64 MiB of it are kept back for what was accepted

    def setUp(self):
        self.place = taskhost.Place()
        self.addCleanup(self.place.__exit__)
        self.state = self.place.path("state")
        os.mkdir(self.state, 0o700)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.SIZE},mode=700", "none",
                               self.state], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest("no file system can be mounted here: " + done.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", "-l", self.state], check=True)
        self.w = unruly.Worker(self.place, "--slots", "4")
        self.addCleanup(lambda: self.w.process.poll() is None and self.w.kill())

    def ready(self):
        """Status and text of /readyz."""
        try:
            with urllib.request.urlopen(f"http://{self.w.admin}/readyz", timeout=20) as f:
                return f.status, f.read().decode()
        except urllib.error.HTTPError as e:
            with contextlib.closing(e):
                return e.code, e.read().decode()

    def fill(self):
        """Not a byte is left."""
        block = b"x" * (1 << 20)
        fd = os.open(os.path.join(self.state, "filler"), os.O_WRONLY | os.O_CREAT, 0o600)
        with contextlib.suppress(OSError):
            while True:
                os.write(fd, block)
        os.close(fd)

    def make_room(self):
        os.unlink(os.path.join(self.state, "filler"))

    def refused(self):
        """Creates until the answer is UNAVAILABLE; its words and the metas accepted before."""
        metas = []
        for i in range(20000):
            try:
                metas.append(self.w.client.create("echo", {"x": i, "s": "y" * 3000}))
            except grpc.RpcError as e:
                self.assertEqual(e.code().name, "UNAVAILABLE", e.details())
                return e.details(), metas
        self.fail("it is never refused")

    def trouble(self, *words):
        """While it lasts: refused with a reason, not ready with a reason, alive; no crash."""
        details, metas = self.refused()
        for word in words:
            self.assertRegex(details, word)
        code, text = unruly.settle(self.ready, lambda r: r[0] == 503)
        self.assertEqual(code, 503, text)
        for word in words:
            self.assertRegex(text, word)
        with urllib.request.urlopen(f"http://{self.w.admin}/livez", timeout=20) as f:
            self.assertEqual(f.status, 200)
        return metas

    def recovered(self):
        """Ready again, and what is asked for now ends well."""
        code, text = unruly.settle(self.ready, lambda r: r[0] == 200, 30)
        self.assertEqual(code, 200, text)
        deadline = time.monotonic() + 30
        while True:
            try:
                r = self.w.client.wait(self.w.client.create("echo", {"x": 5}))
                break
            except grpc.RpcError:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.2)
        self.assertEqual((r.phase, values(r.outputs)), (phase("SUCCEEDED"), {"x": 5}))

    def finish(self, metas):
        for m in metas:
            self.assertEqual(self.w.client.wait(m, 60).phase, phase("SUCCEEDED"))
        self.assertEqual(self.w.stop(), 0, self.w.log())

    def test_disk_full(self):
        before = self.w.client.create("echo", {"x": 1})
        self.w.client.wait(before)
        running = [self.w.create_unruly("sleep", 1500) for _ in range(3)]
        self.fill()
        metas = self.trouble(r"[Nn]o space|full|ENOSPC")
        self.assertEqual(self.w.client.get(before).phase, phase("SUCCEEDED"))  # reads go on
        time.sleep(1.5)  # those that run end meanwhile, and that cannot be written
        for m in running:
            self.assertIn(self.w.client.get(m).phase, (phase("RUNNING"), phase("INITIALIZING"),
                                                       phase("QUEUED"), phase("SUCCEEDED")))
        self.make_room()
        self.recovered()
        self.finish(metas + running)

    def test_ready_again_without_being_asked(self):
        """Writing fails though the disk has room, and works again later. A worker that is not ready
        is sent nothing, so it has to find out by itself."""
        resource.prlimit(self.w.pid, resource.RLIMIT_FSIZE, (64, resource.RLIM_INFINITY))
        metas = self.trouble("File too large")
        time.sleep(1.5)
        code, text = self.ready()
        self.assertEqual(code, 503, text)
        resource.prlimit(self.w.pid, resource.RLIMIT_FSIZE,
                         (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        code, text = unruly.settle(self.ready, lambda r: r[0] == 200, 10)
        self.assertEqual(code, 200, text)
        self.recovered()
        self.finish(metas)

    def test_accepted_on_a_full_disk_and_killed(self):
        """What was accepted before the disk was full is there after a kill, once there is room."""
        running = [self.w.create_unruly("sleep", 300) for _ in range(3)]
        self.fill()
        metas = self.trouble(r"[Nn]o space|full|ENOSPC")
        self.w.kill()
        self.make_room()
        self.w.restart()
        self.finish(metas + running)

    def test_start_on_a_full_disk(self):
        """It starts, so that it can tell; it is not ready before there is room."""
        meta = self.w.client.create("echo", {"x": 1})
        self.w.kill()
        self.fill()
        self.w.restart()
        metas = self.trouble(r"[Nn]o space|full")
        self.make_room()
        self.recovered()
        self.finish([*metas, meta])

    def test_start_on_a_read_only_directory(self):
        self.assertEqual(self.w.stop(), 0)
        done = subprocess.run(["mount", "-o", "remount,ro", self.state], capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = subprocess.run(self.w.command(), capture_output=True, text=True, timeout=30,
                              env=taskhost.clean_env())
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, r"[Rr]ead-only")
        self.assertIn(self.state, done.stderr)


if __name__ == "__main__":
    tap.main()
