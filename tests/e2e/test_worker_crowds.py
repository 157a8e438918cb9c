"""Very many executions at once, and clients that go away in the middle of a call."""

import os
import shutil
import sys
import threading
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import grpc
import tap
import taskhost
import unruly
import worker
from unruly import MIB
from worker import phase, values


class Queue(unruly.Case):
    ARGS = ("--slots", "2")

    def at_once(self, method, requests, window=200):
        """The answers; so many calls at a time."""
        answers = []
        call = getattr(self.w.client, method)
        for at in range(0, len(requests), window):
            calls = [call.future(r, timeout=60) for r in requests[at:at + window]]
            answers += [c.result() for c in calls]
        return answers

    def get_all(self, metas):
        requests = [worker.message("flyteidl.admin.GetTaskRequest", resource_meta=m) for m in metas]
        return [a.resource for a in self.at_once("GetTask", requests)]

    def test_ten_thousand_queued(self):
        """The slots are taken while they come; then all run, in order, each once."""
        blockers = [self.w.create_unruly("gentle") for _ in range(2)]
        for r in self.get_all(blockers):
            self.assertIn(r.phase, (phase("RUNNING"), phase("INITIALIZING"), phase("QUEUED")))
        metas = [a.resource_meta for a in self.at_once(
            "CreateTask", [worker.create_request("echo", {"x": i}) for i in range(10000)])]
        self.assertEqual(len(set(metas)), 10000)
        r = self.w.client.get(metas[-1])
        self.assertIn(r.phase, (phase("QUEUED"), phase("WAITING_FOR_RESOURCES")))
        self.assertRegex(r.message, r"position 10000 of 10000")
        if not unruly.SANITIZED:
            self.assertLess(self.w.rss() - self.memory, 64 * MIB)
        for m in blockers:
            self.w.client.delete(m)
        self.expect(self.w.client.wait(metas[-1], 120), "SUCCEEDED")
        for m in metas[-20:]:
            self.w.client.wait(m)
        for i, r in enumerate(self.get_all(metas)):
            self.expect(r, "SUCCEEDED")
            self.assertEqual(values(r.outputs), {"x": i})

    def test_two_thousand_pending_in_one_runner(self):
        metas = [a.resource_meta for a in self.at_once(
            "CreateTask", [unruly.request("once", 3600000, kind="late")] * 2000)]
        r = unruly.settle(lambda: self.w.client.get(metas[-1]),
                          lambda r: r.phase == phase("RUNNING"))
        self.assertEqual(r.phase, phase("RUNNING"), r)
        self.assertEqual({r.phase for r in self.get_all(metas)}, {phase("RUNNING")})
        self.assertLessEqual(len(self.w.processes()), 4)
        with self.others():  # what only waits takes no slot
            pass
        self.at_once("DeleteTask", [worker.message(
            "flyteidl.admin.DeleteTaskRequest", resource_meta=m) for m in metas])
        for m in metas:
            self.expect(self.w.client.wait(m, 60), "ABORTED")
        self.still_serves("late")
        self.back_to_normal()

    def test_endless_pending_runs_of_one_plugin_leave_others_some(self):
        place = taskhost.Place()
        self.addCleanup(shutil.rmtree, place.root, True)
        w, self.w = self.w, unruly.Worker(place)
        self.addCleanup(setattr, self, "w", w)
        self.addCleanup(self.w.kill)
        metas = [a.resource_meta for a in self.at_once(
            "CreateTask", [unruly.request("never", kind="late")] * 9001)]
        r = unruly.settle(lambda: self.w.client.get(metas[-1]), lambda r: "in use" in r.message, 60)
        self.assertRegex(r.message, "pending runs of plugin unruly_late: 9000 of 9000 in use")
        r = self.w.client.wait(self.w.client.create("echo_async", {"x": 7}), 60)
        self.expect(r, "SUCCEEDED")

    def test_two_thousand_pending_complete(self):
        metas = [a.resource_meta for a in self.at_once(
            "CreateTask", [unruly.request("once", i % 500, kind="late") for i in range(2000)])]
        for i, m in enumerate(metas):
            r = self.w.client.wait(m, 60)
            self.expect(r, "SUCCEEDED")
            self.assertEqual(values(r.outputs), {"n": i % 500})
        self.back_to_normal()


