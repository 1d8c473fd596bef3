"""Frames that the platform would not send, made out of those that it does: in depth, size, numbers, letters and types.

Each is text, not an object, because some of it no object can say: a key twice, a number with a thousand digits.
"""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from tests.core.contract import EXAMPLES, Wire

LARGE = 300_000
"""Characters of what is large; a frame may be as large as four million bytes."""
DEEP = 3_000

NUMBERS = (
    *(
        "0",
        "-0",
        "-0.0",
        "1e0",
        "1E+2",
        "0.1e-400",
        "1e400",
        "-1e999",
        "NaN",
        "Infinity",
        "-Infinity",
        "1.",
        ".5",
        "0x1",
    ),
    *("9" * 30, "-" + "9" * 400, "9" * 5000, "1" + "0" * 308, "2147483648", "9007199254740993", "18446744073709551616"),
    *("01", "1_000", "+1", "--1", "1e", "4.9e-324", "1.7976931348623157e308"),
)
LETTERS = (
    *(r'"\ud800"', r'"\udfff\ud800"', '"\ud83d"', r'"\u0000"', '"\x00"', '"\u202e\u2066\u200b"', '"\ufeff"', r'"\x41"'),
    *(
        '"\U0001f469\u200d\U0001f467"',
        '"' + "e\u0301" * 200 + '"',
        '"\x85\u2028\u2029"',
        r'"\"',
        '"',
        r'"\u00',
        '"\t\n\r"',
    ),
    *('"{{ 7*7 }}"', '"\x1b[2J"', '"' + "\u0660\u0661" * 3 + '"', '"ﬀ"', '""', '" "', '"null"'),
)
TYPES = (
    "null",
    "true",
    "false",
    "0",
    "2.5",
    '""',
    '"text"',
    "[]",
    "{}",
    "[[]]",
    '{"a": null}',
    "[null, 1]",
    "[{}, [{}]]",
)


def events_of(kind: str) -> list[Wire]:
    """The contract's examples of a type."""
    return [wire for wire in EXAMPLES if wire["type"] == kind]


def spelled(
    value: object, at: tuple[object, ...], change: Callable[[str, bool], str], path: tuple[object, ...] = ()
) -> str:
    """JSON with a change in one place: `change` is given what stands there, and whether it stands in anything."""
    if isinstance(value, dict):
        members = []
        for key, inner in value.items():
            member = spelled(inner, at, change, (*path, key))
            members.append(f"{json.dumps(key)}: {member}")
        text = "{" + ", ".join(members) + "}"
    elif isinstance(value, list):
        text = "[" + ", ".join(spelled(inner, at, change, (*path, place)) for place, inner in enumerate(value)) + "]"
    else:
        text = json.dumps(value)
    return change(text, bool(path)) if path == at else text


def places(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Every place in an object, its own among them."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def deeper(text: str, random: Random) -> str:
    """Something in many boxes, of which not all may be closed."""
    opening, closing = random.choice([("[", "]"), ('{"a":', "}"), ('[{"type":', "}]")])
    depth = random.choice([3, 50, 990, DEEP])
    return opening * depth + text + closing * random.choice([depth, depth, depth - 1, 0])


def larger(text: str, random: Random) -> str:
    """Something of which there is too much."""
    much = random.choice([1000, 70_000, LARGE])
    return random.choice(
        [
            json.dumps("x" * much),
            json.dumps("é" * (much // 2), ensure_ascii=False),
            "[" + ",".join(["0"] * (much // 10)) + "]",
            "{" + ",".join(f'"k{number}":0' for number in range(much // 20)) + "}",
            text + " " * much,
            "9" * min(much, 5000),
        ]
    )


def twice(text: str, random: Random) -> str:
    """A member, and then more members: of the names that matter, once more."""
    name = random.choice(["type", "id", "item_id", "call_id", "response", "event", "transcript", "delta", "usage", "a"])
    other = random.choice([*TYPES, *LETTERS[:8], '"response.output_audio.delta"', '"ping"', text])
    return f'{text}, "{name}": {other}'


CHANGES: dict[str, Callable[[str, Random], str]] = {
    "deeper": deeper,
    "larger": larger,
    "another number": lambda _, random: random.choice(NUMBERS),
    "other letters": lambda _, random: random.choice(LETTERS),
    "another type": lambda _, random: random.choice(TYPES),
    "a key twice": twice,
}


def changed(wire: Wire, kind: str, random: Random) -> str:
    """An event with a change of this kind in one place."""
    at = random.choice(list(places(wire)))
    return spelled(wire, at, lambda text, _: CHANGES[kind](text, random))


def renewed(node: Any, number: int, key: str = "") -> Any:
    """The same event about something else: with other ids."""
    if isinstance(node, dict):
        return {name: renewed(inner, number, name) for name, inner in node.items()}
    if isinstance(node, list):
        return [renewed(inner, number, key) for inner in node]
    return f"{node}-{number}" if isinstance(node, str) and (key == "id" or key.endswith("_id")) else node
