"""The worker through Flyte's connector protocol, asked by a client that is not ours."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import grpc
import pb
import tap
import taskhost
import worker
from worker import phase, values


class WithWorker(unittest.TestCase):
    """One worker for all cases of the class, on the shipped plugins and faulty.so."""
    ARGS = ()

    @classmethod
    def setUpClass(cls):
        cls.place = taskhost.Place()
        cls.w = worker.Worker(cls.place, *cls.ARGS)

    @classmethod
    def tearDownClass(cls):
        code = cls.w.stop()
        shutil.rmtree(cls.place.root, True)
        assert code == 0, cls.w.log()

    def status_of(self, call):
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        return caught.exception.code().name, caught.exception.details()


class Connector(WithWorker):
    def test_async_task(self):
        meta = self.w.client.create("echo", {"x": 7, "s": "hallo"})
        r = self.w.client.wait(meta)
        self.assertEqual((r.phase, values(r.outputs)), (phase("SUCCEEDED"), {"x": 7, "s": "hallo"}))

    def test_sync_task(self):
        r = self.w.client.sync("echo_sync", {"x": 7})
        self.assertEqual((r.phase, values(r.outputs)), (phase("SUCCEEDED"), {"x": 7}))

    def test_a_sync_type_through_create(self):
        r = self.w.client.wait(self.w.client.create("echo_sync", {"x": 1}))
        self.assertEqual(values(r.outputs), {"x": 1})

    def test_sync_call_of_an_async_type(self):
        code, details = self.status_of(lambda: self.w.client.sync("echo", {"x": 1}))
        self.assertEqual(code, "INTERNAL")
        self.assertIn("does not support sync execution", details)

    def test_unknown_type(self):
        text = "Cannot find connector for task type: nope."
        for call in (lambda: self.w.client.create("nope"), lambda: self.w.client.sync("nope")):
            self.assertEqual(self.status_of(call), ("NOT_FOUND", text))

    def test_foreign_meta(self):
        request = worker.message("flyteidl.admin.GetTaskRequest", resource_meta=b"what",
                                 task_type="nope")
        code, details = self.status_of(lambda: self.w.client.GetTask(request, timeout=10))
        self.assertEqual((code, details),
                         ("NOT_FOUND", "Cannot find connector for task type: nope."))
        request.task_category.name = "echo"
        code, _ = self.status_of(lambda: self.w.client.GetTask(request, timeout=10))
        self.assertEqual(code, "INVALID_ARGUMENT")

    def test_a_meta_of_ours_needs_no_category(self):
        meta = self.w.client.create("echo", {"x": 1})
        self.w.client.wait(meta)
        request = worker.message("flyteidl.admin.GetTaskRequest", resource_meta=meta,
                                 task_type="gone")
        self.assertEqual(self.w.client.GetTask(request, timeout=10).resource.phase,
                         phase("SUCCEEDED"))

    def test_a_changed_meta(self):
        meta = bytearray(self.w.client.create("echo", {"x": 1}))
        meta[-1] ^= 1
        code, _ = self.status_of(lambda: self.w.client.GetTask(
            worker.message("flyteidl.admin.GetTaskRequest", resource_meta=bytes(meta),
                           task_type="echo"), timeout=10))
        self.assertEqual(code, "INVALID_ARGUMENT")

    def test_delete_of_the_finished_and_again(self):
        meta = self.w.client.create("echo", {"x": 1})
        self.w.client.wait(meta)
        self.w.client.delete(meta)
        self.w.client.delete(meta)
        self.assertEqual(self.w.client.get(meta).phase, phase("SUCCEEDED"))

    def test_agents(self):
        listed = self.w.client.ListAgents(worker.message("flyteidl.admin.ListAgentsRequest"),
                                          timeout=10)
        agents = {a.name: a for a in listed.agents}
        types = {c.name for a in agents.values() for c in a.supported_task_categories}
        self.assertLessEqual({"echo", "echo_async", "echo_sync", "shell", "sqlite"}, types)
        name = next(iter(agents))
        one = self.w.client.GetAgent(worker.message("flyteidl.admin.GetAgentRequest", name=name),
                                     timeout=10)
        self.assertEqual(one.agent, agents[name])
        code, _ = self.status_of(lambda: self.w.client.GetAgent(
            worker.message("flyteidl.admin.GetAgentRequest", name="nope"), timeout=10))
        self.assertEqual(code, "NOT_FOUND")

    def test_health(self):
        for service in ("", "flyteidl.service.AsyncAgentService"):
            r = self.w.client.Check(worker.message("grpc.health.v1.HealthCheckRequest",
                                                   service=service), timeout=10)
            self.assertEqual(r.status, 1)

    def test_the_same_node_execution_is_the_same_execution(self):
        m = worker.node_execution("same")
        first = self.w.client.create("echo", {"x": 1}, metadata=m, prefix="s3://b/k")
        self.assertEqual(self.w.client.create("echo", {"x": 1}, metadata=m, prefix="s3://b/k"), first)
        m.labels["a"] = "b"
        self.assertEqual(self.w.client.create("echo", {"x": 1}, metadata=m, prefix="s3://b/k"), first)
        code, _ = self.status_of(
            lambda: self.w.client.create("echo", {"x": 2}, metadata=m, prefix="s3://b/k"))
        self.assertEqual(code, "INVALID_ARGUMENT")
        again = worker.node_execution("same", retry=1)
        self.assertNotEqual(
            self.w.client.create("echo", {"x": 1}, metadata=again, prefix="s3://b/k"), first)

    def test_without_a_key_every_call_is_new(self):
        self.assertNotEqual(self.w.client.create("echo", {"x": 1}),
                            self.w.client.create("echo", {"x": 1}))

    def test_a_failing_task(self):
        t = worker.template("shell", custom={"script": "exit 3"})
        r = self.w.client.wait(self.w.client.create("shell", task_template=t))
        self.assertIn(r.phase, (phase("FAILED"), phase("RETRYABLE_FAILED")))
        self.assertNotEqual(r.message, "")

    def test_outputs_go_inline_and_no_file_is_written(self):
        prefix = self.place.path("inline")
        r = self.w.client.wait(self.w.client.create("echo", {"x": 1}, prefix=prefix))
        self.assertEqual(values(r.outputs), {"x": 1})
        self.assertFalse(os.path.exists(prefix))

    def test_large_outputs_go_to_the_prefix(self):
        prefix = self.place.path("large")
        text = "x" * 200000
        r = self.w.client.wait(self.w.client.create("echo", {"s": text}, prefix=prefix))
        self.assertEqual(r.phase, phase("SUCCEEDED"))
        self.assertFalse(r.HasField("outputs"))
        with open(os.path.join(prefix, "outputs.pb"), "rb") as f:
            outputs = pb.message("flyteidl.core.LiteralMap").FromString(f.read())
        self.assertEqual(values(outputs), {"s": text})

    def test_large_outputs_without_a_back_end_are_answered(self):
        text = "x" * 200000
        r = self.w.client.wait(self.w.client.create("echo", {"s": text}, prefix="s3://b/k"))
        self.assertEqual(values(r.outputs), {"s": text})

    def test_too_large_outputs_without_a_back_end_name_the_scheme(self):
        text = "x" * (4 << 20)
        r = self.w.client.wait(self.w.client.create("echo", {"s": text}, prefix="s3://b/k"))
        self.assertEqual(r.phase, phase("FAILED"))
        self.assertIn("OutputUpload", r.message)
        self.assertIn('"s3"', r.message)

    def test_logs(self):
        t = worker.template("shell", custom={"script": "echo one; echo two >&2"})
        meta = self.w.client.create("shell", task_template=t)
        self.w.client.wait(meta)
        request = worker.message("flyteidl.admin.GetTaskLogsRequest", resource_meta=meta)
        lines = []
        for part in self.w.client.GetTaskLogs(request, timeout=10):
            lines += [line.message for line in part.body.structured_lines]
        self.assertIn("two", "\n".join(lines))

    def test_many_at_once(self):
        metas = [self.w.client.CreateTask.future(worker.create_request("echo", {"x": i}))
                 for i in range(300)]
        for i, call in enumerate(metas):
            r = self.w.client.wait(call.result(timeout=30).resource_meta)
            self.assertEqual(values(r.outputs), {"x": i})


class Process(unittest.TestCase):
    def setUp(self):
        self.place = taskhost.Place()
        self.addCleanup(shutil.rmtree, self.place.root, True)

    def test_logs_are_text_for_people_and_json_for_machines(self):
        for more, is_json in (((), True), (("--log-format", "text"), False)):  # stderr is a pipe here
            place = taskhost.Place()
            self.addCleanup(shutil.rmtree, place.root, True)
            w = worker.Worker(place, *more)
            self.assertEqual(w.stop(), 0, w.log())
            lines = w.log().splitlines()
            self.assertGreater(len(lines), 1)
            for line in lines:
                self.assertEqual(line.startswith("{") and "message" in json.loads(line), is_json, line)
        place = taskhost.Place()
        self.addCleanup(shutil.rmtree, place.root, True)
        main, terminal = pty.openpty()
        self.addCleanup(os.close, main)
        done = subprocess.run([taskhost.BIN, "serve", "--plugins", place.path("none"), "--state", place.path("state"),
                               "--listen", "127.0.0.1:0", "--admin", "none", "--socket", place.path("sock"),
                               "--lameduck", "0s", "--stop-after", "100ms"],
                              env=taskhost.clean_env(), stdout=subprocess.DEVNULL, stderr=terminal, timeout=60)
        os.close(terminal)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(os.read(main, 65536).decode(), r"(?m)^taskhostd: info: ")

    def test_what_only_the_start_needed_is_given_back(self):
        place = taskhost.Place()
        self.addCleanup(shutil.rmtree, place.root, True)
        w = worker.Worker(place)
        self.addCleanup(lambda: w.process.poll() is None and w.kill())

        def mapped():
            """KiB of the program's read-only parts, and how much of them is resident."""
            with open(f"/proc/{w.pid}/smaps", encoding="utf-8") as f:
                parts = re.findall(r"(?s) r-[-x]p [^\n]*/taskhostd\n.*?Size: +(\d+).*?Rss: +(\d+)", f.read())
            return sum(int(size) for size, _ in parts), sum(int(rss) for _, rss in parts)

        end = time.monotonic() + 20  # after the ready line
        while time.monotonic() < end and mapped()[1] > mapped()[0] / 2:
            time.sleep(0.01)
        size, resident = mapped()
        self.assertGreater(size, 1024)
        self.assertLess(resident, size / 2)
        self.assertEqual(w.client.sync("echo_sync", {"x": 7}).phase, phase("SUCCEEDED"))
        self.assertEqual(w.stop(), 0, w.log())

    def test_ready_line_and_end(self):
        with worker.Worker(self.place) as w:
            self.assertRegex(w.address, r"^127\.0\.0\.1:\d+$")
            self.assertTrue(os.path.exists(w.socket))
            self.assertEqual(os.stat(w.socket).st_mode & 0o777, 0o600)
        self.assertFalse(os.path.exists(w.socket))

    def test_two_workers_on_one_state_directory(self):
        with worker.Worker(self.place) as w:
            other = subprocess.run(w.command(), capture_output=True, text=True, timeout=20,
                                   env=taskhost.clean_env())
            self.assertEqual(other.returncode, 1)
            self.assertIn(str(w.pid), other.stderr)

    def test_settings_that_are_wrong(self):
        done = taskhost.call("serve", "--slots", "none")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--slots", done.stderr)
        done = taskhost.call("serve", "--slot", "1")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--slots", done.stderr)

    def test_priority_of_a_task_type(self):
        """Flyte's requests name none; our own verb may name another."""
        config = self.place.write("w.json", '{"per_task_type": {"echo": {"priority": 7}}}')
        template = self.place.write("t.json", json.dumps(
            {"type": "echo", "id": {"name": "t"}, "metadata": {}, "interface": {}}))

        def priority(w, execution):
            shown = json.loads(w.cli("task", "get", execution, "-o", "json").stdout)
            return shown["execution"].get("priority", 0)

        def listed(w):
            return {e["id"] for e in json.loads(w.cli("task", "ls", "-o", "json").stdout)["executions"]}

        with worker.Worker(self.place, "--config", config) as w:
            for kind, expected in (("echo", 7), ("echo_async", 0)):
                before = listed(w)
                w.client.wait(w.client.create(kind, {"x": 1}))
                one, = listed(w) - before
                self.assertEqual(priority(w, one), expected)
            for words, expected in (((), 7), (("--priority", "2"), 2)):
                before = listed(w)
                done = w.cli("task", "submit", "--template", template, "--wait", *words)
                self.assertEqual(done.returncode, 0, done.stderr)
                one, = listed(w) - before
                self.assertEqual(priority(w, one), expected)

    def test_accepted_work_survives_a_kill(self):
        w = worker.Worker(self.place, "--slots", "1")
        metas = [w.client.create("shell", task_template=worker.template(
            "shell", custom={"script": "sleep 0.2"})) for _ in range(5)]
        done = w.client.create("echo", {"x": 3})
        w.kill()
        w.restart()
        for meta in metas:
            self.assertEqual(w.client.wait(meta).phase, phase("SUCCEEDED"))
        r = w.client.wait(done)
        self.assertEqual(values(r.outputs), {"x": 3})
        self.assertEqual(w.stop(), 0, w.log())


if __name__ == "__main__":
    tap.main()
