"""Parameters of tools: both forms, and what is neither."""

import datetime
from typing import Any

import pytest

from daemon.config.parameters import parameters


def test_the_short_form() -> None:
    told = {"type": "integer?", "description": "How many.", "minimum": 1}
    assert parameters({"order": "string", "note": "string?", "count": told, "paid": "boolean"}) == {
        "type": "object",
        "properties": {
            "order": {"type": "string"},
            "note": {"type": "string"},
            "count": {"type": "integer", "description": "How many.", "minimum": 1},
            "paid": {"type": "boolean"},
        },
        "required": ["order", "paid"],
        "additionalProperties": False,
    }


def test_no_parameters() -> None:
    assert parameters({})["properties"] == {}


def test_a_whole_schema_stays_as_it_is() -> None:
    day = {"type": "string", "format": "date"}
    schema = {"type": "object", "properties": {"day": {"$ref": "#/$defs/day"}}, "$defs": {"day": day}}
    assert parameters(schema) == schema


def test_a_parameter_may_be_called_type() -> None:
    assert parameters({"type": "string"})["required"] == ["type"]


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ({"order": "text"}, 'order: expected "string", "integer"'),
        ({"order": 1}, 'order: expected "string", "integer"'),
        ({"the order": "string"}, "a parameter's name is a letter"),
        ({"order": {"type": "strin"}}, r"not a JSON Schema: \$.properties.order.type"),
        ({"order": {"type": "string", "pattern": "("}}, r"not a JSON Schema: \$.properties.order.pattern"),
        ({"type": "object", "properties": 3}, r"not a JSON Schema: \$.properties"),
        ({"type": "object", "required": "a"}, r"not a JSON Schema: \$.required"),
        ({"order": {"type": "string", "const": datetime.date(2026, 1, 1)}}, "holds strings, numbers, booleans"),
        ({"order": {"type": "number", "maximum": float("nan")}}, "holds strings, numbers, booleans"),
        ({"order": {"$ref": "https://example.com/schema"}}, 'a "\\$ref" may only point into the same schema'),
        ({"order": {"$ref": "#/$defs/nothing"}}, 'a "\\$ref" may only point into the same schema'),
    ],
)
def test_what_is_neither(written: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        parameters(written)
