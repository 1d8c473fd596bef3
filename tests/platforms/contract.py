"""The contract's schemas of REST and webhook, to check ourselves against."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_SCHEMA = json.loads((Path(__file__).parent.parent / "contract" / "rest.schema.json").read_text())


def examples(name: str) -> list[Any]:
    found: list[Any] = _SCHEMA["$defs"][name]["examples"]
    assert found
    return found


def check(name: str, value: object) -> None:
    """Raise unless the value is valid."""
    Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": _SCHEMA["$defs"]}).validate(value)


def documented_statuses(endpoint: str) -> set[str]:
    (found,) = [entry for entry in _SCHEMA["x-endpoints"] if entry["id"] == endpoint]
    return set(found["responses"])
