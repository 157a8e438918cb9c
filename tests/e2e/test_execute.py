"""`taskhost execute` at its edges: the ends a task can come to, and what the surroundings can do to
it."""

import ctypes
import json
import os
import resource
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faulty
import pb
import tap
import taskhost

RECOVERABLE, NON_RECOVERABLE = 1, 0
USER, SYSTEM = 1, 2

class Outcomes(faulty.Execute):
    def test_outputs(self):
        outcome = self.run_task("add", {"a": 2, "b": 3})
        self.assertEqual((outcome.code, outcome.files()), (0, ["outputs.pb"]), outcome.stderr)
        self.assertEqual(outcome.values(), {"o0": 5})

    def test_input_with_a_default(self):
        self.assertEqual(self.run_task("add", {"a": 2}).values(), {"o0": 12})

    def test_void_task_writes_an_empty_map(self):
        outcome = self.run_task("nothing")
        self.assertEqual(outcome.files(), ["outputs.pb"])
        self.assertEqual(self.place.read("out", "outputs.pb"), b"")

    def test_ignored_outputs(self):
        outcome = self.run_task("ignore")
        self.assertEqual((outcome.code, outcome.files()), (0, []), outcome.stderr)

    def test_plugin_output_passes_through(self):
        outcome = self.run_task("talk")
        self.assertEqual(outcome.stdout, "\non stdout\n")
        self.assertIn("on stderr\n", outcome.stderr)

    def test_error_of_the_plugin(self):
        self.expect_error(self.run_task("fail"), "USER:Custom", RECOVERABLE, USER, "not today")

    def test_status_without_words(self):
        self.expect_error(self.run_task("bad_status"), "USER:RuntimeError", NON_RECOVERABLE, USER)

    def test_missing_input(self):
        self.expect_error(self.run_task("add", {"b": 1}), "USER:RuntimeError", NON_RECOVERABLE,
                          USER, "a")

    def test_wrong_type(self):
        self.expect_error(self.run_task("add", {"a": "x"}), "SYSTEM", NON_RECOVERABLE, SYSTEM,
                          "expected integer")

    def test_extra_input(self):
        self.expect_error(self.run_task("add", {"a": 1, "zzz": 1}), "SYSTEM", NON_RECOVERABLE,
                          SYSTEM)

    def test_unknown_task_is_a_load_failure(self):
        self.expect_error(self.run_task("ad"), "USER:RuntimeError", NON_RECOVERABLE, USER, "add")

    def test_missing_plugin_is_a_load_failure(self):
        self.place.write("inputs.pb", b"")
        done = self.call(*faulty.execute_words(self.place, "x")[:-3], "fualty", "task-name", "x")
        outcome = taskhost.Outcome(self.place.path("out"), done)
        self.expect_error(outcome, "USER:RuntimeError", NON_RECOVERABLE, USER, "fualty")

    def test_fail_on_error(self):
        for value, code in (("true", 1), ("T", 1), ("1", 1), ("yes", 0), ("", 0), ("false", 0)):
            outcome = self.run_task("fail", FLYTE_FAIL_ON_ERROR=value)
            self.assertEqual((outcome.code, outcome.files()), (code, ["error.pb"]), value)
        self.assertEqual(self.run_task("add", {"a": 1}, FLYTE_FAIL_ON_ERROR="true").code, 0)

    def test_error_replaces_old_outputs(self):
        self.run_task("add", {"a": 1})
        self.assertEqual(self.run_task("fail", {}).files(), ["error.pb"])
        self.assertEqual(self.run_task("add", {"a": 1}).files(), ["outputs.pb"])
        self.assertEqual(self.run_task("crash", {}).files(), ["error.pb"])

    def test_distributed_error_names(self):
        outcome = self.run_task("fail", FLYTE_INTERNAL_DIST_ERROR_STRATEGY="Earliest",
                                FLYTE_INTERNAL_WORKER_NAME="worker-3")
        name, = outcome.files()
        self.assertRegex(name, r"^error-[0-9a-f]{32}\.pb$")
        self.assertEqual(outcome.load(name, "flyteidl.core.ErrorDocument").error.worker, "worker-3")

    def test_deck(self):
        self.assertEqual(self.run_task("deck").files(), ["deck.html", "outputs.pb"])
        self.assertIn(b"words on a deck", self.place.read("out", "deck.html"))

    def test_file_uris(self):
        literals = {"a": taskhost.literal(1)}
        self.place.write("inputs.pb", taskhost.literal_map(literals).SerializeToString())
        done = self.call("execute", "--inputs", "file://" + self.place.path("inputs.pb"),
                         "--output-prefix", "file://" + self.place.path("out"),
                         "--raw-output-data-prefix", "file://" + self.place.path("raw"),
                         "--resolver", "taskhost.default_task_resolver", "--", "task-module",
                         "faulty", "task-name", "add")
        self.assertEqual(taskhost.Outcome(self.place.path("out"), done).values(), {"o0": 11})

    def test_python_packages_are_named(self):
        outcome = self.run_task("nothing", _F_RUNTIME_PACKAGES="numpy pandas")
        self.assertEqual(outcome.code, 0)
        self.assertIn("numpy pandas", outcome.stderr)

    def test_log_level_and_format(self):
        self.assertIn("USER:Custom", self.run_task("fail").stderr)
        self.assertEqual(self.run_task("fail", FLYTE_SDK_LOGGING_LEVEL="50").stderr, "")
        lines = self.run_task("fail", FLYTE_SDK_LOGGING_FORMAT="json").stderr.splitlines()
        self.assertIn("USER:Custom", json.dumps([json.loads(line) for line in lines]))

    def test_working_directory_is_gone_afterwards(self):
        os.makedirs(self.place.path("tmp"))
        for task in ("write_file", "crash"):
            self.run_task(task, {"text": "x"} if task == "write_file" else {},
                          TMPDIR=self.place.path("tmp"))
            self.assertEqual(os.listdir(self.place.path("tmp")), [], task)


