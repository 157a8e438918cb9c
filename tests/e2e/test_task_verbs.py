"""taskhost task …, against a worker made of paper (lib/fake_worker.py)."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import fake_worker
import grpc
import pb
import tap
import taskhost
from worker_case import A, B, C, Case, STRING, SUM, variables


class Submitting(Case):
    def test_typed_inputs(self):
        out = self.good("task", "submit", "arith.add", "-i", "a=2", "-i", "b=3", "-i", "note=7")
        self.assertEqual(out, "new0000000000\n")
        request = self.worker.last("SubmitTask")
        self.assertEqual(request.task, "arith.add")
        self.assertEqual({k: taskhost.value_of(v) for k, v in request.inputs.literals.items()},
                         {"a": 2, "b": 3, "note": "7"})
        self.assertFalse(request.HasField("priority") or request.HasField("timeout")
                         or request.HasField("retries") or request.HasField("queue_timeout"))
        self.assertEqual((request.key, request.output_prefix, request.executor), ("", "", ""))

    def test_everything_given(self):
        self.good("task", "submit", "arith.add", "-i", "a=2", "-i", "b=3", "--key", "k1",
                  "--priority", "0", "--retries", "0", "--timeout", "1m30s", "--queue-timeout",
                  "500ms", "--output-prefix", "s3://b/k")
        request = self.worker.last("SubmitTask")
        self.assertTrue(request.HasField("priority") and request.HasField("retries"))
        self.assertEqual((request.priority.value, request.retries.value), (0, 0))
        self.assertEqual(request.timeout.ToTimedelta().total_seconds(), 90)
        self.assertEqual(request.queue_timeout.ToTimedelta().total_seconds(), 0.5)
        self.assertEqual((request.key, request.output_prefix), ("k1", "s3://b/k"))

    def test_inputs_from_files(self):
        inputs = os.path.join(self.dir.name, "inputs.json")
        with open(inputs, "w", encoding="utf-8") as f:
            json.dump({"a": 5, "b": 6}, f)
        self.good("task", "submit", "arith.add", "--inputs", inputs, "-i", "b=-", input="60\n")
        found = self.worker.last("SubmitTask").inputs.literals
        self.assertEqual((taskhost.value_of(found["a"]), taskhost.value_of(found["b"])), (5, 60))

    def test_relative_paths_become_absolute(self):
        with open(os.path.join(self.dir.name, "t.csv"), "w", encoding="utf-8") as f:
            f.write("1\n")
        self.good("task", "submit", "arith.add", "-i", "a=1", "-i", "b=1", "-i", "file=t.csv",
                  cwd=self.dir.name)
        blob = self.worker.last("SubmitTask").inputs.literals["file"].scalar.blob
        self.assertEqual(blob.uri, os.path.join(os.path.realpath(self.dir.name), "t.csv"))

    def test_relative_output_prefix_becomes_absolute(self):
        here = os.path.realpath(self.dir.name)
        for given, sent in (("out", here + "/out"), ("./out", here + "/out"),
                            ("../out", here + "/../out"), ("/out", "/out"),
                            ("s3://b/k", "s3://b/k"), ("file:///out", "file:///out"), ("", "")):
            self.good("task", "submit", "arith.add", "-i", "a=1", "-i", "b=1",
                      "--output-prefix", given, cwd=here)
            self.assertEqual(self.worker.last("SubmitTask").output_prefix, sent)

    def test_same_key_same_execution(self):
        first = self.good("task", "submit", "arith.add", "-i", "a=1", "-i", "b=1", "--key", "k")
        done = self.call("task", "submit", "arith.add", "-i", "a=1", "-i", "b=1", "--key", "k")
        self.assertEqual((done.returncode, done.stdout), (0, first))
        self.assertIn("the key is known; the execution is queued", done.stderr)

    def test_submit_json(self):
        out = json.loads(self.good("task", "submit", "arith.add", "-i", "a=1", "-i", "b=1",
                                   "-o", "json"))
        self.assertEqual(out, {"id": "new0000000000", "resource_meta": "th1:new", "existed": False,
                               "state": "queued"})

    def test_template(self):
        path = os.path.join(self.dir.name, "task.json")
        template = {"type": "echo", "id": {"name": "my.task"}, "metadata": {},
                    "interface": {"inputs": variables(x=STRING)}, "custom": {"k": 1}}
        with open(path, "w", encoding="utf-8") as f:
            json.dump(template, f)
        self.good("task", "submit", "--template", path, "--executor", "echo.Echo", "-i", "x=hi")
        request = self.worker.last("SubmitTask")
        self.assertEqual(request.WhichOneof("what"), "template")
        self.assertEqual((request.template.type, request.template.id.name, request.executor),
                         ("echo", "my.task", "echo.Echo"))
        self.assertEqual(request.template.custom["k"], 1)
        self.assertEqual(taskhost.value_of(request.inputs.literals["x"]), "hi")
        self.assertEqual(self.worker.count("DescribeTask"), 0)

    def test_help_of_a_task(self):
        out = self.good("task", "submit", "arith.add", "--help")
        self.assertIn("Adds two numbers.", out)
        self.assertRegex(out, r"(?m)^ +a +integer +required")
        self.assertRegex(out, r"(?m)^ +note +string +optional")
        self.assertEqual(self.worker.count("SubmitTask"), 0)

    def test_submit_mistakes(self):
        submit = ("task", "submit", "arith.add")
        self.bad(2, "'a': expected integer", *submit, "-i", "a=x", "-i", "b=2")
        self.bad(2, "missing input b", *submit, "-i", "a=1")
        self.bad(2, "did you mean 'note'?", *submit, "-i", "a=1", "-i", "b=1", "-i", "noet=x")
        self.bad(2, "'--priority' is 0 to 9.", *submit, "--priority", "10")
        self.bad(2, "'--retries' is 0", *submit, "--retries=-1")
        self.bad(2, "A time limit of 0", *submit, "--timeout", "0s")
        self.bad(2, "'--key' is empty", *submit, "--key", "")
        self.bad(2, "Missing argument 'TASK'", "task", "submit")
        self.bad(2, "exclude each other", *submit, "--template", "x.pb")
        self.bad(2, "'--executor' goes with", *submit, "--executor", "x")
        self.bad(3, "No such file", "task", "submit", "--template", "/nonexistent.pb")
        self.assertEqual(self.worker.count("SubmitTask"), 0)

    def test_unknown_task_and_executor(self):
        self.bad(3, "no plugin has a task arith.sub", "task", "submit", "arith.sub")
        self.bad(2, "echo.Echo is an executor; it needs a template", "task", "submit", "echo.Echo")

    def test_refused(self):
        self.worker.answers["SubmitTask"] = lambda _, context: context.abort(
            grpc.StatusCode.INVALID_ARGUMENT, "the key k stands for other inputs")
        self.bad(1, "the key k stands for other inputs", "task", "submit", "arith.add", "-i",
                 "a=1", "-i", "b=2", "--key", "k")

    def test_wait_at_once(self):
        def submit(request, context):
            self.worker.add(A, "QUEUED", interface=SUM, outputs={
                "sum": taskhost.literal(5)})
            self.worker.script[A] = [(0.05, {"state": "RUNNING", "run": 1}),
                                     (0.05, {"state": "SUCCEEDED"})]
            return fake_worker.message("SubmitTaskResponse", id=A, state="QUEUED")
        self.worker.answers["SubmitTask"] = submit
        done = self.call("task", "submit", "arith.add", "-i", "a=2", "-i", "b=3", "--wait")
        self.assertEqual((done.returncode, done.stdout), (0, '{"sum":5}\n'))
        self.assertEqual(done.stderr, f"taskhost task submit: {A} is accepted\n")


class Listing(Case):
    def setUp(self):
        super().setUp()
        self.worker.add(A, "SUCCEEDED", task="arith.add", plugin="arith", run=1, maxRuns=1,
                        acceptedAt="2024-01-01T00:00:00Z", startedAt="2024-01-01T00:00:01Z",
                        finishedAt="2024-01-01T00:00:03.5Z")
        self.worker.add(B, "RUNNING", task="arith.add", plugin="arith", run=2, maxRuns=3,
                        progress={"fraction": 0.25, "message": "epoch 1"})
        self.worker.add(C, "DEAD", task="shell.Shell", plugin="shell", taskType="raw-container",
                        run=3, maxRuns=3, failure={"code": "PluginCrashed", "message": "SIGSEGV"})

    def test_list_table(self):
        out = self.good("task", "ls").splitlines()
        self.assertEqual(out[0].split(),
                         ["ID", "STATE", "TASK", "RUN", "ACCEPTED", "TOOK", "WHY"])
        self.assertEqual([line.split()[0] for line in out[1:]], [C, B, A])
        self.assertRegex(out[1], r"dead +shell\.Shell +3/3 .*PluginCrashed: SIGSEGV$")
        self.assertRegex(out[2], r"running +arith\.add +2/3 .*25 % — epoch 1$")
        self.assertRegex(out[3], r"succeeded +arith\.add +1/1 +2024-01-01T00:00:00Z +2\.5s")

    def test_list_json(self):
        out = json.loads(self.good("task", "ls", "-o", "json"))
        self.assertEqual([e["id"] for e in out["executions"]], [C, B, A])
        dead, running, done = out["executions"]
        self.assertEqual(dead["failure"], {"code": "PluginCrashed", "message": "SIGSEGV",
                                           "recoverable": False, "origin": "unknown"})
        self.assertEqual(running["progress"], {"fraction": 0.25, "message": "epoch 1"})
        self.assertEqual((done["state"], done["finished_at"], done["failure"], done["retry_of"]),
                         ("succeeded", "2024-01-01T00:00:03.500Z", None, ""))
        self.assertEqual(out["next_page_token"], "")
        fields = {f.name for f in pb.message("taskhost.worker.v1.Execution").DESCRIPTOR.fields}
        self.assertEqual(set(done), fields)

    def ids(self, *words):
        return [e["id"] for e in json.loads(self.good("task", "ls", "-o", "json", *words))
                ["executions"]]

    def test_list_filters(self):
        self.assertEqual(self.ids("--state", "dead"), [C])
        self.assertEqual(self.ids("--state", "DEAD", "-s", "running"), [C, B])
        self.assertEqual(self.ids("--state", "live"), [B])
        self.assertEqual(self.ids("--state", "finished"), [C, A])
        self.assertEqual(self.ids("--plugin", "shell"), [C])
        self.assertEqual(self.ids("--type", "raw-container"), [C])
        self.assertEqual(self.ids("7K2"), [B, A])
        self.assertEqual(self.worker.last("ListExecutions").id_prefix, "7k2")

    def test_list_pages(self):
        for i in range(2500):
            self.worker.add(f"p{i:012d}", "QUEUED")
        self.worker.calls.clear()
        self.assertEqual(len(self.ids("--all")), 2503)
        self.assertEqual([r.page_size for _, r in self.worker.calls], [1000, 1000, 1000])
        done = self.call("task", "ls", "--limit", "3")
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (0, 4))
        self.assertIn("there are more; --limit N or --all shows them", done.stderr)
        self.assertEqual(len(self.ids()), 50)
        self.assertEqual(len(self.ids("--limit", "1001")), 1001)

    def test_list_mistakes(self):
        self.bad(2, "'bad' is not one of live, finished, queued, waiting,", "task", "ls",
                 "--state", "bad")
        self.bad(2, "'--limit' is at least 1", "task", "ls", "--limit", "0")
        self.bad(2, "'ID' is up to 13 letters and digits", "task", "ls", "a/b")

    def test_list_of_none(self):
        self.worker.executions.clear()
        self.assertEqual(self.good("task", "ls"),
                         "ID  STATE  TASK  RUN  ACCEPTED  TOOK  WHY\n")


class Getting(Case):
    def test_get_everything(self):
        details = self.worker.add(
            A, "SUCCEEDED", interface=SUM, task="arith.add", taskType="arith_add", plugin="arith",
            generation="0123456789abcdef", priority=5, run=1, maxRuns=1,
            acceptedAt="2024-01-01T00:00:00Z", startedAt="2024-01-01T00:00:00.012Z",
            finishedAt="2024-01-01T00:00:01Z", usage={"cpu": "0.02s", "maxRssBytes": 5 << 20},
            inputs={"a": taskhost.literal(2), "b": taskhost.literal(3)},
            outputs={"sum": taskhost.literal(5)})
        details.steps.add(state=1, at={"seconds": 1704067200})
        details.steps.add(state=16, run=1, at={"seconds": 1704067201})
        self.assertEqual(self.good("task", "get", A), f"""\
