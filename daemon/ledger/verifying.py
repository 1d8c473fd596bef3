"""Verifying: whether what the ledger says of calls can all be true at once, rule by rule.

Plain functions on a connection that only read: a daemon that works on the same ledger is not disturbed, and what it
does meanwhile is no finding. Imports SQLAlchemy, msgspec and this room; never repairs anything.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Join, Select, Subquery, and_, case, func, literal, not_, or_, select, text, union_all

from daemon.ledger.schema import RELEASED, DbNow, calls, deliveries, effects, entries, epochs, turns

MOST = 20
"""Findings of one rule that are told; the others are only counted."""
# Seconds by which the clocks of a node and of the database may differ before order says anything.
_TOLERANCE = 1.0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that should not be."""

    rule: str
    about: str
    """The call, the epoch or the delivery."""
    what: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, and what was found."""

    calls: int
    receipts: int
    live: int
    """Debts whose owner lives."""
    epochs: int
    entries: int
    deliveries: int
    findings: tuple[Finding, ...]


Rule = Callable[[Connection], Iterator[tuple[str, str]]]
RULES: list[Rule] = []


def _rule(check: Rule) -> Rule:
    RULES.append(check)
    return check


def verify(connection: Connection) -> Verdict:
    """Look at everything, in one transaction."""
    findings: list[Finding] = []
    for rule in RULES:
        name = rule.__name__.replace("_", " ")
        found = [Finding(rule=name, about=about, what=what) for about, what in rule(connection)]
        findings += found[:MOST]
        if len(found) > MOST:
            findings.append(Finding(rule=name, about="others", what=f"{len(found) - MOST} more"))
    return Verdict(
        calls=_count(connection, select(func.count()).select_from(calls)),
        receipts=_count(connection, select(func.count(calls.c.outcome))),
        live=_count(connection, select(func.count()).select_from(_debts()).where(_LIVES)),
        epochs=_count(connection, select(func.count()).select_from(epochs)),
        entries=_count(connection, select(func.count()).select_from(entries)),
        deliveries=_count(connection, select(func.count()).select_from(deliveries)),
        findings=tuple(findings),
    )


def _count(connection: Connection, wanted: Select[Any]) -> int:
    return int(connection.execute(wanted).scalar_one())


_OVER = or_(epochs.c.ended_at.is_not(None), epochs.c.relieved_at.is_not(None))
_LIVES = and_(epochs.c.epoch.is_not(None), not_(_OVER), epochs.c.lease_until >= DbNow())


def _debts() -> Join:
    """Calls without a receipt, with their owners."""
    owing = select(calls).where(calls.c.outcome.is_(None)).subquery()
    return owing.outerjoin(epochs, epochs.c.epoch == owing.c.epoch)


@_rule
def the_file_is_whole(connection: Connection) -> Iterator[tuple[str, str]]:
    """SQLite's own check of its pages and indices; a server looks after its own."""
    if connection.dialect.name == "sqlite":
        for said in connection.execute(text("PRAGMA integrity_check")).scalars():
            if said != "ok":
                yield "the file", str(said)


@_rule
def a_receipt_is_whole(connection: Connection) -> Iterator[tuple[str, str]]:
    """All of it is there, or nothing; and it comes after the claim."""
    parts = (calls.c.outcome, calls.c.reasons, calls.c.joined, calls.c.seconds, calls.c.ended_at)
    there: Any = literal(0)
    for part in parts:
        there = there + case((part.is_(None), 0), else_=1)
    for row in connection.execute(select(calls.c.call_id).where(there.not_in([0, len(parts)]))):
        yield row.call_id, "its receipt has parts that are missing"
    early = select(calls.c.call_id).where(calls.c.ended_at < calls.c.claimed_at - _TOLERANCE)
    for row in connection.execute(early):
        yield row.call_id, "it ended before it was claimed"


@_rule
def a_debt_has_an_owner(connection: Connection) -> Iterator[tuple[str, str]]:
    """A call without a receipt is some living epoch's. The next daemon that starts adopts what is nobody's."""
    owing = select(calls.c.call_id, calls.c.epoch, epochs.c.node, epochs.c.ended_at, epochs.c.relieved_at)
    owing = owing.select_from(calls.outerjoin(epochs, epochs.c.epoch == calls.c.epoch))
    for row in connection.execute(owing.where(calls.c.outcome.is_(None), not_(func.coalesce(_LIVES, False)))):
        if row.epoch.startswith(RELEASED):
            why = "was released, and nobody has taken it"
        elif row.node is None:
            why = f"belongs to {row.epoch}, of which nobody knows"
        elif row.ended_at is not None or row.relieved_at is not None:
            why = f"belongs to {row.node}, which is gone"
        else:
            why = f"belongs to {row.node}, which is late"
        yield row.call_id, f"it has no receipt and {why}"


