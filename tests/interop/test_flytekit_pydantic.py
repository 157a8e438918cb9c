"""pydantic's models through flytekit and taskhost and back: their documents are what pydantic writes
as JSON."""

import datetime
import decimal
import enum
import typing
import unittest
import uuid
from datetime import timedelta

import test_flytekit

try:
    import pydantic
except ImportError:
    raise unittest.SkipTest("pydantic is not installed") from None

UTC = datetime.timezone.utc


class Color(enum.Enum):
    RED = "red"


class Spans(pydantic.BaseModel):
    one: timedelta
    several: typing.List[timedelta] = []
    maybe: typing.Optional[timedelta] = None


class Scalars(pydantic.BaseModel):
    moment: datetime.datetime = datetime.datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    day: datetime.date = datetime.date(2024, 1, 2)
    time: datetime.time = datetime.time(1, 2, 3)
    data: bytes = b"x"
    exact: decimal.Decimal = decimal.Decimal("1.50")
    color: Color = Color.RED
    key: uuid.UUID = uuid.UUID(int=5)


class Renamed(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(populate_by_name=True)
    x: int = pydantic.Field(alias="X")


class Outer(pydantic.BaseModel):
    spans: typing.Dict[str, Spans]
    renamed: typing.Optional[Renamed] = None


class Root(pydantic.RootModel):
    root: typing.List[int]


class MaybeRoot(pydantic.RootModel):
    root: typing.Optional[Renamed]


VALUES = [
    (Spans, Spans(one=timedelta(seconds=90.5))),
    (Spans, Spans(one=-timedelta(microseconds=1), several=[timedelta(days=400, hours=2)], maybe=timedelta(weeks=3))),
    (Spans, Spans(one=timedelta.max, maybe=-timedelta(days=999999999))),
    (Scalars, Scalars()),
    (Renamed, Renamed(x=1)),
    (Outer, Outer(spans={"a": Spans(one=timedelta(days=1))}, renamed=Renamed(x=2))),
    (Root, Root([1, 2])),
    (Root, Root([])),
    (MaybeRoot, MaybeRoot(None)),
    (MaybeRoot, MaybeRoot(Renamed(x=3))),
    (typing.Optional[Renamed], Renamed(x=4)),
    (typing.List[Root], [Root([1]), Root([])]),
]


class Pydantic(test_flytekit.Echo):
    def test_models_come_back_as_they_went(self):
        self.check_echo(VALUES)
