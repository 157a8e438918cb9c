"""Plugins that crash, leave, fork, or eat memory: only the execution that did it ends with it."""

import datetime
import json
import os
import re
import shutil
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
import taskhost
import unruly
import worker
from unruly import owned
from worker import phase


class Crashes(unruly.Case):
    def crash(self, how, *words, n=0):
        """A crash of an execution that Flyte owns, beside others of the same and another plugin."""
        with self.others():
            meta = self.w.create_unruly(how, n, metadata=owned())
            waiting = [self.w.create_unruly("sleep", 1) for _ in range(5)]
            r = self.w.client.wait(meta)
            self.expect(r, "RETRYABLE_FAILED", "PluginCrashed", r"in execute unruly\.Unruly",
                        *words)
            self.assertEqual((r.agent_error.code, r.agent_error.kind, r.agent_error.origin),
                             ("PluginCrashed", 1, 2))  # recoverable; of the system
            for m in waiting:
                self.expect(self.w.client.wait(m), "SUCCEEDED")
        self.back_to_normal()
        return r

    def test_segmentation_fault(self):
        r = self.crash("segv", "SIGSEGV", "at address 0x0", "write_to_null", r"unruly\.so|unruly")
        self.assertNotRegex(r.message, r"[0-9a-f]{64}")  # the plugin's name, not its private copy's

    def test_abort(self):
        self.crash("abort", "SIGABRT", "do_abort")

    def test_exit_0(self):
        self.crash("exit", r"exit\(0\)")

    def test_exit_with_a_code(self):
        self.crash("exit", r"exit\(7\)", n=7)

    def test_crash_of_a_sync_call(self):
        with self.others():
            t = unruly.request("abort", kind="unruly_sync").template
            r = self.w.client.sync("unruly_sync", {"do": "abort", "n": 0}, task_template=t)
            self.assertIn(r.phase, (phase("FAILED"), phase("RETRYABLE_FAILED")))
            self.assertEqual(r.agent_error.code, "PluginCrashed")
            self.assertIn("SIGABRT", r.message)
        self.back_to_normal()

    def test_a_direct_submission_is_tried_again_and_then_dead(self):
        """Nobody else tries it again: the worker does, and after three crashes it is poison."""
        path = self.place.write("crash.pb", unruly.request("abort").template.SerializeToString())
        with self.others():
            done = self.w.cli("task", "submit", "--template", path, "--retries", "10", "-i",
                              "do=abort", "-i", "n=0", "--wait")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("PluginCrashed", done.stderr + done.stdout)
        dead = json.loads(self.w.cli("task", "ls", "--state", "dead", "-o", "json").stdout)
        [one] = dead["executions"]
        self.assertEqual((one["run"], one["failure"]["code"]), (3, "PluginCrashed"))
        self.assertIn("SIGABRT", one["failure"]["message"])
        self.back_to_normal()

    def test_one_crash_ends_all_that_had_begun_in_the_runner(self):
        """Asynchronous executions share a runner; those that come later do not mind."""
        begun = [self.w.create_unruly("never", kind="late", metadata=owned()) for _ in range(3)]
        for m in begun:
            unruly.settle(lambda m=m: self.w.client.get(m).phase,
                          lambda p: p == phase("RUNNING"))
        with self.others():
            bad = self.w.create_unruly("crash", kind="late", metadata=owned())
            for m in [bad, *begun]:
                self.expect(self.w.client.wait(m), "RETRYABLE_FAILED", "PluginCrashed", "SIGSEGV")
        self.still_serves("late")
        self.back_to_normal()


