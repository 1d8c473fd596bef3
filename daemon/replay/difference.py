"""Differences between what was done and what would be done now: what is new, gone, changed, or at another time.

Plain; imports the standard library, msgspec and this room. What is compared are commands without the numbers of their
frames: one more frame at the start would otherwise make all that follow differ.
"""

import json
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, Literal

import msgspec

from daemon.replay.play import Act, without_number

# Seconds; a timer that is met by another event first is never exact.
_SAME_TIME = 0.05


class Change(msgspec.Struct, frozen=True):
    """A value that differs within a command."""

    path: str
    """Such as `frame.item.content.0.text`."""
    then: Any
    now: Any


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Something that would be done differently."""

    kind: Literal["new", "gone", "changed", "moved"]
    then: Act | None = None
    """As it was recorded; None if it is new."""
    now: Act | None = None
    """As it would be; None if it is gone."""
    changes: tuple[Change, ...] = ()


class Pair(msgspec.Struct, frozen=True):
    """A step of the comparison: the same on both sides, or a difference."""

    act: Act | None
    """What is the same; as it would be now."""
    difference: Difference | None = None


def compare(then: Sequence[Act], now: Sequence[Act]) -> list[Pair]:
    """Lay both side by side, in order."""
    matcher = SequenceMatcher(None, [_key(act) for act in then], [_key(act) for act in now], autojunk=False)
    pairs: list[Pair] = []
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        if kind == "equal":
            pairs += [_same(*both) for both in zip(then[i1:i2], now[j1:j2], strict=True)]
        else:
            pairs += [Pair(None, difference) for difference in _replaced(then[i1:i2], now[j1:j2])]
    return pairs


def differences(pairs: Sequence[Pair]) -> list[Difference]:
    """The differences among the steps."""
    return [pair.difference for pair in pairs if pair.difference is not None]


def _same(then: Act, now: Act) -> Pair:
    if abs(then.at - now.at) <= _SAME_TIME:
        return Pair(now)
    return Pair(None, Difference(kind="moved", then=then, now=now))


def _replaced(then: Sequence[Act], now: Sequence[Act]) -> Iterator[Difference]:
    """What stands in the place of something else; what is of the same sort is one that has changed."""
    left = list(now)
    for act in then:
        other = next((each for each in left if _sort(each) == _sort(act)), None)
        if other is None:
            yield Difference(kind="gone", then=act)
            continue
        while left[0] is not other:
            yield Difference(kind="new", now=left.pop(0))
        left.pop(0)
        changes = tuple(_changes("", without_number(act.wanted), without_number(other.wanted)))
        yield Difference(kind="changed", then=act, now=other, changes=changes)
    for act in left:
        yield Difference(kind="new", now=act)


def _key(act: Act) -> str:
    return json.dumps(without_number(act.wanted), sort_keys=True)


def _sort(act: Act) -> tuple[object, ...]:
    """What a command is, whatever is in it."""
    frame = act.wanted.get("frame", {})
    return (
        act.wanted["kind"],
        frame.get("type"),
        frame.get("item", {}).get("type"),
        act.wanted.get("use", {}).get("name"),
    )


def _changes(path: str, then: object, now: object) -> Iterator[Change]:
    match then, now:
        case dict(), dict():
            for key in dict.fromkeys([*then, *now]):
                yield from _changes(f"{path}.{key}" if path else str(key), then.get(key), now.get(key))
        case list(), list() if len(then) == len(now):
            for place, (one, other) in enumerate(zip(then, now, strict=True)):
                yield from _changes(f"{path}.{place}", one, other)
        case _ if then != now:
            yield Change(path, then, now)
        case _:
            pass
