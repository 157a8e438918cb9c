"""What the tests of the verbs that speak to a worker share: a paper worker, and calls of the program."""

import os
import subprocess
import tempfile
import time
import unittest

import fake_worker
import taskhost

A, B, C, D = "7k2m000000001", "7k2n000000002", "9qx3000000003", "aaaa000000004"

INTEGER, STRING, BLOB = {"simple": "INTEGER"}, {"simple": "STRING"}, {"blob": {"format": "csv"}}


def variables(**types):
    return {"variables": {name: {"type": kind} for name, kind in types.items()}}


SUM = {"inputs": variables(a=INTEGER, b=INTEGER, note=STRING, file=BLOB),
       "outputs": variables(sum=INTEGER, at={"simple": "DATETIME"})}


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="tw")
        self.socket = os.path.join(self.dir.name, "w.sock")
        self.worker = fake_worker.Worker(unix=self.socket)
        self.worker.__enter__()
        self.worker.tasks["arith.add"] = fake_worker.message(
            "DescribeTaskResponse", kind="TASK", name="arith.add", plugin="arith",
            template={"type": "arith_add", "id": {"name": "arith.add"}, "interface": SUM},
            optionalInputs=["note", "file"], about="Adds two numbers.")
        self.worker.tasks["echo.Echo"] = fake_worker.message(
            "DescribeTaskResponse", kind="EXECUTOR", name="echo.Echo", plugin="echo")

    def tearDown(self):
        self.worker.__exit__()
        self.dir.cleanup()

    def call(self, *words, env=None, **kw):
        return taskhost.call(*words, env=env or taskhost.clean_env(TASKHOST_SOCKET=self.socket),
                             **kw)

    def good(self, *words, **kw):
        done = self.call(*words, **kw)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout

    def bad(self, code, message, *words, **kw):
        done = self.call(*words, **kw)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        self.assertIn(message, done.stderr)
        return done.stderr

    def process(self, *words, **kw):
        return subprocess.Popen([taskhost.BIN, *words], text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE,
                                env=taskhost.clean_env(TASKHOST_SOCKET=self.socket), **kw)

    def until(self, true, what):
        end = time.monotonic() + 20
        while not true():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.01)
