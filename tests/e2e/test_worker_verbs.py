"""The verbs that speak to a running worker, against one made of paper (lib/fake_worker.py): what is
the same in all of them, ids, plugins, and the worker itself."""

import json
import os
import re
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import fake_worker
import grpc
import tap
import taskhost
from worker_case import A, B, Case


# Every verb with its operands, for what is the same in all of them.
ALL = [("task", "submit", "arith.add", "-i", "a=1", "-i", "b=2"), ("task", "ls"),
       ("task", "get", A), ("task", "wait", A), ("task", "logs", A), ("task", "cancel", A),
       ("task", "retry", A), ("plugin", "ls", "--worker"), ("plugin", "reload"),
       ("plugin", "enable", "arith"), ("plugin", "disable", "arith"),
       ("plugin", "unquarantine", "arith"), ("worker", "status"), ("worker", "drain"),
       ("worker", "stats")]

METHOD = {"submit": "DescribeTask", "ls": "ListExecutions", "get": "GetExecution",
          "wait": "WatchExecution", "logs": "GetLogs", "cancel": "CancelExecution",
          "retry": "RetryExecution", "reload": "ReloadPlugins", "enable": "SetPluginEnabled",
          "disable": "SetPluginEnabled", "unquarantine": "Unquarantine", "status": "GetStatus",
          "drain": "Drain", "stats": "GetStats"}


def method_of(words):
    return "ListPlugins" if words[:2] == ("plugin", "ls") else METHOD[words[1]]


