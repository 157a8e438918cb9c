"""`taskhost pb show`, `pb make` and `pb types`."""

import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import pb
import tap
import taskhost

ROOT = os.path.join(pb.GOLDEN, "flytekit")
TEMPLATE = os.path.join(ROOT, "exec", "dataclass_struct", "task_template.pb")


class Pb(unittest.TestCase):
    def test_show_and_make_back(self):
        with taskhost.Place() as place:
            shown = taskhost.call("pb", "show", "--type", "TaskTemplate", TEMPLATE)
            self.assertEqual((shown.returncode, shown.stderr), (0, ""))
            path = place.write("t.json", shown.stdout)
            made = taskhost.call("pb", "make", "--type", "flyteidl.core.TaskTemplate", path, "-o",
                                 place.path("t.pb"))
            self.assertEqual((made.returncode, made.stdout, made.stderr), (0, "", ""))
            kind = pb.message("flyteidl.core.TaskTemplate")
            with open(TEMPLATE, "rb") as f:
                self.assertEqual(kind.FromString(place.read("t.pb")), kind.FromString(f.read()))

    def test_compact_is_one_line(self):
        done = taskhost.call("pb", "show", "-c", "-t", "core.TaskTemplate", TEMPLATE)
        self.assertEqual(done.stdout.count("\n"), 1)
        json.loads(done.stdout)

    def test_standard_input_and_output(self):
        text = '{"literals":{"a":{"scalar":{"primitive":{"integer":"7"}}}}}'
        made = subprocess.run([taskhost.BIN, "pb", "make", "-t", "LiteralMap", "-"],
                              input=text.encode(), capture_output=True)
        self.assertEqual(made.returncode, 0, made.stderr)
        shown = subprocess.run([taskhost.BIN, "pb", "show", "-c", "-t", "LiteralMap", "-"],
                               input=made.stdout, capture_output=True)
        self.assertEqual(json.loads(shown.stdout), json.loads(text))

    def test_types(self):
        done = taskhost.call("pb", "types")
        names = done.stdout.split()
        self.assertEqual(done.returncode, 0)
        self.assertEqual(names, sorted(names))
        self.assertIn("flyteidl.core.LiteralMap", names)
        self.assertIn("flyteidl.admin.CreateTaskRequest", names)
        with taskhost.Place() as place:
            empty = place.write("empty", b"")
            for name in names:  # each of them can be shown
                shown = taskhost.call("pb", "show", "-c", "-t", name, empty)
                self.assertEqual((shown.returncode, shown.stderr), (0, ""), name)

    def refused(self, code, message, *words):
        done = taskhost.call("pb", *words)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        self.assertIn(message, done.stderr)

    def test_refusals(self):
        with taskhost.Place() as place:
            bad = place.write("bad", b"\x0a\xff")
            text = place.write("bad.json", '{"literals": {')
            wrong = place.write("wrong.json", '{"litterals": {}}')
            self.refused(3, "no message is called 'LiteralMpa'; did you mean", "show", "-t",
                         "LiteralMpa", bad)
            self.refused(1, "could be any of", "show", "-t", "ServerReflectionRequest", bad)
            self.refused(3, "nowhere", "show", "-t", "LiteralMap", place.path("nowhere"))
            self.refused(1, bad, "show", "-t", "LiteralMap", bad)
            self.refused(1, text, "make", "-t", "LiteralMap", text)
            self.refused(1, "litterals", "make", "-t", "LiteralMap", wrong)
            self.refused(3, "no/such", "make", "-t", "LiteralMap",
                         place.write("ok.json", "{}"), "-o", place.path("no/such/dir"))
            self.assertEqual(sorted(os.listdir(place.root)),
                             ["bad", "bad.json", "ok.json", "wrong.json"])

    def test_full_output(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([taskhost.BIN, "pb", "types"], stdout=full,
                                  stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("standard output", done.stderr)


if __name__ == "__main__":
    tap.main()
