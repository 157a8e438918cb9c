"""Real flytekit on both sides of taskhost: it writes templates and inputs, taskhost executes them,
it reads the outputs back as Python values."""

import datetime
import enum
import os
import subprocess
import tempfile
import typing
import unittest
from dataclasses import dataclass, field

from flyteidl.core import errors_pb2, literals_pb2
from flytekit import task
from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.type_engine import TypeEngine
from flytekit.models.literals import LiteralMap
from flytekit.tools.translator import get_serializable
from mashumaro import field_options
from mashumaro.config import BaseConfig
from mashumaro.mixins.json import DataClassJSONMixin

TASKHOST = os.environ["TASKHOST_BIN"]
SETTINGS = SerializationSettings(
    project="p", domain="d", version="v", image_config=ImageConfig(Image("default", "example", "1"))
)

UTC = datetime.timezone.utc


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    x: int
    y: float
    tags: typing.List[str]


@dataclass
class Renamed(DataClassJSONMixin):
    x: int = field(metadata=field_options(alias="X"))

    class Config(BaseConfig):
        serialize_by_alias = True


@dataclass
class Omitting(DataClassJSONMixin):
    x: int
    y: typing.Optional[int] = None
    z: int = 3

    class Config(BaseConfig):
        omit_none = True
        omit_default = True


@dataclass
class Stamped(DataClassJSONMixin):
    at: datetime.datetime = field(
        metadata=field_options(
            serialize=lambda v: v.timestamp(),
            deserialize=lambda v: datetime.datetime.fromtimestamp(v, UTC),
        )
    )


@dataclass
class Defaults:
    i: int = True
    f: float = float("nan")
    g: float = float("inf")


VALUES = [
    (int, 5),
    (int, -(2**63)),
    (int, 2**63 - 1),
    (float, 0.1),
    (float, -0.0),
    (str, "hällo ✓"),
    (str, ""),
    (bool, False),
    (datetime.datetime, datetime.datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)),
    (datetime.timedelta, datetime.timedelta(seconds=-1.5)),
    (typing.List[int], [1, 2, 3]),
    (typing.List[typing.List[float]], [[0.5], [], [1e300]]),
    (typing.Dict[str, int], {"a": 1, "b": 2}),
    (typing.Dict[str, typing.List[str]], {"k": ["x", "y"]}),
    (typing.Optional[int], None),
    (typing.Optional[int], 9),
    (typing.Union[int, str], "text"),
    (Color, Color.BLUE),
    (Point, Point(3, 2.5, ["a", "b"])),
    (typing.List[Point], [Point(1, 1.0, [])]),
    (dict, {"a": 1, "b": [1, "x", None], "c": {"d": True}}),
    (Renamed, Renamed(1)),
    (Omitting, Omitting(1)),
    (Omitting, Omitting(1, 2, 4)),
    (Stamped, Stamped(datetime.datetime(2024, 1, 2, tzinfo=UTC))),
    (Defaults, Defaults(f=0.5)),
]


def template_for(kind):
    def echo(a):
        return a

    echo.__annotations__ = {"a": kind, "return": kind}
    made = task(echo)
    return get_serializable({}, SETTINGS, made).template


class Echo(unittest.TestCase):
    def execute(self, work, template, inputs, *resolver):
        with open(os.path.join(work, "task.pb"), "wb") as out:
            out.write(template.to_flyte_idl().SerializeToString())
        with open(os.path.join(work, "inputs.pb"), "wb") as out:
            out.write(inputs.to_flyte_idl().SerializeToString())
        command = [TASKHOST, "execute", "--inputs", work + "/inputs.pb", "--output-prefix", work + "/out"]
        command += ["--raw-output-data-prefix", work + "/raw", "--resolver", *resolver]
        return subprocess.run(command, capture_output=True, text=True)

    def check_echo(self, values):
        context = FlyteContextManager.current_context()
        for kind, value in values:
            with self.subTest(kind=kind, value=value), tempfile.TemporaryDirectory() as work:
                template = template_for(kind)
                declared = template.interface.inputs["a"].type
                literal = TypeEngine.to_literal(context, value, kind, declared)
                ended = self.execute(
                    work,
                    template,
                    LiteralMap({"a": literal}),
                    "flytekit.core.python_customized_container_task.default_task_template_resolver",
                    "--",
                    work + "/task.pb",
                    "echo.Echo",
                )
                self.assertEqual(ended.returncode, 0, ended.stderr)
                self.assertEqual(os.listdir(work + "/out"), ["outputs.pb"], ended.stderr)
                outputs = literals_pb2.LiteralMap()
                with open(work + "/out/outputs.pb", "rb") as data:
                    outputs.ParseFromString(data.read())
                back = LiteralMap.from_flyte_idl(outputs).literals["o0"]
                self.assertEqual(TypeEngine.to_python_value(context, back, kind), value)


class Flytekit(Echo):
    def test_values_come_back_as_they_went(self):
        self.check_echo(VALUES)

    def test_native_task_is_read_by_flytekit(self):
        context = FlyteContextManager.current_context()
        with tempfile.TemporaryDirectory() as work:
            integer = TypeEngine.to_literal_type(int)
            inputs = LiteralMap({k: TypeEngine.to_literal(context, v, int, integer) for k, v in (("a", 2), ("b", 40))})
            ended = self.execute(
                work,
                template_for(int),
                inputs,
                "flytekit.core.python_auto_container.default_task_resolver",
                "--",
                "task-module",
                "arith",
                "task-name",
                "add",
            )
            self.assertEqual(ended.returncode, 0, ended.stderr)
            outputs = literals_pb2.LiteralMap()
            with open(work + "/out/outputs.pb", "rb") as data:
                outputs.ParseFromString(data.read())
            back = LiteralMap.from_flyte_idl(outputs).literals["o0"]
            self.assertEqual(TypeEngine.to_python_value(context, back, int), 42)

    def test_error_document_is_read_by_flytes_messages(self):
        with tempfile.TemporaryDirectory() as work:
            ended = self.execute(
                work,
                template_for(int),
                LiteralMap({}),
                "taskhost.default_task_resolver",
                "--",
                "task-module",
                "arith",
                "task-name",
                "add",
            )
            self.assertEqual(ended.returncode, 0, ended.stderr)
            document = errors_pb2.ErrorDocument()
            with open(work + "/out/error.pb", "rb") as data:
                document.ParseFromString(data.read())
            self.assertEqual(document.error.code, "USER:RuntimeError")
            self.assertIn("'a'", document.error.message)
            self.assertTrue(document.error.message.startswith("Trace:\n\n"))


if __name__ == "__main__":
    unittest.main()