class Gone(unruly.Case):
    """A client that goes away while it is answered, or before it has said everything."""

    def leave(self, call):
        """Starts calls on channels of their own and closes those."""
        for i in range(30):
            c = worker.Client(self.w.address, **{"grpc.use_local_subchannel_pool": 1})
            call(c, i)
            time.sleep(0.001 * (i % 4))
            c.close()

    def check(self, call):
        before = self.w.descriptors()
        with self.others():
            self.leave(call)
        n = unruly.settle(self.w.descriptors, lambda n: n <= before + 4)
        self.assertLessEqual(n, before + 4)

    def test_gone_in_create(self):
        """What was accepted runs, once for each key, whether the client heard of it or not."""
        def create(c, i):
            metadata = worker.node_execution(f"gone{i}")
            c.CreateTask.future(unruly.request("sleep", 1, metadata=metadata))
        self.check(create)
        for i in range(30):
            m = self.w.create_unruly("sleep", 1, metadata=worker.node_execution(f"gone{i}"))
            self.expect(self.w.client.wait(m), "SUCCEEDED")
        self.back_to_normal()

    def test_gone_in_get(self):
        meta = self.w.client.create("echo", {"s": "x" * 60000})
        self.w.client.wait(meta)
        ask = worker.message("flyteidl.admin.GetTaskRequest", resource_meta=meta)
        self.check(lambda c, i: [c.GetTask.future(ask) for _ in range(20)])
        self.back_to_normal()

    def test_gone_in_delete(self):
        metas = [self.w.create_unruly("once", 3600000, kind="late") for _ in range(30)]

        def delete(c, i):
            c.DeleteTask.future(worker.message("flyteidl.admin.DeleteTaskRequest",
                                               resource_meta=metas[i]))
        self.check(delete)
        for m in metas:  # heard or not, asking again is fine
            self.w.client.delete(m)
            self.expect(self.w.client.wait(m), "ABORTED")
        self.back_to_normal()

    def test_gone_in_logs(self):
        meta = self.w.create_unruly("talk", 8)
        self.w.client.wait(meta)
        ask = worker.message("flyteidl.admin.GetTaskLogsRequest", resource_meta=meta)

        def read(c, i):
            stream = c.GetTaskLogs(ask)
            if i % 2:
                next(iter(stream))
        self.check(read)
        self.back_to_normal()

    def test_gone_in_sync(self):
        """Nobody waits for the result any more: the run is stopped."""
        header = worker.message("flyteidl.admin.ExecuteTaskSyncRequest")
        body = worker.message("flyteidl.admin.ExecuteTaskSyncRequest")
        r = unruly.request("gentle", kind="unruly_sync")
        header.header.template.CopyFrom(r.template)
        body.inputs.CopyFrom(r.inputs)
        client = worker.Client(self.w.address, **{"grpc.use_local_subchannel_pool": 1})
        calls = [client.ExecuteTaskSync(iter([header, body])) for _ in range(6)]
        threads = [threading.Thread(target=self.listen, args=(c,)) for c in calls]
        for t in threads:
            t.start()
        busy = unruly.settle(self.busy, lambda n: n >= 6)
        self.assertEqual(busy, 6)
        client.close()
        for t in threads:
            t.join()
        self.assertEqual(unruly.settle(self.busy, lambda n: n == 0), 0)
        self.back_to_normal()

    @staticmethod
    def listen(call):
        try:
            list(call)
        except grpc.RpcError:
            pass

    def busy(self):
        """Slots in use, as the metrics say."""
        with urllib.request.urlopen(f"http://{self.w.admin}/metrics", timeout=20) as f:
            text = f.read().decode()
        for line in text.splitlines():
            if line.startswith("taskhost_slots_used"):
                return int(float(line.split()[-1]))
        raise AssertionError(text)

    def test_half_a_sync_call(self):
        """The header came, the inputs never did."""
        header = worker.message("flyteidl.admin.ExecuteTaskSyncRequest")
        header.header.template.CopyFrom(unruly.request("sleep", kind="unruly_sync").template)

        def half(c, i):
            def requests():
                yield header
                time.sleep(0.2)
            c.ExecuteTaskSync(requests())
        self.check(half)
        self.back_to_normal()


if __name__ == "__main__":
    tap.main()
