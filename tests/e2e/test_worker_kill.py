"""kill -9 of the worker and of its runners, at random moments under load. What is right is judged by
another process, from its own ledger: tests/lib/ledger_client.py."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import unittest

LIB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")
sys.path.insert(0, LIB)
import ledger_client
import processes
import tap
import taskhost
import worker

LONG = bool(os.environ.get("TASKHOST_TEST_LONG"))
SECONDS = 600 if LONG else 60
# Five crashes of a plugin in a minute, and it is quarantined.
RUNNER_KILL_EVERY = 15


class Fixed(worker.Worker):
    """On one socket and one state directory, whatever becomes of the process."""

    def __init__(self, place, *args, mark, workers, **more):
        self.workers = workers
        super().__init__(place, *args, **{processes.MARK: mark}, **more)

    def command(self):
        words = [taskhost.BIN, "serve", "--listen", "127.0.0.1:0", "--admin", "none",
                 "--socket", self.socket, "--state", self.state, "--lameduck", "0s"]
        for d in self.plugins:
            words += ["--plugins", d]
        return words + self.args

    def start(self, wait=True):
        at = ledger_client.now()
        self.is_ready = False
        super().start(wait=False)
        with open(self.workers, "a", encoding="ascii") as f:
            f.write(f"{self.process.pid} {at}\n")
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds=60):
        if not self.is_ready:
            super().wait_ready(seconds)
            self.is_ready = True


class Kill(unittest.TestCase):
    def setUp(self):
        self.place = taskhost.Place()
        self.addCleanup(shutil.rmtree, self.place.root, True)
        self.mark = os.path.basename(self.place.root)
        self.plugins = worker.copy_plugins(self.place.path("plugins"), "echo", "shell")
        built = taskhost.compile_plugin(
            os.path.join(self.plugins, "ledger.so"), "-pthread",
            os.path.join(taskhost.SOURCE, "tests", "e2e", "ledger.c"))
        self.assertEqual(built.returncode, 0, built.stderr)

    def start_worker(self, *args):
        w = Fixed(self.place, *args, plugins=[self.plugins], mark=self.mark,
                  workers=self.place.path("workers"))
        self.addCleanup(lambda: w.process.poll() is None and w.kill())
        return w

    # ---- the ledger ----

    def start_judge(self, seed):
        words = [sys.executable, os.path.join(LIB, "ledger_client.py"), "--address",
                 "unix:" + self.place.path("w.sock"), "--seed", str(seed)]
        for name in ("ledger", "runs", "workers"):
            words += ["--" + name, self.place.path(name)]
        judge = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: judge.poll() is None and judge.kill())
        return judge

    def kill_a_runner(self, w, rng):
        """Of those that serve a plugin: they have its name."""
        runners = []
        for pid in w.runners():
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/comm", encoding="ascii") as f:
                    if f.read().strip() in ("echo", "shell", "ledger"):
                        runners.append(pid)
        if not runners:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(rng.choice(runners), signal.SIGKILL)
            return True
        return False

    def kill_loop(self, w, rng, seconds):
        """[kills of the worker, of these before it was ready, kills of runners]"""
        counts = {"kills": 0, "early": 0, "runners": 0}
        end = time.monotonic() + seconds
        next_runner = time.monotonic() + 5
        while time.monotonic() < end:
            early = rng.random() < 0.3
            if early:
                time.sleep(rng.random() * 0.3)
            else:
                w.wait_ready()
                time.sleep(rng.random() * 2.5)
            if not early and time.monotonic() > next_runner and self.kill_a_runner(w, rng):
                counts["runners"] += 1
                next_runner = time.monotonic() + RUNNER_KILL_EVERY
                time.sleep(rng.random() * 0.5)
            self.assertIsNone(w.process.poll(), "the worker ended by itself: " + w.log())
            w.kill()
            counts["kills"] += 1
            counts["early"] += early
            self.assertEqual(processes.wait_none(self.mark), {}, "left after the worker was killed")
            w.start(wait=False)
        return counts

    def test_nothing_told_becomes_untrue(self):
        seed = int(os.environ.get("TASKHOST_TEST_SEED", random.randrange(1 << 32)))
        print(f"# seed {seed}", flush=True)
        rng = random.Random(seed)
        w = self.start_worker("--slots", "4")
        judge = self.start_judge(seed)
        counts = self.kill_loop(w, rng, SECONDS)
        w.wait_ready()
        said, errors = judge.communicate("finish\n", timeout=180)
        print("# " + said.strip().replace("\n", "\n# "), flush=True)
        self.assertEqual((judge.returncode, errors), (0, ""), said)
        summary = json.loads(said.splitlines()[-1])
        print(f"# {counts}", flush=True)
        self.assertGreaterEqual(counts["kills"], SECONDS // 6)
        self.assertGreater(counts["runners"], 0)
        self.assertGreater(summary["accepted"], SECONDS)
        self.assertGreater(summary["run_again"], 0)
        self.assertGreater(summary["ends"].get("SUCCEEDED", 0), summary["accepted"] // 4)
        self.assertEqual(w.stop(), 0, w.log())
        self.assertEqual(processes.wait_none(self.mark), {})

    # ---- what is left ----

    def test_no_process_outlives_a_killed_worker(self):
        w = self.start_worker("--slots", "8")
        types = {"file": "STRING", "name": "STRING", "ms": "INTEGER", "x": "INTEGER"}
        for kind in ("ledger", "ledger_later"):
            w.client.create(kind, {"file": self.place.path("runs"), "name": kind, "ms": 60000,
                                   "x": 1}, task_template=worker.template(
                                       kind, types, {"o0": "INTEGER"}))
        for script in ("sleep 60", "sleep 61 & sleep 62; echo"):
            w.client.create("shell", task_template=worker.template(
                "shell", custom={"script": script}))
        w.client.create("ledger_child", task_template=worker.template("ledger_child"))
        self.wait_scripts(4)
        w.kill()
        self.assertEqual(processes.wait_none(self.mark), {})

    def scripts(self):
        return [c for c in processes.marked(self.mark).values() if c.startswith("sleep ")]

    def wait_scripts(self, n):
        deadline = time.monotonic() + 20
        while len(self.scripts()) != n:
            self.assertLess(time.monotonic(), deadline, processes.marked(self.mark))
            time.sleep(0.02)

    @staticmethod
    def named(name):
        """Of the processes of this machine: the test looks at its own only."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/comm", encoding="ascii", errors="replace") as f:
                    if f.read().strip() == name:
                        found.append(int(pid))
        return found

    def wait_guard(self):
        """It has its name a little after it was made."""
        deadline = time.monotonic() + 20
        while True:
            guards = set(processes.marked(self.mark)).intersection(self.named("script-guard"))
            if guards or time.monotonic() > deadline:
                break
            time.sleep(0.02)
        self.assertEqual(len(guards), 1)
        return guards.pop()

    def test_scripts_of_a_killed_runner_end(self):
        w = self.start_worker("--slots", "1")
        script = worker.template("shell", custom={"script": "sleep 60; echo"})
        meta = w.client.create("shell", task_template=script)
        self.wait_scripts(1)
        ours = set(processes.marked(self.mark))
        for pid in ours.intersection(self.named("shell")):
            os.kill(pid, signal.SIGKILL)
        self.assertEqual(w.client.wait(meta).phase, worker.phase("RETRYABLE_FAILED"))
        self.wait_scripts(0)
        # One whose guard is gone is no worse off than before; the next has one again.
        w.client.create("shell", task_template=worker.template("shell", custom={"script": "true"}))
        meta = w.client.create("shell", task_template=script)
        self.wait_scripts(1)
        os.kill(self.wait_guard(), signal.SIGKILL)
        w.client.delete(meta)
        self.wait_scripts(0)
        w.client.create("shell", task_template=script)
        self.wait_scripts(1)
        w.kill()
        self.assertEqual(processes.wait_none(self.mark), {})


