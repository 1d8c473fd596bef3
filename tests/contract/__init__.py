"""The platform's wire contract, and how to hold a frame against it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).parent


@cache
def schema(name: str) -> dict[str, Any]:
    """One of the schemas: `client-events`, `server-events`, `rest`."""
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.schema.json").read_text())
    return loaded


@cache
def validator(name: str, definition: str) -> Draft202012Validator:
    """A validator for one definition of a schema."""
    return Draft202012Validator({"$ref": f"#/$defs/{definition}", "$defs": schema(name)["$defs"]})


def complaints(name: str, definition: str, instance: object) -> list[str]:
    """What is wrong with an instance; nothing if it is valid."""
    return [f"{error.json_path}: {error.message}" for error in validator(name, definition).iter_errors(instance)]
