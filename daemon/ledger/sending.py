"""Sending what the outbox owes, as statements: plain functions on a connection.

Whoever takes a delivery moves its time ahead in the same transaction, so that nobody else takes it meanwhile, and it
is taken again, by anybody, if its sender dies. Time is the database's. Imports SQLAlchemy and this room; never sends.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select, update

from daemon.ledger.schema import DbNow, deliveries

SEND_LEASE = 60.0
"""Seconds for which a delivery that was taken is nobody else's: one attempt, and writing down what became of it."""

WEEK = 7 * 86_400.0
NOT_CONFIGURED = "its url is not in the configuration any more"


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that was taken, to be sent now."""

    id: str
    """The `webhook-id`, the same on every attempt."""
    url: str
    event: str
    call_id: str
    attempts: int
    """How many there were before."""
    payload: str | None
    """What was sent then, and is to be sent again; None before the first attempt."""
    until: float
    """When it may be taken by others; also names this taking of it."""


def is_due(connection: Connection, urls: Collection[str]) -> bool:
    """Whether anything can be sent to one of these now."""
    return bool(connection.execute(select(exists().where(_due(deliveries.c.url.in_(urls))))).scalar_one())


def take(connection: Connection, room: Mapping[str, int], lease: float = SEND_LEASE) -> list[Due]:
    """Take up to so many deliveries for each URL, those that have waited longest; for `lease` seconds they are ours."""
    wanted: list[str] = []
    for url, most in room.items():
        oldest = select(deliveries.c.id).where(_due(deliveries.c.url == url)).order_by(deliveries.c.due_at).limit(most)
        wanted += connection.execute(oldest.with_for_update(skip_locked=True)).scalars()
    if not wanted:
        return []
    taken = update(deliveries).where(deliveries.c.id.in_(wanted)).values(due_at=DbNow() + lease)
    return [
        Due(
            id=row.id,
            url=row.url,
            event=row.event,
            call_id=row.call_id,
            attempts=row.attempts,
            payload=row.payload,
            until=row.due_at,
        )
        for row in connection.execute(taken.returning(deliveries))
    ]


def keep_payload(connection: Connection, delivery_id: str, payload: str) -> str:
    """Keep what is about to be sent for the first time; gives what is to be sent, which may be somebody else's."""
    this = deliveries.c.id == delivery_id
    connection.execute(update(deliveries).where(this, deliveries.c.payload.is_(None)).values(payload=payload))
    return str(connection.execute(select(deliveries.c.payload).where(this)).scalar_one())


def delivered(connection: Connection, due: Due) -> None:
    """Write down that a delivery was accepted: it is owed no more, whoever has it now."""
    done = update(deliveries).where(deliveries.c.id == due.id, deliveries.c.delivered_at.is_(None))
    values = {"delivered_at": DbNow(), "due_at": None, "failure": None}
    connection.execute(done.values(attempts=deliveries.c.attempts + 1, **values))


def failed(connection: Connection, due: Due, why: str, pause: float | None) -> bool:
    """Write down that an attempt failed, and in how many seconds the next is due; None gives the delivery up.

    False if somebody else has it now, or it was delivered: then this changes nothing.
    """
    ours = and_(deliveries.c.id == due.id, deliveries.c.due_at == due.until)
    values = {"due_at": None if pause is None else DbNow() + pause, "failure": why}
    statement = update(deliveries).where(ours).values(attempts=deliveries.c.attempts + 1, **values)
    return connection.execute(statement).rowcount == 1


def untried(connection: Connection, urls: Collection[str], until: float) -> bool:
    """Whether anything that was owed to these at that time has not been tried once."""
    owed = and_(deliveries.c.due_at.is_not(None), deliveries.c.attempts == 0, deliveries.c.made_at <= until)
    return bool(connection.execute(select(exists().where(owed, deliveries.c.url.in_(urls)))).scalar_one())


def now(connection: Connection) -> float:
    """The database's time."""
    return float(connection.execute(select(DbNow())).scalar_one())


def retry(connection: Connection, ids: Sequence[str] | None = None) -> list[str]:
    """Have deliveries tried now and the whole schedule begun anew; all that wait or were given up, or these of them.

    Gives which. One that is due within a moment is left alone: it may be on its way.
    """
    waits = or_(deliveries.c.due_at.is_(None), deliveries.c.due_at > DbNow() + SEND_LEASE)
    anew = update(deliveries).where(deliveries.c.delivered_at.is_(None), waits)
    if ids is not None:
        anew = anew.where(deliveries.c.id.in_(ids))
    rows = connection.execute(anew.values(due_at=DbNow(), attempts=0).returning(deliveries.c.id))
    return sorted(rows.scalars())


def abandon(connection: Connection, urls: Collection[str]) -> int:
    """Give up what has waited for a week for somebody who sends to its URL; these are the URLs that are sent to.

    Gives how many. Else what is owed to an endpoint that is not configured any more would keep its calls for ever.
    """
    overdue = and_(deliveries.c.due_at < DbNow() - WEEK, deliveries.c.url.not_in(urls))
    return connection.execute(update(deliveries).where(overdue).values(due_at=None, failure=NOT_CONFIGURED)).rowcount


def _due(whose: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(deliveries.c.due_at <= DbNow(), whose)
