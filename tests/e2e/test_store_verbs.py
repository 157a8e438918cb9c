"""`taskhost store check`, `backup` and `gc`, on what a worker has left."""

import json
import os
import shutil
import sqlite3
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
import taskhost
import worker
from worker import phase


class Store(unittest.TestCase):
    def setUp(self):
        self.place = taskhost.Place()
        self.addCleanup(shutil.rmtree, self.place.root, True)

    def run_tasks(self, n=3):
        """A worker that has run some; its state directory."""
        with worker.Worker(self.place) as w:
            for i in range(n):
                r = w.client.wait(w.client.create("echo", {"x": i}))
                self.assertEqual(r.phase, phase("SUCCEEDED"))
        return w.state

    def store(self, verb, *words, code=0, **more):
        done = taskhost.call("store", verb, *words, **more)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def test_check_when_all_is_well(self):
        state = self.run_tasks()
        self.assertIn("all is well", self.store("check", "--state", state).stdout)
        shown = json.loads(self.store("check", "--state", state, "-o", "json").stdout)
        self.assertEqual(shown, {"directory": state, "problems": []})

    def test_check_finds_a_row_that_breaks_a_rule(self):
        state = self.run_tasks()
        db = sqlite3.connect(os.path.join(state, "state.db"))
        table = next(name for (name,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'")
            if "state" in [c[1] for c in db.execute(f"PRAGMA table_info({name})")])
        db.execute(f"UPDATE {table} SET state = 77")
        db.commit()
        db.close()
        self.assertNotEqual(self.store("check", "--state", state, code=1).stdout, "")

    def test_check_beside_a_running_worker(self):
        with worker.Worker(self.place) as w:
            w.client.wait(w.client.create("echo", {"x": 1}))
            self.assertIn("all is well", self.store("check", "--state", w.state).stdout)

    def test_nothing_there(self):
        done = self.store("check", "--state", self.place.path("nowhere"), code=3)
        self.assertIn("nowhere", done.stderr)

    def test_backup_holds_what_was_accepted(self):
        with worker.Worker(self.place) as w:
            meta = w.client.create("echo", {"x": 5})
            w.client.wait(meta)
            copy = self.place.path("copy.db")
            self.store("backup", copy, "--state", w.state)
        again = self.place.path("again")
        os.makedirs(again, mode=0o700)
        shutil.copy(copy, os.path.join(again, "state.db"))
        shutil.copy(os.path.join(w.state, "meta.key"), again)
        with worker.Worker(self.place, state="again") as restored:
            r = restored.client.get(meta)
            self.assertEqual((r.phase, worker.values(r.outputs)), (phase("SUCCEEDED"), {"x": 5}))

    def test_backup_over_the_database_is_refused(self):
        with worker.Worker(self.place, grace=False) as w:
            meta = w.client.create("echo", {"x": 5})
            w.client.wait(meta)
            for name in ("state.db", "state.db-wal", "state.db-shm", "copy.db"):
                done = self.store("backup", os.path.join(w.state, name), "--state", w.state, code=1)
                self.assertIn("choose a file outside", done.stderr)
            done = self.store("backup", "state.db", "--state", ".", code=1, cwd=w.state)
            self.assertIn("choose a file outside", done.stderr)
            self.assertFalse([n for n in os.listdir(w.state) if n.endswith(".tmp")])
            w.client.wait(w.client.create("echo", {"x": 6}))
            w.kill()
            self.assertIn("all is well", self.store("check", "--state", w.state).stdout)
            w.start()
            self.assertEqual(worker.values(w.client.get(meta).outputs), {"x": 5})

    def test_gc_removes_what_is_old(self):
        state = self.run_tasks(4)
        shown = json.loads(self.store("gc", "--state", state, "-o", "json").stdout)
        self.assertEqual(shown["removed"], 0)
        time.sleep(1.2)
        shown = json.loads(self.store(
            "gc", "--state", state, "-o", "json",
            env=taskhost.clean_env(TASKHOST_RETENTION_FINISHED="1s")).stdout)
        self.assertEqual(shown["removed"], 4)

    def test_gc_removes_files_of_its_own(self):
        """Outputs in files, of an execution that was given no place for them."""
        with worker.Worker(self.place, "--outputs", "file") as w:
            done = w.cli("task", "submit", "arith.add", "-i", "a=1", "-i", "b=2", "--wait")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            outputs = os.path.join(w.state, "outputs")
            places = os.listdir(outputs)
            self.assertEqual(len(places), 1)
            self.assertEqual(os.listdir(os.path.join(outputs, places[0])), ["outputs.pb"])
        time.sleep(1.2)
        self.store("gc", "--state", w.state,
                   env=taskhost.clean_env(TASKHOST_RETENTION_FINISHED="1s"))
        self.assertEqual(os.listdir(outputs), [])
        self.assertFalse(os.path.exists(os.path.join(w.state, "trash")))

    def test_gc_removes_files_of_a_directory_written_otherwise(self):
        """A row that spells the place of its outputs relatively: both go, and not before."""
        with worker.Worker(self.place, "--outputs", "file") as w:
            done = w.cli("task", "submit", "arith.add", "-i", "a=1", "-i", "b=2", "--wait")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        db = sqlite3.connect(os.path.join(w.state, "state.db"))
        db.execute("UPDATE execution SET output_prefix = 'state/' || substr(output_prefix, -21)")
        self.assertRegex(db.execute("SELECT output_prefix FROM execution").fetchone()[0],
                         r"^state/outputs/\w{13}$")
        db.commit()
        db.close()
        outputs = os.path.join(w.state, "outputs")
        self.store("gc", "--state", w.state)
        self.assertEqual(len(os.listdir(outputs)), 1)
        time.sleep(2.2)
        self.store("gc", "--state", w.state,
                   env=taskhost.clean_env(TASKHOST_RETENTION_FINISHED="1s",
                                          TASKHOST_RETENTION_DEAD="1s"))
        self.assertEqual(os.listdir(outputs), [])

    def test_gc_beside_a_running_worker_is_refused(self):
        with worker.Worker(self.place) as w:
            done = self.store("gc", "--state", w.state, code=1)
            self.assertIn(str(w.pid), done.stderr)


if __name__ == "__main__":
    tap.main()
