"""The recorded tasks in C (tests/flytekit) with values that were not recorded: what flytekit computes
from the same inputs."""

import base64
import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
import taskhost

INT64_MAX = 2 ** 63 - 1


def union(tag, literal_type, literal):
    return {"scalar": {"union": {"value": literal,
                                 "type": {**literal_type, "structure": {"tag": tag}}}}}


def scalar(**primitive):
    return {"scalar": {"primitive": primitive}}


class Values(unittest.TestCase):
    def setUp(self):
        self.place = taskhost.Place()
        self.addCleanup(shutil.rmtree, self.place.root, True)

    def run_task(self, task, **inputs):
        self.place.write("inputs.pb", taskhost.literal_map(inputs).SerializeToString())
        shutil.rmtree(self.place.path("out"), ignore_errors=True)
        done = taskhost.call(
            "execute", "--inputs", self.place.path("inputs.pb"), "--output-prefix",
            self.place.path("out"), "--raw-output-data-prefix", self.place.path("raw"),
            "--resolver", "taskhost.default_task_resolver", "--", "task-module", "fxa",
            "task-name", task, env=taskhost.clean_env())
        return taskhost.Outcome(self.place.path("out"), done)

    def span(self, a, b):
        d = self.run_task("span", a=scalar(datetime=a), b=scalar(datetime=b)).literals()["o0"]
        return d.scalar.primitive.duration.seconds, d.scalar.primitive.duration.nanos

    def test_span_of_centuries(self):
        self.assertEqual(self.span("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
                         (62135596800, 0))
        self.assertEqual(self.span("9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z"),
                         (-315537897599, -999999000))
        self.assertEqual(self.span("1970-01-01T00:00:00.75Z", "1970-01-01T00:00:02.5Z"),
                         (1, 750000000))
        self.assertEqual(self.span("1970-01-01T00:00:02.5Z", "1970-01-01T00:00:00.75Z"),
                         (-1, -750000000))

    def test_floats_as_python_prints_them(self):
        values = [0.0, -0.0, 1.0, 0.1, 100.0, 1e15, 1e16, 1e22, 12345678901234568.0, 123456789.123,
                  9007199254740993.0, 9999999999999998.0, 1e-4, 1e-5, 0.00012345, 5e-324,
                  1.7976931348623157e308, -2.5, float("inf"), float("-inf"), float("nan")]
        names = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}  # in protobuf's JSON
        floats = {"collection": {"literals": [scalar(floatValue=names.get(str(v), v))
                                             for v in values]}}
        outcome = self.run_task("union_t", a=union(
            "Typed List", {"collectionType": {"simple": "FLOAT"}}, floats))
        self.assertEqual(outcome.values(), {"o0": str(values)})

    def test_capitals_of_letters_beyond_ascii(self):
        words = ("caf\u00e9", "stra\u00dfe", "\u00ff\u00b5\u00f7", "\u03b1\u03c2\u03ce",
                 "\u043f\u0440\u0456\u045f", "\u20ac \U0001d11e \u4e2d")
        for word in words:
            outcome = self.run_task("dict_str_int", m=taskhost.literal({word: 2}))
            self.assertEqual(outcome.values(), {"o0": {word.upper(): 20}})

    def test_integers_that_do_not_fit(self):
        most = taskhost.literal(INT64_MAX)
        for task, inputs in (
                ("add", {"a": most, "b": taskhost.literal(1)}),
                ("sq", {"x": most}),
                ("sq2", {"x": taskhost.literal(1), "k": most}),
                ("list_sum", {"xs": taskhost.literal([INT64_MAX, 1])}),
                ("dict_str_int", {"m": taskhost.literal({"a": 2 ** 62})}),
                ("optional_int", {"a": union("int", {"simple": "INTEGER"}, most)})):
            outcome = self.run_task(task, **inputs)
            self.assertEqual((task, outcome.files()), (task, ["error.pb"]))
            self.assertIn("64 bits", outcome.error().message)
        outcome = self.run_task("add", a=most, b=taskhost.literal(-1))
        self.assertEqual(outcome.values(), {"o0": INT64_MAX - 1})

    def test_a_whole_float_for_a_declared_integer(self):
        packed = (b"\x87\xa5count\xcb\x3f\xf0" + bytes(6) + b"\xa5ratio\xcb\x40" + bytes(7) +
                  b"\xa5label\xa1x\xa4flag\xc3\xa5inner\x82\xa4name\xa1n\xa7weights\x90"
                  b"\xa4tags\x80\xa4note\xc0")
        self.assertEqual(taskhost.unpack_msgpack(packed)["count"], 1.0)
        outcome = self.run_task("dc", o={"scalar": {"binary": {
            "value": base64.b64encode(packed).decode(), "tag": "msgpack"}}})
        got = outcome.values()["o0"]
        self.assertEqual((got["count"], type(got["count"])), (2, int))


if __name__ == "__main__":
    tap.main()
