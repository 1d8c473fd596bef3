"""A call as a picture: who spoke when, which tools ran, which keys were pressed. Numbers only; the template draws.

The ledger knows when somebody's words were complete, not when they began, so beginnings are reckoned from how long the
words take to say. Pure; imports msgspec, core and the ledger's records.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from daemon.console.words import happening
from daemon.core.journal import spaced
from daemon.ledger.records import Happened, Record, ToolUsed, Turn

WORDS_PER_SECOND = 2.5
MOST = 400
"""Bars of a lane, and marks: the last ones."""
_SHORTEST = 0.3
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_KEYS = {"KeyPressed", "DigitsCollected", "MenuChosen"}
# What is worth a mark on the line of the call itself.
_MARKS = {"Joined", "LineLost", "Rejoined", "TakenOver", "TransferAsked", "TransferFailed", "HangUpAsked", "Ended"}


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """Something that lasted, in percent of the picture's width."""

    left: float
    width: float
    label: str


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """What one party did."""

    name: str
    bars: tuple[Bar, ...]


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """A time on the axis, in percent and in seconds."""

    left: float
    seconds: float


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """The whole."""

    seconds: float
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]

    @property
    def summary(self) -> str:
        """The same in a sentence, for those who don't see it."""
        counted = ", ".join(f"{lane.name} {len(lane.bars)}" for lane in self.lanes)
        return f"Over {self.seconds:.0f} seconds: {counted}"


def draw(record: Record) -> Picture | None:
    """Make a call's picture; None while there is nothing to be seen."""
    call = record.call
    times = [each.at for each in record.entries] + [each.at for each in record.turns]
    times += [tool.begun_at for tool in record.tools]
    if not times:
        return None
    # What happened has its node's time, and calls have the database's: the picture goes by what happened.
    begun = min(times)
    lasted = max(call.seconds if call.seconds is not None else call.age, max(times) - begun, 1.0)
    scale = _Scale(begun, lasted)
    spoken = _spoken(record.turns)
    lanes = (
        Lane(name="caller", bars=scale.bars(spoken, "caller")),
        Lane(name="agent", bars=scale.bars(spoken, "agent")),
        Lane(name="tools", bars=tuple(scale.bar(*_used(tool, begun + lasted)) for tool in record.tools[-MOST:])),
        Lane(name="keypad", bars=scale.marks(record.entries, _KEYS)),
        Lane(name="call", bars=scale.marks(record.entries, _MARKS)),
    )
    return Picture(seconds=lasted, lanes=lanes, ticks=_ticks(lasted))


Stretch = tuple[str, float, float, str]
"""Who, from when, until when, what."""


class _Scale:
    def __init__(self, begun: float, lasted: float) -> None:
        self._begun = begun
        self._lasted = lasted

    def bar(self, begin: float, end: float, label: str) -> Bar:
        left = min(max((begin - self._begun) / self._lasted, 0.0), 1.0)
        right = min(max((end - self._begun) / self._lasted, left), 1.0)
        return Bar(left=round(100 * left, 3), width=round(100 * (right - left), 3), label=label)

    def bars(self, spoken: Sequence[Stretch], who: str) -> tuple[Bar, ...]:
        mine = [each for each in spoken if each[0] == who]
        return tuple(self.bar(begin, end, words) for _, begin, end, words in mine[-MOST:])

    def marks(self, entries: Iterable[Happened], kinds: set[str]) -> tuple[Bar, ...]:
        mine = [each for each in entries if each.entry.get("kind") in kinds]
        return tuple(self.bar(each.at, each.at, _label(each)) for each in mine[-MOST:])


def _label(happened: Happened) -> str:
    about, words = happening(happened.entry)
    return words if about == "keypad" else spaced(str(happened.entry["kind"]))


def _spoken(turns: Sequence[Turn]) -> list[Stretch]:
    """When who spoke, as far as can be reckoned: nobody begins before the one before them was complete.

    A caller's words are complete when they have been said, an agent's before they are heard: so an agent's go on from
    there, until somebody speaks again.
    """
    ranked = sorted(turns, key=lambda turn: turn.at)
    begins: list[float] = []
    latest = 0.0
    for turn in ranked:
        begins.append(max(turn.at - _takes(turn), latest))
        latest = turn.at
    ends = [
        turn.at if turn.speaker == "caller" else begin + _takes(turn)
        for turn, begin in zip(ranked, begins, strict=True)
    ]
    nexts = [*begins[1:], math.inf]
    return [
        (turn.speaker, begin, min(max(end, begin + _SHORTEST), max(following, begin)), turn.words)
        for turn, begin, end, following in zip(ranked, begins, ends, nexts, strict=False)
    ]


def _takes(turn: Turn) -> float:
    return max(len(turn.words.split()) / WORDS_PER_SECOND, _SHORTEST)


def _used(tool: ToolUsed, now: float) -> tuple[float, float, str]:
    return tool.begun_at, tool.ended_at if tool.ended_at is not None else now, tool.name


def _ticks(lasted: float) -> tuple[Tick, ...]:
    step = next((each for each in _TICKS if lasted / each <= 6), _TICKS[-1])
    return tuple(Tick(left=round(100 * at / lasted, 3), seconds=at) for at in range(0, int(lasted) + 1, step))
