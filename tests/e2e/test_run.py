"""`taskhost run`: inputs as typed, results as JSON, and every way it can end."""

import json
import os
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faulty
import tap
import taskhost


def run(*words, stdin=None, **more):
    return subprocess.run([taskhost.BIN, "run", *map(str, words)], env=faulty.env(**more),
                          capture_output=True, text=True, timeout=60, input=stdin)


class Run(unittest.TestCase):
    def setUp(self):
        self.place = taskhost.Place()
        self.addCleanup(self.place.__exit__)

    def value(self, *words, **more):
        done = run(*words, **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def ends(self, code, message, *words, **more):
        done = run(*words, **more)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        self.assertIn(message, done.stderr)
        return done


class Results(Run):
    def test_a_sum(self):
        done = run("faulty.add", "-i", "a=2", "-i", "b=3")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, '{"o0":5}\n', ""))

    def test_default_of_an_input(self):
        self.assertEqual(self.value("faulty.add", "-ia=2"), {"o0": 12})

    def test_plugins_option(self):
        self.assertEqual(self.value("faulty.add", "--plugins", faulty.plugin_dir(), "-i", "a=1",
                                    TASKHOST_PLUGIN_PATH=""), {"o0": 11})

    def test_input_from_a_file(self):
        path = self.place.write("a.txt", "41\n")
        self.assertEqual(self.value("faulty.add", "-i", f"a=@{path}", "-i", "b=1"), {"o0": 42})
        self.assertEqual(self.value("faulty.length", "-i", f"s=@{path}"), {"o0": 3})

    def test_input_from_standard_input(self):
        self.assertEqual(self.value("faulty.length", "-i", "s=-", stdin="four"), {"o0": 4})

    def test_inputs_from_json(self):
        path = self.place.write("in.json", '{"a": 5, "b": 6}')
        self.assertEqual(self.value("faulty.add", "--inputs", path), {"o0": 11})
        self.assertEqual(self.value("faulty.add", "--inputs", path, "-i", "b=1"), {"o0": 6})

    def test_inputs_from_a_literal_map(self):
        path = self.place.write("in.pb", taskhost.literal_map(
            {"a": taskhost.literal(7)}).SerializeToString())
        self.assertEqual(self.value("faulty.add", "--inputs", path), {"o0": 17})

    def test_void(self):
        self.assertEqual(self.value("faulty.nothing"), {})

    def test_ignored_outputs(self):
        done = run("faulty.ignore")
        self.assertEqual((done.returncode, done.stdout), (0, "{}\n"))
        self.assertIn("ignored", done.stderr)

    def test_printing_tasks(self):
        done = run("faulty.talk")
        self.assertEqual((done.returncode, done.stdout), (0, "on stdout\n{}\n"))
        self.assertEqual(done.stderr, "on stderr\n")

    def test_progress_is_logged(self):
        self.assertIn("50 %: half of it\n", run("faulty.talk", FLYTE_SDK_LOGGING_LEVEL="20").stderr)

    def test_deck(self):
        path = self.place.path("deck.html")
        for task in ("faulty.deck", "faulty.nothing"):
            self.assertEqual(self.value(task, "--deck", path), {})
            html = self.place.read("deck.html").decode()
            self.assertIn("<html", html)
            self.assertEqual("words on a deck" in html, task == "faulty.deck")
        self.assertEqual(run("faulty.crash", "--deck", path).returncode, 1)

    def test_template(self):
        template = self.place.template(type="x", interface={"outputs": {"variables": {
            "o0": {"type": {"simple": "INTEGER"}}}}})
        self.assertEqual(self.value("--template", template, "--executor", "faulty.Hog"),
                         {"o0": 512})
        shown = taskhost.call("pb", "show", "-t", "TaskTemplate", template)
        text = self.place.write("t.json", shown.stdout)
        self.assertEqual(self.value("--template", text, "--executor", "faulty.Hog"), {"o0": 512})

    def test_nothing_is_left_behind(self):
        os.makedirs(self.place.path("tmp"))
        for task in ("nothing", "crash", "fail", "ignore"):
            run(f"faulty.{task}", TMPDIR=self.place.path("tmp"))
            self.assertEqual(os.listdir(self.place.path("tmp")), [], task)


class Debugger(Run):
    def test_gdb_gets_the_process(self):
        gdb = self.place.write("bin/gdb", f"#!/bin/sh\necho \"$@\" > {self.place.path('args')}\n")
        os.chmod(gdb, 0o755)
        done = run("faulty.add", "-i", "a=1", "--debug",
                   PATH=self.place.path("bin") + ":" + os.environ["PATH"])
        self.assertEqual((done.returncode, done.stdout), (0, '{"o0":11}\n'), done.stderr)
        self.assertRegex(self.place.read("args").decode(), r"^-q -p \d+$")

    def test_without_gdb(self):
        self.ends(3, "gdb is not in PATH", "faulty.add", "-i", "a=1", "--debug",
                  PATH=self.place.root)