class Forks(unruly.Case):
    def test_children_that_outlive_their_execution(self):
        with self.others():
            self.expect(self.w.client.wait(self.w.create_unruly("fork", 50)), "SUCCEEDED")
        self.back_to_normal()
        self.still_serves()

    def test_children_that_leave_the_process_group(self):
        if "runners get no control groups" in self.w.log():
            self.skipTest("there are no control groups here, and nothing else holds them together")
        with self.others():
            self.expect(self.w.client.wait(self.w.create_unruly("fork_flee", 20)), "SUCCEEDED")
        self.back_to_normal()

    def test_children_of_one_that_crashed(self):
        with self.others():
            r = self.w.client.wait(self.w.create_unruly("fork_abort", 50, metadata=owned()))
            self.expect(r, "RETRYABLE_FAILED", "PluginCrashed", "SIGABRT")
        self.back_to_normal()

    def test_children_of_one_that_was_cancelled(self):
        meta = self.w.create_unruly("fork_loop", 50)
        unruly.settle(self.w.processes, lambda p: len(p) > 50)
        with self.others():
            self.w.client.delete(meta)
            self.expect(self.w.client.wait(meta), "ABORTED")
        self.back_to_normal()


NEST = """
#include <taskhost/author.h>
#include <stdlib.h>
#include <unistd.h>

TH_PLUGIN("nest", "1.0.0", "Makes its working directory and never ends well");

TH_EXECUTOR(Nest, "Crashes, or hears nothing", TH_TASK_TYPE("nest"))
{
	th_str how, path;
	th_status st = TH_LIT->as_str(TH_LIT->input(run->exec, th_s("do")), &how);

	if (st == TH_OK)
		st = TH_CONTEXT->get(run->exec, TH_CTX_WORKING_DIRECTORY, &path);
	if (st == TH_OK && th_str_eq(how, th_s("crash")))
		abort();
	while (st == TH_OK)
		pause();
	return st;
}
"""


class Directories(unittest.TestCase):
    """Working directories of runs whose runner could not remove them."""

    @classmethod
    def setUpClass(cls):
        cls.place = taskhost.Place()
        cls.addClassCleanup(shutil.rmtree, cls.place.root, True)
        os.mkdir(cls.place.path("plugins"))
        done = taskhost.compile_plugin(cls.place.path("plugins", "nest.so"),
                                       cls.place.write("nest.c", NEST))
        assert done.returncode == 0, done.stderr
        cls.w = worker.Worker(cls.place, "--cancel-grace", "200ms",
                              plugins=[cls.place.path("plugins")])

    @classmethod
    def tearDownClass(cls):
        code = cls.w.stop()
        assert code == 0, cls.w.log()

    def left(self):
        return os.listdir(os.path.join(self.w.state, "work"))

    def begin(self, how, **more):
        t = worker.template("nest", {"do": "STRING"}, **more)
        return self.w.client.create("nest", {"do": how}, metadata=owned(), task_template=t)

    def stands(self):
        self.assertEqual(len(unruly.settle(self.left, lambda found: found)), 1)

    def ends(self, meta, name):
        r = self.w.client.wait(meta)
        self.assertEqual(r.phase, phase(name), r)
        self.assertEqual(unruly.settle(self.left, lambda found: not found, 5), [])

    def test_of_a_run_that_crashed(self):
        self.ends(self.begin("crash"), "RETRYABLE_FAILED")

    def test_the_next_run_gets_one_of_its_own(self):
        t = worker.template("nest", {"do": "STRING"})
        path = self.place.write("nest.pb", t.SerializeToString())
        self.w.cli("task", "submit", "--template", path, "--retries", "1", "-i", "do=crash",
                   "--wait")
        dead = json.loads(self.w.cli("task", "ls", "--state", "dead", "-o", "json").stdout)
        [one] = dead["executions"]
        self.assertEqual((one["run"], one["failure"]["code"]), (2, "PluginCrashed"))
        self.assertEqual(unruly.settle(self.left, lambda found: not found, 5), [])

    def test_of_a_run_that_was_cancelled(self):
        meta = self.begin("stay")
        self.stands()
        self.w.client.delete(meta)
        self.ends(meta, "ABORTED")

    def test_of_a_run_that_had_no_time_left(self):
        meta = self.begin("stay", metadata={"timeout": "1s"})
        self.stands()
        self.ends(meta, "FAILED")


