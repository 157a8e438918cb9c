"""The plugin `faulty` (tests/e2e/faulty.c), whose tasks end in every way, and runs of it."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import pb
import taskhost

_built = {}

with open(taskhost.BIN, "rb") as _f:
    SANITIZED = b"__asan_init" in _f.read()


def plugin_dir():
    """A directory with faulty.so, compiled once per test program as an author would."""
    if "dir" not in _built:
        keep = tempfile.TemporaryDirectory(prefix="taskhost-faulty-")
        done = taskhost.compile_plugin(os.path.join(keep.name, "faulty.so"),
                                       os.path.join(pb.SOURCE, "tests", "e2e", "faulty.c"), "-g")
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        _built.update(keep=keep, dir=keep.name)
    return _built["dir"]


def env(**more):
    """A clean environment that finds the plugin."""
    return taskhost.clean_env(**{"TASKHOST_PLUGIN_PATH": plugin_dir(), **more})


def execute_words(place, task, verb="execute", inputs=None, prefix=None):
    """The command line of one execution below a Place."""
    return [verb, "--inputs", inputs or place.path("inputs.pb"), "--output-prefix",
            prefix or place.path("out"), "--raw-output-data-prefix", place.path("raw"),
            "--resolver", "taskhost.default_task_resolver",
            "--", "task-module", "faulty", "task-name", task]


def execute(place, task, inputs=None, prefix=None, **more):
    """Runs a task of the plugin; `inputs` are Python values. An Outcome."""
    if inputs is not None or not os.path.exists(place.path("inputs.pb")):
        literals = {k: taskhost.literal(v) for k, v in (inputs or {}).items()}
        place.write("inputs.pb", taskhost.literal_map(literals).SerializeToString())
    done = taskhost.call(*execute_words(place, task, prefix=prefix), env=env(**more))
    return taskhost.Outcome(prefix or place.path("out"), done)


def interrupt(words, place, sig=signal.SIGTERM, **more):
    """Starts the program, sends it a signal once the task runs; (return code, seconds it took,
    stderr)."""
    flag = place.path("started")
    p = subprocess.Popen([taskhost.BIN, *words], env=env(FAULTY_STARTED=flag, **more),
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 20
    while not os.path.exists(flag) and p.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    begun = time.monotonic()
    p.send_signal(sig)
    _, err = p.communicate(timeout=30)
    return p.returncode, time.monotonic() - begun, err


class Execute(unittest.TestCase):
    """A test of runs below a Place of its own."""

    def setUp(self):
        self.place = taskhost.Place()
        self.addCleanup(shutil.rmtree, self.place.root, True)

    def run_task(self, task, inputs=None, **more):
        return execute(self.place, task, inputs, **more)

    def call(self, *words, **more):
        return taskhost.call(*words, env=env(**more))

    def expect_error(self, outcome, code, kind, origin, *words):
        """One error document and nothing else."""
        self.assertEqual(outcome.files(), ["error.pb"], outcome.stderr)
        self.assertEqual(outcome.code, 0, outcome.stderr)
        e = outcome.error()
        self.assertEqual((e.code, e.kind, e.origin), (code, kind, origin), e.message)
        for w in words:
            self.assertIn(w, e.message)
        self.assertTrue(e.message.startswith("Trace:\n\n"), e.message)
        self.assertIn("\nMessage:\n\n    ", e.message)
        return e
