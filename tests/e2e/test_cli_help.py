"""Help, versions and usage errors of all verbs."""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
import taskhost

VERBS = ["run", "execute", "map-execute", "fast-execute", "plugin ls", "plugin inspect",
         "plugin check", "plugin new", "resolve", "pb show", "pb make", "pb types",
         "plugin reload", "plugin enable", "plugin disable", "plugin unquarantine",
         "task submit", "task ls", "task get", "task wait", "task logs", "task cancel",
         "task retry", "worker status", "worker drain", "worker stats"]


class Help(unittest.TestCase):
    maxDiff = None

    def test_every_verb_explains_itself(self):
        for verb in VERBS:
            with self.subTest(verb=verb):
                done = taskhost.call(*verb.split(), "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertTrue(done.stdout.startswith(f"Usage: taskhost {verb} [OPTIONS]"))
                for part in ("\n\n  ", "\nOptions:\n  ", "--help", "\nExamples:\n  taskhost "
                             if verb not in ("map-execute", "pb make") else "\nExamples:\n  "):
                    self.assertIn(part, done.stdout)
                self.assertEqual([x for x in done.stdout.splitlines() if len(x) > 100], [])
                for spelled in (("help", *verb.split()), (*verb.split(), "-h")):
                    self.assertEqual(taskhost.call(*spelled).stdout, done.stdout)

    def test_list_of_verbs(self):
        done = taskhost.call("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for verb in VERBS:
            self.assertRegex(done.stdout, rf"(?m)^  {verb} +\w")
        self.assertEqual(taskhost.call("help").stdout, done.stdout)
        self.assertEqual(taskhost.call("-h").stdout, done.stdout)

    def test_list_of_a_group(self):
        out = taskhost.call("plugin", "--help").stdout
        self.assertIn("plugin check", out)
        self.assertNotIn("resolve", out)

    def test_examples_name_options_that_exist(self):
        for verb in VERBS:
            out = taskhost.call(*verb.split(), "--help").stdout
            examples = out.split("\nExamples:\n")[1].replace("\\\n", " ")
            known = {v: set(re.findall(r"--[a-z-]+", taskhost.call(*v.split(), "--help").stdout
                                       .split("\nOptions:\n")[1].split("\nExamples:\n")[0]))
                     for v in VERBS if f"taskhost {v} " in examples}
            for line in examples.splitlines():
                for v, options in known.items():
                    if f"taskhost {v} " in line:
                        used = set(re.findall(r" (--[a-z-]+)", line.split(" -- ")[0]))
                        self.assertLessEqual(used, options | {"--help"}, line)

    def test_version(self):
        for spelled in ("--version", "version"):
            done = taskhost.call(spelled)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertRegex(done.stdout, r"^taskhost \d+\.\d+\.\d+\nplugin ABI 1\.0\nprotocol ")


class Mistakes(unittest.TestCase):
    def usage(self, message, *words):
        done = taskhost.call(*words)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertTrue(done.stderr.startswith("Usage: taskhost "), done.stderr)
        self.assertIn("--help' for help.\n\nError: ", done.stderr)
        self.assertIn(message, done.stderr)

    def test_mistyped_verbs(self):
        self.usage("No such verb: rnu Did you mean run?", "rnu", "arith.add")
        self.usage("No such verb: exceute Did you mean execute?", "exceute")
        self.usage("No such verb: plugin lst Did you mean plugin ls?", "plugin", "lst")
        self.usage("No such verb: plugn Did you mean plugin?", "plugn")
        self.usage("No such verb: zzzzzz\n", "zzzzzz")

    def test_missing_verb(self):
        self.usage("Missing verb.")
        self.usage("Missing verb.", "plugin")

    def test_mistyped_flags(self):
        for words, close in ((("run", "--tiemout", "1s"), "--timeout"),
                             (("plugin", "ls", "--outptu", "json"), "--output"),
                             (("plugin", "new", "x", "--cp"), "--cpp"),
                             (("pb", "show", "--tpye", "x"), "--type"),
                             (("resolve", "--plugin", "x"), "--plugins")):
            self.usage(f"Did you mean {close}?", *words)

    def test_choices(self):
        self.usage("'yaml' is not one of text|json", "plugin", "ls", "-o", "yaml")

    def test_operands(self):
        self.usage("Missing argument 'FILE'.", "pb", "show", "--type", "LiteralMap")
        self.usage("Missing argument 'LOCATION'.", "resolve")
        self.usage("Got unexpected extra argument (b)", "plugin", "check", "a", "b")


if __name__ == "__main__":
    tap.main()
