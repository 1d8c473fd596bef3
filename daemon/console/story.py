"""One call, out of what the desk shows of it and what the ledger has: either may be missing.

Of a call in progress here the desk knows best; the ledger adds times, tools and what happened. Pure; imports msgspec,
core's snapshots and the ledger's records.
"""

import msgspec

from daemon.core.snapshots import CallDetail, Deadline
from daemon.ledger.records import Record, Turn


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody said."""

    speaker: str
    text: str
    final: bool
    at: float | None
    """When it was complete, if that is known."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A call as it is shown."""

    call_id: str
    caller: str | None
    called: str | None
    agent: str
    node: str | None
    """Which one has it or had it; None if it is in progress here."""
    here: bool
    """Whether it is in progress here, and something can be done with it."""
    state: str
    """What it is at, or its receipt."""
    over: bool
    began: float | None
    """Unix seconds, if the ledger knows."""
    seconds: float
    """For how long it has lasted, or did."""
    reasons: tuple[str, ...]
    """Why it ends or ended, the nearest cause first."""
    owed: bool
    """Whether its hang-up is owed."""
    deadlines: tuple[Deadline, ...] = ()
    generation: int | None = None
    unsent: int = 0
    taken_over_from: str | None = None
    destinations: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()


def tell(detail: CallDetail | None, record: Record | None) -> Seen | None:
    """Make it out of what is known; None if nothing is."""
    if detail is not None:
        return _live(detail, record)
    return None if record is None else _past(record)


def _live(detail: CallDetail, record: Record | None) -> Seen:
    call = detail.call
    # Words are matched in order: a turn's place is the same in both, but that the ledger lacks the newest ones.
    times = {(turn.speaker, turn.words): turn.at for turn in record.turns} if record else {}
    return Seen(
        call_id=call.call_id,
        caller=call.caller,
        called=call.called,
        agent=call.agent,
        node=None,
        here=True,
        state=call.state,
        over=False,
        began=record.call.claimed_at if record else None,
        seconds=call.age,
        reasons=call.reasons,
        owed=False,
        deadlines=call.deadlines,
        generation=call.generation,
        unsent=detail.unsent,
        taken_over_from=detail.taken_over_from,
        destinations=detail.destinations,
        lines=tuple(
            Line(speaker=each.speaker, text=each.text, final=each.final, at=times.get((each.speaker, each.text)))
            for each in detail.turns
        ),
    )


def _past(record: Record) -> Seen:
    call = record.call
    return Seen(
        call_id=call.call_id,
        caller=call.caller,
        called=call.called,
        agent=call.agent,
        node=call.node,
        here=False,
        state=call.outcome or ("hang-up owed" if call.owed_for else "in progress"),
        over=call.outcome is not None,
        began=call.claimed_at,
        seconds=call.age if call.seconds is None else call.seconds,
        reasons=call.reasons or call.owed_for,
        owed=call.outcome is None and bool(call.owed_for),
        lines=tuple(_line(turn) for turn in record.turns),
    )


def _line(turn: Turn) -> Line:
    return Line(speaker=turn.speaker, text=turn.words, final=turn.final, at=turn.at)
