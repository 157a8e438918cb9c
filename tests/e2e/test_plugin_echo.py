"""The echo plugin: which input becomes which output, and what it refuses."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
import taskhost
from taskhost import literal

INTEGER, STRING = {"simple": "INTEGER"}, {"simple": "STRING"}


def interface(inputs, outputs):
    def variables(names):
        return {"variables": {n: {"type": t} for n, t in names.items()}}
    return {"inputs": variables(inputs), "outputs": variables(outputs)}


class Echo(taskhost.Samples, unittest.TestCase):
    def echo(self, inputs, outputs, values):
        with taskhost.Place() as place:
            done = place.shim("echo.Echo", type="echo", interface=interface(inputs, outputs),
                              inputs={k: literal(v) for k, v in values.items()})
            if "error.pb" in done.files():
                self.assertEqual(done.files(), ["error.pb"])
                return done.error()
            return done.values()

    def test_passes_its_own_check(self):
        self.check_plugin(taskhost.shipped("echo"))

    def test_builds_by_one_compiler_line(self):
        self.check_one_line_build("echo")

    def test_sample_same_names(self):
        self.run_sample("echo", "same_names", executor="echo.Echo")

    def test_sample_in_order(self):
        self.run_sample("echo", "in_order", executor="echo.Echo")

    def test_same_names_pass_under_their_name(self):
        self.assertEqual(self.echo({"b": STRING, "a": INTEGER, "more": INTEGER},
                                   {"a": INTEGER, "b": STRING},
                                   {"a": 1, "b": "x", "more": 3}), {"a": 1, "b": "x"})

    def test_other_names_pass_in_name_order(self):
        self.assertEqual(self.echo({"zz": STRING, "aa": INTEGER, "a": INTEGER},
                                   {"o1": INTEGER, "o2": STRING, "o0": INTEGER},
                                   {"zz": "last", "aa": 2, "a": 1}),
                         {"o0": 1, "o1": 2, "o2": "last"})

    def test_ten_outputs_go_by_name_not_number(self):
        names = [f"i{n}" for n in range(11)]
        got = self.echo({n: INTEGER for n in names}, {f"o{n}": INTEGER for n in range(11)},
                        {n: i for i, n in enumerate(names)})
        self.assertEqual(got, {f"o{n}": n for n in range(11)})

    def test_every_kind_unchanged(self):
        struct = {"scalar": {"binary": {"value": "gaFhAQ==", "tag": "msgpack"}}}
        union = {"scalar": {"union": {"value": literal(3), "type": {
            "simple": "INTEGER", "structure": {"tag": "int"}}}}}
        kinds = {
            "m": ({"mapValueType": {"collectionType": INTEGER}}, literal({"k": [1, 2], "e": []})),
            "s": ({"simple": "STRUCT"}, struct),
            "u": ({"unionType": {"variants": [
                {"simple": "INTEGER", "structure": {"tag": "int"}},
                {"simple": "STRING", "structure": {"tag": "str"}}]}}, union),
            "f": ({"blob": {}}, taskhost.file_literal(os.path.abspath(__file__))),
        }
        types = {k: t for k, (t, _) in kinds.items()}
        with taskhost.Place() as place:
            done = place.shim("echo.Echo", type="echo", interface=interface(types, types),
                              inputs={k: v for k, (_, v) in kinds.items()})
            self.assertEqual(dict(done.literals()),
                             dict(taskhost.literal_map({k: v for k, (_, v) in kinds.items()})
                                  .literals))

    def test_no_declared_outputs_give_no_error(self):
        self.assertIn(self.echo({"a": INTEGER}, {}, {"a": 1}), ({}, {"a": 1}))

    def assert_lists_both(self, error, inputs, outputs):
        self.assertEqual(error.code, "USER:ValueError")
        self.assertIn(f"inputs {inputs}; outputs {outputs}", error.message)

    def test_counts_that_differ_list_both_sides(self):
        self.assert_lists_both(self.echo({"a": INTEGER, "b": STRING}, {"o0": INTEGER},
                                         {"a": 1, "b": "x"}), "a, b", "o0")

    def test_some_names_missing_list_both_sides(self):
        self.assert_lists_both(self.echo({"a": INTEGER}, {"a": INTEGER, "b": INTEGER}, {"a": 1}),
                               "a", "a, b")

    def test_outputs_without_inputs_list_both_sides(self):
        self.assert_lists_both(self.echo({}, {"o0": INTEGER}, {}), "none", "o0")


if __name__ == "__main__":
    tap.main()
