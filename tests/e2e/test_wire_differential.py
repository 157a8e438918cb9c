"""The walk, protobuf-c and python3-protobuf on the same bytes: what flytekit wrote, the fuzzers'
corpora, made-up edges, and many mutations of all of them (seeded, so the same in every run)."""

import glob
import json
import math
import os
import random
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import pb
import tap
from google.protobuf import json_format
from google.protobuf.message import DecodeError

# What the walk refuses although protobuf reads it; see host/flyte/wire.h.
STRICTER = re.compile(r"wire type \S+ where|groups \(wire type|U\+0000|above 2\^29-1|2 GiB|"
                      r"a length above 4 GiB|field number 0|"
                      r"nested more than \d+ deep \(an empty map")
# What has no JSON.
NO_JSON = re.compile(r"is not a valid|NaN or infinite|which is not known")
MUTATIONS = 12


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def nested(levels):
    """A google.protobuf.ListValue with so many messages below it."""
    data = b""
    for level in range(levels, 0, -1):
        data = field(1 if level % 2 else 6, data)
    return data


def nested_maps(levels):
    """A google.protobuf.Struct likewise; each map costs an entry, too."""
    data = b""
    for level in range(levels, 0, -1):
        data = field({1: 1, 2: 2, 0: 5}[level % 3], data)
    return data


def golden():
    root = os.path.join(pb.GOLDEN, "flytekit")
    with open(os.path.join(root, "manifest.json"), encoding="utf-8") as f:
        for entry in json.load(f)["files"]:
            if entry.get("message") and entry["bytes"] < 4096:
                with open(os.path.join(root, entry["file"]), "rb") as pbfile:
                    yield entry["message"], pbfile.read()


def corpus():
    """Inputs of fuzz_wire: one byte chooses the message, the rest is the message."""
    types = ["flyteidl.core.LiteralMap", "flyteidl.core.TaskTemplate",
             "flyteidl.core.DynamicJobSpec", "flyteidl.admin.CreateTaskRequest",
             "google.protobuf.Struct", "grpc.reflection.v1.ExtensionNumberResponse",
             "flyteidl.admin.LaunchPlan", "flyteidl.admin.Notification"]
    for path in sorted(glob.glob(os.path.join(pb.SOURCE, "tests/fuzz/corpus/fuzz_wire/*"))):
        with open(path, "rb") as f:
            data = f.read()
        if data:
            yield types[data[0] % len(types)], data[1:]


def edges():
    lit, lmap = "flyteidl.core.Literal", "flyteidl.core.LiteralMap"
    integer = lambda v: field(1, field(1, b"\x08" + varint(v)))
    yield lit, integer(1) + integer(2)  # split: the last value wins
    yield lit, field(2, field(1, integer(1))) + field(2, field(1, integer(2)))  # joined
    yield lit, field(2, field(1, integer(1))) + integer(7) + field(2, field(1, integer(2)))
    yield lit, field(1, field(5, b"")) + field(1, field(1, b"\x08\x01"))
    entry = lambda k, v: field(1, field(1, k) + field(2, v))
    yield lmap, entry(b"a", integer(1)) + entry(b"b", integer(2)) + entry(b"a", integer(3))
    yield lmap, field(1, field(1, b"a")) + field(1, field(2, integer(1))) + field(1, b"")
    yield lmap, field(1, field(2, integer(1)) + field(2, integer(2)) + field(1, b"k"))
    yield lmap, field(99, b"unknown") + entry(b"a", integer(1)) + b"\xf8\x07\x05"
    yield lit, integer((1 << 64) - 1)
    yield lit, field(1, field(1, b"\x08" + b"\x80" * 9 + b"\x01"))
    yield lit, field(1, field(1, b"\x08" + b"\x80" * 10 + b"\x01"))  # overlong
    notification = "flyteidl.admin.Notification"
    yield notification, field(1, b"\x01\x02\xff\x01") + b"\x08\x07" + field(1, b"")
    yield notification, b"\x08" + b"\xff" * 9 + b"\x01"
    yield "flyteidl.core.Primitive", b"\x20" + b"\x80" * 4 + b"\x10"  # true, above 32 bits
    yield "flyteidl.core.Primitive", b"\x11" + b"\0" * 7 + b"\x80"  # -0.0
    yield "flyteidl.core.RetryStrategy", b"\x28" + b"\x81" * 9 + b"\x01"
    for levels in range(98, 104):
        yield "google.protobuf.ListValue", nested(levels)
        yield "google.protobuf.Struct", nested_maps(levels)


