"""What the model wrote, held against the schema."""

import json
from typing import Any

import pytest

from daemon.config.parameters import parameters
from daemon.core.effects import ToolUse
from daemon.tools.arguments import Arguments, masked
from daemon.tools.base import Answer

SCHEMA = parameters(
    {"order": {"type": "string", "pattern": "^[0-9]+$"}, "count": {"type": "integer?", "minimum": 1}, "note": "string?"}
)
WRONG = "The arguments are not right, and nothing was done. Correct them, or ask the caller, and call it again."
NO_JSON = {"error": "The arguments are not valid JSON. Call the tool again with a JSON object."}


def read(text: str, schema: dict[str, Any] = SCHEMA) -> Any:
    arguments = Arguments(schema).read(text)
    if isinstance(arguments, Answer):
        assert arguments.why in (
            "arguments refused",
            "schema refers to nothing",
        )  # and nothing of what the caller may have said
        return json.loads(arguments.output)
    return arguments


def test_what_is_right() -> None:
    assert read('{"order": "42", "count": 2}') == {"order": "42", "count": 2}
    assert read("", parameters({})) == {}


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("{}", ["'order' is a required property"]),
        ('{"order": "x"}', ["order: 'x' does not match '^[0-9]+$'"]),
        ('{"order": 42}', ["order: 42 is not of type 'string'"]),
        ('{"order": "4", "count": 0}', ["count: 0 is less than the minimum of 1"]),
        (
            '{"order": "4", "color": "red"}',
            ["Additional properties are not allowed ('color' was unexpected)"],
        ),
        ("[]", ["[] is not of type 'object'"]),
        ("null", ["None is not of type 'object'"]),
    ],
)
def test_what_is_wrong(text: str, problems: list[str]) -> None:
    assert read(text) == {"error": WRONG, "problems": problems}


def test_complaints_have_an_end() -> None:
    told = read(json.dumps({f"n{number}": "x" * 1000 for number in range(60)} | {"order": "y" * 1000, "count": 0}))
    assert len(told["problems"]) <= 5
    assert max(map(len, told["problems"])) <= 200


@pytest.mark.parametrize("text", ["{", "order 42", '{"order": NaN}', "[" * 10_000 + "]" * 10_000, '"\ud800"'])
def test_what_is_not_json(text: str) -> None:
    assert read(text) == NO_JSON


def test_a_schema_that_goes_round_in_circles_has_an_end() -> None:
    schema = {"type": "object", "properties": {"in": {"$ref": "#"}}}
    deep = '{"in": ' * 400 + "{}" + "}" * 400
    assert read(deep, schema) in (NO_JSON, json.loads(deep))


def test_nothing_is_fetched() -> None:
    schema = {"type": "object", "properties": {"order": {"$ref": "http://127.0.0.1:1/schema"}}}
    assert "error" in read('{"order": "4"}', schema)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ('{"card": "entry-1", "note": "4711"}', '{"card": "entry-1", "note": "4711"}'),
        ('{"note": "4711"}', '{"note": "4711"}'),
        ("", ""),
        ('{"card": "4711"}', '{"card":"hidden"}'),
        ('{"card": "entry-1 4711"}', '{"card":"hidden"}'),
        ('{"card": 4711, "note": "x"}', '{"card":"hidden","note":"x"}'),
        ('{"card": ["entry-1"]}', '{"card":"hidden"}'),
        ('{"card": "4711"', '"hidden"'),
        ('"4711"', '"hidden"'),
    ],
)
def test_where_a_reference_belongs_nothing_else_is_kept(written: str, kept: str) -> None:
    use = ToolUse(id="c1", name="pay", arguments=written)
    assert masked(use, frozenset({"card"})).arguments == kept
