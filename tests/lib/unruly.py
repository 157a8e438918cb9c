"""A worker on plugins that misbehave (e2e/unruly.c, e2e/unruly_late.c) and on echo, which does not."""

import contextlib
import os
import shutil
import tempfile
import threading
import time
import unittest
import uuid

import pb
import taskhost
import worker
from faulty import SANITIZED
from worker import phase, values

LONG = bool(os.environ.get("TASKHOST_TEST_LONG"))
MIB = 1 << 20
TYPES = {"do": "STRING", "n": "INTEGER"}
PATIENCE = 3 if SANITIZED else 1  # sanitized programs are slower

_built = {}


def plugin_dir():
    """A directory with echo and the unruly ones, compiled once per test program."""
    if "dir" not in _built:
        keep = tempfile.TemporaryDirectory(prefix="taskhost-unruly-")
        for name in ("unruly", "unruly_late"):
            done = taskhost.compile_plugin(
                os.path.join(keep.name, name + ".so"),
                os.path.join(pb.SOURCE, "tests", "e2e", name + ".c"), "-g", "-pthread")
            if done.returncode != 0:
                raise AssertionError(done.stderr)
        worker.copy_plugins(keep.name, "echo")
        _built.update(keep=keep, dir=keep.name)
    return _built["dir"]


def request(how, n=0, kind="unruly", metadata=None, limits=None, most=None):
    """CreateTaskRequest of an unruly task; `limits` is {"MEMORY": "128Mi"}, `most` its timeout in s."""
    more = {}
    if limits:
        more["container"] = {"image": "none", "resources": {
            "limits": [{"name": k, "value": v} for k, v in limits.items()]}}
    if most is not None:
        more["metadata"] = {"timeout": f"{most}s"}
    t = worker.template(kind, TYPES, {"n": "INTEGER"}, **more)
    return worker.create_request(kind, {"do": how, "n": n}, metadata=metadata, task_template=t)


_owned = iter(range(10**9))


def owned():
    """The metadata of an execution that Flyte owns; a new one each time."""
    return worker.node_execution(f"own{next(_owned)}")


def status(pid):
    """/proc/PID/status as {name: text}; empty when it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
            return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    except (FileNotFoundError, ProcessLookupError):
        return {}


def connections_to(address):
    """How many connections to the port of `address` this process has open."""
    port = int(address.rpartition(":")[2])
    mine = set()
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            mine.add(os.readlink(f"/proc/self/fd/{fd}"))
    found = 0
    for table in ("tcp", "tcp6"):
        try:
            with open(f"/proc/self/net/{table}", encoding="ascii") as f:
                rows = [line.split() for line in f.readlines()[1:]]
        except FileNotFoundError:  # no IPv6 here
            continue
        # of each row: the other end's address:port in hexadecimal, and the inode
        found += sum(int(r[2].rpartition(":")[2], 16) == port and f"socket:[{r[9]}]" in mine for r in rows)
    return found


class Worker(worker.Worker):
    """Its processes carry a mark in their environment, so that those that ran away are found too."""

    def __init__(self, place, *args, idle="300ms", **env):
        self.mark = uuid.uuid4().hex
        super().__init__(place, *args, plugins=[plugin_dir()],
                         **{"TASKHOST_RUNNERS_IDLE": idle, "UNRULY_MARK": self.mark, **env})

    def processes(self):
        """Pids of all that come from it, itself included; without the dead that are not buried."""
        found = []
        mark = f"UNRULY_MARK={self.mark}".encode()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/environ", "rb") as f:
                    if mark in f.read().split(b"\0"):
                        found.append(int(pid))
        return [p for p in found if not status(p).get("State", "Z").startswith("Z")]

    def rss(self):
        return int(status(self.pid)["VmRSS"].split()[0]) * 1024

    def descriptors(self):
        """How many it has open, but for the ends of connections that this very process holds: a
        closed channel of Python's gRPC may keep its own for long."""
        return len(os.listdir(f"/proc/{self.pid}/fd")) - connections_to(self.address)

    def create_unruly(self, how, n=0, **more):
        return self.client.CreateTask(request(how, n, **more), timeout=20).resource_meta

    def logs_of(self, meta, pages=1000):
        """What is kept of what an execution printed, its first pages at least."""
        text, token = [], ""
        for _ in range(pages):
            r = worker.message("flyteidl.admin.GetTaskLogsRequest", resource_meta=meta, token=token)
            token = ""
            for part in self.client.GetTaskLogs(r, timeout=30):
                text += [line.message for line in part.body.structured_lines]
                token = part.header.token or token
            if not token:
                break
        return text