class Crashes(faulty.Execute):
    def crashed(self, task, *words, inputs=None, **more):
        outcome = self.run_task(task, inputs or {}, **more)
        e = self.expect_error(outcome, "PluginCrashed", RECOVERABLE, SYSTEM, *words)
        self.assertIn("PluginCrashed", outcome.stderr)
        return e

    def test_null_pointer(self):
        e = self.crashed("crash", "SIGSEGV", "faulty.crash")
        self.assertRegex(e.message, r"faulty\.so .*th_body_crash\+0x[0-9a-f]+ \(.*faulty\.c:\d+\)")

    def test_back_trace_without_a_private_store(self):
        e = self.crashed("crash", "SIGSEGV", TASKHOST_CACHE_DIR="/dev/null/store")
        self.assertRegex(e.message, r"faulty\.so .*th_body_crash\+0x[0-9a-f]+ \(.*faulty\.c:\d+\)")

    def test_back_trace_of_a_stripped_plugin(self):
        folder = self.place.path("stripped")
        os.makedirs(folder)
        subprocess.run(["strip", "-o", os.path.join(folder, "faulty.so"),
                        os.path.join(faulty.plugin_dir(), "faulty.so")], check=True)
        self.crashed("crash", "SIGSEGV", "stripped: no names in faulty.so",
                     TASKHOST_PLUGIN_PATH=folder)

    def test_abort(self):
        self.crashed("abort", "SIGABRT", "faulty.abort", "th_body_abort")

    def test_exit_by_the_plugin(self):
        self.crashed("leave", "exit(3)", "faulty.leave", inputs={"code": 3})
        self.crashed("leave", "exit(0)", inputs={"code": 0})

    def test_killed(self):
        self.crashed("killed", "SIGKILL")

    def test_stack_overflow(self):
        self.crashed("overflow", "SIGSEGV", "deeper")

    def test_second_thread(self):
        self.crashed("thread", "SIGABRT", "thread_that_dies")

    def test_crash_in_init(self):
        self.crashed("nothing", "SIGABRT", "init faulty.so", FAULTY_INIT="crash")

    def test_crash_and_fail_on_error(self):
        outcome = self.run_task("crash", FLYTE_FAIL_ON_ERROR="1")
        self.assertEqual((outcome.code, outcome.files()), (1, ["error.pb"]))

    def test_crash_after_the_result_changes_nothing(self):
        outcome = self.run_task("add", {"a": 1}, FAULTY_DEINIT="crash")
        self.assertEqual((outcome.code, outcome.values()), (0, {"o0": 11}))
        self.assertIn("after the result was stored", outcome.stderr)

    def test_hang_after_the_result_ends(self):
        outcome = self.run_task("add", {"a": 1}, FAULTY_DEINIT="hang")
        self.assertEqual((outcome.code, outcome.values()), (0, {"o0": 11}))

    def shim(self, executor="Hog", **resources):
        self.place.write("inputs.pb", b"")
        path = self.place.template(
            type="hog",
            interface={"outputs": {"variables": {"o0": {"type": {"simple": "INTEGER"}}}}},
            container={"image": "x", **resources})
        done = self.call("execute", "--inputs", self.place.path("inputs.pb"), "--output-prefix",
                         self.place.path("out"), "--raw-output-data-prefix",
                         self.place.path("raw"), "--resolver",
                         "taskhost.task_template_resolver", "--", path, "faulty." + executor)
        return taskhost.Outcome(self.place.path("out"), done)

    def test_memory_limit_of_the_template(self):
        outcome = self.shim(resources={"limits": [{"name": "MEMORY", "value": "256Mi"}]})
        if faulty.SANITIZED:  # the sanitizer's own allocator ends the process, without more ado
            self.assertEqual(outcome.files(), ["error.pb"])
            return
        self.expect_error(outcome, "OutOfMemory", NON_RECOVERABLE, USER)
        outcome = self.shim(resources={"limits": [{"name": "MEMORY", "value": "4Gi"}]})
        self.assertEqual(outcome.values(), {"o0": 512})

    def test_memory_limit_too_small_to_load_the_plugin(self):
        outcome = self.shim(resources={"limits": [{"name": "MEMORY", "value": "64Ki"}]})
        if not faulty.SANITIZED:
            self.expect_error(outcome, "OutOfMemory", NON_RECOVERABLE, USER)

    def test_leaving_for_lack_of_memory(self):
        outcome = self.shim("Quitter", resources={"limits": [{"name": "MEMORY", "value": "256Mi"}]})
        if faulty.SANITIZED:
            self.assertEqual(outcome.files(), ["error.pb"])
            return
        self.expect_error(outcome, "OutOfMemory", NON_RECOVERABLE, USER)


