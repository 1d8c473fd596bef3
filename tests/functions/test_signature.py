"""Signatures, as a model sees them."""

import datetime
import json
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from jsonschema import Draft202012Validator

from daemon.errors import FunctionBroken
from daemon.functions import ToolCall
from daemon.functions.signature import describe


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Bike(msgspec.Struct):
    """A bicycle."""

    size: Size
    gears: Annotated[int, msgspec.Meta(ge=1, le=33)] = 1


class Tree(msgspec.Struct):
    branches: "list[Tree]" = []


class Card(msgspec.Struct, tag="card"):
    digits: str


class Cash(msgspec.Struct, tag="cash"):
    coins: int


async def book(
    day: datetime.date,
    bike: Bike,
    call: ToolCall,
    hour: Annotated[int, msgspec.Meta(ge=8, le=17)] = 9,
    note: str | None = None,
    extras: list[str] = ["lights"],  # noqa: B006
) -> dict[str, str]:
    """Books a slot in the workshop.

    Only after the caller has agreed.

    Args:
        day: The day, as YYYY-MM-DD.
        bike: What it is for.
        call: The call.

    Returns:
        What was booked.
    """
    return {}


BIKE = {
    "title": "Bike",
    "description": "What it is for.",
    "type": "object",
    "properties": {
        "size": {"title": "Size", "enum": ["large", "small"]},
        "gears": {"type": "integer", "minimum": 1, "maximum": 33, "default": 1},
    },
    "required": ["size"],
}


def test_a_function_whole() -> None:
    told = describe("shop:book", book)
    assert told.description == "Books a slot in the workshop.\nOnly after the caller has agreed."
    assert (told.source, told.call, told.context, told.is_async) == ("shop:book", book, "call", True)
    assert told.parameters == {
        "type": "object",
        "properties": {
            "day": {"type": "string", "format": "date", "description": "The day, as YYYY-MM-DD."},
            "bike": BIKE,
            "hour": {"type": "integer", "minimum": 8, "maximum": 17, "default": 9},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "extras": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["day", "bike"],
        "additionalProperties": False,
    }
    given = msgspec.convert({"day": "2026-03-02", "bike": {"size": "small"}}, told.arguments)
    assert msgspec.structs.asdict(given) == {
        "day": datetime.date(2026, 3, 2),
        "bike": Bike(Size.SMALL),
        "hour": 9,
        "note": None,
        "extras": ["lights"],
    }


def test_a_function_of_nothing() -> None:
    def now() -> str:
        return ""

    told = describe("x", now)
    assert told.parameters == {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    assert (told.description, told.context, told.is_async) == ("", None, False)


@pytest.mark.parametrize(
    "hint",
    [
        *(str, int, float, bool, bytes, Decimal, datetime.datetime, datetime.timedelta, Size, Bike, Literal["a", "b"]),
        *(list[Bike], dict[str, int], set[int], Bike | None, Card | Cash, tuple[int, str], int | str, Any),
    ],
)
def test_hints_that_have_a_schema(hint: object) -> None:
    def function(it: object) -> None: ...

    function.__annotations__["it"] = hint
    schema = describe("x", function).parameters
    Draft202012Validator.check_schema(schema)
    assert "$ref" not in json.dumps(schema)
    assert "#/$defs" not in json.dumps(schema)


def broken(*, hint: object = str, doc: str = "") -> Callable[..., Any]:
    def function(order: object) -> None: ...

    function.__annotations__["order"] = hint
    function.__doc__ = doc
    return function


def bare(order) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001


def starred(*orders: str) -> None: ...


def keyed(**orders: str) -> None: ...


def positional(order: str, /) -> None: ...


def yields() -> Iterator[str]:
    yield ""


async def yields_later() -> AsyncIterator[str]:
    yield ""


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (bare, 'its parameter "order" has no type hint'),
        (starred, 'its parameter "orders" can\'t be given by name, as arguments of a tool are'),
        (keyed, 'its parameter "orders" can\'t be given by name, as arguments of a tool are'),
        (positional, 'its parameter "order" can\'t be given by name, as arguments of a tool are'),
        (yields, "it is a generator; a tool gives one result"),
        (yields_later, "it is a generator; a tool gives one result"),
        (broken(hint="NoSuchThing"), "its type hints can't be resolved: name 'NoSuchThing' is not defined"),
        (broken(hint="list["), "its type hints can't be resolved: Forward reference must be an expression"),
        (broken(hint=Tree), "its parameters have no JSON Schema: Tree holds itself"),
        (
            broken(doc="Looks up.\n\nArgs:\n    ordr: The number."),
            'its docstring describes "ordr", which is no parameter of it; did you mean "order"?',
        ),
        (broken(hint=Callable[[], None]), 'the type hint of its parameter "order" has no JSON Schema: '),
        (broken(hint=pytest.MonkeyPatch), 'the type hint of its parameter "order" has no JSON Schema: '),
        (broken(hint=list[ToolCall] | Card | Bike), 'the type hint of its parameter "order" has no JSON Schema: '),
    ],
)
def test_functions_that_no_model_can_be_told_of(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(FunctionBroken) as caught:
        describe("x", function)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
