"""Reading an answer: the configured fields out of the JSON, each of the type it was declared with.

What a server says of a caller is data: texts lose what is no plain character and are cut off, and what is missing, or
of another type, is the field's default. Pure; imports config, errors, texts and msgspec.
"""

import math
import re
import unicodedata
from typing import Final, TypeGuard

import msgspec

from daemon.config.lookupchecks import LONGEST_TEXT
from daemon.config.lookups import Lookup
from daemon.errors import LookupFailed
from daemon.texts.facts import Scalar

NO_ANSWER: Final = object()
"""Stands for the document when there is none, and for what is not in it."""

_LARGEST: Final = 10**30
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")
# Control characters are spaces; formatting ones (direction, zero width), private and unassigned ones are nothing.
_SPACES: Final = ("Cc", "Zl", "Zp", "Zs")
_NOTHING: Final = ("Cf", "Cn", "Co", "Cs")


def read(body: bytes) -> object:
    """Decode an answer. Errors: `LookupFailed`."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise LookupFailed("the answer is not JSON") from error


def values(lookup: Lookup, document: object = NO_ANSWER) -> dict[str, Scalar]:
    """What the fields are, for this answer; without one, their defaults."""
    return {
        name: _value(_at(document, pointer), lookup.defaults.get(name, "")) for name, pointer in lookup.fields.items()
    }


def named_agent(lookup: Lookup, document: object) -> str | None:
    """The name of the agent who is to take the call, if the answer gives one."""
    found = _at(document, lookup.agent_field) if lookup.agent_field else None
    return found if isinstance(found, str) and found else None


def _at(document: object, pointer: str) -> object:
    """What a JSON Pointer (RFC 6901) points to."""
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(key, NO_ANSWER)
        elif isinstance(document, list) and _INDEX.fullmatch(key):
            document = document[int(key)] if int(key) < len(document) else NO_ANSWER
        else:
            return NO_ANSWER
    return document


def _value(found: object, default: Scalar) -> Scalar:
    if isinstance(default, bool):
        return found if isinstance(found, bool) else default
    if isinstance(default, int | float):
        return found if _is_number(found) else default
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, str):
        return plain(found)
    return f"{found}" if _is_number(found) else default


def _is_number(value: object) -> TypeGuard[int | float]:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST


def plain(text: str) -> str:
    """A text without what can't be seen, on one line, not too long."""
    shown = (_shown(character) for character in text[: 4 * LONGEST_TEXT])
    return " ".join("".join(shown).split())[:LONGEST_TEXT].rstrip()


def _shown(character: str) -> str:
    kind = unicodedata.category(character)
    return "" if kind in _NOTHING else " " if kind in _SPACES else character
