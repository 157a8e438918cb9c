"""What those who look after a worker want: systemd, and containers whose first process it is."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import draining
import grpc
import processes
import tap
import taskhost
import worker
from worker import phase

# ---- systemd -------------------------------------------------------------------------------------

class Systemd(draining.Case):
    """What it says to NOTIFY_SOCKET."""

    def listen(self):
        place = taskhost.Place()
        self.addCleanup(shutil.rmtree, place.root, True)
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(s.close)
        s.bind(place.path("notify"))
        said = []

        def run():
            with contextlib.suppress(OSError):
                while True:
                    text = s.recv(4096).decode()
                    said.append((time.monotonic(), text.split("\n")))
        threading.Thread(target=run, daemon=True).start()
        return place.path("notify"), said

    def when(self, said, line, after=0.0):
        found = draining.until(lambda: [at for at, lines in said if line in lines and at > after])
        self.assertTrue(found, f"{line}: {said}")
        return found[0]

    def test_ready_watchdog_and_stopping_are_told(self):
        path, said = self.listen()
        w = self.start(lameduck="300ms", NOTIFY_SOCKET=path, WATCHDOG_USEC="1200000")
        ready = self.when(said, "READY=1")
        time.sleep(2.8)
        beats = [at for at, lines in said if "WATCHDOG=1" in lines]
        self.assertGreaterEqual(len(beats), 4, said)
        self.assertLess(max(b - a for a, b in zip([ready] + beats, beats)), 1.2, said)
        at = w.term()
        stopping = self.when(said, "STOPPING=1")
        self.assertGreater(stopping, at - 0.01)
        self.assertTrue([t for t, lines in said if t >= stopping and
                         any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in lines)], said)
        self.assertTrue([lines for _, lines in said if lines[0].startswith("STATUS=stopping")])
        self.assertEqual(w.ended(), 0, w.log())

    def test_no_child_speaks_to_systemd(self):
        path, said = self.listen()
        w = self.start(NOTIFY_SOCKET=path, WATCHDOG_USEC="400000")
        out = self.build.path("env")
        w.client.wait(w.client.create("shell", task_template=worker.template(
            "shell", custom={"script": f"env > {out}"})))
        with open(out, encoding="utf-8") as f:
            env = f.read()
        self.assertIn(processes.MARK, env)
        self.assertNotIn("NOTIFY_SOCKET", env)
        self.assertNotIn("WATCHDOG_USEC", env)
        w.term()
        self.assertEqual(w.ended(), 0, w.log())

    def test_hangup_looks_at_the_plugins(self):
        path, said = self.listen()
        plugins = worker.copy_plugins(self.build.path("hup"), "shell")
        w = self.start(plugins=plugins, NOTIFY_SOCKET=path)
        ready = self.when(said, "READY=1")
        with self.assertRaises(grpc.RpcError):
            w.client.create("echo", {"x": 1})
        worker.copy_plugins(plugins, "echo")
        w.process.send_signal(signal.SIGHUP)
        again = self.when(said, "READY=1", after=ready)
        reloading = [lines for at, lines in said if ready < at < again and "RELOADING=1" in lines]
        self.assertTrue(reloading and reloading[0][1].startswith("MONOTONIC_USEC="), said)
        self.assertEqual(w.client.wait(w.client.create("echo", {"x": 1})).phase, phase("SUCCEEDED"))
        w.process.send_signal(signal.SIGHUP)
        self.when(said, "READY=1", after=again)
        w.wait_log("looked at the plugins: 0 changed, 2 as before")
        w.term()
        self.assertEqual(w.ended(), 0, w.log())

# ---- the first process of a container ------------------------------------------------------------

class FirstProcess(draining.Case):
    UNSHARE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]

    def start_first(self, **more):
        try:
            subprocess.run([*self.UNSHARE, "true"], check=True, capture_output=True, timeout=20)
        except (OSError, subprocess.CalledProcessError) as e:
            self.skipTest(f"no PID namespace: {getattr(e, 'stderr', e)}")
        w = self.start(before=self.UNSHARE, **more)
        self.assertEqual(w.pid, 1)
        w.outside = self.children(w.process.pid)[0]
        return w

    @staticmethod
    def children(pid):
        found = []
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as f:
                    found += map(int, f.read().split())
        return found

    @staticmethod
    def state(pid):
        """(command, letter) of a process; None when it is gone."""
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                words = f.read()
            command, _, rest = words.partition("(")[2].rpartition(")")
            return command, rest.split()[0]
        return None

    def test_orphans_are_buried(self):
        w = self.start_first()
        w.client.wait(w.client.create("shell", task_template=worker.template(
            "shell", custom={"script": "for i in 1 2 3; do setsid sleep 1 & done; sleep 0.3"})))

        def orphans():
            states = map(self.state, self.children(w.outside))
            return [s for s in states if s and s[0] == "sleep"]
        self.assertEqual(len(orphans()), 3)
        self.assertTrue(draining.until(lambda: not orphans(), 30), orphans())
        dead = [s for s in map(self.state, self.children(w.outside)) if s and s[1] == "Z"]
        self.assertEqual(dead, [])
        # Whoever waits for a child of his own still gets it.
        meta = w.client.create("shell", task_template=worker.template(
            "shell", custom={"script": "exit 3"}))
        self.assertIn("exited with code 3", w.client.wait(meta).message)
        os.kill(w.outside, signal.SIGTERM)
        self.assertEqual(w.ended(), 0, w.log())

    def test_term_stops_the_first_process(self):
        w = self.start_first(grace="20s")
        meta = w.create_run("running", 1000)
        w.wait_started("running")
        os.kill(w.outside, signal.SIGTERM)
        self.assertEqual(w.ended(), 0, w.log())
        self.assertEqual(w.runs("end"), ["running"])
        w.start()
        self.assertEqual(w.client.get(meta).phase, phase("SUCCEEDED"))
        os.kill(self.children(w.process.pid)[0], signal.SIGTERM)
        self.assertEqual(w.ended(), 0, w.log())

if __name__ == "__main__":
    tap.main()
