"""Lists for whoever operates: calls, deliveries, nodes. Plain functions on a connection that only read.

Imports SQLAlchemy, msgspec and this room.
"""

from typing import Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from daemon.ledger.records import Call, Delivery, as_kind, claimed_within, read_calls, select_calls
from daemon.ledger.schema import DbNow, calls, deliveries, epochs
from daemon.ledger.search import calls_in_which


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls to list; what is None does not matter."""

    live: bool | None = None
    since: float | None = None
    """Claimed at most so many seconds ago."""
    number: str | None = None
    """Of either side, in E.164."""
    agent: str | None = None
    outcome: str | None = None
    words: tuple[str, ...] = ()
    """Said in one turn, in any order."""
    beginning: str = ""
    """Of the id."""
    earliest: float | None = None
    """Claimed at this Unix time or later."""
    latest: float | None = None
    """Claimed at this Unix time or earlier."""
    before: tuple[float, str] | None = None
    """Time and id of a call that was listed; only what comes after it in the list."""
    limit: int = 50


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the daemon on one node."""

    epoch: str
    node: str
    version: str
    started_at: float
    ended_at: float | None
    relieved_at: float | None
    lease_left: float
    """Seconds until its lease runs out; negative if that is past."""
    calls: int
    """Calls of its that have no receipt."""

    @property
    def state(self) -> str:
        """How it is, in a word; `late` if its lease has run out and nobody has taken its calls yet."""
        if self.ended_at is not None:
            return "ended"
        if self.relieved_at is not None:
            return "relieved"
        return "alive" if self.lease_left >= 0 else "late"


DeliveryState = Literal["owed", "given up", "all"]


def list_calls(connection: Connection, wanted: Wanted) -> list[Call]:
    """The newest calls that fit, newest first."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.live is not None:
        conditions.append(calls.c.outcome.is_(None) if wanted.live else calls.c.outcome.is_not(None))
    if wanted.since is not None:
        conditions.append(claimed_within(wanted.since))
    if wanted.number is not None:
        conditions.append(or_(calls.c.caller == wanted.number, calls.c.called == wanted.number))
    if wanted.agent is not None:
        conditions.append(calls.c.agent == wanted.agent)
    if wanted.outcome is not None:
        conditions.append(calls.c.outcome == wanted.outcome)
    if wanted.words:
        conditions.append(calls.c.call_id.in_(calls_in_which(connection, wanted.words)))
    if wanted.beginning:
        conditions.append(_begins(wanted.beginning))
    if wanted.earliest is not None:
        conditions.append(calls.c.claimed_at >= wanted.earliest)
    if wanted.latest is not None:
        conditions.append(calls.c.claimed_at <= wanted.latest)
    if wanted.before is not None:
        at, call_id = wanted.before
        conditions.append(or_(calls.c.claimed_at < at, and_(calls.c.claimed_at == at, calls.c.call_id > call_id)))
    newest = select_calls().where(*conditions).order_by(calls.c.claimed_at.desc(), calls.c.call_id)
    return read_calls(connection, newest.limit(wanted.limit))


def find_calls(connection: Connection, beginning: str, *, live: bool = False, most: int = 10) -> list[str]:
    """Ids of the calls that may be meant by the beginning of an id, newest first; just one if it is a whole one."""
    meant = select(calls.c.call_id)
    if live:
        meant = meant.where(calls.c.outcome.is_(None))
    whole = connection.execute(meant.where(calls.c.call_id == beginning)).scalar_one_or_none()
    if whole is not None:
        return [whole]
    newest = meant.where(_begins(beginning)).order_by(calls.c.claimed_at.desc(), calls.c.call_id)
    return list(connection.execute(newest.limit(most)).scalars())


def _begins(beginning: str) -> ColumnElement[bool]:
    """Whether a call's id begins like this."""
    # Not LIKE, to which an underscore is anything, and on SQLite a large letter the same as a small one.
    return func.substr(calls.c.call_id, 1, len(beginning)) == beginning


def ended_before(connection: Connection, seconds: float) -> int:
    """How many calls ended more than so many seconds ago."""
    old = select(func.count()).select_from(calls).where(calls.c.ended_at < DbNow() - seconds)
    return int(connection.execute(old).scalar_one())


def list_deliveries(connection: Connection, state: DeliveryState = "owed", limit: int = 100) -> list[Delivery]:
    """Deliveries: those that are owed by the time they are due, others newest first."""
    wanted = select(deliveries).order_by(deliveries.c.made_at.desc(), deliveries.c.id)
    match state:
        case "owed":
            wanted = select(deliveries).where(deliveries.c.due_at.is_not(None)).order_by(deliveries.c.due_at)
        case "given up":
            wanted = wanted.where(deliveries.c.due_at.is_(None), deliveries.c.delivered_at.is_(None))
        case "all":
            pass
    return [as_kind(row, Delivery) for row in connection.execute(wanted.limit(limit)).mappings()]


def list_nodes(connection: Connection, *, gone: bool = False, limit: int = 200) -> list[Node]:
    """Epochs, newest first; those that are gone and have no calls left only if asked for."""
    debts = select(calls.c.epoch, func.count().label("calls")).where(calls.c.outcome.is_(None))
    owing = debts.group_by(calls.c.epoch).subquery()
    held = func.coalesce(owing.c.calls, 0)
    rows = select(epochs, (epochs.c.lease_until - DbNow()).label("lease_left"), held.label("calls"))
    rows = rows.select_from(epochs.outerjoin(owing, owing.c.epoch == epochs.c.epoch))
    if not gone:
        living = and_(epochs.c.relieved_at.is_(None), epochs.c.ended_at.is_(None))
        rows = rows.where(or_(living, held > 0))
    newest = rows.order_by(epochs.c.started_at.desc(), epochs.c.epoch).limit(limit)
    return [as_kind(row, Node) for row in connection.execute(newest).mappings()]