def mutate(rng, data, others):
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        kind = rng.randrange(7)
        at = rng.randrange(len(data) + 1)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif kind == 1 and data:
            data[at % len(data)] = rng.choice((0, 1, 0x7f, 0x80, 0xff, rng.randrange(256)))
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 4)))
        elif kind == 4 and data:
            del data[at % len(data)]
        elif kind == 5:
            data += rng.choice(others)  # protobuf reads both as one, merged
        else:
            data[at:at] = rng.choice(others)[:64]
    return bytes(data)


def inputs():
    base = list(golden()) + list(corpus()) + list(edges())
    by_type = {}
    for name, data in base:
        by_type.setdefault(name, []).append(data)
    rng = random.Random(20240601)
    yield from base
    for name, data in base:
        yield name, data + data
        for _ in range(MUTATIONS):
            yield name, mutate(rng, data, by_type[name])


def python_reads(name, data):
    try:
        return pb.message(name).FromString(data)
    except DecodeError:
        return None


def same_json(a, b):
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b and math.copysign(1, a) == math.copysign(1, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_json(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same_json, a, b))
    return a == b


class Differential(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.inputs = list(inputs())
        cls.python = [python_reads(name, data) for name, data in cls.inputs]
        cls.check = pb.pbtool(("check", name, data) for name, data in cls.inputs)

    def accepted(self):
        return [i for i, answer in enumerate(self.check) if not isinstance(answer, pb.Refused)]

    def ask(self, op):
        chosen = self.accepted()
        return zip(chosen, pb.pbtool((op, *self.inputs[i]) for i in chosen))

    def test_enough_of_both_kinds(self):
        accepted = len(self.accepted())
        self.assertGreater(accepted, 1500)
        self.assertGreater(len(self.inputs) - accepted, 1500)

    def test_accepted_by_walk_and_by_python(self):
        for i in self.accepted():
            self.assertIsNotNone(self.python[i], f"python refuses {self.inputs[i]}")

    def test_refused_by_walk_and_by_python(self):
        """Or for one of the reasons the walk documents."""
        for given, python, answer in zip(self.inputs, self.python, self.check):
            if isinstance(answer, pb.Refused) and python is not None:
                self.assertRegex(answer.text, STRICTER, f"python reads {given}")

    def test_protobuf_c_accepts_what_the_walk_does(self):
        """But for split messages, which it cannot merge: those are joined before it sees them."""
        split = sum(self.check[i] == b"split" for i in self.accepted())
        self.assertGreater(split, 100)
        for i, answer in self.ask("raw"):
            if self.check[i] != b"split":
                self.assertNotIsInstance(answer, pb.Refused, f"{answer}: {self.inputs[i]}")

    def test_recoded_means_the_same_to_python(self):
        """Merging, map keys given twice, unknown fields and all."""
        for i, answer in self.ask("recode"):
            self.assertNotIsInstance(answer, pb.Refused, f"{answer}: {self.inputs[i]}")
            again = python_reads(self.inputs[i][0], answer)
            self.assertIsNotNone(again, f"python refuses {answer!r} from {self.inputs[i]}")
            self.assertEqual(self.python[i].SerializeToString(deterministic=True),
                             again.SerializeToString(deterministic=True), self.inputs[i])

    def test_json_is_the_same_as_python_prints(self):
        shown = 0
        for i, answer in self.ask("show"):
            if isinstance(answer, pb.Refused):
                self.assertRegex(answer.text, NO_JSON)
                continue
            expected = json.loads(json_format.MessageToJson(self.python[i]))
            self.assertTrue(same_json(expected, json.loads(answer)),
                            f"{self.inputs[i]}\n{expected}\n{answer}")
            shown += 1
        self.assertGreater(shown, 1500)

    def test_json_is_read_as_python_reads_it(self):
        shown = [(self.inputs[i][0], a) for i, a in self.ask("show")
                 if not isinstance(a, pb.Refused)]
        for (name, text), made in zip(shown, pb.pbtool(("make", n, t) for n, t in shown)):
            self.assertNotIsInstance(made, pb.Refused, f"{made}: {text}")
            expected = json_format.Parse(text, pb.message(name)())
            self.assertEqual(expected.SerializeToString(deterministic=True), made, text)


if __name__ == "__main__":
    tap.main()