class Limits(unittest.TestCase):
    @unittest.skipIf(unruly.SANITIZED, "a sanitized runner does not start with a memory limit")
    def test_many_different_limits_leave_few_processes(self):
        """Each set of limits has a runner of its own; those that are idle make place."""
        place = taskhost.Place()
        self.addCleanup(shutil.rmtree, place.root, True)
        with unruly.Worker(place, "--slots", "1", idle="60s") as w:
            metas = [w.create_unruly("sleep", 1, limits={"MEMORY": f"{200 + n}Mi"})
                     for n in range(90)]
            for m in metas:
                r = w.client.wait(m, 60)
                self.assertEqual(r.phase, phase("SUCCEEDED"), r)
            # Twice the slots and 64; the worker, its guard and its spare.
            self.assertLessEqual(len(w.processes()), 2 + 64 + 3)
            self.assertGreater(len(w.processes()), 40)


class Quantities(unruly.Case):
    def test_those_that_can_never_be_kept_fail_at_once(self):
        for name, text, what in (("CPU", "abc", "CPU"), ("CPU", "-1", "CPU"), ("MEMORY", "9e18", "memory"),
                                 ("MEMORY", "-1Gi", "memory")):
            for metadata in (owned(), None):
                m = self.w.create_unruly("sleep", limits={name: text}, metadata=metadata)
                r = self.w.client.wait(m)
                self.expect(r, "FAILED", f'a resource limit of the task\'s template: "{text}" is no amount of {what}')
                self.assertEqual((r.agent_error.code, r.agent_error.kind, r.agent_error.origin),
                                 ("InvalidRequest", 0, 1))  # not recoverable; of the user

    def test_nought_is_no_limit(self):
        for limits in ({"CPU": "0"}, {"MEMORY": "0"}, {"CPU": "0m", "MEMORY": "0Gi"}):
            m = self.w.create_unruly("sleep", limits=limits)
            self.expect(self.w.client.wait(m), "SUCCEEDED")


class Memory(unruly.Case):
    @unittest.skipIf(unruly.SANITIZED, "a sanitized runner has no memory limit")
    def test_crashes_with_the_memory_of_one_task_are_no_quarantine_for_others(self):
        """A plugin may take the lack of memory in any way."""
        for how, word in (("exit", r"exit\(1\)"), ("segv", "SIGSEGV")):
            for _ in range(5):
                meta = self.w.create_unruly(how, 1, limits={"MEMORY": "256Mi"}, metadata=owned())
                self.expect(self.w.client.wait(meta), "RETRYABLE_FAILED", word)
        self.still_serves()
        self.assertNotIn("quarantined", self.w.log())

    @unittest.skipIf(unruly.SANITIZED, "a sanitized runner has no memory limit")
    def test_limits_of_one_task_are_no_quarantine_for_others(self):
        """Too little to load the plugin, and, many times, too little to run it."""
        with self.others():
            for limit in ("1", "1Ki", "64Ki", "256Ki", "512Ki"):
                meta = self.w.create_unruly("sleep", 1, limits={"MEMORY": limit}, metadata=owned())
                self.expect(self.w.client.wait(meta), "FAILED", "OutOfMemory", "the limit is")
            for _ in range(6):
                meta = self.w.create_unruly("hoard", limits={"MEMORY": "64Mi"}, metadata=owned())
                self.expect(self.w.client.wait(meta), "FAILED", "OutOfMemory", r"64(\.0)? ?Mi")
            self.still_serves()
        self.assertNotIn("quarantined", self.w.log())
        self.back_to_normal()

    @unittest.skipIf(unruly.SANITIZED, "a sanitized runner has no memory limit")
    def test_allocation_without_end(self):
        limits = {"MEMORY": "128Mi"}
        with self.others():
            meta = self.w.create_unruly("hoard", limits=limits, metadata=owned())
            same = [self.w.create_unruly("sleep", 1) for _ in range(5)]
            self.expect(self.w.client.wait(meta), "FAILED", "OutOfMemory", r"128(\.0)? ?Mi")
            for m in same:
                self.expect(self.w.client.wait(m), "SUCCEEDED")
        self.expect(self.w.client.wait(self.w.create_unruly("sleep", 1, limits=limits)),
                    "SUCCEEDED")
        self.back_to_normal()


