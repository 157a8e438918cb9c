"""The arith plugin: a sample for every task, its errors, and what its tasks ask of their host."""

import json
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

BIG = 2 ** 63 - 1


class Arith(taskhost.Samples, unittest.TestCase):
    def run_task(self, place, task, inputs, env=None, **kw):
        return place.execute("task-module", "arith", "task-name", task,
                             inputs={k: literal(v) for k, v in inputs.items()}, env=env, **kw)

    def error(self, task, inputs):
        with taskhost.Place() as place:
            done = self.run_task(place, task, inputs)
            self.assertEqual(done.files(), ["error.pb"])
            return done.error()

    def test_passes_its_own_check(self):
        self.check_plugin(taskhost.shipped("arith"))

    def test_builds_by_one_compiler_line(self):
        self.check_one_line_build("arith")

    def test_add_is_the_first_task(self):
        done = taskhost.call("plugin", "inspect", "-o", "json", taskhost.shipped("arith"))
        self.assertEqual(done.returncode, 0, done.stderr)
        first = json.loads(done.stdout)["tasks"][0]
        self.assertEqual(first["name"], "arith.add")
        self.assertEqual([(v["name"], v["type"]) for v in first["inputs"] + first["outputs"]],
                         [("a", "integer"), ("b", "integer"), ("o0", "integer")])

    def test_sum_beyond_64_bits(self):
        self.assertEqual(self.error("add", {"a": BIG, "b": 1}).code, "USER:OverflowError")
        self.assertEqual(self.error("sum", {"xs": [BIG, BIG]}).code, "USER:OverflowError")

    def test_largest_sum_is_exact(self):
        with taskhost.Place() as place:
            self.assertEqual(self.run_task(place, "add", {"a": BIG - 1, "b": 1}).values(),
                             {"o0": BIG})

    def test_no_division_by_zero(self):
        error = self.error("divide", {"a": 1.5, "by": 0.0})
        self.assertEqual((error.code, error.kind, error.origin),
                         ("USER:ZeroDivisionError", 0, 1))
        self.assertIn("1.5", error.message)

    def test_empty_list_has_no_mean(self):
        self.assertEqual(self.error("mean", {"xs": []}).code, "USER:ValueError")

    def test_enum_is_held_to_its_values(self):
        error = self.error("round", {"x": 1.5, "mode": "sideways"})
        self.assertIn("sideways", error.message)

    def test_nothing_has_no_successor(self):
        with taskhost.Place() as place:
            got = self.run_task(place, "successor", {"a": None}).literals()["o0"]
            self.assertEqual(got.scalar.union.type.structure.tag, "none")

    def test_number_chooses_the_variant(self):
        for text, tag in (("12", "int"), ("1 2", "str"), ("", "str")):
            with taskhost.Place() as place:
                got = self.run_task(place, "number", {"text": text}).literals()["o0"]
                self.assertEqual(got.scalar.union.type.structure.tag, tag, text)

    def test_hash_and_metadata(self):
        with taskhost.Place() as place:
            got = self.run_task(place, "tagged", {"a": 7}).literals()["o0"]
            self.assertEqual((got.hash, dict(got.metadata)), ("n-7", {"parity": "odd"}))

    def test_generic_struct_stays_one(self):
        with taskhost.Place() as place:
            done = place.execute("task-module", "arith", "task-name", "describe", inputs={
                "anything": {"scalar": {"generic": {"only": 1}}}})
            self.assertTrue(done.literals()["o0"].scalar.HasField("generic"))
            self.assertEqual(done.values(), {"o0": {"members": 1, "first": "only"}})

    def test_struct_comes_out_as_msgpack(self):
        with taskhost.Place() as place:
            done = place.execute("task-module", "arith", "task-name", "area", inputs={
                "rectangle": {"scalar": {"generic": {"width": 2, "height": 3}}}})
            self.assertEqual(done.literals()["o0"].scalar.binary.tag, "msgpack")
            self.assertEqual(done.values()["o0"]["area"], 6)

    def test_dataset_is_uploaded(self):
        with taskhost.Place() as place:
            done = self.run_task(place, "squares", {"n": 2})
            dataset = done.literals()["o0"].scalar.structured_dataset
            self.assertEqual(dataset.metadata.structured_dataset_type.format, "csv")
            self.assertTrue(dataset.uri.startswith(place.path("raw")), dataset.uri)
            self.assertEqual(taskhost.contents(dataset.uri), b"n,square\r\n1,1\r\n2,4\r\n")

    def test_report_escapes_its_title(self):
        with taskhost.Place() as place:
            done = self.run_task(place, "report", {"title": "<script>", "xs": [5.0]})
            self.assertEqual(done.files(), ["deck.html", "outputs.pb"])
            deck = place.read("out", "deck.html").decode()
            self.assertIn("&lt;script&gt;", deck)
            self.assertIn("width:5.0%", deck)
            self.assertIn("Bars", deck)

    def test_secret_is_found_and_not_shown(self):
        env = taskhost.clean_env(_FSEC_GRP_KEY="s3cret-value")
        with taskhost.Place() as place:
            done = self.run_task(place, "secret_length", {"group": "grp", "key": "key"}, env=env)
            self.assertEqual(done.values(), {"o0": 12})
            self.assertNotIn("s3cret-value", done.stdout + done.stderr)

    def test_missing_secret_says_where_it_was_looked_for(self):
        error = self.error("secret_length", {"group": "grp", "key": "key"})
        self.assertIn("_FSEC_GRP_KEY", error.message)
        self.assertIn("/etc/secrets/grp/key", error.message)

    def test_whoami(self):
        env = taskhost.clean_env(FLYTE_INTERNAL_EXECUTION_ID="run7", FLYTE_ATTEMPT_NUMBER="2",
                                 FLYTE_INTERNAL_TASK_NAME="arith.whoami")
        with taskhost.Place() as place:
            self.assertEqual(self.run_task(place, "whoami", {}, env=env).values(),
                             {"execution": "run7", "task": "arith.whoami", "attempt": 2})

    def count(self, place, previous, **inputs):
        literals = {k: literal(v) for k, v in inputs.items()}
        place.write("inputs.pb", taskhost.literal_map(literals).SerializeToString())
        done = taskhost.call(
            "execute", "--inputs", place.path("inputs.pb"), "--output-prefix", place.path("out"),
            "--raw-output-data-prefix", place.path("raw"), "--checkpoint-path",
            place.path("ckpt"), "--prev-checkpoint", previous, "--resolver",
            "taskhost.default_task_resolver", "--", "task-module", "arith", "task-name", "count")
        return taskhost.Outcome(place.path("out"), done)

    def test_count_goes_on_from_its_checkpoint(self):
        with taskhost.Place() as first, taskhost.Place() as second:
            error = self.count(first, "", to=10, fail_at=6).error()
            self.assertEqual((error.code, error.kind), ("USER:Recoverable", 1))
            again = self.count(second, first.path("ckpt"), to=10, fail_at=6)
            self.assertEqual(again.values(), {"started": 6, "o0": 10})

    def test_sleep_is_cut_short_by_sigterm(self):
        with taskhost.Place() as place:
            place.write("inputs.pb", taskhost.literal_map({"seconds": literal(60.0)})
                        .SerializeToString())
            child = subprocess.Popen(
                [taskhost.BIN, "execute", "--inputs", place.path("inputs.pb"), "--output-prefix",
                 place.path("out"), "--raw-output-data-prefix", place.path("raw"), "--resolver",
                 "taskhost.default_task_resolver", "--", "task-module", "arith", "task-name",
                 "sleep"], env=taskhost.clean_env(), stderr=subprocess.DEVNULL)
            time.sleep(0.5)
            started = time.monotonic()
            child.send_signal(signal.SIGTERM)
            code = child.wait(timeout=20)
            self.assertIn(code, (143, -signal.SIGTERM))
            self.assertLess(time.monotonic() - started, 5)
            self.assertFalse(os.path.exists(place.path("out", "outputs.pb")))

    def test_sleep_is_cut_short_by_a_timeout(self):
        started = time.monotonic()
        done = taskhost.call("run", "arith.sleep", "-i", "seconds=60", "--timeout", "0.5s")
        self.assertLess(time.monotonic() - started, 10)
        self.assertEqual(done.returncode, 5, done.stderr)


def add_samples():
    folder = os.path.join(taskhost.SAMPLES, "arith", "samples")
    for task in sorted(os.listdir(folder)):
        setattr(Arith, f"test_sample_{task}",
                lambda self, t=task: self.run_sample("arith", t))


add_samples()

if __name__ == "__main__":
    tap.main()