id:         {A}
state:      succeeded
task:       arith.add
task type:  arith_add version 0
plugin:     arith, generation 0123456789ab
priority:   5
run:        1 of 1
accepted:   2024-01-01T00:00:00Z
started:    2024-01-01T00:00:00Z  (after 12ms)
finished:   2024-01-01T00:00:01Z  (took 988ms)
used:       20ms of CPU time, 5 MiB of memory
inputs:     {{"a":2,"b":3}}
outputs:    {{"sum":5}}
steps:      2024-01-01T00:00:00Z  queued
            2024-01-01T00:00:01Z  succeeded  run 1
""")

    def test_get_json(self):
        self.worker.add(A, "FAILED", interface=SUM, inputs={"a": taskhost.literal(2)},
                        failure={"code": "USER:ValueError", "message": "no", "origin": "USER"})
        out = json.loads(self.good("task", "get", A, "-o", "json"))
        self.assertEqual(out["execution"]["failure"]["origin"], "user")
        self.assertEqual(out["inputs"], {"a": 2})
        self.assertIsNone(out["outputs"])
        self.assertEqual(out["interface"]["inputs"]["a"], "integer")
        request = self.worker.last("GetExecution")
        self.assertTrue(request.with_inputs and request.with_outputs)


class Waiting(Case):
    def test_outputs_as_run_prints_them(self):
        self.worker.add(A, "RUNNING", interface=SUM, run=1, outputs={
            "at": {"scalar": {"primitive": {"datetime": "2024-01-01T00:00:00Z"}}},
            "sum": taskhost.literal(5)})
        self.worker.script[A] = [(0.1, {"progress": {"fraction": 0.5}}),
                                 (0.1, {"state": "SUCCEEDED"})]
        self.assertEqual(json.loads(self.good("task", "wait", A)),
                         {"sum": 5, "at": "2024-01-01T00:00:00Z"})

    def test_outputs_in_a_file(self):
        path = os.path.join(self.dir.name, "outputs.pb")
        with open(path, "wb") as f:
            f.write(taskhost.literal_map({"sum": taskhost.literal(7)}).SerializeToString())
        self.worker.add(A, "SUCCEEDED", interface=SUM).outputs_uri = path
        self.assertEqual(self.good("task", "wait", A), '{"sum":7}\n')
        self.worker.executions[A].outputs_uri = "s3://bucket/outputs.pb"
        done = self.call("task", "wait", A)
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertIn("it succeeded; its outputs are at s3://bucket/outputs.pb", done.stderr)

    def test_wait_tells_failures(self):
        self.worker.add(A, "FAILED", failure={"code": "USER:ValueError", "message": "no luck",
                                              "origin": "USER"})
        self.bad(1, "taskhost task wait: USER:ValueError: no luck\n(user error, not recoverable)",
                 "task", "wait", A)
        self.worker.add(B, "DEAD", run=3, failure={"code": "PluginCrashed", "message": "SIGSEGV",
                                                   "recoverable": True})
        self.bad(1, f"All 3 runs failed; 'taskhost task retry {B}' repeats it.", "task", "wait", B)
        self.worker.add(C, "ABORTED", cancelledBy="OPERATOR", cancelReason="wrong inputs")
        self.bad(1, "taskhost task wait: aborted: wrong inputs\n", "task", "wait", C)

    def test_wait_json_and_the_exit_code(self):
        self.worker.add(A, "FAILED", failure={"code": "X"})
        done = self.call("task", "wait", A, "-o", "json")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertEqual(json.loads(done.stdout)["execution"]["failure"]["code"], "X")

    def test_wait_timeout(self):
        self.worker.add(A, "RUNNING", run=1, maxRuns=2, progress={"fraction": 0.5})
        start = time.monotonic()
        self.bad(5, "not finished in time, and goes on: running 50 % (run 1 of 2)", "task",
                 "wait", A, "--timeout", "300ms")
        self.assertLess(time.monotonic() - start, 5)
        self.assertTrue(self.worker.gone.wait(10))

    def test_wait_interrupted(self):
        for sig, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            self.worker.add(A, "RUNNING")
            self.worker.gone.clear()
            calls = len(self.worker.calls)
            process = self.process("task", "wait", A)
            self.until(lambda: len(self.worker.calls) > calls, "the call came")
            time.sleep(0.1)
            process.send_signal(sig)
            out, text = process.communicate(timeout=20)
            self.assertEqual((process.returncode, out), (code, ""))
            self.assertIn(f"interrupted; the task goes on ('taskhost task cancel {A}' stops it)",
                          text)
            self.assertTrue(self.worker.gone.wait(10), "the worker was told")

    def test_interrupt_while_the_worker_is_silent(self):
        hold = threading.Event()
        self.worker.answers["GetStatus"] = lambda *_: hold.wait(20)
        process = self.process("worker", "status")
        self.until(lambda: self.worker.calls, "the call came")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        hold.set()
        self.assertEqual(process.returncode, 130)

    def test_worker_dies(self):
        self.worker.add(A, "RUNNING")
        process = self.process("task", "wait", A)
        self.until(lambda: self.worker.calls, "the call came")
        time.sleep(0.1)
        self.worker.server.stop(0).wait()
        out, text = process.communicate(timeout=20)
        self.assertEqual((process.returncode, out), (4, ""), text)

    def test_stream_that_ends_early(self):
        self.worker.add(A, "RUNNING")
        self.worker.answers["WatchExecution"] = lambda *_: iter([])
        self.bad(1, f"the worker stopped telling how {A} goes on", "task", "wait", A)

    def terminal(self, *words, columns=60):
        """stdout by pipe, stderr on a terminal."""
        master, slave = pty.openpty()
        import fcntl
        import struct
        import termios
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen([taskhost.BIN, *words], stdout=subprocess.PIPE, stderr=slave,
                                   env=taskhost.clean_env(TASKHOST_SOCKET=self.socket))
        os.close(slave)
        shown = b""
        with contextlib.suppress(OSError):
            while select.select([master], [], [], 20)[0]:
                shown += os.read(master, 4096)
        out = process.communicate(timeout=20)[0]
        os.close(master)
        return process.returncode, out.decode(), shown.decode()

    def test_progress_on_a_terminal(self):
        self.worker.add(A, "QUEUED", cause="waits for a slot", interface=SUM,
                        outputs={"sum": taskhost.literal(5)})
        self.worker.script[A] = [
            (0.1, {"state": "RUNNING", "run": 1, "maxRuns": 2, "cause": "",
                   "progress": {"fraction": 0.4, "message": "epoch 2 " + "y" * 100}}),
            (0.1, {"state": "SUCCEEDED"})]
        code, out, shown = self.terminal("task", "wait", A)
        self.assertEqual((code, out), (0, '{"sum":5}\n'))
        frames = [f.removeprefix("\x1b[K") for f in shown.split("\r") if f.startswith("\x1b[K")]
        self.assertEqual(frames[0], f"{A}  queued: waits for a slot")
        self.assertTrue(frames[1].startswith(f"{A}  running 40 % — epoch 2 yyy"), frames)
        self.assertTrue(frames[1].endswith("…"))
        self.assertTrue(all(len(f) < 60 for f in frames), frames)
        self.assertEqual(frames[-1], "", "the line is gone at the end")

    def test_time_goes_on_while_nothing_happens(self):
        self.worker.add(A, "RUNNING", run=1, maxRuns=1, interface=SUM,
                        startedAt=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        self.worker.script[A] = [(2.5, {"state": "SUCCEEDED"})]
        _, _, shown = self.terminal("task", "wait", A)
        spans = set(re.findall(r"\(run 1, ([0-9.]+m?s)\)", shown))
        self.assertGreaterEqual(len(spans), 3, shown)


class Logs(Case):
    def setUp(self):
        super().setUp()
        self.worker.add(A, "RUNNING")
        self.worker.logs[A] = b"one\ntwo\nthr\xc3\xa9e\n\x00\xff"

    def bytes_of(self, *words):
        done = subprocess.run([taskhost.BIN, *words], capture_output=True, timeout=60,
                              env=taskhost.clean_env(TASKHOST_SOCKET=self.socket))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout, done.stderr.decode()

    def test_logs_byte_for_byte(self):
        self.assertEqual(self.bytes_of("task", "logs", A), (self.worker.logs[A], ""))
        self.assertFalse(self.worker.last("GetLogs").follow)

    def test_logs_last_lines(self):
        self.worker.logs[A] = b"one\ntwo\nthree\n"
        self.assertEqual(self.bytes_of("task", "logs", A, "-n", "2")[0], b"two\nthree\n")

    def test_logs_going_on_by_token(self):
        self.worker.logs[A] = b"one\ntwo\n"
        self.assertEqual(self.bytes_of("task", "logs", A, "--token"), (b"one\ntwo\n", "next 8\n"))
        self.worker.logs[A] += b"three\n"
        self.assertEqual(self.bytes_of("task", "logs", A, "--from", "8")[0], b"three\n")
        self.bad(2, "exclude each other", "task", "logs", A, "--from", "8", "-n", "1")

    def test_logs_of_no_lines(self):
        for given in ("0", "-1"):
            self.bad(2, "'--lines' is at least 1", "task", "logs", A, "--lines=" + given)
        self.assertEqual(self.worker.count("GetLogs"), 0)

    def test_logs_of_nothing_known(self):
        self.bad(3, "no execution's id begins with 'zzzz'", "task", "logs", "zzzz")
        for method in ("ListExecutions", "GetLogs"):
            self.worker.answers[method] = lambda _, context: context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, "that is no id")
        self.bad(3, "no execution's id begins with 'nope'", "task", "logs", "nope")
        self.bad(3, "there is no execution iiiiiiiiiiiii", "task", "logs", "i" * 13)
        self.bad(2, "is no id of an execution", "task", "logs", "a-b")

    def test_logs_followed(self):
        release = threading.Event()

        def follow(request, context):
            reply = pb.message("taskhost.worker.v1.GetLogsResponse")
            self.assertTrue(request.follow)
            yield reply(data=b"first\n", token="6")
            release.wait(20)
            yield reply(data=b"second\n", token="13", end=True)
        self.worker.answers["GetLogs"] = follow
        process = self.process("task", "logs", "-f", A)
        self.assertEqual(process.stdout.readline(), "first\n")
        release.set()
        self.assertEqual(process.communicate(timeout=20)[0], "second\n")
        self.assertEqual(process.returncode, 0)

    def test_what_is_missing_is_told(self):
        reply = pb.message("taskhost.worker.v1.GetLogsResponse")
        self.worker.answers["GetLogs"] = lambda *_: iter([
            reply(data=b"x\n", skipped=100, lost=7), reply(data=b"y\n", lost=7),
            reply(lost=9, end=True)])
        out, text = self.bytes_of("task", "logs", A)
        self.assertEqual(out, b"x\ny\n")
        self.assertEqual(text.splitlines(), [
            "taskhost task logs: 100 bytes are no longer kept",
            "taskhost task logs: 7 bytes came too fast to be kept",
            "taskhost task logs: 2 bytes came too fast to be kept"])

    def test_logs_reader_gone(self):
        self.worker.logs[A] = b"line\n" * 100000
        process = self.process("task", "logs", A)
        process.stdout.readline()
        process.stdout.close()
        self.assertNotEqual(process.wait(20), 0)
        process.stderr.close()


class Changing(Case):
    def test_cancel(self):
        self.worker.add(A, "RUNNING")
        self.worker.add(B, "SUCCEEDED")
        self.assertEqual(self.good("task", "cancel", A, "--reason", "wrong inputs"),
                         f"{A}  cancelling\n")
        request = self.worker.last("CancelExecution")
        self.assertEqual((request.reason, request.force), ("wrong inputs", False))
        self.assertEqual(self.good("task", "cancel", "--force", B),
                         f"{B}  succeeded, it was finished before\n")
        self.assertTrue(self.worker.last("CancelExecution").force)

    def test_cancel_several(self):
        self.worker.add(A, "RUNNING")
        self.worker.add(B, "QUEUED")
        done = self.call("task", "cancel", A, "zz", B)
        self.assertEqual((done.returncode, done.stdout),
                         (3, f"{A}  cancelling\n{B}  cancelling\n"))
        self.assertIn("no execution's id begins with 'zz'", done.stderr)

    def test_cancel_json(self):
        self.worker.add(A, "RUNNING")
        out = json.loads(self.good("task", "cancel", A, "-o", "json"))
        self.assertEqual((out["execution"]["state"], out["too_late"]), ("cancelling", False))

    def test_retry(self):
        self.worker.add(A, "DEAD")
        self.worker.add(B, "FAILED")
        self.assertEqual(self.good("task", "retry", A), "again00000000\n")
        done = self.call("task", "retry", A)
        self.assertEqual((done.returncode, done.stdout), (0, "again00000000\n"))
        self.assertIn("was repeated before", done.stderr)
        self.bad(1, "only those can be repeated", "task", "retry", B)
        out = json.loads(self.good("task", "retry", A, "-o", "json"))
        self.assertEqual(out, {"id": "again00000000", "resource_meta": "", "existed": True})


if __name__ == "__main__":
    tap.main()
