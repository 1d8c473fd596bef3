"""How a wrong value is described to a person: what was expected, and what was found instead.

Owned by the decoder; imports msgspec for its limits and this room's kinds. Must never name a Python type, and must
never repeat a string that was found, which may be a secret in the wrong place.
"""

import datetime
from typing import Final, Literal, get_args, get_origin

from msgspec import Meta

from daemon.config.kinds import Notation

_EXPECTED: Final[dict[object, str]] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}
# A bool is an int to Python, so the order matters.
_FOUND: Final[tuple[tuple[type, str], ...]] = (
    (str, "a string"),
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a decimal number"),
    (list, "an array"),
    (dict, "a table"),
    (datetime.date, "a date"),
    (datetime.time, "a time"),
)


def found(raw: object) -> str:
    """Name the TOML type of a value."""
    return next(name for kind, name in _FOUND if isinstance(raw, kind))


def choices(base: object) -> tuple[str, ...]:
    """Return the words that a literal type allows; none for any other type."""
    return get_args(base) if get_origin(base) is Literal else ()


def expected(base: object, marks: tuple[object, ...]) -> str:
    """Describe a kind of scalar with its limits."""
    if words := choices(base):
        *others, last = (f'"{word}"' for word in words)
        return f"{', '.join(others)} or {last}"
    notation = next((mark for mark in marks if isinstance(mark, Notation)), None)
    meta = next((mark for mark in marks if isinstance(mark, Meta)), None)
    name = notation.name if notation else _EXPECTED[base]
    if meta is None:
        return name
    show = notation.show if notation else str
    if meta.min_length is not None or meta.max_length is not None:
        return name + length_limit(meta, "characters")
    if meta.gt is not None:
        return f"{name} above {show(meta.gt)}"
    if meta.le is None:
        return f"{name} of at least {show(meta.ge)}"
    return f"{name} from {show(meta.ge or 0)} to {show(meta.le)}"


def length_limit(meta: Meta, things: str) -> str:
    """Describe the limits of a length, to follow a noun."""
    if meta.max_length is None:
        return f" of at least {meta.min_length} {things.removesuffix('s') if meta.min_length == 1 else things}"
    if meta.min_length is None:
        return f" of at most {meta.max_length} {things}"
    return f" of {meta.min_length} to {meta.max_length} {things}"


def amount(raw: object, notation: Notation | None = None) -> str:
    """Say how much a value of the right type is, when that is what is wrong with it."""
    if isinstance(raw, str):
        return f"{len(raw)} characters"
    return notation.show(raw) if notation else str(raw)