class Greedy(unruly.Case):
    """The operator's own limits: inputs that come to them are no fault of the plugin's."""
    ENV = {"TASKHOST_LIMITS_CPU_TIME": "1s"} if unruly.SANITIZED else {
        "TASKHOST_LIMITS_CPU_TIME": "1s", "TASKHOST_LIMITS_MEMORY": "256Mi"}

    def greedy(self, how, code, *words):
        with self.others():
            metas = [self.w.create_unruly(how, metadata=owned()) for _ in range(5)]
            for m in metas:
                r = self.w.client.wait(m, 60)
                self.expect(r, "FAILED", code, *words)
                self.assertEqual((r.agent_error.code, r.agent_error.kind, r.agent_error.origin),
                                 (code, 0, 1))  # not recoverable; of the user
            self.still_serves()
        self.assertNotIn("quarantined", self.w.log())
        self.back_to_normal()

    def test_cpu_time(self):
        self.greedy("loop", "CpuTimeExceeded", "used up its CPU time of 1 s")

    @unittest.skipIf(unruly.SANITIZED, "a sanitized runner has no memory limit")
    def test_memory(self):
        self.greedy("hoard", "OutOfMemory", r"256(\.0)? ?Mi")


class Poison(unruly.Case):
    def poison(self):
        metas = [self.w.create_unruly("abort", metadata=owned()) for _ in range(5)]
        for m in metas:
            self.expect(self.w.client.wait(m), "RETRYABLE_FAILED", "SIGABRT")

    def listed(self):
        done = self.w.cli("plugin", "ls", "--worker")
        return next(line for line in done.stdout.splitlines() if line.startswith("unruly "))

    def test_five_crashes_quarantine_the_plugin(self):
        self.poison()
        meta = self.w.create_unruly("sleep", 1)
        r = unruly.settle(lambda: self.w.client.get(meta), lambda r: "quarantined" in r.message)
        self.assertIn(r.phase, (phase("QUEUED"), phase("WAITING_FOR_RESOURCES")))
        until = re.search(r"plugin 'unruly' is quarantined until (\d{4}-\S+Z): .*SIGABRT", r.message)
        self.assertIsNotNone(until, r.message)
        left = datetime.datetime.fromisoformat(until[1].replace("Z", "+00:00")).timestamp()
        self.assertTrue(20 < left - time.time() <= 31, r.message)
        self.assertIn("quarantined", self.listed())
        self.assertRegex(self.w.log(), "unruly.* is quarantined for")
        with self.others():
            time.sleep(0.5)
            self.assertNotIn(self.w.client.get(meta).phase, (phase("RUNNING"), phase("SUCCEEDED")))
            done = self.w.cli("plugin", "unquarantine", "unruly")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.expect(self.w.client.wait(meta), "SUCCEEDED")
        self.assertNotIn("quarantined", self.listed())
        self.back_to_normal()

    @unittest.skipUnless(unruly.LONG, "waits for the quarantine's 30 s; TASKHOST_TEST_LONG is not set")
    def test_the_quarantine_ends_by_itself(self):
        self.poison()
        begun = time.monotonic()
        meta = self.w.create_unruly("sleep", 1)
        self.expect(self.w.client.wait(meta, 60), "SUCCEEDED")
        self.assertGreater(time.monotonic() - begun, 25)
        self.back_to_normal()


if __name__ == "__main__":
    tap.main()