class Files(Run):
    def test_kept_where_said(self):
        raw = self.place.path("raw")
        out = self.value("faulty.write_file", "-i", "text=hello", "--raw-output", raw)
        path = taskhost.resolve_uri(out["o0"])
        self.assertTrue(os.path.realpath(path).startswith(os.path.realpath(raw)), path)
        with open(path, encoding="utf-8") as f:
            self.assertEqual(f.read(), "hello")

    def test_kept_and_named_on_stderr(self):
        os.makedirs(self.place.path("tmp"))
        done = run("faulty.write_file", "-i", "text=hello", TMPDIR=self.place.path("tmp"))
        path = taskhost.resolve_uri(json.loads(done.stdout)["o0"])
        folder = done.stderr.strip().split()[-1]
        self.assertTrue(path.startswith(folder + "/"), (path, done.stderr))
        with open(path, encoding="utf-8") as f:
            self.assertEqual(f.read(), "hello")

    def test_a_directory_that_cannot_be_made(self):
        self.ends(1, "/dev/null", "faulty.nothing", "--raw-output", "/dev/null/x")


class Mistakes(Run):
    def test_names(self):
        self.ends(3, "did you mean 'add'?", "faulty.ad", "-i", "a=1")
        self.ends(3, "--template TEMPLATE.pb --executor faulty.Hog", "faulty.Hog")
        self.ends(3, "faulty", "fualty.add", "-i", "a=1")
        self.ends(3, "has no task 'zzzzzz'", "faulty.zzzzzz")
        self.ends(2, "PLUGIN.TASK", "add")

    def test_inputs(self):
        self.ends(2, "no input 'aa'; did you mean 'a'?", "faulty.add", "-i", "aa=1")
        self.ends(2, "no input 'quux'; it has a, b", "faulty.add", "-i", "quux=1")
        self.ends(2, "missing input a", "faulty.add", "-i", "b=1")
        self.ends(2, "given twice", "faulty.add", "-i", "a=1", "-i", "a=2")
        self.ends(2, "NAME=VALUE", "faulty.add", "-i", "a")
        self.ends(2, "input 'a'", "faulty.add", "-i", "a=x")
        self.ends(2, "input 'a'", "faulty.add", "-i", "a=1.5")
        self.ends(3, "nowhere", "faulty.add", "-i", "a=@/nowhere")
        self.ends(3, "nowhere.json", "faulty.add", "--inputs", "/nowhere.json")
        self.ends(2, ".json", "faulty.add", "--inputs", "/etc/hostname")
        self.ends(2, "one JSON object", "faulty.add", "--inputs",
                  self.place.write("list.json", "[1]"))
        self.ends(2, "no input 'c'", "faulty.add", "--inputs",
                  self.place.write("c.json", '{"a":1,"c":2}'))

    def test_combinations(self):
        self.ends(2, "Missing argument 'TASK'")
        self.ends(2, "exclude each other", "faulty.add", "--template", "x")
        self.ends(2, "--executor", "faulty.add", "--executor", "x")
        self.ends(2, "--debug", "faulty.add", "-i", "a=1", "--debug", "--timeout", "1s")

    def test_templates(self):
        self.ends(3, "nowhere.pb", "--template", "/nowhere.pb")
        self.ends(1, "garbage.pb", "--template", self.place.write("garbage.pb", b"\xff\xff"))
        done = run("--template", self.place.template(type="zzz"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("zzz", done.stderr)


class Failures(Run):
    def test_error_of_the_plugin(self):
        done = self.ends(1, "USER:Custom", "faulty.fail")
        self.assertIn("not today", done.stderr)
        self.assertIn("user error, recoverable", done.stderr)

    def test_crash(self):
        done = self.ends(1, "PluginCrashed", "faulty.crash")
        self.assertIn("SIGSEGV", done.stderr)
        self.assertIn("th_body_crash", done.stderr)

    def test_timeout(self):
        done = self.ends(5, "timed out", "faulty.gentle", "--timeout", "200ms")
        self.assertNotIn("CANCEL", done.stderr)

    def test_timeout_of_a_task_that_does_not_listen(self):
        self.ends(5, "timed out", "faulty.sleepy", "--timeout", "200ms")

    def interrupted(self, sig):
        return faulty.interrupt(["run", "faulty.gentle"], self.place, sig)

    def test_interrupt(self):
        code, seconds, err = self.interrupted(signal.SIGINT)
        self.assertEqual(code, 130, err)
        self.assertLess(seconds, 4)  # after 4.5 s it would be killed

    def test_terminate(self):
        code, seconds, err = self.interrupted(signal.SIGTERM)
        self.assertEqual(code, 143, err)
        self.assertLess(seconds, 4)  # after 4.5 s it would be killed


class TaskHelp(Run):
    def test_inputs_and_outputs(self):
        done = run("faulty.add", "--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("faulty.add [OPTIONS] [-i NAME=VALUE]...", done.stdout)
        self.assertIn("Adds two integers", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^  a +integer +required +first term$")
        self.assertRegex(done.stdout, r"(?m)^  b +integer +optional +second term$")
        self.assertRegex(done.stdout, r"(?m)^  o0 +integer +the sum$")

    def test_of_a_template(self):
        template = self.place.template(type="x", interface={"inputs": {"variables": {
            "xs": {"type": {"collectionType": {"simple": "FLOAT"}}, "description": "numbers"}}}})
        done = run("--template", template, "--help")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^  xs +list of float +required +numbers$")

    def test_of_no_task(self):
        self.assertIn("Usage: taskhost run [OPTIONS]", run("--help").stdout)
        self.assertEqual(run("faulty.zzz", "--help").returncode, 3)


if __name__ == "__main__":
    tap.main()
