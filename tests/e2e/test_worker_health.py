"""Health over gRPC says what /readyz says, and a state directory may be given relatively."""

import contextlib
import os
import resource
import shutil
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import grpc
import tap
import taskhost
import worker
from worker import phase

SERVING, NOT_SERVING = 1, 2
TASKS = ("", "flyteidl.service.AsyncAgentService", "flyteidl.service.SyncAgentService")
ALWAYS = ("flyteidl.service.AgentMetadataService", "taskhost.worker.v1.Worker")


def until(true, seconds=20):
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


class Case(unittest.TestCase):
    def setUp(self):
        self.place = taskhost.Place()
        self.addCleanup(shutil.rmtree, self.place.root, True)

    def check(self, w, service):
        return w.client.Check(worker.message("grpc.health.v1.HealthCheckRequest", service=service),
                              timeout=20).status

    def watch(self, w, service):
        told = []
        calls = w.client.Watch(worker.message("grpc.health.v1.HealthCheckRequest", service=service))

        def run():
            with contextlib.suppress(grpc.RpcError):
                for r in calls:
                    told.append(r.status)
        threading.Thread(target=run, daemon=True).start()
        self.assertTrue(until(lambda: told))
        return told

    def ready(self, w):
        try:
            with urllib.request.urlopen(f"http://{w.admin}/readyz", timeout=20) as f:
                return f.status
        except urllib.error.HTTPError as e:
            with contextlib.closing(e):
                return e.code


class Store(Case):
    """The store takes nothing: a limit on the size of files stands for a disk that is full."""

    def limit(self, w, size):
        resource.prlimit(w.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def test_not_serving_while_the_store_takes_nothing(self):
        with worker.Worker(self.place) as w:
            told = {s: self.watch(w, s) for s in (*TASKS, *ALWAYS)}
            self.limit(w, 64)
            with self.assertRaises(grpc.RpcError) as caught:
                for i in range(1000):
                    w.client.create("echo", {"x": i})
            self.assertEqual(caught.exception.code().name, "UNAVAILABLE")
            self.assertTrue(until(lambda: self.ready(w) == 503))
            for service in TASKS:
                self.assertTrue(until(lambda s=service: told[s] == [SERVING, NOT_SERVING]), told)
                self.assertEqual(self.check(w, service), NOT_SERVING, service)
            time.sleep(1.5)  # nobody is told the same again
            self.limit(w, resource.RLIM_INFINITY)
            self.assertTrue(until(lambda: self.ready(w) == 200))
            for service in TASKS:
                self.assertTrue(
                    until(lambda s=service: told[s] == [SERVING, NOT_SERVING, SERVING]), told)
                self.assertEqual(self.check(w, service), SERVING, service)
            for service in ALWAYS:
                self.assertEqual(told[service], [SERVING])
            r = w.client.wait(w.client.create("echo", {"x": 5}))
            self.assertEqual(r.phase, phase("SUCCEEDED"))

    def test_the_service_of_our_verbs_has_a_state(self):
        with worker.Worker(self.place) as w:
            self.assertEqual(self.check(w, "taskhost.worker.v1.Worker"), SERVING)


class Plugins(Case):
    def reason(self, w):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"http://{w.admin}/readyz", timeout=20)
        with contextlib.closing(caught.exception) as e:
            return e.read().decode()

    def test_ready_only_with_a_plugin(self):
        """Started is not ready: what could be sent here would only be refused."""
        folder = self.place.path("plugins")
        os.mkdir(folder)
        with worker.Worker(self.place, plugins=[folder]) as w:
            self.assertTrue(until(lambda: "no plugin is active" in w.log()), w.log())
            self.assertIn("none is in the plugin directories", self.reason(w))
            self.assertIn("no plugin is loaded", w.cli("worker", "status").stdout)
            with urllib.request.urlopen(f"http://{w.admin}/startupz", timeout=20) as f:
                self.assertEqual(f.status, 200)
            told = {s: self.watch(w, s) for s in (*TASKS, *ALWAYS)}
            with open(os.path.join(folder, "bad.so"), "wb") as f:
                f.write(b"no program")
            self.assertTrue(until(lambda: "1 refused" in self.reason(w)), self.reason(w))
            worker.copy_plugins(folder, "echo")
            self.assertTrue(until(lambda: self.ready(w) == 200))
            r = w.client.wait(w.client.create("echo", {"x": 5}))
            self.assertEqual(r.phase, phase("SUCCEEDED"))
            self.assertEqual(w.cli("plugin", "disable", "echo").returncode, 0)
            self.assertEqual(self.ready(w), 200)  # what it has accepted is still answered
            os.remove(os.path.join(folder, "echo.so"))
            self.assertTrue(until(lambda: self.ready(w) == 503))
            for service in TASKS:
                self.assertTrue(until(lambda s=service:
                                      told[s] == [NOT_SERVING, SERVING, NOT_SERVING]), told)
            for service in ALWAYS:
                self.assertEqual(told[service], [SERVING])


class Relative(worker.Worker):
    def command(self):
        return [os.path.relpath(w) if w == self.state else w for w in super().command()]


class StateDirectory(Case):
    def test_a_relative_one_changes_nothing(self):
        """Large outputs of an execution without a place of its own are kept below it, as with its
        whole path, and go with their rows, however gc is told."""
        template = self.place.write("echo.json", """{"type": "echo", "id": {"name": "t"},
            "metadata": {}, "interface": {
                "inputs": {"variables": {"s": {"type": {"simple": "STRING"}}}},
                "outputs": {"variables": {"s": {"type": {"simple": "STRING"}}}}}}""")
        big = self.place.write("big.txt", "x" * (5 << 20))
        with Relative(self.place) as w:
            real = os.path.realpath(w.state)
            self.assertIn(f"{real}\n", w.cli("worker", "status").stdout)
            done = w.cli("task", "submit", "--template", template, "-i", f"s=@{big}", "--wait",
                         "-o", "json")
            self.assertEqual(done.returncode, 0, done.stdout[:2000] + done.stderr[:2000])
            place, = os.listdir(os.path.join(real, "outputs"))
            size = os.path.getsize(os.path.join(real, "outputs", place, "outputs.pb"))
            self.assertGreater(size, 5 << 20)
        time.sleep(1.2)
        link = self.place.path("link")
        os.symlink(real, link)
        done = taskhost.call("store", "gc", "--state", link + "/",
                             env=taskhost.clean_env(TASKHOST_RETENTION_FINISHED="1s"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(os.listdir(os.path.join(real, "outputs")), [])


if __name__ == "__main__":
    tap.main()
