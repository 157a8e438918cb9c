"""The shell plugin: scripts and commands, values and outputs, failures, cancelling."""

import os
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
import taskhost
from taskhost import literal

TYPES = {int: "INTEGER", float: "FLOAT", str: "STRING", bool: "BOOLEAN"}
FILE, DIRECTORY = {"blob": {}}, {"blob": {"dimensionality": "MULTIPART"}}
SIMPLE = {name: {"simple": name.upper()} for name in ("string", "integer", "float", "boolean",
                                                      "struct")}
STDOUT = [{"var": "o0", "type": "stdout"}]


class Shell(taskhost.Samples, unittest.TestCase):
    def template(self, values, outputs, **more):
        def type_of(v):
            if isinstance(v, dict) and "scalar" in v:
                scalar = v["scalar"]
                return FILE if "blob" in scalar else {
                    "simple": next(iter(scalar["primitive"])).upper()}
            if isinstance(v, list):
                return {"collectionType": type_of(v[0])}
            return {"simple": TYPES[type(v)]}
        more["type"] = "shell"
        more["interface"] = {
            "inputs": {"variables": {k: {"type": type_of(v)} for k, v in values.items()}},
            "outputs": {"variables": {k: {"type": t} for k, t in outputs.items()}}}
        return more

    def literals(self, values):
        return {k: v if isinstance(v, dict) and "scalar" in v else literal(v)
                for k, v in values.items()}

    def shell(self, place, script=None, values=None, outputs=None, container=None, env=None,
              **custom):
        if script is not None:
            custom["script"] = script
        if outputs is None:
            outputs = {"o0": SIMPLE["string"]}
            custom.setdefault("output_locs", STDOUT)
        template = self.template(values or {}, outputs, custom=custom)
        if container:
            template["container"] = {"image": "none", **container}
        return place.shim("shell.Shell", inputs=self.literals(values or {}), env=env, **template)

    def text(self, script=None, values=None, **more):
        with taskhost.Place() as place:
            return self.shell(place, script, values, **more).values()["o0"]

    def error(self, script=None, values=None, **more):
        with taskhost.Place() as place:
            done = self.shell(place, script, values, **more)
            self.assertEqual(done.files(), ["error.pb"], done.stderr)
            return done.error()

    def test_passes_its_own_check(self):
        self.check_plugin(taskhost.shipped("shell"))

    def test_builds_by_one_compiler_line(self):
        self.check_one_line_build("shell")

    def test_sample_script(self):
        self.run_sample("shell", "script", executor="shell.Shell")

    def test_sample_command(self):
        self.run_sample("shell", "command", executor="shell.Shell")

    # ---- values

    def test_inputs_as_flytekit_writes_them(self):
        at = {"scalar": {"primitive": {"datetime": "2024-01-31T10:00:00.25Z"}}}
        span = {"scalar": {"primitive": {"duration": "93784.5s"}}}
        got = self.text("echo '{inputs.i} {inputs.f} {inputs.w} {inputs.b} {inputs.s} {inputs.t} "
                        "{inputs.d} {inputs.l}'",
                        {"i": -3, "f": 0.1, "w": 2.0, "b": True, "s": "x y", "t": at, "d": span,
                         "l": [1, 2]})
        self.assertEqual(got, "-3 0.1 2.0 True x y 2024-01-31T10:00:00.250000+00:00 "
                              "1 day, 2:03:04.500000 [1,2]")

    def test_braces_and_brackets(self):
        self.assertEqual(self.text("x=ab; echo ${{x}} {inputs[s]} '}}'", {"s": "v"}), "ab v }")

    def test_quoted_values_reach_no_shell(self):
        nasty = "a'b\"c $(touch /tmp/never) `id` ; exit 3\nnext"
        self.assertEqual(self.text("printf %s {inputs.s!q}", {"s": nasty}), nasty)

    def test_values_in_the_environment(self):
        nasty = "a'b\"c $(exit 3)"
        self.assertEqual(self.text('printf %s "$INPUT_s"', {"s": nasty}), nasty)

    def test_files_are_paths(self):
        with taskhost.Place() as place:
            path = place.write("in.txt", "inside")
            self.assertEqual(self.text("cat {inputs.f}", {"f": taskhost.file_literal(path)}),
                             "inside")

    def test_own_environment(self):
        got = self.text('echo "$A|$B|$C"', {"x": 5}, env=taskhost.clean_env(A="process", B="b"),
                        container={"env": [{"key": "A", "value": "container"}]})
        self.assertEqual(got, "container|b|")

    def test_environment_of_the_template(self):
        with taskhost.Place() as place:
            template = self.template({"x": 5}, {"o0": SIMPLE["string"]}, custom={
                "script": 'echo "$A"', "output_locs": STDOUT, "env": {"A": "x={inputs.x}"}})
            done = place.shim("shell.Shell", inputs=self.literals({"x": 5}), **template)
            self.assertEqual(done.values(), {"o0": "x=5"})

    def test_context(self):
        env = taskhost.clean_env(FLYTE_INTERNAL_EXECUTION_ID="run7")
        got = self.text("echo {ctx.execution_name}; test \"$(pwd -P)\" = "
                        "\"$(cd {ctx.working_directory}; pwd -P)\" && echo here", env=env)
        self.assertEqual(got, "run7\nhere")

    # ---- commands

    def test_command_is_run_without_a_shell(self):
        got = self.text(values={"s": "a b; exit 3 $HOME"}, container={
            "command": ["printf", "%s|"], "args": ["{{.inputs.s}}", "{x}", "{{ .inputs.s }}"]})
        self.assertEqual(got, "a b; exit 3 $HOME|{x}|a b; exit 3 $HOME|")

    def test_missing_program(self):
        error = self.error(container={"command": ["no-such-program-anywhere"]})
        self.assertEqual(error.code, "USER:ShellCommandFailed")
        self.assertIn("no-such-program-anywhere", error.message)

    def test_script_file_and_another_shell(self):
        with taskhost.Place() as place:
            path = place.write("s.sh", 'a=(1 2 "{inputs.x}"); echo "${{a[2]}}"\n')
            self.assertEqual(self.text(values={"x": 3}, script_file=path, shell="/bin/bash"), "3")

    # ---- outputs

    def test_files_and_directories(self):
        with taskhost.Place() as place:
            done = self.shell(
                place, "echo {inputs.n} > {outputs.f}; mkdir -p {outputs.d}/sub; "
                       "echo a > {outputs.d}/sub/a", {"n": 7},
                outputs={"f": FILE, "d": DIRECTORY}, output_locs=[
                    {"var": "f", "type": "file", "location": "out-{inputs.n}.txt"},
                    {"var": "d", "type": "directory",
                     "location": "{ctx.working_directory}/dir"}])
            got = done.values()
            self.assertTrue(got["f"].startswith(place.path("raw")), got)
            self.assertTrue(got["f"].endswith("out-7.txt"), got)
            self.assertEqual(taskhost.contents(got["f"]), b"7\n")
            self.assertEqual(taskhost.contents(got["d"]), {"sub": {"a": b"a\n"}})

    def test_plain_values_from_files(self):
        kinds = {"i": "integer", "f": "float", "b": "boolean", "s": "string", "j": "struct"}
        with taskhost.Place() as place:
            done = self.shell(
                place, "echo -5 > i; echo 2.5 > f; echo true > b; printf ' x ' > s; "
                       "echo '{{\"a\":[1]}}' > j",
                outputs={k: SIMPLE[t] for k, t in kinds.items()},
                output_locs=[{"var": k, "location": k} for k in kinds])
            self.assertEqual(done.values(), {"i": -5, "f": 2.5, "b": True, "s": " x ",
                                             "j": {"a": [1]}})

    def test_text_that_is_no_number(self):
        error = self.error("echo twelve", outputs={"o0": SIMPLE["integer"]}, output_locs=STDOUT)
        self.assertEqual(error.code, "USER:ValueError")
        self.assertIn("'twelve'", error.message)

    def test_nothing_at_the_location(self):
        error = self.error("true", outputs={"f": FILE},
                           output_locs=[{"var": "f", "location": "nothing.txt"}])
        self.assertEqual(error.code, "USER:FileNotFoundError")
        self.assertIn("nothing.txt", error.message)

    def test_no_outputs(self):
        with taskhost.Place() as place:
            self.assertEqual(self.shell(place, "true", outputs={}).values(), {})

    def test_too_much_output(self):
        error = self.error("head -c 2000000 /dev/zero | tr '\\0' x")
        self.assertIn("more than 1 MiB", error.message)

    def test_a_flood_that_nobody_asked_for(self):
        with taskhost.Place() as place:
            done = self.shell(place, "head -c 5000000 /dev/zero | tr '\\0' x", outputs={})
            self.assertEqual(done.files(), ["outputs.pb"])

    def test_output_passes_through(self):
        with taskhost.Place() as place:
            done = self.shell(place, "echo to stdout; echo to stderr >&2", outputs={})
            self.assertIn("to stdout", done.stderr)
            self.assertIn("to stderr", done.stderr)
            self.assertNotIn("to stdout", done.stdout)

    # ---- failures

    def test_exit_code_and_stderr_tail(self):
        error = self.error("seq 1 5000 >&2; echo 'the reason' >&2; exit 7")
        self.assertEqual((error.code, error.kind, error.origin),
                         ("USER:ShellCommandFailed", 0, 1))
        self.assertIn("exited with code 7", error.message)
        self.assertIn("the reason", error.message)
        self.assertIn("5000", error.message)
        self.assertNotIn("\n1\n", error.message)

    def test_signal_is_named(self):
        self.assertIn("killed by signal 9", self.error("kill -9 $$").message)

    def test_bytes_that_are_no_text(self):
        error = self.error("printf 'bad \\377\\001 end' >&2; exit 1")
        self.assertIn("bad ?? end", error.message)

    def test_unknown_names_list_the_known(self):
        error = self.error("echo {inputs.nope}", {"a": 1, "b": 2})
        self.assertEqual(error.code, "USER:ValueError")
        self.assertIn("inputs.nope; there are: a, b", error.message)
        self.assertIn("there are: none", self.error("echo {outputs.o0}").message)
        self.assertIn("working_directory", self.error("echo {ctx.home}").message)

    def test_faults_of_the_template_are_placed(self):
        for script, words in (("echo {x}", "byte 5"), ("echo }", "byte 5"),
                              ("echo {inputs.a:03d}", "format specifications"),
                              ("echo {inputs.a!r}", "!q"), ("echo {inputs.a", "no }")):
            with self.subTest(script=script):
                self.assertIn(words, self.error(script, {"a": 1}).message)

    def test_output_locations_and_interface_agree(self):
        for outputs, locations, words in (
                ({"f": FILE}, [], "no entry"),
                ({}, [{"var": "f", "location": "x"}], "no declared output"),
                ({"f": FILE}, [{"var": "f"}], "no location"),
                ({"f": FILE}, [{"var": "f", "type": "stdout"}], "stdout gives plain values"),
                ({"f": FILE}, [{"var": "f", "type": "pipe", "location": "x"}], "'pipe'")):
            with self.subTest(words=words):
                self.assertIn(words, self.error("true", outputs=outputs,
                                                output_locs=locations).message)

    def test_nothing_to_run(self):
        self.assertIn("neither custom.script", self.error().message)
        with taskhost.Place() as place:
            path = place.write("s", "true")
            self.assertIn("both", self.error("true", script_file=path).message)

    # ---- ending

    def test_what_it_leaves_running_is_ended(self):
        with taskhost.Place() as place:
            mark = place.path("pid")
            started = time.monotonic()
            self.assertEqual(self.text("sleep 60 & echo $! > {inputs.p}; echo done",
                                       {"p": mark}), "done")
            self.assertLess(time.monotonic() - started, 20)
            self.assert_gone(int(taskhost.contents(mark)))

    def assert_gone(self, pid):
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                    if f.read().rsplit(")", 1)[1].split()[0] == "Z":
                        return
            except FileNotFoundError:
                return
            time.sleep(0.05)
        self.fail(f"process {pid} is still there")

    def test_cancel_ends_the_whole_group(self):
        with taskhost.Place() as place:
            mark = place.path("pid")
            path = place.template(**self.template({}, {}, custom={
                "script": f"sleep 60 & echo $! > {mark}.new; mv {mark}.new {mark}; wait"}))
            place.write("inputs.pb", b"")
            child = subprocess.Popen(
                [taskhost.BIN, "execute", "--inputs", place.path("inputs.pb"), "--output-prefix",
                 place.path("out"), "--raw-output-data-prefix", place.path("raw"), "--resolver",
                 "taskhost.task_template_resolver", "--", path, "shell.Shell"],
                env=taskhost.clean_env(), stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + 20
            while not os.path.exists(mark) and time.monotonic() < deadline:
                time.sleep(0.02)
            pid = int(taskhost.contents(mark))
            started = time.monotonic()
            child.send_signal(signal.SIGTERM)
            self.assertIn(child.wait(timeout=20), (143, -signal.SIGTERM))
            self.assertLess(time.monotonic() - started, 6)
            self.assert_gone(pid)
            self.assertFalse(os.path.exists(place.path("out", "outputs.pb")))

    def test_deadline_ends_it(self):
        with taskhost.Place() as place:
            path = place.template(**self.template({}, {}, custom={"script": "sleep 60"}))
            started = time.monotonic()
            done = taskhost.call("run", "--template", path, "--executor", "shell.Shell",
                                 "--timeout", "0.5s")
            self.assertEqual(done.returncode, 5, done.stderr)
            self.assertLess(time.monotonic() - started, 10)


if __name__ == "__main__":
    tap.main()
