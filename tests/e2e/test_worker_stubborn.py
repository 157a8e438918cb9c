"""Plugins that do not end, end twice, end after they were cancelled, or leave threads and floods of
output behind."""

import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import grpc
import tap
import unruly
from unruly import MIB, PATIENCE, owned
from worker import phase


class Stopping(unruly.Case):
    def running(self, how, n=0, **more):
        meta = self.w.create_unruly(how, n, **more)
        r = unruly.settle(lambda: self.w.client.get(meta), lambda r: r.phase == phase("RUNNING"))
        self.assertEqual(r.phase, phase("RUNNING"), r)
        return meta

    def time_to_end(self, meta, seconds=30):
        begun = time.monotonic()
        r = self.w.client.wait(meta, seconds)
        return r, time.monotonic() - begun

    def cancel(self, how, n, least, most):
        meta = self.running(how, n, metadata=owned())
        with self.others():
            self.w.client.delete(meta)
            r, took = self.time_to_end(meta)
        self.expect(r, "ABORTED", "cancelled by Flyte")
        self.assertGreaterEqual(took, least)
        self.assertLess(took, most * PATIENCE)
        self.still_serves()
        self.back_to_normal()


class Endless(Stopping):
    # Asked to stop, SIGTERM a second later, SIGKILL 5 s after it was asked.
    ARGS = ("--slots", "8", "--cancel-grace", "1s")

    def test_hard_timeout_of_the_template(self):
        with self.others():
            begun = time.monotonic()
            r = self.w.client.wait(self.w.create_unruly("loop", metadata=owned(), most=1))
            took = time.monotonic() - begun
        self.expect(r, "FAILED", "TimedOut", "1 s")
        self.assertEqual(r.agent_error.code, "TimedOut")
        self.assertGreaterEqual(took, 1)
        self.assertLess(took, 6 * PATIENCE)
        self.still_serves()
        self.back_to_normal()

    def test_a_timeout_beyond_all_clocks_is_none(self):
        for most in (9000000000, 9223372036, 9300000000, 315576000000):
            with self.subTest(most):
                r = self.w.client.wait(self.w.create_unruly("sleep", 1, metadata=owned(), most=most))
                self.expect(r, "SUCCEEDED")
                t = unruly.request("sleep", 1, kind="unruly_sync", most=most).template
                r = self.w.client.sync("unruly_sync", {"do": "sleep", "n": 1}, task_template=t)
                self.expect(r, "SUCCEEDED")

    def test_cancel_of_a_loop(self):
        self.cancel("loop", 0, 0.9, 5)

    def test_cancel_of_one_that_ignores_everything(self):
        self.cancel("loop", 1, 4.9, 20)

    def test_cancel_of_a_sync_call(self):
        """The caller goes away: the run is stopped."""
        t = unruly.request("loop", 1, kind="unruly_sync").template
        with self.others():
            with self.assertRaises(grpc.RpcError) as caught:
                self.w.client.sync("unruly_sync", {"do": "loop", "n": 1}, task_template=t,
                                   timeout=1)
            self.assertEqual(caught.exception.code().name, "DEADLINE_EXCEEDED")
        self.back_to_normal()

    def test_more_loops_than_slots(self):
        """What waits has its turn once those in front are stopped."""
        loops = [self.w.create_unruly("loop", metadata=owned(), most=1) for _ in range(8)]
        last = self.w.client.create("echo", {"x": 1})
        for m in loops:
            self.expect(self.w.client.wait(m, 60), "FAILED", "TimedOut")
        self.expect(self.w.client.wait(last), "SUCCEEDED")
        self.back_to_normal()