def settle(what, wanted, seconds=20):
    """Waits until wanted(what()); the last value."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        value = what()
        if wanted(value) or time.monotonic() > deadline:
            return value
        time.sleep(0.05)


class Others:
    """Executions of another plugin that go on meanwhile, one after the other."""

    def __init__(self, case, address):
        self.case = case
        self.client = worker.Client(address)
        self.over = threading.Event()
        self.good, self.bad, self.slowest = 0, [], 0.0
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.over.is_set():
            begun = time.monotonic()
            try:
                r = self.client.wait(self.client.create("echo", {"x": self.good}), 30)
                if (r.phase, values(r.outputs)) != (phase("SUCCEEDED"), {"x": self.good}):
                    self.bad.append(str(r))
            except Exception as e:  # pylint: disable=broad-except
                self.bad.append(repr(e))
            self.good += 1
            self.slowest = max(self.slowest, time.monotonic() - begun)
            time.sleep(0.005)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            settle(lambda: self.good, lambda n: n > 0)
        self.over.set()
        self.thread.join(timeout=60)
        self.client.close()
        if kind is None:
            self.case.assertEqual(self.bad, [])
            self.case.assertGreater(self.good, 0)
            self.case.assertLess(self.slowest, 5 * PATIENCE)


class Case(unittest.TestCase):
    """One worker for the class; what a test leaves behind in it is looked for after the test."""
    ARGS = ("--slots", "8")
    ENV = {}
    GROWTH = 32 * MIB  # of resident memory, over what it was before: executions that ended lately stay for a while

    @classmethod
    def setUpClass(cls):
        cls.place = taskhost.Place()
        cls.addClassCleanup(shutil.rmtree, cls.place.root, True)
        cls.w = Worker(cls.place, *cls.ARGS, **cls.ENV)
        cls.w.client.wait(cls.w.client.create("echo", {"x": 1}))
        cls.w.client.wait(cls.w.create_unruly("sleep"))
        cls.w.client.wait(cls.w.create_unruly("once", kind="late"))

    @classmethod
    def tearDownClass(cls):
        code = cls.w.stop()
        assert code == 0, cls.w.log()

    def setUp(self):
        self.forgive()
        self.processes = self.quiet()
        self.memory = self.w.rss()

    def forgive(self):
        """Crashes of an earlier test do not count in this one."""
        for name in ("unruly", "unruly_late"):
            done = self.w.cli("plugin", "unquarantine", name)
            self.assertEqual(done.returncode, 0, done.stderr)

    def quiet(self):
        """The number of processes once the idle runners of plugins, which are named after them, have
        ended: the worker, what guards it, and its spare runner."""
        def idle(pids):
            return all(status(p).get("Name", "taskhost").startswith("taskhost") for p in pids)
        return len(settle(self.w.processes, idle))

    def others(self):
        return Others(self, self.w.address)

    def back_to_normal(self):
        """Processes and memory are what they were before the test."""
        left = settle(self.w.processes, lambda p: len(p) <= self.processes)
        self.assertLessEqual(len(left), self.processes, [status(p).get("Name") for p in left])
        if not SANITIZED:
            used = settle(self.w.rss, lambda n: n < self.memory + self.GROWTH, 20)
            self.assertLess(used, self.memory + self.GROWTH)

    def expect(self, r, name, *words):
        """Phase and words of a Resource."""
        self.assertEqual(r.phase, phase(name), r)
        for word in words:
            self.assertRegex(r.message, word)

    def still_serves(self, kind="unruly"):
        how = "once" if kind == "late" else "sleep"
        r = self.w.client.wait(self.w.create_unruly(how, 1, kind=kind))
        self.expect(r, "SUCCEEDED")
