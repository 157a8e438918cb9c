"""What the tests that stop a worker share: one with its times, and a plugin that notes its runs."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
import unittest

import processes
import taskhost
import worker

TYPES = {"file": "STRING", "name": "STRING", "ms": "INTEGER", "x": "INTEGER"}

def until(test, seconds=20):
    """What `test` gave when it was true, or last."""
    deadline = time.monotonic() + seconds
    while not (got := test()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return got

class Draining(worker.Worker):
    """With its times, in a place of its own."""

    def __init__(self, plugins, place, *args, port=0, lameduck="0s", grace="20s", cancel="2s",
                 before=(), **env):
        self.port, self.before = port, list(before)
        self.times = ["--lameduck", lameduck, "--grace", grace, "--cancel-grace", cancel]
        self.mark = os.path.basename(place.root)
        self.runs_file = place.path("runs")
        super().__init__(place, *args, plugins=[plugins], **{processes.MARK: self.mark}, **env)

    def command(self):
        words = [*self.before, taskhost.BIN, "serve", "--listen", f"127.0.0.1:{self.port}",
                 "--admin", "none", "--socket", self.socket, "--state", self.state, *self.times]
        for d in self.plugins:
            words += ["--plugins", d]
        return words + self.args

    def inputs(self, name, ms):
        return {"file": self.runs_file, "name": name, "ms": ms, "x": 1}

    def create_run(self, name, ms, kind="ledger"):
        return self.client.create(kind, self.inputs(name, ms), prefix=self.place.path("out", name),
                                  metadata=worker.node_execution(name),
                                  task_template=worker.template(kind, TYPES, {"o0": "INTEGER"}))

    def runs(self, what="start", name=None):
        with contextlib.suppress(FileNotFoundError):
            with open(self.runs_file, encoding="ascii") as f:
                lines = [line.split()[:2] for line in f]
            return [n for w, n in lines if w == what and name in (None, n)]
        return []

    def wait_started(self, name, times=1):
        if not until(lambda: len(self.runs("start", name)) >= times):
            raise AssertionError(f"{name} was not started: " + self.log())

    def term(self):
        self.process.send_signal(signal.SIGTERM)
        return time.monotonic()

    def wait_log(self, text):
        if not until(lambda: text in self.log()):
            raise AssertionError(f"{text!r} is not in the log: " + self.log())

    def ended(self, seconds=40):
        """The exit code of a worker that was told to stop; all that it had is gone, too."""
        try:
            code = self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("the worker did not stop: " + self.log()) from None
        self.drop_client()
        for t in self.readers:
            t.join(timeout=5)
        left = processes.wait_none(self.mark)
        if left or os.path.exists(self.socket):
            raise AssertionError(f"left behind: {left}, socket {os.path.exists(self.socket)}")
        return code

class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.build = taskhost.Place()
        cls.plugins = worker.copy_plugins(cls.build.path("plugins"), "echo", "shell")
        built = taskhost.compile_plugin(
            os.path.join(cls.plugins, "ledger.so"), "-pthread",
            os.path.join(taskhost.SOURCE, "tests", "e2e", "ledger.c"))
        assert built.returncode == 0, built.stderr

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.build.root, True)

    def start(self, *args, **more):
        place = taskhost.Place()
        self.addCleanup(shutil.rmtree, place.root, True)
        w = Draining(more.pop("plugins", self.plugins), place, *args, **more)
        self.addCleanup(lambda: w.process.poll() is None and w.kill())
        return w