class Neighbours(Stopping):
    """Asynchronous executions share a runner, which is killed for the one that does not stop."""
    ARGS = ("--slots", "8", "--cancel-grace", "1s")

    def state_of(self, meta):
        done = self.w.cli("task", "get", meta.split(b".")[1].decode(), "-o", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["execution"]

    def others_run_again(self, deaf, name, *words):
        self.expect(self.w.client.wait(deaf, 60), name, *words)
        for m in self.neighbours:
            r = unruly.settle(lambda m=m: self.state_of(m),
                              lambda x: (x["run"], x["state"]) == (2, "running"))
            self.assertEqual((r["run"], r["state"]), (2, "running"), r)
            self.assertEqual((r["failures"], r["losses"]), (0, 1), r)
        for m in self.neighbours:
            self.w.client.delete(m)
        for m in self.neighbours:
            self.expect(self.w.client.wait(m, 60), "ABORTED")
        self.back_to_normal()

    def begin(self):
        """One that Flyte owns and may not fail once, and one that was submitted directly."""
        self.neighbours = [self.running("never", kind="late", metadata=owned()),
                           self.running("never", kind="late")]

    def test_of_one_that_was_deleted(self):
        self.begin()
        deaf = self.running("never", kind="late", metadata=owned())
        self.w.client.delete(deaf)
        self.others_run_again(deaf, "ABORTED", "cancelled by Flyte")

    def test_of_one_that_had_no_time_left(self):
        self.begin()
        deaf = self.w.create_unruly("never", kind="late", metadata=owned(), most=1)
        self.others_run_again(deaf, "FAILED", "TimedOut")


class Listening(Stopping):
    """What listens ends by itself, long before it would be killed."""
    ARGS = ("--slots", "8", "--cancel-grace", "60s")

    def test_hard_timeout_of_one_that_listens(self):
        begun = time.monotonic()
        r = self.w.client.wait(self.w.create_unruly("gentle", metadata=owned(), most=1))
        self.expect(r, "FAILED", "TimedOut")
        self.assertLess(time.monotonic() - begun, 30)

    def test_cancel_of_one_that_listens(self):
        self.cancel("gentle", 0, 0, 30)


class Leftovers(unruly.Case):
    def test_threads_left_behind(self):
        with self.others():
            for _ in range(3):
                self.expect(self.w.client.wait(self.w.create_unruly("threads", 20)), "SUCCEEDED")
            self.still_serves()
        self.back_to_normal()

    def test_a_completion_nobody_may_make(self):
        with self.others():
            r = self.w.client.wait(self.w.create_unruly("complete", 3))
            self.expect(r, "SUCCEEDED")
        self.still_serves()
        self.back_to_normal()

    def late(self, how, n=0):
        return self.w.create_unruly(how, n, kind="late", metadata=owned())

    def test_double_completion(self):
        with self.others():
            beside = self.late("once", 500)
            for m in [self.late("twice", 5) for _ in range(50)]:
                self.expect(self.w.client.wait(m), "SUCCEEDED")
            self.expect(self.w.client.wait(beside), "SUCCEEDED")
        self.still_serves("late")
        self.back_to_normal()

    def test_completion_after_cancel(self):
        """What it says then changes nothing: it stays cancelled."""
        for how in ("after_cancel", "twice_after_cancel"):
            with self.subTest(how), self.others():
                beside = self.late("once", 700)
                metas = [self.late(how) for _ in range(20)]
                unruly.settle(lambda m=metas: self.w.client.get(m[-1]).phase,
                              lambda p: p == phase("RUNNING"))
                for m in metas:
                    self.w.client.delete(m)
                for m in metas:
                    self.expect(self.w.client.wait(m), "ABORTED")
                self.expect(self.w.client.wait(beside), "SUCCEEDED")
                for m in metas:
                    self.assertEqual(self.w.client.get(m).phase, phase("ABORTED"))
        self.still_serves("late")
        self.back_to_normal()


class Output(unruly.Case):
    def test_a_flood_of_output(self):
        n = 64 if unruly.SANITIZED else 1024  # MiB
        with self.others():
            meta = self.w.create_unruly("talk", n)
            r = self.w.client.wait(meta, 300)
        self.expect(r, "SUCCEEDED")
        lines = self.w.logs_of(meta)
        kept = sum(len(line) + 1 for line in lines)
        self.assertLessEqual(kept, 1.2 * MIB)
        self.assertGreater(kept, 0.4 * MIB)
        # The end is kept; what came faster than the disk took it is counted instead.
        self.assertRegex("\n".join(lines[-3:]), "the end|bytes were printed too fast to be kept")
        logs = os.path.join(self.w.state, "logs")
        disk = sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(logs) for f in fs)
        self.assertLess(disk, 6 * MIB)
        self.back_to_normal()

    def test_output_of_one_that_never_ends(self):
        """Logs are read while it runs, and no more is kept of it than of others."""
        meta = self.w.create_unruly("talk", 1 << 20, metadata=owned())
        with self.others():
            lines = unruly.settle(lambda: self.w.logs_of(meta, 3), lambda lines: len(lines) > 100)
            self.assertGreater(len(lines), 100)
            self.w.client.delete(meta)
            self.expect(self.w.client.wait(meta), "ABORTED")
        self.assertLess(sum(len(line) + 1 for line in self.w.logs_of(meta)), 1.2 * MIB)
        self.back_to_normal()

    def test_logs_are_of_one_execution(self):
        """Each has the lines of its own, and all of them, whichever runner it shared."""
        metas = []
        for n in range(10):
            metas.append(self.w.create_unruly("tag", n))
            self.w.client.wait(metas[-1])
        for n, m in enumerate(metas):
            lines = self.w.logs_of(m)
            expected = [f"{s} of {n}, line {i}" for i in range(20) for s in ("out", "err")]
            self.assertEqual(sorted(line for line in lines if " of " in line), sorted(expected))

    def test_logs_of_executions_at_the_same_time(self):
        metas = [self.w.create_unruly("tag", n) for n in range(40)]
        for m in metas:
            self.expect(self.w.client.wait(m), "SUCCEEDED")
        for n, m in enumerate(metas):
            lines = [line for line in self.w.logs_of(m) if " of " in line]
            self.assertEqual(len(lines), 40)
            self.assertTrue(all(f" of {n}, " in line for line in lines), lines)


if __name__ == "__main__":
    tap.main()