class Judge(unittest.TestCase):
    """That the judge sees what it is there for."""

    def setUp(self):
        self.place = taskhost.Place()
        self.addCleanup(shutil.rmtree, self.place.root, True)

    def wrong(self, *lines, runs=("start e 100 7", "end e 110 7")):
        """Judged: one execution `e` with a key, accepted at 50, and `lines` of the ledger."""
        ledger = [["asked", 40, "e", "ledger", True, 3], ["meta", 50, "e", "m"], *lines]
        paths = [self.place.write("ledger", "".join(json.dumps(line) + "\n" for line in ledger)),
                 self.place.write("runs", "".join(line + "\n" for line in runs)),
                 self.place.write("workers", "7 10\n9 500\n7 600\n")]
        return "\n".join(ledger_client.judge(*paths)[0])

    END = ["final", 200, "e", "SUCCEEDED", "d", 3, ""]

    def test_judge_is_content(self):
        again = ["start e 60 7", "start e 100 7", "end e 110 7"]
        self.assertEqual(self.wrong(["phase", 60, "e", "QUEUED"], self.END,
                                    ["meta", 210, "e", "m"], self.END, runs=again), "")
        # A later worker has the pid of the one that ran it.
        self.assertEqual(self.wrong(["cancelled", 120, "e"], self.END), "")

    def test_judge_sees_what_is_wrong(self):
        end = self.END
        changed = end[:3] + ["FAILED", "d", None, "PluginCrashed"]
        started = ["start e 100 7", "end e 110 7", "start e 501 9"]
        for text, lines, more in (
                ("is lost", [["phase", 60, "e", "RUNNING"]], {}),
                ("ended in 2 ways", [end, changed], {}),
                ("ended in 2 ways", [end, end[:4] + ["other", 3, ""]], {}),
                ("is RUNNING after it was SUCCEEDED", [end, ["phase", 210, "e", "RUNNING"]], {}),
                ("is QUEUED after it was RUNNING",
                 [["phase", 60, "e", "RUNNING"], ["phase", 70, "e", "QUEUED"], end], {}),
                ("one key gave 2 metas", [["meta", 60, "e", "n"], end], {}),
                ("the same meta", [["asked", 60, "f", "echo", False, 4], ["meta", 61, "f", "m"],
                                   ["final", 62, "f", "SUCCEEDED", "d", 4, ""], end], {}),
                ("gave 4 in place of 3", [end[:5] + [4, ""]], {}),
                ("never run to its end", [end], {"runs": ["start e 100 7"]}),
                ("without being cancelled", [end[:3] + ["ABORTED", "d", None, ""]], {}),
                ("ended FAILED: OutputUpload", [end[:3] + ["FAILED", "d", None, "OutputUpload"]],
                 {}),
                ("after it was told to be SUCCEEDED", [end], {"runs": started}),
                ("a worker that came after its cancel", [["cancelled", 300, "e"], end],
                 {"runs": started}),
                ("CreateTask INTERNAL", [["error", 60, "e", "CreateTask", "INTERNAL", "x"], end],
                 {})):
            with self.subTest(text):
                self.assertIn(text, self.wrong(*lines, **more))


if __name__ == "__main__":
    tap.main()
