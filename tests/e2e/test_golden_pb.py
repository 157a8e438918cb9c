"""Every message that flytekit wrote: decoded, encoded again, shown as JSON and made from it, held
against python3-protobuf."""

import gzip
import json
import math
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import pb
import tap
from google.protobuf import json_format

ROOT = os.path.join(pb.GOLDEN, "flytekit")
GARBAGE = "exec/garbage_inputs/inputs.pb"  # recorded as malformed


def read(path):
    with open(os.path.join(ROOT, path), "rb") as f:
        data = f.read()
    return gzip.decompress(data) if path.endswith(".gz") else data


def load_cases():
    with open(os.path.join(ROOT, "manifest.json"), encoding="utf-8") as f:
        files = json.load(f)["files"]
    return [(f["file"], f["message"], read(f["file"]), f.get("json"))
            for f in files if f.get("message")]


CASES = load_cases()


def same_json(a, b):
    """Equal values; numbers by value, NaN is written as a string."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b and math.copysign(1, a) == math.copysign(1, b) if a == 0 else a == b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_json(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same_json, a, b))
    return a == b


class Golden(unittest.TestCase):
    def parse(self, name, data):
        return pb.message(name).FromString(data)

    def run_all(self, op, pick, judge):
        """op on what pick gives of each case, judged beside the case."""
        chosen = [c for c in CASES if pick(c) is not None]
        self.assertGreater(len(chosen), 400)
        answers = pb.pbtool((op, c[1], pick(c)) for c in chosen)
        for case, answer in zip(chosen, answers):
            with self.subTest(file=case[0]):
                if isinstance(answer, pb.Refused):
                    self.fail(str(answer))
                judge(case, answer)

    def test_every_pb_is_listed(self):
        listed = {c[0] for c in CASES}
        found = {os.path.relpath(os.path.join(d, f), ROOT)
                 for d, _, names in os.walk(ROOT) for f in names if f.endswith(".pb")}
        self.assertEqual(found - listed, {GARBAGE})

    def test_malformed_file_is_refused(self):
        (answer,) = pb.pbtool([("recode", "flyteidl.core.LiteralMap", read(GARBAGE))])
        self.assertIsInstance(answer, pb.Refused)
        self.assertEqual(answer.code, "INVALID")

    def test_recode_is_equal(self):
        def judge(case, answer):
            self.assertEqual(self.parse(case[1], case[2]), self.parse(case[1], answer))
        self.run_all("recode", lambda c: c[2], judge)

    def test_recode_is_deterministic(self):
        def judge(case, answer):
            expected = self.parse(case[1], case[2]).SerializeToString(deterministic=True)
            self.assertEqual(expected, answer)
        self.run_all("recode", lambda c: c[2], judge)

    def test_shows_as_the_json_given(self):
        def judge(case, answer):
            given, shown = json.loads(read(case[3])), json.loads(answer)
            self.assertTrue(same_json(given, shown), f"{given}\n{shown}")
        self.run_all("show", lambda c: c[2] if c[3] else None, judge)

    def test_shows_as_python_does(self):
        def judge(case, answer):
            given = json.loads(json_format.MessageToJson(self.parse(case[1], case[2])))
            self.assertTrue(same_json(given, json.loads(answer)))
        self.run_all("show", lambda c: c[2], judge)

    def test_made_back_from_the_json_given(self):
        def judge(case, answer):
            self.assertEqual(self.parse(case[1], case[2]), self.parse(case[1], answer))
        self.run_all("make", lambda c: read(c[3]) if c[3] else None, judge)

    def test_made_back_from_our_own_json(self):
        shown = pb.pbtool(("show", c[1], c[2]) for c in CASES)
        made = pb.pbtool(("make", c[1], s) for c, s in zip(CASES, shown))
        for case, answer in zip(CASES, made):
            with self.subTest(file=case[0]):
                self.assertEqual(self.parse(case[1], case[2]), self.parse(case[1], answer))

    def test_python_reads_our_json(self):
        def judge(case, answer):
            read_back = json_format.Parse(answer, pb.message(case[1])())
            self.assertEqual(self.parse(case[1], case[2]), read_back)
        self.run_all("show", lambda c: c[2], judge)


if __name__ == "__main__":
    tap.main()
