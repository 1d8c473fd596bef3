"""Epochs and their leases: who is alive, and who takes over from whom. Plain functions on a connection.

Time is the database's. An epoch that does not renew its lease is relieved: its calls are adopted, by one survivor, and
whatever it writes about them from then on changes nothing. Imports SQLAlchemy, core and this room.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, and_, not_, or_, select, update

from daemon.core.incoming import IncomingCall
from daemon.ledger.inserting import insert_new
from daemon.ledger.schema import DbNow, calls, epochs

_LIVE = and_(epochs.c.relieved_at.is_(None), epochs.c.ended_at.is_(None))


class Orphan(msgspec.Struct, frozen=True, kw_only=True):
    """A call without a receipt whose owner is no more, and that is ours now."""

    incoming: IncomingCall
    """As it was announced; `received_at` and `sent_at` are not known any more, and 0 and None."""
    agent: str
    age: float
    """Seconds since it was claimed."""
    joined: bool
    """Whether its socket was ever open."""
    owed_for: tuple[str, ...]
    """Why its hang-up is owed, if it is."""
    former: str
    """Who had it."""


def register(connection: Connection, epoch: str, node: str, place: str, version: str, lease: float) -> None:
    """Begin an epoch, with a first lease, unless it is known already."""
    row = {"epoch": epoch, "node": node, "place": place, "version": version}
    insert_new(connection, epochs, {**row, "started_at": DbNow(), "lease_until": DbNow() + lease})


def renew(connection: Connection, epoch: str, lease: float) -> bool:
    """Renew a lease; False if somebody has relieved us, or the epoch is not known any more."""
    renewed = update(epochs).where(epochs.c.epoch == epoch, _LIVE).values(lease_until=DbNow() + lease)
    return connection.execute(renewed).rowcount == 1


def end(connection: Connection, epoch: str) -> None:
    """End an epoch in good order. What it still owes is anybody's from now on."""
    connection.execute(update(epochs).where(epochs.c.epoch == epoch, _LIVE).values(ended_at=DbNow()))


def of_place(connection: Connection, place: str) -> list[str]:
    """Epochs of a place that nobody has relieved and that did not end in good order."""
    return list(connection.execute(select(epochs.c.epoch).where(epochs.c.place == place, _LIVE)).scalars())


def relieve(connection: Connection, dead: Iterable[str] = ()) -> list[str]:
    """Relieve every epoch whose lease has expired, and those that are known to be dead; gives whom."""
    over = or_(epochs.c.lease_until < DbNow(), epochs.c.epoch.in_([*dead]))
    relieved = update(epochs).where(_LIVE, over).values(relieved_at=DbNow()).returning(epochs.c.epoch)
    return list(connection.execute(relieved).scalars())


def adopt(connection: Connection, epoch: str) -> list[Orphan]:
    """Make every call ours that has no receipt and no living owner. Of several adopters each call goes to one."""
    living = select(epochs.c.epoch).where(_LIVE)
    orphaned = and_(calls.c.outcome.is_(None), not_(calls.c.epoch.in_(living)))
    found = connection.execute(select(calls.c.call_id, calls.c.epoch).where(orphaned).with_for_update(skip_locked=True))
    former = {row.call_id: row.epoch for row in found}
    if not former:
        return []
    taken = update(calls).where(orphaned, calls.c.call_id.in_([*former])).values(epoch=epoch)
    rows = connection.execute(taken.returning(calls, (DbNow() - calls.c.claimed_at).label("age")))
    return [_orphan(row, former[row.call_id]) for row in rows]


def _orphan(row: Row[Any], former: str) -> Orphan:
    incoming = IncomingCall(
        call_id=row.call_id,
        webhook_id=row.webhook_id,
        called=row.called,
        caller=row.caller,
        created_at=row.announced_at,
        received_at=0.0,
    )
    return Orphan(
        incoming=incoming,
        agent=row.agent,
        age=max(row.age, 0.0),
        joined=row.joined_at is not None,
        owed_for=msgspec.json.decode(row.owed_for, type=tuple[str, ...]) if row.owed_for else (),
        former=former,
    )
