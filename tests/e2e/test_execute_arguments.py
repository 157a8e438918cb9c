"""The command lines of `taskhost execute` and `taskhost map-execute`, beside flytekit's recorded
ones."""

import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faulty
import pb
import tap
import taskhost

RECOVERABLE, NON_RECOVERABLE = 1, 0
USER, SYSTEM = 1, 2

with open(os.path.join(pb.GOLDEN, "flytekit", "manifest.json"), encoding="utf-8") as _f:
    RECORDED = {c["case"]: c for c in json.load(_f)["cli"]}


class Arguments(faulty.Execute):
    def recorded(self, case):
        """Runs a recorded command line, with paths of this place and our resolver's plugin."""
        paths = {"/srv/flyte/work/t/add.pb": self.place.path("inputs.pb"),
                 "/tmp/flytefx/cli/out": self.place.path("out"),
                 "/tmp/flytefx/cli/raw": self.place.path("raw")}
        record = RECORDED[case]
        self.place.write("inputs.pb", taskhost.literal_map(
            {"a": taskhost.literal(3), "b": taskhost.literal(4)}).SerializeToString())
        link = self.place.path("bin", record["command"][0])
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(taskhost.BIN, link)
        done = subprocess.run([link, *(paths.get(w, w) for w in record["command"][1:])],
                              env=taskhost.clean_env(), capture_output=True, text=True)
        self.assertEqual(done.returncode, record["exit_code"], done.stderr)
        outcome = taskhost.Outcome(self.place.path("out"), done)
        self.assertEqual(outcome.files(), record["files_written_under_output_prefix"],
                         done.stderr)
        self.assertEqual(done.stdout, record["stdout_tail"])
        if done.returncode != 1:  # tracebacks are Python's own
            self.assertEqual(done.stderr, record["stderr_tail"])
        else:
            self.assertNotEqual(done.stderr, "")
        return outcome

    def test_recorded_ok(self):
        self.assertEqual(self.recorded("ok").values(), {"o0": 7})

    def test_recorded_missing_inputs_option(self):
        self.recorded("missing_inputs_option")

    def test_recorded_test_flag(self):
        self.recorded("test_flag")

    def test_recorded_bad_resolver(self):
        self.recorded("bad_resolver_module")

    def test_recorded_unfilled_raw_prefix(self):
        self.recorded("untemplated_raw_prefix")

    def test_recorded_help(self):
        self.recorded("help")

    def test_recorded_map_help(self):
        self.recorded("map_help")

    def test_recorded_fast_help(self):
        self.recorded("fast_help")

    def words(self, **change):
        w = {"--inputs": self.place.path("inputs.pb"), "--output-prefix": self.place.path("out"),
             "--raw-output-data-prefix": self.place.path("raw"),
             "--resolver": "taskhost.default_task_resolver"}
        for k, v in change.items():
            k = "--" + k.replace("_", "-")
            if v is None:
                del w[k]
            else:
                w[k] = v
        return [x for pair in w.items() for x in pair]

    def refused(self, code, message, *words, verb="execute", **more):
        self.place.write("inputs.pb", b"")
        done = self.call(verb, *words, **more)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(message, done.stderr)
        self.assertFalse(os.path.exists(self.place.path("out")))

    NOTHING = ("--", "task-module", "faulty", "task-name", "nothing")

    def test_no_resolver_args(self):
        self.refused(1, "no resolver arguments", *self.words())

    def test_no_raw_prefix(self):
        self.refused(1, "--raw-output-data-prefix", *self.words(raw_output_data_prefix=None),
                     *self.NOTHING)

    def test_raw_prefix_scheme_without_back_end(self):
        self.refused(1, "s3", *self.words(raw_output_data_prefix="s3://b/k"), *self.NOTHING)

    def test_no_resolver(self):
        self.refused(1, "--resolver is missing", *self.words(resolver=None), *self.NOTHING)

    def test_unknown_resolver(self):
        self.refused(1, "taskhost.default_task_resolver",
                     *self.words(resolver="taskhost.default_task_resolvr"), *self.NOTHING)
        self.refused(1, "nosuch", *self.words(resolver="nosuch.tasks"), *self.NOTHING)

    def test_unknown_resolver_with_test_flag(self):
        self.refused(1, "nosuch", "--test", *self.words(resolver="nosuch.tasks"), *self.NOTHING)

    def test_unknown_option(self):
        self.refused(2, "No such option: --resolvr Did you mean --resolver?", "--resolvr", "x",
                     *self.words(), *self.NOTHING)

    def test_equals_form_and_options_after_words(self):
        self.place.write("inputs.pb", b"")
        done = self.call("execute", "task-module", "faulty", f"--inputs={self.place.path('inputs.pb')}",
                         f"--output-prefix={self.place.path('out')}",
                         f"--raw-output-data-prefix={self.place.path('raw')}",
                         "--resolver=taskhost.default_task_resolver", "task-name", "nothing")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(os.listdir(self.place.path("out")), ["outputs.pb"])

    def test_arguments_of_the_resolver_are_not_parsed(self):
        self.place.write("inputs.pb", b"")
        done = self.call("execute", *self.words(), "--", "--inputs", "faulty", "--test", "nothing")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(os.listdir(self.place.path("out")), ["outputs.pb"])

    def test_empty_line_on_stdout(self):
        self.assertEqual(self.run_task("nothing").stdout, "\n")

    def test_dynamic_options_reach_the_task(self):
        self.place.write("inputs.pb", taskhost.literal_map(
            {"name": taskhost.literal("TASKHOST_DYNAMIC_ADDL_DISTRO")}).SerializeToString())
        done = taskhost.call("execute", *self.words(), "--dynamic-addl-distro", "s3://b/x.tar.gz",
                             "--dynamic-dest-dir", faulty.plugin_dir(),
                             "--", "task-module", "faulty", "task-name", "environment",
                             env=taskhost.clean_env(TASKHOST_PLUGIN_PATH=""))
        outcome = taskhost.Outcome(self.place.path("out"), done)
        self.assertEqual(outcome.values(), {"o0": "s3://b/x.tar.gz"})

    def test_plugins_option_goes_first(self):
        self.place.write("p/faulty.so", b"not a plugin")
        done = self.call("execute", "--plugins", self.place.path("p"), *self.words(), *self.NOTHING)
        self.assertNotEqual(done.returncode, 2, done.stderr)