class Reaching(Case):
    def test_no_socket(self):
        missing = os.path.join(self.dir.name, "none.sock")
        for words in ALL:
            with self.subTest(words=words):
                self.bad(4, f"cannot connect to unix:{missing}: No such file or directory "
                            "(is the worker running? 'taskhost serve' starts one)",
                         *words, "--socket", missing)

    def test_nobody_listens(self):
        dead = os.path.join(self.dir.name, "dead.sock")
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(dead)
            self.bad(4, "Connection refused", "worker", "status", "--socket", dead)
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
        self.bad(4, f"cannot connect to 127.0.0.1:{port}: Connection refused",
                 "worker", "status", "--address", f"127.0.0.1:{port}")

    def test_no_grpc_there(self):
        with socket.create_server(("127.0.0.1", 0)) as s:
            def serve():
                connection, _ = s.accept()
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.close()
            thread = threading.Thread(target=serve)
            thread.start()
            self.bad(4, "is it a gRPC server?", "worker", "status", "--address",
                     f"127.0.0.1:{s.getsockname()[1]}")
            thread.join()

    def test_unavailable(self):
        def refuse(_, context):
            context.abort(grpc.StatusCode.UNAVAILABLE, "draining; it takes no new work")
        for words in ALL:
            with self.subTest(words=words):
                self.worker.answers[method_of(words)] = refuse
                self.bad(4, f"taskhost {words[0]} {words[1]}: draining; it takes no new work\n",
                         *words)

    def test_unimplemented(self):
        self.worker.answers["GetStatus"] = lambda _, context: context.abort(
            grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        self.bad(1, "is it a worker of this version?", "worker", "status")

    def test_other_statuses(self):
        for status, code in (("PERMISSION_DENIED", 1), ("INTERNAL", 1), ("NOT_FOUND", 3),
                             ("DEADLINE_EXCEEDED", 5), ("RESOURCE_EXHAUSTED", 1),
                             ("INVALID_ARGUMENT", 1), ("FAILED_PRECONDITION", 1)):
            self.worker.answers["GetStatus"] = lambda _, context: context.abort(
                getattr(grpc.StatusCode, status), "naïve 100 % words")
            self.bad(code, "taskhost worker status: naïve 100 % words\n", "worker", "status")

    def test_answer_too_late(self):
        told = threading.Event()
        self.addCleanup(told.set)
        self.worker.answers["GetStatus"] = lambda *_: told.wait(60)
        start = time.monotonic()
        self.bad(5, "did not answer in time", "worker", "status", "--request-timeout", "200ms")
        self.assertLess(time.monotonic() - start, 30)

    def test_deadline_is_told_to_the_worker(self):
        left = []

        def answer(_, context):
            left.append(context.time_remaining())
            return self.worker.status
        self.worker.answers["GetStatus"] = answer
        self.good("worker", "status", "--request-timeout", "1m30s")
        self.good("worker", "status")
        self.assertTrue(85 < left[0] <= 90 and 25 < left[1] <= 30, left)

    def test_address_of_the_worker(self):
        with fake_worker.Worker() as other:
            other.status.version = "9.9.9"
            self.assertIn("9.9.9", self.good("worker", "status", "--address", other.address))
            self.assertIn("no plugins in /plugins",
                          self.good("plugin", "ls", "--address", other.address))
        self.assertEqual(self.worker.calls, [])

    def test_which_socket(self):
        env = taskhost.clean_env(TASKHOST_SOCKET="/nonexistent/w.sock")
        self.good("worker", "status", "--socket", self.socket, env=env)
        self.bad(4, "unix:/nonexistent/w.sock", "worker", "status", env=env)
        self.bad(2, "--address and --socket exclude each other", "worker", "status",
                 "--socket", self.socket, "--address", "127.0.0.1:1")
        self.bad(2, "HOST:PORT", "worker", "status", "--address", "localhost")

    def test_garbage_for_an_answer(self):
        class Garbage:
            @staticmethod
            def SerializeToString(**_):
                return b"\xff\xff\xff"
        self.worker.answers["GetStatus"] = lambda *_: Garbage
        self.bad(1, "the worker's answer", "worker", "status")

    def test_answers_without_their_main_part(self):
        for method, words in (("GetExecution", ("task", "get", A)),
                              ("CancelExecution", ("task", "cancel", A)),
                              ("SetPluginEnabled", ("plugin", "enable", "x"))):
            self.worker.answers[method] = lambda _, __, m=method: fake_worker.message(
                m + "Response")
            self.bad(1, "the worker's answer holds no", *words)


class Ids(Case):
    def setUp(self):
        super().setUp()
        self.worker.add(A, "SUCCEEDED", task="arith.add", outputs={})
        self.worker.add(B, "DEAD", task="arith.add")
        self.worker.logs[A] = b"hello\n"

    def test_id_by_first_characters(self):
        self.assertIn(A, self.good("task", "get", "7k2m"))
        self.assertEqual(self.good("task", "logs", "7K2M"), "hello\n")
        self.assertEqual(self.good("task", "wait", "7k2m"), "{}\n")
        self.assertEqual(self.good("task", "retry", "7k2n"), "again00000000\n")

    def test_full_id_is_not_looked_up(self):
        self.good("task", "get", A)
        self.assertEqual(self.worker.count("ListExecutions"), 0)

    def test_ambiguous_id(self):
        for verb in ("get", "wait", "logs", "cancel", "retry"):
            text = self.bad(2, "'7k2' is the start of 2 ids; type more of it:\n", "task", verb,
                            "7k2")
            self.assertIn(f"\n  {A}  succeeded  arith.add\n", text)
            self.assertIn(f"\n  {B}  dead  arith.add\n", text)
        self.assertEqual({m for m, _ in self.worker.calls}, {"ListExecutions"})

    def test_many_candidates_are_cut(self):
        for i in range(20):
            self.worker.add(f"p{i:012d}", "QUEUED")
        self.bad(2, "'p' is the start of more than 8 ids", "task", "get", "p")

    def test_unknown_id(self):
        for verb in ("get", "wait", "logs", "cancel", "retry"):
            self.bad(3, "no execution's id begins with 'zz'", "task", verb, "zz")
            self.bad(3, "there is no execution zzzzzzzzzzzzz", "task", verb, "z" * 13)

    def test_no_ids(self):
        for verb in ("get", "wait", "logs", "cancel", "retry"):
            for word in ("a-b", "z" * 14, "", "ä"):
                self.bad(2, f"'{word}' is no id of an execution", "task", verb, word)
            self.bad(2, "Missing argument 'ID", "task", verb)
        self.assertEqual(self.worker.calls, [])


ARITH = dict(id="arith", version="1.2.0", file="/plugins/arith.so", state="ACTIVE",
             tasks=[{"name": "arith.add"}],
             executors=[{"name": "arith.Sum", "aliases": ["sum"],
                         "taskTypes": [{"name": "sum", "sync": True}]}],
             resolvers=["arith.resolver"], lostClaims=["alias total: other has it"],
             generations=[
                 dict(digest="ab" * 32, isolation="PROCESS", runnersMin=1, runnersMax=4, runners=2,
                      runnersBusy=1, runnersStarting=1, running=1, queued=3, runs=17, crashes=2,
                      typical="0.012s", loadedAt="2024-01-01T00:00:00Z", lastTrouble="SIGSEGV",
                      limits=dict(memoryBytes=512 << 20, memoryBy="CGROUP", cpuMilli=1500,
                                  cpuBy="CGROUP", openFiles=256)),
                 dict(digest="cd" * 32, isolation="PROCESS", retiring=True, runners=1,
                      limits=dict(memoryBytes=1 << 30, memoryBy="RLIMIT",
                                  whyNoCgroup="not delegated"))])


class Plugins(Case):
    def test_plugin_ls(self):
        self.worker.plugins += [
            fake_worker.message("Plugin", **ARITH),
            fake_worker.message("Plugin", id="bad", file="/plugins/bad.so", state="REFUSED",
                                reason="it exports too much"),
            fake_worker.message("Plugin", id="crashy", version="1", file="/plugins/crashy.so",
                                state="QUARANTINED", reason="5 crashes in 60 s",
                                quarantinedUntil="2024-01-01T00:00:30Z",
                                generations=[dict(digest="ef" * 32, isolation="IN_PROCESS")])]
        self.assertEqual(self.good("plugin", "ls", "--worker"), """\
arith 1.2.0  active  /plugins/arith.so
  without: alias total: other has it
  tasks: arith.add
  executors: arith.Sum (task type sum sync, alias sum)
  resolvers: arith.resolver
  generation abababababab: runners 2 of 1 to 4 (1 busy, 1 starting), 1 running, 3 waiting
    17 runs, 2 crashes, lately 12ms each, loaded 2024-01-01T00:00:00Z
    limits: memory 512 MiB (cgroup), CPU 1500m (cgroup), open files 256
    last trouble: SIGSEGV
  generation cdcdcdcdcdcd, retiring: runners 1 of 0 to 0, 0 running, 0 waiting
    0 runs, 0 crashes
    limits: memory 1 GiB (rlimit); no control group: not delegated
bad  refused  /plugins/bad.so
  reason: it exports too much
crashy 1  quarantined until 2024-01-01T00:00:30Z  /plugins/crashy.so
  reason: 5 crashes in 60 s
  generation efefefefefef: in-process (crashes, limits and hard cancels are not contained), \
runners 0 of 0 to 0, 0 running, 0 waiting
    0 runs, 0 crashes
    limits: none
""")

    def test_plugin_ls_json(self):
        self.worker.plugins.append(fake_worker.message("Plugin", **ARITH))
        out = json.loads(self.good("plugin", "ls", "-w", "-o", "json", "--all"))
        self.assertTrue(self.worker.last("ListPlugins").all)
        generation = out["plugins"][0]["generations"][0]
        self.assertEqual((out["directories"], generation["isolation"],
                          generation["limits"]["memory_by"], generation["typical"]),
                         (["/plugins"], "process", "cgroup", "0.012s"))

    def test_plugin_ls_of_files_stays_as_it_is(self):
        out = self.good("plugin", "ls", self.dir.name)
        self.assertEqual(out, f"no plugins in {self.dir.name}\n")
        self.assertEqual(self.worker.calls, [])
        self.bad(2, "A worker knows its own directories", "plugin", "ls", "--worker",
                 self.dir.name)
        self.bad(2, "A worker knows its own directories", "plugin", "ls", "--socket", self.socket,
                 "--plugins", self.dir.name)
        self.bad(2, "'--request-timeout' goes with '--worker'", "plugin", "ls",
                 "--request-timeout", "1s")

    def test_reload(self):
        self.assertEqual(self.good("plugin", "reload"),
                         "nothing has changed; 0 plugins as before\n")
        self.worker.changes += [
            fake_worker.message("PluginChange", what="ADDED", id="a", file="/p/a.so",
                                newDigest="ab" * 32),
            fake_worker.message("PluginChange", what="REPLACED", id="b", file="/p/b.so",
                                oldDigest="ab" * 32, newDigest="cd" * 32),
            fake_worker.message("PluginChange", what="REMOVED", id="c", file="/p/c.so",
                                oldDigest="ef" * 32)]
        self.worker.plugins.append(fake_worker.message("Plugin", id="d"))
        self.assertEqual(self.good("plugin", "reload"), """\
added  a  abababababab  /p/a.so
replaced  b  abababababab -> cdcdcdcdcdcd  /p/b.so
removed  c  efefefefefef -> gone  /p/c.so
1 plugin as before
""")
        self.worker.changes.append(fake_worker.message(
            "PluginChange", what="REFUSED", id="e", file="/p/e.so", reason="no note"))
        done = self.call("plugin", "reload")
        self.assertEqual(done.returncode, 1)
        self.assertIn("refused  e  /p/e.so\n  reason: no note\n", done.stdout)
        done = self.call("plugin", "reload", "-o", "json")
        self.assertEqual((done.returncode, json.loads(done.stdout)["changes"][3]["what"]),
                         (1, "refused"))

    def test_enable_and_disable(self):
        self.worker.plugins.append(fake_worker.message("Plugin", **ARITH))
        out = self.good("plugin", "disable", "arith", "--reason", "wrong sums")
        self.assertTrue(out.startswith("arith 1.2.0  disabled  /plugins/arith.so\n"
                                       "  reason: wrong sums\n"), out)
        done = self.call("plugin", "disable", "arith")
        self.assertEqual((done.returncode, done.stderr),
                         (0, "taskhost plugin disable: it was so before\n"))
        self.assertTrue(self.good("plugin", "enable", "arith").startswith("arith 1.2.0  active"))
        out = json.loads(self.good("plugin", "disable", "arith", "-o", "json"))
        self.assertEqual((out["changed"], out["plugin"]["state"]), (True, "disabled"))
        self.bad(3, "there is no plugin arthi", "plugin", "enable", "arthi")
        self.bad(2, "No such option: --reason", "plugin", "enable", "arith", "--reason", "x")

    def test_unquarantine(self):
        self.worker.plugins.append(fake_worker.message(
            "Plugin", id="crashy", state="QUARANTINED", quarantinedUntil="2024-01-01T00:00:30Z"))
        self.assertEqual(self.good("plugin", "unquarantine", "crashy"), "crashy  active  \n")
        done = self.call("plugin", "unquarantine", "crashy")
        self.assertEqual((done.returncode, done.stderr),
                         (0, "taskhost plugin unquarantine: it was not quarantined\n"))


class Worker(Case):
    def test_status(self):
        self.worker.status = fake_worker.message(
            "GetStatusResponse", state="NOT_READY", notReady=["the disk is full"], version="1.2.3",
            pid=77, grpcAddresses=["127.0.0.1:8000", "[::1]:8000"], adminAddress="127.0.0.1:8080",
            socket="/run/w.sock", stateDirectory="/var/lib/taskhost",
            pluginDirectories=["/plugins"], slots=8, slotsBusy=3,
            executions=[{"state": "QUEUED", "count": "5"}, {"state": "RUNNING", "count": "3"}],
            oldestQueued="61s", plugins=4, pluginsActive=3, runners=6, runnersBusy=3,
            storeCondition="disk full", rssBytes=str(6 << 20), connections=2, isolation="PROCESS")
        self.assertEqual(self.good("worker", "status"), """\
state:      not-ready
not ready:  the disk is full
version:    1.2.3, process 77
grpc:       127.0.0.1:8000
            [::1]:8000
admin:      127.0.0.1:8080
socket:     /run/w.sock
state in:   /var/lib/taskhost
plugins in: /plugins
slots:      3 of 8 busy
executions: 5 queued, 3 running; the oldest waits for 1m1s
plugins:    4, 3 active
runners:    6, 3 busy, isolation process
store:      disk full
memory:     6 MiB
connected:  2
""")
        out = json.loads(self.good("worker", "status", "-o", "json"))
        self.assertEqual((out["state"], out["executions"][0], out["drain"]),
                         ("not-ready", {"state": "queued", "count": 5}, None))

    def stages(self):
        return [(0, fake_worker.message("DrainResponse", stage="LAME_DUCK", running=3, queued=2,
                                        remaining="5s")),
                (0.1, fake_worker.message("DrainResponse", stage="FINISHING", running=1,
                                          queued=2)),
                (0.1, fake_worker.message("DrainResponse", stage="DONE", queued=2))]

    def test_drain(self):
        self.worker.stages = self.stages()
        self.assertEqual(self.good("worker", "drain"), "done: 0 running, 2 waiting are kept\n")
        self.assertFalse(self.worker.last("Drain").HasField("grace"))
        out = json.loads(self.good("worker", "drain", "--grace", "90s", "--reason", "upgrade",
                                   "-o", "json"))
        self.assertEqual((out["stage"], out["queued"]), ("done", 2))
        request = self.worker.last("Drain")
        self.assertEqual((request.grace.seconds, request.reason), (90, "upgrade"))

    def test_drain_without_waiting(self):
        self.worker.stages = self.stages()
        self.assertEqual(self.good("worker", "drain", "--no-wait"),
                         "lame-duck: 3 running, 2 waiting are kept, at most 5s more\n")

    def test_drain_that_does_not_end(self):
        self.worker.stages = self.stages()[:2] + [(2, self.stages()[2][1])]
        self.bad(5, "not done in time; the worker goes on draining", "worker", "drain",
                 "--timeout", "500ms")
        process = self.process("worker", "drain")
        calls = len(self.worker.calls)
        self.until(lambda: len(self.worker.calls) > calls, "the call came")
        process.send_signal(signal.SIGINT)
        text = process.communicate(timeout=20)[1]
        self.assertEqual(process.returncode, 130)
        self.assertIn("interrupted; the worker goes on draining", text)
        self.worker.stages = self.stages()[:2]
        self.bad(1, "the worker stopped telling how far it is", "worker", "drain")

    def test_stats(self):
        self.worker.samples += [
            fake_worker.message("Sample", name="taskhost_runs_total", counter=1234,
                                labels={"plugin": "arith", "outcome": "ok"}),
            fake_worker.message("Sample", name="taskhost_memory_bytes", gauge=6 << 20),
            fake_worker.message("Sample", name="taskhost_run_seconds", distribution={
                "count": 10, "sum": 1, "p50": 0.012, "p90": 0.5, "p99": 2.25, "max": 61}),
            fake_worker.message("Sample", name="taskhost_idle_seconds", distribution={}),
            fake_worker.message("Sample", name="taskhost_load", gauge=0.75)]
        rows = [re.split(" {2,}", line) for line in self.good("worker", "stats").splitlines()]
        self.assertEqual({row[0]: row[-1] for row in rows}, {
            "taskhost_runs_total": "1234", "taskhost_memory_bytes": "6 MiB",
            "taskhost_run_seconds": "10 times, p50 12ms, p90 500ms, p99 2.25s, max 1m1s",
            "taskhost_idle_seconds": "0 times", "taskhost_load": "0.75"})
        self.assertIn("plugin=arith", rows[0][1])
        self.assertEqual(len(self.good("worker", "stats", "taskhost_run").splitlines()), 2)
        self.bad(3, "no number's name begins with 'x'", "worker", "stats", "x")
        out = json.loads(self.good("worker", "stats", "taskhost_runs", "-o", "json"))
        self.assertEqual(out["samples"], [{
            "name": "taskhost_runs_total", "labels": {"outcome": "ok", "plugin": "arith"},
            "counter": 1234, "help": ""}])


if __name__ == "__main__":
    tap.main()
