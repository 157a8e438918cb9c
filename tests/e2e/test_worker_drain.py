"""Stopping politely: SIGTERM under load and in every stage."""

import contextlib
import json
import os
import signal
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import draining
import grpc
import processes
import tap
import worker
from worker import phase

# What propeller's defaultServiceConfig should be.
SERVICE_CONFIG = json.dumps({
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [{
        "name": [{"service": "flyteidl.service.AsyncAgentService"},
                 {"service": "flyteidl.service.AgentMetadataService"}],
        "waitForReady": True,
        "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.2s", "maxBackoff": "2s",
                        "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]})

# ---- clients see nothing -------------------------------------------------------------------------

class Load:
    """Calls through one channel that knows all workers, until it is told to end."""

    def __init__(self, workers):
        self.client = worker.Client(
            "ipv4:" + ",".join(w.address for w in workers),
            **{"grpc.service_config": SERVICE_CONFIG, "grpc.enable_retries": 1,
               "grpc.initial_reconnect_backoff_ms": 100, "grpc.min_reconnect_backoff_ms": 100,
               "grpc.max_reconnect_backoff_ms": 500})
        self.failed, self.metas = [], []
        self.count = 0
        self.over = False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(6)]
        for t in self.threads:
            t.start()

    def call(self, what):
        try:
            self.count += 1
            return what()
        except grpc.RpcError as e:
            self.failed.append((e.code().name, e.details()))
            return None

    def run(self, thread):
        number = 0
        while not self.over:
            number += 1
            key = worker.node_execution(f"load{thread}n{number}")
            x = thread * 1000000 + number
            meta = self.call(lambda: self.client.create("echo", {"x": x}, metadata=key,
                                                        prefix=f"s3://load/{x}"))
            if meta:
                self.call(lambda: self.client.get(meta))
                with self.lock:
                    self.metas.append((meta, x))
            self.call(lambda: self.client.ListAgents(
                worker.message("flyteidl.admin.ListAgentsRequest"), timeout=20))
            time.sleep(0.002)

    def end(self):
        self.over = True
        for t in self.threads:
            t.join()
        self.client.close()

class UnderLoad(draining.Case):
    def test_rolling_restart_under_load_fails_no_call(self):
        key = self.build.write("meta.key", os.urandom(32))
        os.chmod(key, 0o600)
        workers = [self.start("--meta-key-file", key, port=worker.free_port(), lameduck="700ms")
                   for _ in range(2)]
        load = Load(workers)
        self.addCleanup(load.end)
        for w in workers:
            time.sleep(0.7)
            before = load.count
            w.term()
            self.assertEqual(w.ended(), 0, w.log())
            self.assertGreater(load.count, before)
            w.start()
        time.sleep(0.7)
        load.end()
        self.assertEqual(load.failed, [])
        self.assertGreater(load.count, 300)
        self.check_all(load, workers)
        for w in workers:
            w.term()
            self.assertEqual(w.ended(), 0, w.log())

    def check_all(self, load, workers):
        """Each was accepted by one of them, which has done it."""
        unknown = []
        for meta, x in load.metas:
            for w in workers:
                r = w.client.get(meta)
                if r.phase in (phase("QUEUED"), phase("INITIALIZING")):
                    r = w.client.wait(meta)
                if r.phase == phase("SUCCEEDED"):
                    self.assertEqual(worker.values(r.outputs), {"x": x})
                    break
            else:
                unknown.append((x, r.phase, r.message))
        self.assertEqual(unknown, [])

    def test_sync_calls_in_flight_finish(self):
        w = self.start("--slots", "4", grace="30s")
        got = []

        def call(i):
            t = worker.template("ledger_sync", draining.TYPES, {"o0": "INTEGER"})
            got.append(w.client.sync("ledger_sync", w.inputs(f"sync{i}", 1200), task_template=t,
                                     timeout=60).phase)
        w.client.sync("echo_sync", {"x": 1})
        threads = [threading.Thread(target=call, args=(i,)) for i in range(3)]
        for t in threads:
            t.start()
        for i in range(3):
            w.wait_started(f"sync{i}")
        w.term()
        for t in threads:
            t.join(60)
        self.assertEqual(got, [phase("SUCCEEDED")] * 3)
        self.assertEqual(w.ended(), 0, w.log())

# ---- stage by stage ------------------------------------------------------------------------------

class Frames(threading.Thread):
    """A client that only listens: when which HTTP/2 frame came on an idle connection."""

    def __init__(self, address):
        super().__init__(daemon=True)
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
        self.goaways = []  # (when, last stream, error)
        self.closed = None
        self.start()

    def run(self):
        f = self.socket.makefile("rb")
        while len(head := f.read(9)) == 9:
            kind, flags = head[3], head[4]
            body = f.read(int.from_bytes(head[:3], "big"))
            if kind == 7:
                self.goaways.append((time.monotonic(), *struct.unpack(">II", body[:8])))
            elif kind == 4 and not flags & 1:
                self.socket.sendall(b"\0\0\0\4\1\0\0\0\0")
            elif kind == 6 and not flags & 1:
                self.socket.sendall(b"\0\0\x08\6\1\0\0\0\0" + body)
        self.closed = time.monotonic()

class Stages(draining.Case):
    def watch(self, w, service):
        """[(when, status)], filled by a thread."""
        told = []
        calls = w.client.Watch(worker.message("grpc.health.v1.HealthCheckRequest", service=service))

        def run():
            with contextlib.suppress(grpc.RpcError):
                for r in calls:
                    told.append((time.monotonic(), r.status))
        threading.Thread(target=run, daemon=True).start()
        self.assertTrue(draining.until(lambda: told and told[-1][1] == 1), told)
        return told

    def test_not_serving_then_lame_duck_then_goaway(self):
        w = self.start(lameduck="3s")
        told = [self.watch(w, s) for s in ("", "flyteidl.service.AsyncAgentService")]
        frames = Frames(w.address)
        at = w.term()
        for t in told:
            self.assertTrue(draining.until(lambda t=t: t[-1][1] == 2), t)
            self.assertLess(t[-1][0], at + 2.5)
        # A lame duck still takes and does everything, from new connections, too.
        other = worker.Client(w.address)
        meta = other.create("echo", {"x": 5})
        self.assertEqual(other.wait(meta).phase, phase("SUCCEEDED"))
        other.close()
        self.assertEqual(frames.goaways, [])
        self.assertEqual(w.ended(), 0, w.log())
        self.assertTrue(draining.until(lambda: frames.closed), frames.goaways)
        self.assertGreaterEqual(len(frames.goaways), 2, frames.goaways)
        first, last = frames.goaways[0], frames.goaways[-1]
        self.assertGreaterEqual(first[0], at + 2.9)
        self.assertEqual(first[1:], (0x7fffffff, 0))
        self.assertEqual(last[1:], (0, 0))

    def test_what_runs_finishes_and_what_waits_is_kept(self):
        w = self.start("--slots", "1", grace="30s")
        running = w.create_run("running", 1500)
        waiting = w.create_run("waiting", 0)
        w.wait_started("running")
        at = w.term()
        w.wait_log("no new runs")
        self.assertEqual(w.ended(), 0, w.log())
        self.assertLess(time.monotonic() - at, 20)
        self.assertEqual(w.runs("end"), ["running"])
        self.assertEqual(w.runs("start"), ["running"])
        w.start()
        self.assertEqual(w.client.get(running).phase, phase("SUCCEEDED"))
        self.assertEqual(w.client.wait(waiting).phase, phase("SUCCEEDED"))
        self.assertEqual(w.runs("start"), ["running", "waiting"])
        w.term()
        self.assertEqual(w.ended(), 0)

    def test_old_connections_end_well_and_new_ones_are_refused(self):
        w = self.start(grace="30s")
        meta = w.create_run("slow", 1500)
        w.wait_started("slow")
        # A stream keeps the connection open; a new one would be refused.
        told = self.watch(w, "")
        w.term()
        w.wait_log("no new runs")
        with self.assertRaises(grpc.RpcError) as caught:
            fresh = worker.Client(w.address)
            try:
                fresh.create("echo", {"x": 1}, timeout=5)
            finally:
                fresh.close()
        self.assertEqual(caught.exception.code().name, "UNAVAILABLE")
        self.assertEqual(told[-1][1], 2)
        self.assertEqual(w.ended(), 0, w.log())
        w.start()
        self.assertEqual(w.client.get(meta).phase, phase("SUCCEEDED"))
        w.term()
        self.assertEqual(w.ended(), 0)

    def stop_in_the_middle(self, kind):
        """A run longer than the grace; how long the worker took, and the worker started again."""
        w = self.start(grace="500ms", cancel="1s")
        meta = w.create_run("long", 2500, kind)
        w.wait_started("long")
        at = w.term()
        self.assertEqual(w.ended(), 0, w.log())
        took = time.monotonic() - at
        self.assertEqual(w.runs("end"), [])
        w.start()
        self.assertIn(w.client.get(meta).phase,
                      (phase("RUNNING"), phase("QUEUED"), phase("INITIALIZING")))
        self.assertEqual(w.client.wait(meta, 60).phase, phase("SUCCEEDED"))
        self.assertEqual((w.runs("start"), w.runs("end")), (["long"] * 2, ["long"]))
        w.term()
        self.assertEqual(w.ended(), 0)
        return w, took

    def test_longer_run_is_asked_and_runs_again(self):
        w, took = self.stop_in_the_middle("ledger")
        self.assertEqual(w.runs("cancelled"), ["long"])
        self.assertGreaterEqual(took, 0.5)
        self.assertLess(took, 15)

    def test_longer_pending_run_is_asked_and_runs_again(self):
        _, took = self.stop_in_the_middle("ledger_later")
        self.assertLess(took, 15)

    def test_run_that_hears_nothing_is_killed_and_runs_again(self):
        w, took = self.stop_in_the_middle("ledger_deaf")
        self.assertEqual(w.runs("cancelled"), [])
        self.assertGreaterEqual(took, 1.5)
        self.assertLess(took, 15)

    def test_drained_many_times_is_no_loss(self):
        w = self.start(grace="0s", cancel="200ms")
        meta = w.create_run("again", 800, "ledger_deaf")
        for n in range(5):
            w.wait_started("again", n + 1)
            w.term()
            self.assertEqual(w.ended(), 0, w.log())
            w.start()
        self.assertEqual(w.client.wait(meta).phase, phase("SUCCEEDED"))
        w.term()
        self.assertEqual(w.ended(), 0)

    def test_interrupt_hurries_from_stage_to_stage(self):
        w = self.start(lameduck="60s", grace="60s", cancel="60s")
        w.create_run("deaf", 60000, "ledger_deaf")
        w.wait_started("deaf")
        w.term()
        w.wait_log("still serving")
        w.term()  # a second TERM changes nothing
        time.sleep(0.3)
        self.assertNotIn("no new runs", w.log())
        for then in ("no new runs", "is asked to stop", "is killed"):
            w.process.send_signal(signal.SIGINT)
            at = time.monotonic()
            w.wait_log(then)
            self.assertLess(time.monotonic() - at, 20)
        self.assertEqual(w.ended(), 0, w.log())
        self.assertLess(time.monotonic() - at, 30)

    def test_interrupt_stops_too(self):
        w = self.start()
        w.process.send_signal(signal.SIGINT)
        self.assertEqual(w.ended(10), 0, w.log())

    def test_term_while_it_starts(self):
        for n in range(6):
            w = self.start(lameduck="100ms")
            w.kill()
            os.unlink(w.socket)
            w.start(wait=False)
            if n > 0:
                self.assertTrue(draining.until(lambda w=w: os.path.exists(w.socket)))
                time.sleep(n * 0.01)
            w.term()
            # Before there is a handler, the signal ends it as it ends every process.
            self.assertIn(w.process.wait(timeout=30), (0,) if n else (0, -signal.SIGTERM))
            self.assertEqual(processes.wait_none(w.mark), {})

    def test_systemd_is_asked_for_the_grace_that_was_promised(self):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(s.close)
        path = self.build.path("notify")
        s.bind(path)
        s.settimeout(20)
        w = self.start(lameduck="300ms", grace="1s", cancel="1s", NOTIFY_SOCKET=path)
        w.create_run("long", 3000)
        w.wait_started("long")
        drain = threading.Thread(target=w.cli, args=("worker", "drain", "--grace", "10m"))
        drain.start()
        asked = []
        while len(asked) < 2:
            for line in s.recv(4096).decode().split("\n"):
                if line.startswith("EXTEND_TIMEOUT_USEC="):
                    asked.append(int(line.partition("=")[2]) / 1e6)
        # When it begins, and again when the runs are given their time.
        self.assertGreater(min(asked), 600, asked)
        self.assertLess(max(asked), 640, asked)
        self.assertEqual(w.ended(), 0, w.log())
        drain.join(30)
        self.assertEqual(w.runs("end"), ["long"])

    def test_stop_after(self):
        at = time.monotonic()
        w = self.start("--stop-after", "1s")
        self.assertIsNone(w.process.poll())
        self.assertEqual(w.ended(20), 0, w.log())
        self.assertGreaterEqual(time.monotonic() - at, 1)

if __name__ == "__main__":
    tap.main()