class MapExecute(faulty.Execute):
    WORDS = ("vars", "b", "resolver", "taskhost.default_task_resolver", "task-module", "faulty",
             "task-name", "add")

    def element(self, index, *more, inputs=None, words=WORDS, resolver=None, **env):
        literals = inputs or {"a": taskhost.literal([10, 20, 30]), "b": taskhost.literal(1)}
        self.place.write("inputs.pb", taskhost.literal_map(literals).SerializeToString())
        shutil.rmtree(self.place.path("out"), ignore_errors=True)
        done = self.call("map-execute", "--inputs", self.place.path("inputs.pb"),
                         "--output-prefix", self.place.path("out"),
                         "--raw-output-data-prefix", self.place.path("raw"), *more, "--resolver",
                         resolver or "flytekit.core.array_node_map_task.ArrayNodeMapTaskResolver",
                         "--", *words,
                         **{"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "FLYTE_K8S_ARRAY_INDEX",
                            "FLYTE_K8S_ARRAY_INDEX": str(index), **env})
        return taskhost.Outcome(self.place.path("out"), done)

    def test_each_element(self):
        for index, value in enumerate((11, 21, 31)):
            outcome = self.element(index)
            self.assertEqual((outcome.code, outcome.values()), (0, {"o0": value}))
            self.assertEqual(outcome.stdout, "")

    def test_offset(self):
        outcome = self.element(1, BATCH_JOB_ARRAY_INDEX_OFFSET="1")
        self.assertEqual(outcome.values(), {"o0": 31})

    def test_our_name_for_the_resolver(self):
        outcome = self.element(0, resolver="taskhost.array_node_map_task_resolver")
        self.assertEqual(outcome.values(), {"o0": 11})

    def test_index_beyond_the_list(self):
        outcome = self.element(3)
        self.assertEqual((outcome.code, outcome.files()), (0, ["error.pb"]))

    def test_not_a_list(self):
        outcome = self.element(0, inputs={"a": taskhost.literal(1), "b": taskhost.literal(1)})
        self.expect_error(outcome, "SYSTEM", NON_RECOVERABLE, SYSTEM)

    def test_what_is_missing_and_what_is_more(self):
        both = {"a": taskhost.literal([10]), "b": taskhost.literal(1)}
        outcome = self.element(0, inputs={"a": both["a"]})
        self.expect_error(outcome, "SYSTEM", NON_RECOVERABLE, SYSTEM, "'b'")
        outcome = self.element(0, inputs={**both, "c": taskhost.literal("more")})
        self.assertEqual(outcome.values(), {"o0": 11})
        outcome = self.element(0, words=("vars", "b,zz", *self.WORDS[2:]))
        self.assertEqual(outcome.values(), {"o0": 11})

    def test_bad_index(self):
        outcome = self.element("one")
        self.assertEqual((outcome.code, outcome.files()), (1, []))
        self.assertIn("FLYTE_K8S_ARRAY_INDEX", outcome.stderr)

    def test_index_that_is_named_and_not_there(self):
        outcome = self.element(1, BATCH_JOB_ARRAY_INDEX_VAR_NAME="NOT_SET_HERE")
        self.assertEqual((outcome.code, outcome.files()), (1, []))
        self.assertIn("BATCH_JOB_ARRAY_INDEX_VAR_NAME", outcome.stderr)
        self.assertIn("NOT_SET_HERE", outcome.stderr)

    def test_other_resolver(self):
        outcome = self.element(0, resolver="taskhost.default_task_resolver")
        self.assertEqual((outcome.code, outcome.files()), (1, []))
        self.assertIn("array_node_map_task_resolver", outcome.stderr)

    def test_execute_points_to_map_execute(self):
        self.element(0)
        done = self.call("execute", "--inputs", self.place.path("inputs.pb"), "--output-prefix",
                         self.place.path("out2"), "--raw-output-data-prefix",
                         self.place.path("raw"), "--resolver",
                         "taskhost.array_node_map_task_resolver", "--", *self.WORDS)
        self.expect_error(taskhost.Outcome(self.place.path("out2"), done), "USER:RuntimeError",
                          NON_RECOVERABLE, USER, "map-execute")

    def test_max_concurrency(self):
        self.assertEqual(self.element(0, "--max-concurrency", "4").values(), {"o0": 11})
        for bad in ("x", "0"):
            outcome = self.element(0, "--max-concurrency", bad)
            self.assertEqual(outcome.code, 2)
            self.assertIn("--max-concurrency", outcome.stderr)


if __name__ == "__main__":
    tap.main()
