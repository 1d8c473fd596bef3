"""Arguments: what the model wrote, held against the schema that it was given.

Imports jsonschema. What is wrong is told to the model in a form it can act on, and never written in the log: it retells
what the caller said. Never fetches anything a schema refers to.
"""

from collections.abc import Set as AbstractSet
from typing import Any

import msgspec
import referencing
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing.exceptions import Unresolvable
from referencing.jsonschema import SchemaRegistry

from daemon.core.effects import ToolUse
from daemon.core.entries import REFERENCE
from daemon.tools.base import Answer, failure

LONGEST = 64 * 1024
"""Characters of arguments beyond which nobody should look into them, nor keep them."""
_MOST_COMPLAINTS = 5
_LONGEST_COMPLAINT = 200
_WHY = "arguments refused"
_HIDDEN = "hidden"


class Arguments:
    """Reads the arguments of one tool."""

    def __init__(self, schema: dict[str, Any]) -> None:
        nothing_else: SchemaRegistry = referencing.Registry()
        self._validator = Draft202012Validator(schema, registry=nothing_else)

    def read(self, text: str) -> dict[str, Any] | Answer:
        """Give the arguments, or what to tell the model about them."""
        try:
            arguments = msgspec.json.decode(text or "{}")
            complaints = [*self._validator.iter_errors(arguments)][:_MOST_COMPLAINTS]
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return failure("The arguments are not valid JSON. Call the tool again with a JSON object.", _WHY)
        except Unresolvable:
            return failure("The tool is not set up rightly; nothing was done.", "schema refers to nothing")
        if not complaints and isinstance(arguments, dict):
            return arguments
        problems = [_describe(complaint) for complaint in complaints] or ["expected a JSON object"]
        what = "The arguments are not right, and nothing was done. Correct them, or ask the caller, and call it again."
        return failure(what, _WHY, problems=problems)


def masked(use: ToolUse, keypad: AbstractSet[str]) -> ToolUse:
    """A use without what stands in place of references, in the parameters that want one."""
    try:
        arguments = msgspec.json.decode(use.arguments or "{}")
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        arguments = _HIDDEN
    if isinstance(arguments, dict):
        wrong = {name for name in keypad & arguments.keys() if not _is_reference(arguments[name])}
        if not wrong:
            return use
        arguments |= dict.fromkeys(wrong, _HIDDEN)
    else:
        arguments = _HIDDEN
    return msgspec.structs.replace(use, arguments=msgspec.json.encode(arguments).decode())


def _is_reference(value: object) -> bool:
    return isinstance(value, str) and REFERENCE.fullmatch(value) is not None


def _describe(complaint: ValidationError) -> str:
    place = complaint.json_path.removeprefix("$").removeprefix(".")
    words = f"{place}: {complaint.message}" if place else complaint.message
    return words[:_LONGEST_COMPLAINT]
