"""The author's book keeps its word: its complete plugins compile with gcc and clang, pass their check,
and print what it says they print."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
import taskhost

BOOK = os.path.join(taskhost.SOURCE, "plugin-api", "README.md")
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror")

with open(BOOK, encoding="utf-8") as _f:
    TEXT = _f.read()
# <!-- plugin NAME [c++] [threads] --> before a block that is a whole plugin
PLUGINS = {m[1]: (m[2].split(), m[3]) for m in re.finditer(
    r"<!-- plugin (\w+)([^>]*) -->\n```c(?:pp)?\n(.*?)```", TEXT, re.S)}
# <!-- run PLUGIN.TASK ARGS --> before what `taskhost run` prints
RUNS = [(m[1], json.loads(m[2])) for m in re.finditer(
    r"<!-- run ([^\n]*) -->\n```json\n(.*?)```", TEXT, re.S)]


class Book(unittest.TestCase):
    def build(self, name, place, cc, cxx):
        flags, source = PLUGINS[name]
        is_cpp = "c++" in flags
        path = place.write(f"{name}.{'cpp' if is_cpp else 'c'}", source)
        compiler = (cxx, "-std=c++17") if is_cpp else (cc, "-std=c11")
        if "threads" in flags:
            compiler += ("-pthread",)
        built = taskhost.compile_plugin(place.path(f"{name}.so"), path,
                                        compiler=compiler + WARNINGS)
        self.assertEqual(built.returncode, 0, f"{compiler}: {built.stderr}")
        return place.path(f"{name}.so")

    def compilers(self):
        return [pair for pair in (("gcc", "g++"), ("clang", "clang++")) if shutil.which(pair[0])]

    def check_plugin(self, name):
        for cc, cxx in self.compilers():
            with taskhost.Place() as place:
                done = taskhost.call("plugin", "check", self.build(name, place, cc, cxx))
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_block_is_found(self):
        self.assertEqual(TEXT.count("TH_PLUGIN(") - TEXT.count("`TH_PLUGIN(")
                         + TEXT.count("TH_PLUGIN_WITH(\""), len(PLUGINS))
        self.assertEqual(TEXT.count("```json"), len(RUNS))
        self.assertGreater(len(RUNS), 3)

    def test_transcripts(self):
        for line, expected in RUNS:
            with self.subTest(line=line), taskhost.Place() as place:
                args = line.split(" ")
                self.build(args[0].split(".")[0], place, *self.compilers()[0])
                done = taskhost.call("run", "--plugins", place.root, *args)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(json.loads(done.stdout), expected)

    def test_compiler_lines(self):
        """The compiler lines as they stand, from taskhost's source directory."""
        lines = re.findall(r"^(c(?:c|\+\+) -[^\n]*-o (\w+)\.so (\w+\.\w+))$", TEXT, re.M)
        self.assertEqual([name for _, name, _ in lines], ["greet", "words"])
        for line, name, file in lines:
            with taskhost.Place() as place:
                source = place.write(file, PLUGINS[name][1])
                words = shlex.split(line)
                words[words.index(file)] = source
                words[words.index(f"{name}.so")] = place.path(f"{name}.so")
                words = [w.replace("-Iplugin-api/include", "-I" + taskhost.INCLUDE)
                         for w in words]
                done = subprocess.run(words, capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stderr, "")

    def test_executor_of_templates(self):
        with taskhost.Place() as place:
            self.build("fill", place, *self.compilers()[0])
            env = taskhost.clean_env(TASKHOST_PLUGIN_PATH=place.root)
            string = {"type": {"simple": "STRING"}}
            done = place.shim("fill.Fill", type="fill", custom={"prefix": "<"}, env=env,
                              inputs={"text": taskhost.literal("x")},
                              interface={"inputs": {"variables": {"text": string}},
                                         "outputs": {"variables": {"o0": string}}})
            self.assertEqual(done.values(), {"o0": "<x"})

    def test_executor_with_an_instance(self):
        with taskhost.Place() as place:
            self.build("meter", place, *self.compilers()[0])
            env = taskhost.clean_env(TASKHOST_PLUGIN_PATH=place.root)
            integer = {"type": {"simple": "INTEGER"}}
            shape = {"inputs": {"variables": {"a": integer}},
                     "outputs": {"variables": {"o0": integer}}}
            done = place.shim("meter.Meter", type="meter", custom={"factor": 3}, env=env,
                              inputs={"a": taskhost.literal(14)}, interface=shape)
            self.assertEqual(done.values(), {"o0": 42})
            done = place.shim("meter.Meter", type="meter", custom={}, env=env,
                              inputs={"a": taskhost.literal(14)}, interface=shape)
            self.assertIn("custom.factor", done.error().message)

    def test_rules_are_numbered_once(self):
        numbers = re.findall(r"^\| ([MTCN]\d) \|", TEXT, re.M)
        self.assertEqual(len(numbers), len(set(numbers)))
        self.assertEqual([n for n in numbers if n[0] == "M"], [f"M{i}" for i in range(1, 10)])

    def test_links_lead_somewhere(self):
        def anchor(title):
            return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        anchors = {anchor(t) for t in re.findall(r"^#+ (.*)$", TEXT, re.M)}
        for target in re.findall(r"\]\(#([^)]*)\)", TEXT):
            self.assertIn(target, anchors)


for _name in PLUGINS:
    setattr(Book, f"test_plugin_{_name}",
            lambda self, n=_name: self.check_plugin(n))

if __name__ == "__main__":
    tap.main()
