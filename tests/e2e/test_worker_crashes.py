"""Plugins that crash, leave, fork, or eat memory: only the execution that did it ends with it."""

import datetime
import json
import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
import unruly
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


class Memory(unruly.Case):
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
