"""Numbers of calls as pictures: how many came, how they ended, how soon they were picked up. The template draws.

Pure but for its one page; imports msgspec, core, the ledger's statistics and this room. Percent throughout, so that
a picture is as wide as there is room.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import get_args

import msgspec
from quart import Response
from sqlalchemy import Connection

from daemon.console.visit import Visit
from daemon.core.receipts import Outcome
from daemon.errors import LedgerUnavailable
from daemon.ledger.statistics import Pickup, Tally, list_pickups, tally_calls

LIVE = "live"
KINDS = (*get_args(Outcome), LIVE)


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A time to look back over."""

    title: str
    stretches: int
    seconds: float
    """Of one stretch."""
    each: str
    """What a stretch is called."""


SPANS = {
    "hour": Span(title="last hour", stretches=30, seconds=120.0, each="2 minutes"),
    "day": Span(title="last 24 hours", stretches=24, seconds=3600.0, each="hour"),
    "week": Span(title="last 7 days", stretches=28, seconds=6 * 3600.0, each="6 hours"),
}


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a column that one receipt has, from the bottom, in percent of the height."""

    outcome: str
    calls: int
    bottom: float
    height: float


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of time."""

    left: float
    begins: float
    """Unix seconds."""
    calls: int
    pieces: tuple[Piece, ...]
    median: float | None
    """Of the seconds until the pickup; None if nobody was picked up."""
    slow: float | None
    """Of which nineteen of twenty stay below."""
    median_height: float
    slow_height: float


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """How many calls ended one way."""

    outcome: str
    calls: int
    percent: float


class Charts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is drawn."""

    width: float
    """Of a column, in percent."""
    columns: tuple[Column, ...]
    most: int
    """Calls, at the top of the axis."""
    slowest: float
    """Seconds, at the top of the other one."""
    shares: tuple[Share, ...]
    calls: int
    median: float | None
    slow: float | None


def draw(span: Span, tallies: Iterable[Tally], pickups: Iterable[Pickup], now: float) -> Charts:
    """Make the charts of what was counted."""
    counts: list[Counter[str]] = [Counter() for _ in range(span.stretches)]
    for tally in tallies:
        counts[min(tally.stretch, span.stretches - 1)][tally.outcome or LIVE] += tally.calls
    waits: list[list[float]] = [[] for _ in range(span.stretches)]
    for pickup in pickups:
        waits[min(max(int(pickup.ago / span.seconds), 0), span.stretches - 1)].append(pickup.seconds)
    most = _round_up(max((count.total() for count in counts), default=0))
    slowest = _round_up(max((_quantile(each, 0.95) or 0.0 for each in waits), default=0.0), 0.1)
    width = 100 / span.stretches
    columns = tuple(
        _column(
            count, wait, left=number * width, begins=now - (span.stretches - number) * span.seconds, top=(most, slowest)
        )
        for number, (count, wait) in enumerate(zip(reversed(counts), reversed(waits), strict=True))
    )
    total = sum(counts, Counter[str]())
    calls = total.total()
    everybody = [seconds for each in waits for seconds in each]
    return Charts(
        width=round(width, 3),
        columns=columns,
        most=int(most),
        slowest=slowest,
        shares=tuple(
            Share(outcome=kind, calls=total[kind], percent=round(100 * total[kind] / calls, 1) if calls else 0.0)
            for kind in KINDS
        ),
        calls=calls,
        median=_quantile(everybody, 0.5),
        slow=_quantile(everybody, 0.95),
    )


def _column(
    count: Counter[str], waits: Sequence[float], *, left: float, begins: float, top: tuple[float, float]
) -> Column:
    pieces: list[Piece] = []
    bottom = 0.0
    for kind in KINDS:
        if count[kind]:
            height = 100 * count[kind] / top[0]
            pieces.append(Piece(outcome=kind, calls=count[kind], bottom=round(bottom, 3), height=round(height, 3)))
            bottom += height
    median, slow = _quantile(waits, 0.5), _quantile(waits, 0.95)
    return Column(
        left=round(left, 3),
        begins=begins,
        calls=count.total(),
        pieces=tuple(pieces),
        median=median,
        slow=slow,
        median_height=round(100 * (median or 0.0) / top[1], 3),
        slow_height=round(100 * (slow or 0.0) / top[1], 3),
    )


def _quantile(values: Sequence[float], share: float) -> float | None:
    if not values:
        return None
    ranked = sorted(values)
    return ranked[min(math.ceil(share * len(ranked)), len(ranked)) - 1]


def _round_up(value: float, least: float = 4.0) -> float:
    """A number for the top of an axis: 1, 2, 4 or 5 of a power of ten, or more."""
    if value <= least:
        return least
    power: float = 10.0 ** math.floor(math.log10(value))
    return next((each * power for each in (1, 2, 4, 5) if each * power >= value), 10 * power)


async def charts(visit: Visit) -> Response:
    """The page."""
    name = visit.asked.get("span", "day")
    name = name if name in SPANS else "day"
    span = SPANS[name]

    def read(connection: Connection) -> tuple[list[Tally], list[Pickup]]:
        since = span.stretches * span.seconds
        return tally_calls(connection, since, span.seconds), list_pickups(connection, since)

    drawn, trouble = None, ""
    try:
        tallies, pickups = await visit.house.archive.read(read)
        drawn = draw(span, tallies, pickups, visit.house.wall())
    except LedgerUnavailable as error:
        trouble = str(error)
    values = {"span": span, "name": name, "spans": SPANS, "charts": drawn, "trouble": trouble}
    return visit.page("charts", title="Charts", values=values)
