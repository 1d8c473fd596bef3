"""Parameters of a tool: from how the file writes them to the JSON Schema that the model is given.

Short form: `{ order = "string", note = "string?" }`, a type for each, `?` for one that may be left out; in place of the
type a table, such as `{ type = "integer", description = "...", minimum = 1 }`. `keypad` is a type of ours: what the
caller typed. Whole form: a JSON Schema, known by its `type = "object"`. Owned by the configuration room; imports
jsonschema and core's entries. Must never fetch a schema from anywhere.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, SchemaRegistry

from daemon.core.entries import REFERENCE

TYPES: Final = ("string", "integer", "number", "boolean")
KEYPAD: Final = "keypad"
"""Type of a parameter, and format in a schema, that stands for what the caller typed: the model gives a reference."""
_EXPECTED: Final = (
    'expected "string", "integer", "number", "boolean" or "keypad", with "?" after it if it may be left out'
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_LONGEST: Final = 200
_PATTERN: Final = f"^{REFERENCE.pattern}$"
_REFERENCE: Final = "The reference that collect_digits gave, such as entry-1; never the digits themselves."


def parameters(written: dict[str, Any]) -> dict[str, Any]:
    """Accept parameters in either form, and return the JSON Schema of an object.

    Raises:
        ValueError: It is neither form, or no usable JSON Schema.
    """
    schema = written if written.get("type") == "object" else _expand(written)
    for value in _values(schema):
        if not isinstance(value, str | bool | int | float | list | dict) or (
            isinstance(value, float) and not math.isfinite(value)
        ):
            raise ValueError("a JSON Schema holds strings, numbers, booleans, arrays and tables only")
        if isinstance(value, dict) and not _leads_somewhere(value.get("$ref", "#"), schema):
            raise ValueError('a "$ref" may only point into the same schema, such as "#/$defs/day"')
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"not a JSON Schema: {error.json_path}: {error.message[:_LONGEST]}") from None
    return schema


def _expand(written: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, value in written.items():
        if not _NAME.fullmatch(name):
            raise ValueError("a parameter's name is a letter and then letters, digits, _ and -, 64 characters at most")
        told = dict(value) if isinstance(value, dict) else {"type": value}
        kind = told.get("type")
        if isinstance(kind, str) and kind.endswith("?"):
            told["type"] = kind[:-1]
        else:
            required.append(name)
        if told.get("type") == KEYPAD:
            told = {"description": _REFERENCE, **told, "type": "string", "format": KEYPAD, "pattern": _PATTERN}
        elif not isinstance(value, dict) and told["type"] not in TYPES:
            raise ValueError(f"{name}: {_EXPECTED}")
        properties[name] = told
    # What the model makes up beyond them is refused, and not sent on.
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _leads_somewhere(reference: object, schema: dict[str, Any]) -> bool:
    if not isinstance(reference, str):
        return True  # a property of this name
    registry: SchemaRegistry = Registry()
    try:
        registry.with_resource("", DRAFT202012.create_resource(schema)).resolver().lookup(reference)
    except Unresolvable:
        return False
    return reference.startswith("#")


def _values(value: object) -> Iterator[object]:
    yield value
    if isinstance(value, dict):
        for inner in value.values():
            yield from _values(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner)