@_rule
def a_call_ends_once(connection: Connection) -> Iterator[tuple[str, str]]:
    """In its journal too, unless a node that had lost it said so; and nothing follows its end."""
    ends = _ends()
    twice = select(ends.c.call_id, func.count().label("times")).group_by(ends.c.call_id).having(func.count() > 1)
    for row in connection.execute(twice):
        yield row.call_id, f"its journal ends {row.times} times"
    later = and_(entries.c.call_id == ends.c.call_id, entries.c.id > ends.c.id, entries.c.at > ends.c.at)
    after = select(ends.c.call_id, func.count().label("times")).select_from(ends.join(entries, later))
    for row in connection.execute(after.group_by(ends.c.call_id)):
        yield row.call_id, f"{row.times} entries follow its end"
    open_still = select(ends.c.call_id).join(calls, calls.c.call_id == ends.c.call_id).where(calls.c.outcome.is_(None))
    for row in connection.execute(open_still):
        yield row.call_id, "its journal has ended, and it has no receipt"


def _ends() -> Subquery:
    """Entries that end a call, but for what a node said of a call that was another's by then."""
    ended = entries.c.entry.like('{"kind":"Ended",%')
    let_go = entries.c.entry.like('%"outcome":"handed_over"%')
    return select(entries.c.id, entries.c.call_id, entries.c.at).where(ended, not_(let_go)).subquery()


@_rule
def an_epoch_goes_forward(connection: Connection) -> Iterator[tuple[str, str]]:
    """It ends after it began, by one end; and what was taken from it has no receipt of its."""
    backwards = or_(
        epochs.c.lease_until < epochs.c.started_at,
        epochs.c.ended_at < epochs.c.started_at,
        epochs.c.relieved_at < epochs.c.started_at,
    )
    for row in connection.execute(select(epochs.c.epoch).where(backwards)):
        yield row.epoch, "it ended before it began"
    both = and_(epochs.c.ended_at.is_not(None), epochs.c.relieved_at.is_not(None))
    for row in connection.execute(select(epochs.c.epoch).where(both)):
        yield row.epoch, "it ended, and was relieved"
    owned = calls.join(epochs, epochs.c.epoch == calls.c.epoch)
    fenced = select(calls.c.call_id, epochs.c.node).select_from(owned)
    for row in connection.execute(fenced.where(calls.c.ended_at > epochs.c.relieved_at + _TOLERANCE)):
        yield row.call_id, f"{row.node} wrote its receipt after it had been relieved"


@_rule
def nothing_is_about_nobody(connection: Connection) -> Iterator[tuple[str, str]]:
    """Entries, words, tools and deliveries are of calls that are there."""
    tables = (entries, turns, effects, deliveries)
    kept = union_all(*(select(table.c.call_id, literal(table.name).label("kind")) for table in tables)).subquery()
    stray = select(kept.c.call_id, kept.c.kind, func.count().label("rows"))
    stray = stray.select_from(kept.outerjoin(calls, calls.c.call_id == kept.c.call_id)).where(calls.c.call_id.is_(None))
    for row in connection.execute(stray.group_by(kept.c.call_id, kept.c.kind)):
        yield row.call_id, f"{row.rows} {row.kind} of a call that is not there"


@_rule
def a_delivery_is_made_once(connection: Connection) -> Iterator[tuple[str, str]]:
    """One for each endpoint, event and call; and none that was made is due."""
    key = (deliveries.c.call_id, deliveries.c.event, deliveries.c.url)
    twice = select(deliveries.c.call_id, deliveries.c.event).group_by(*key).having(func.count() > 1)
    for row in connection.execute(twice):
        yield row.call_id, f"{row.event} is told twice"
    done = and_(deliveries.c.delivered_at.is_not(None), deliveries.c.due_at.is_not(None))
    for row in connection.execute(select(deliveries.c.id).where(done)):
        yield row.id, "it was made, and is due"


@_rule
def a_tool_gives_what_is_told(connection: Connection) -> Iterator[tuple[str, str]]:
    """Its output is there if it has ended, and has been told only if it is there."""
    odd = or_(effects.c.output.is_(None) != effects.c.ended_at.is_(None), effects.c.ended_at < effects.c.begun_at)
    for row in connection.execute(select(effects.c.call_id, effects.c.name).where(odd)):
        yield row.call_id, f"{row.name} ended without an output, or before it began"
