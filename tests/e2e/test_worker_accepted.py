"""What was accepted stays accepted, what is not allowed is not taken, and what waits says why."""

import os
import shutil
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import grpc  # noqa: E402
import tap  # noqa: E402
import taskhost  # noqa: E402
import worker  # noqa: E402


class Case(unittest.TestCase):
    def setUp(self):
        self.place = taskhost.Place()
        self.addCleanup(shutil.rmtree, self.place.root, True)

    def start(self, *args, **more):
        w = worker.Worker(self.place, *args, **more)
        self.addCleanup(lambda: w.process.poll() is None and w.kill())
        return w


class Accepted(Case):
    def again(self, w, name):
        return w.client.create("echo", {"x": 1}, metadata=worker.node_execution(name))

    def refused(self, w, name, code):
        with self.assertRaises(grpc.RpcError) as e:
            self.again(w, name)
        self.assertEqual(e.exception.code(), code, e.exception.details())

    def test_a_key_is_known_without_its_plugin(self):
        plugins = worker.copy_plugins(self.place.path("p"), "echo")
        w = self.start(plugins=[plugins])
        meta = self.again(w, "kept")
        self.assertEqual(w.client.wait(meta).phase, worker.phase("SUCCEEDED"))
        self.assertEqual(w.cli("plugin", "disable", "echo").returncode, 0)
        self.assertEqual(self.again(w, "kept"), meta)
        self.refused(w, "new", grpc.StatusCode.UNAVAILABLE)
        os.unlink(os.path.join(plugins, "echo.so"))
        w.cli("plugin", "reload")
        self.assertEqual(self.again(w, "kept"), meta)
        self.refused(w, "new", grpc.StatusCode.NOT_FOUND)
        self.assertEqual(w.stop(), 0, w.log())

    def test_a_key_is_known_when_its_type_is_denied(self):
        w = self.start()
        meta = self.again(w, "kept")
        w.client.wait(meta)
        self.assertEqual(w.stop(), 0, w.log())
        w.args += ["--deny", "echo"]
        w.start()
        self.assertEqual(self.again(w, "kept"), meta)
        self.refused(w, "new", grpc.StatusCode.PERMISSION_DENIED)
        self.assertEqual(w.stop(), 0, w.log())

    def test_naming_the_executor_does_not_lift_a_denial(self):
        w = self.start("--allow", "echo_async")
        from google.protobuf import json_format
        names = {"x": "INTEGER"}
        for kind, code in (("echo_async", 0), ("echo", 1)):
            path = self.place.write("t.json", json_format.MessageToJson(
                worker.template(kind, names, names)).encode())
            done = w.cli("task", "submit", "--template", path, "--executor", "echo.Echo", "-i", "x=1", "--wait")
            self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn("task type 'echo' is not allowed by the configuration", done.stderr)
        self.assertEqual(w.stop(), 0, w.log())

    def test_outputs_that_fill_a_reply_can_be_told(self):
        w = self.start()
        for size, there in (((3584 - 16) * 1024 - 64, True), (3584 * 1024 - 64, False)):
            meta = w.client.create("echo", {"x": "a" * size}, prefix="s3://b/k")
            r = w.client.wait(meta)
            self.assertEqual(r.phase, worker.phase("SUCCEEDED" if there else "FAILED"), r.message[:300])
        self.assertIn("OutputUpload", r.message)
        self.assertEqual(w.stop(), 0, w.log())

    def test_why_outputs_cannot_be_written_is_said(self):
        w = self.start()
        blocked = self.place.write("file", b"")
        meta = w.client.create("echo", {"x": "a" * 100000}, prefix=blocked + "/below")
        deadline = time.monotonic() + 20
        while "cannot be written yet" not in w.client.get(meta).message:
            self.assertLess(time.monotonic(), deadline, w.client.get(meta))
            time.sleep(0.05)
        self.assertIn(blocked, w.client.get(meta).message)
        self.assertIn("its outputs cannot be written yet", w.log())
        os.unlink(blocked)
        self.assertEqual(w.client.wait(meta, 60).phase, worker.phase("SUCCEEDED"))
        self.assertEqual(w.stop(), 0, w.log())


class Lost(Case):
    """The state is gone, and something else lies where outputs are looked for."""

    def test_what_is_no_file_keeps_nobody_waiting(self):
        w = self.start("--slots", "2")
        prefixes = [self.place.path(f"out{i}") for i in range(8)]
        metas = [w.client.CreateTask(worker.create_request("echo", {"x": i}, prefix=p)).resource_meta
                 for i, p in enumerate(prefixes)]
        for m in metas:
            w.client.wait(m)
        self.assertEqual(w.stop(), 0, w.log())
        for name in os.listdir(w.state):
            if name.startswith("state.db"):
                os.remove(os.path.join(w.state, name))
        for i, p in enumerate(prefixes):
            os.makedirs(p, exist_ok=True)
            target = os.path.join(p, "outputs.pb")
            if i == 7:
                with open(target, "wb"):
                    pass
            elif i % 2:
                os.mkdir(target)
            else:
                os.mkfifo(target)
        w.start()
        phases = [w.client.get(m).phase for m in metas]
        self.assertEqual(phases, [worker.phase("RUNNING")] * 7 + [worker.phase("SUCCEEDED")])
        large = worker.create_request("echo", {"x": "y" * 200000}, prefix=self.place.path("large"))
        r = w.client.wait(w.client.CreateTask(large).resource_meta)
        self.assertEqual(r.phase, worker.phase("SUCCEEDED"), r)
        self.assertEqual(w.stop(), 0, w.log())


if __name__ == "__main__":
    tap.main()