class Signals(faulty.Execute):
    def test_sigterm_to_a_task_that_ignores_it(self):
        self.place.write("inputs.pb", b"")
        code, seconds, err = faulty.interrupt(faulty.execute_words(self.place, "sleepy"), self.place)
        self.assertEqual(code, -signal.SIGTERM, err)
        self.assertLess(seconds, 15)
        self.assertFalse(os.path.exists(self.place.path("out")))

    def test_sigterm_to_a_task_that_listens(self):
        self.place.write("inputs.pb", b"")
        code, seconds, err = faulty.interrupt(faulty.execute_words(self.place, "gentle"), self.place)
        self.assertEqual(code, -signal.SIGTERM, err)
        self.assertLess(seconds, 4)  # after 4.5 s it would be killed
        self.assertFalse(os.path.exists(self.place.path("out")))

    def test_sigint_is_exit_1(self):
        self.place.write("inputs.pb", b"")
        code, _, err = faulty.interrupt(faulty.execute_words(self.place, "gentle"), self.place,
                                        signal.SIGINT)
        self.assertEqual(code, 1, err)
        self.assertFalse(os.path.exists(self.place.path("out")))


class Inputs(faulty.Execute):
    def unreadable(self, *words):
        outcome = self.run_task("length")
        self.expect_error(outcome, "SYSTEM", RECOVERABLE, SYSTEM, *words)

    def test_missing_file(self):
        self.place.write("inputs.pb", b"")
        words = faulty.execute_words(self.place, "length", inputs=self.place.path("nowhere.pb"))
        outcome = taskhost.Outcome(self.place.path("out"), self.call(*words))
        self.expect_error(outcome, "SYSTEM", RECOVERABLE, SYSTEM, "nowhere.pb")

    def test_directory(self):
        os.makedirs(self.place.path("inputs.pb"))
        self.unreadable("inputs.pb")

    def test_remote_without_back_end(self):
        words = faulty.execute_words(self.place, "length", inputs="s3://b/inputs.pb")
        outcome = taskhost.Outcome(self.place.path("out"), self.call(*words))
        self.expect_error(outcome, "SYSTEM", RECOVERABLE, SYSTEM, "s3")

    def test_empty_file_is_the_empty_map(self):
        self.place.write("inputs.pb", b"")
        self.assertEqual(self.run_task("nothing").files(), ["outputs.pb"])

    def test_truncated(self):
        whole = taskhost.literal_map({"s": taskhost.literal("some text")}).SerializeToString()
        for n in (1, len(whole) // 2, len(whole) - 1):
            self.place.write("inputs.pb", whole[:n])
            self.unreadable()

    def test_garbage(self):
        self.place.write("inputs.pb", b"\xff" * 100)
        self.unreadable()

    def test_of_200_mb(self):
        text = "y" * (200 << 20)
        self.place.write("inputs.pb", taskhost.literal_map(
            {"s": taskhost.literal(text)}).SerializeToString())
        self.assertEqual(self.run_task("length").values(), {"o0": 200 << 20})


class Outputs(faulty.Execute):
    def failed(self, outcome):
        """Exit code 1 and no trace of the attempt."""
        self.assertEqual(outcome.code, 1, outcome.stderr)
        self.assertNotEqual(outcome.stderr.strip(), "")
        self.assertEqual(outcome.files(), [])

    def test_prefix_is_a_file(self):
        prefix = self.place.write("file", b"")
        outcome = self.run_task("add", {"a": 1}, prefix=prefix)
        self.assertEqual(outcome.code, 1, outcome.stderr)
        self.assertIn(prefix, outcome.stderr)
        self.assertEqual(os.path.getsize(prefix), 0)

    def test_prefix_scheme_without_back_end(self):
        outcome = self.run_task("add", {"a": 1}, prefix="s3://bucket/out")
        self.assertEqual(outcome.code, 1)
        self.assertIn("s3", outcome.stderr)

    def limited(self, task, inputs, preexec):
        self.run_task("nothing", {}, TASKHOST_CACHE_DIR=self.place.path("cache"))
        shutil.rmtree(self.place.path("out"), ignore_errors=True)
        os.makedirs(self.place.path("out"))
        literals = {k: taskhost.literal(v) for k, v in inputs.items()}
        self.place.write("inputs.pb", taskhost.literal_map(literals).SerializeToString())
        done = taskhost.call(*faulty.execute_words(self.place, task), preexec_fn=preexec,
                             env=faulty.env(TASKHOST_CACHE_DIR=self.place.path("cache")))
        return taskhost.Outcome(self.place.path("out"), done)

    def test_read_only_directory(self):
        def obey_modes():  # root too
            for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
                ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
            os.chmod(self.place.path("out"), 0o555)
        outcome = self.limited("add", {"a": 1}, obey_modes)
        os.chmod(self.place.path("out"), 0o755)
        self.failed(outcome)
        self.assertIn("ermission denied", outcome.stderr)

    def test_full_directory(self):
        def no_room():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))
        self.failed(self.limited("big", {"n": 300000}, no_room))
        outcome = self.limited("big", {"n": 50000}, no_room)
        self.assertEqual(outcome.files(), ["outputs.pb"], outcome.stderr)

    def test_killed_while_writing(self):
        def killed_at_limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))
        outcome = self.limited("big", {"n": 300000}, killed_at_limit)
        self.assertEqual(outcome.files(), ["error.pb"], outcome.stderr)


if __name__ == "__main__":
    tap.main()
