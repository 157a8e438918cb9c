"""Types and values by chance: flytekit writes them, taskhost passes them on, flytekit reads the same.

TASKHOST_TEST_SEED gives other ones than usual, TASKHOST_TEST_LONG more of them."""

import datetime
import enum
import json
import os
import random
import subprocess
import tempfile
import typing
import unittest
from dataclasses import dataclass

import test_flytekit
from flyteidl.core import literals_pb2
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.type_engine import TypeEngine
from flytekit.models.literals import LiteralMap
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile
from google.protobuf import json_format
from test_flytekit import Color, Point

CASES = 2000 if os.environ.get("TASKHOST_TEST_LONG") else 500
RESOLVER = "flytekit.core.python_customized_container_task.default_task_template_resolver"


class Shade(enum.Enum):
    DARK = "dark"
    OESE = "öse"


@dataclass
class Inner:
    point: Point
    color: Color
    note: typing.Optional[str]
    lists: typing.Dict[str, typing.List[int]]
    when: datetime.datetime


@dataclass
class Outer:
    inner: Inner
    points: typing.List[Point]
    other: typing.Optional[Inner] = None
    flag: bool = False


class Maker:
    """Types, and values of them."""

    def __init__(self, rng, place):
        self.rng = rng
        self.place = place

    def some(self, make, most=4):
        return [make() for _ in range(self.rng.randrange(most))]

    def word(self):
        return "".join(self.some(lambda: self.rng.choice("abcä✓ \n\"'\\0<&𝄞"), 6))

    def integer(self):
        return self.rng.choice([0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1, self.rng.randrange(-999, 999)])

    def number(self):
        return self.rng.choice([0.0, -0.0, 1.5, 1e308, 5e-324, 3.0, 1e16, 1e-7, float("inf"), self.rng.random()])

    def boolean(self):
        return self.rng.random() < 0.5

    def when(self):
        r = self.rng
        return datetime.datetime(r.randrange(1, 9999), r.randrange(1, 13), r.randrange(1, 29), r.randrange(24),
                                 r.randrange(60), r.randrange(60), r.choice([0, 1, 999999]),
                                 tzinfo=datetime.timezone.utc)

    def span(self):
        return datetime.timedelta(self.rng.randrange(-5000, 5000), self.rng.randrange(86400),
                                  self.rng.choice([0, 1, 999999]))

    def color(self):
        return self.rng.choice(list(Color))

    def shade(self):
        return self.rng.choice(list(Shade))

    def maybe(self, make):
        return None if self.rng.random() < 0.3 else make()

    def point(self):
        return Point(self.rng.randrange(-5, 5), self.rng.choice([1.5, 2.0, -1.25]), self.some(self.word))

    def inner(self):
        lists = {self.word(): self.some(lambda: 7) for _ in range(2)}
        return Inner(self.point(), self.color(), self.maybe(self.word), lists, self.when())

    def outer(self):
        return Outer(self.inner(), self.some(self.point), self.maybe(self.inner), self.boolean())

    def loose(self, depth=0):
        """What a dict of no particular type may hold."""
        kinds = [lambda: self.rng.randrange(-9, 9), self.rng.random, self.word, self.boolean, lambda: None]
        if depth < 3:
            kinds += [lambda: self.some(lambda: self.loose(depth + 1)), lambda: self.table(depth + 1)]
        return self.rng.choice(kinds)()

    def table(self, depth=0):
        return {self.word(): self.loose(depth + 1) for _ in range(self.rng.randrange(4))}

    def file(self):
        with tempfile.NamedTemporaryFile("w", dir=self.place, delete=False) as f:
            f.write(self.word())
        return f.name

    def directory(self):
        made = tempfile.mkdtemp(dir=self.place)
        with open(made + "/a", "w", encoding="ascii") as f:
            f.write("a")
        return made

    def simple(self):
        return [(int, self.integer), (str, self.word), (datetime.datetime, self.when), (Color, self.color),
                (Point, self.point), (float, self.number), (bool, self.boolean), (datetime.timedelta, self.span),
                (Shade, self.shade), (Inner, self.inner), (Outer, self.outer), (dict, self.table),
                (FlyteFile, self.file), (FlyteFile["csv"], self.file), (FlyteDirectory, self.directory)]

    def type(self, depth=0):
        """A type and what makes its values."""
        kind = self.rng.randrange(10) if depth < 3 else 0
        if kind < 4:
            return self.rng.choice(self.simple())
        if kind == 9:
            pair = self.rng.sample(self.simple()[:5], self.rng.randrange(2, 4))
            return typing.Union[tuple(t for t, _ in pair)], lambda: self.rng.choice(pair)[1]()
        inner, make = self.type(depth + 1)
        if kind < 6:
            return typing.List[inner], lambda: self.some(make)
        if kind < 8:
            return typing.Dict[str, inner], lambda: {self.word(): make() for _ in range(self.rng.randrange(4))}
        return typing.Optional[inner], lambda: self.maybe(make)


class FlytekitRandom(unittest.TestCase):
    execute = test_flytekit.Flytekit.execute

    def read(self, path):
        found = literals_pb2.LiteralMap()
        with open(path, "rb") as f:
            found.ParseFromString(f.read())
        return found

    def check_json(self, path):
        """pb show prints what protobuf's own JSON says."""
        shown = subprocess.run([test_flytekit.TASKHOST, "pb", "show", "--type", "LiteralMap", path],
                               capture_output=True, text=True)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertEqual(json.loads(shown.stdout), json.loads(json_format.MessageToJson(self.read(path))))

    def check(self, kind, value):
        context = FlyteContextManager.current_context()
        template = test_flytekit.template_for(kind)
        literal = TypeEngine.to_literal(context, value, kind, template.interface.inputs["a"].type)
        with tempfile.TemporaryDirectory() as work:
            done = self.execute(work, template, LiteralMap({"a": literal}), RESOLVER, "--", work + "/task.pb",
                                "echo.Echo")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(os.listdir(work + "/out"), ["outputs.pb"], done.stderr)
            outputs = self.read(work + "/out/outputs.pb")
            self.assertEqual(outputs.literals["o0"], literal.to_flyte_idl())
            self.check_json(work + "/inputs.pb")
        if "file" in str(kind) or "directory" in str(kind):  # each reading is an object of its own
            return
        back = LiteralMap.from_flyte_idl(outputs).literals["o0"]
        self.assertEqual(TypeEngine.to_python_value(context, back, kind),
                         TypeEngine.to_python_value(context, literal, kind))

    def test_values_of_random_types(self):
        seed = int(os.environ.get("TASKHOST_TEST_SEED", "1"))
        with tempfile.TemporaryDirectory() as place:
            maker = Maker(random.Random(seed), place)
            for case in range(CASES):
                kind, make = maker.type()
                value = make()
                with self.subTest(seed=seed, case=case, kind=kind, value=value):
                    self.check(kind, value)


if __name__ == "__main__":
    unittest.main()
