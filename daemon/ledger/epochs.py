"""Epochs and their leases: who is alive, and who takes over from whom. Plain functions on a connection.

An epoch that is found dead or silent is relieved: its calls are adopted, by one survivor, and whatever it decides about
them from then on changes nothing. Who is silent is found by `vigil.py`. Imports SQLAlchemy, core and this room.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import Enum, auto
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, and_, not_, or_, select, update

from daemon.core.effects import Effect
from daemon.core.incoming import IncomingCall
from daemon.ledger.effects import of_calls
from daemon.ledger.inserting import insert_new
from daemon.ledger.schema import DbNow, calls, epochs
from daemon.ledger.vigil import Sign

_LIVE = and_(epochs.c.relieved_at.is_(None), epochs.c.ended_at.is_(None))
_DEBT = calls.c.outcome.is_(None)


class Renewal(Enum):
    """What became of a lease that was to be renewed."""

    RENEWED = auto()
    RELIEVED = auto()
    """Somebody has our calls."""
    UNKNOWN = auto()
    """The ledger has never heard of us: it is another one than before."""


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
    effects: tuple[Effect, ...] = ()
    """The tools that were used on it, oldest first."""


def register(connection: Connection, epoch: str, node: str, place: str, version: str, lease: float) -> None:
    """Begin an epoch, with a first lease, unless it is known already."""
    row = {"epoch": epoch, "node": node, "place": place, "version": version, "lease": lease}
    insert_new(connection, epochs, {**row, "started_at": DbNow(), "lease_until": DbNow() + lease})


def renew(connection: Connection, epoch: str, lease: float) -> Renewal:
    """Renew a lease."""
    renewed = update(epochs).where(epochs.c.epoch == epoch, _LIVE).values(lease=lease, lease_until=DbNow() + lease)
    if connection.execute(renewed).rowcount == 1:
        return Renewal.RENEWED
    known = connection.execute(select(epochs.c.epoch).where(epochs.c.epoch == epoch)).one_or_none()
    return Renewal.UNKNOWN if known is None else Renewal.RELIEVED


def end(connection: Connection, epoch: str) -> None:
    """End an epoch in good order. What it still owes is anybody's from now on."""
    connection.execute(update(epochs).where(epochs.c.epoch == epoch, _LIVE).values(ended_at=DbNow()))


def living(connection: Connection) -> list[Sign]:
    """The signs of life of every epoch that nobody has relieved and that did not end in good order."""
    wanted = select(epochs.c.epoch, epochs.c.place, epochs.c.lease, epochs.c.lease_until).where(_LIVE)
    return [
        Sign(epoch=row.epoch, place=row.place, lease=row.lease, mark=row.lease_until)
        for row in connection.execute(wanted)
    ]


def relieve(connection: Connection, gone: Iterable[Sign]) -> list[str]:
    """Relieve epochs, as far as they have given no other sign of life since; gives whom."""
    same = [and_(epochs.c.epoch == sign.epoch, epochs.c.lease_until == sign.mark) for sign in gone]
    if not same:
        return []
    relieved = update(epochs).where(_LIVE, or_(*same)).values(relieved_at=DbNow()).returning(epochs.c.epoch)
    return list(connection.execute(relieved).scalars())


def adopt(connection: Connection, epoch: str) -> dict[str, str]:
    """Make every call ours that has no receipt and no living owner; gives who had it, by call.

    Of several adopters each call goes to one.
    """
    alive = select(epochs.c.epoch).where(_LIVE)
    orphaned = and_(_DEBT, not_(calls.c.epoch.in_(alive)))
    found = connection.execute(select(calls.c.call_id, calls.c.epoch).where(orphaned).with_for_update(skip_locked=True))
    former = {row.call_id: row.epoch for row in found}
    if former:
        connection.execute(update(calls).where(calls.c.call_id.in_([*former])).values(epoch=epoch))
    return former


def debts(connection: Connection, epoch: str) -> frozenset[str]:
    """The calls of an epoch that have no receipt."""
    return frozenset(connection.execute(select(calls.c.call_id).where(calls.c.epoch == epoch, _DEBT)).scalars())


def owners(connection: Connection, call_ids: Collection[str]) -> dict[str, tuple[str, bool]]:
    """Whose calls are, and whether they have their receipt, as far as they are in the ledger."""
    if not call_ids:
        return {}
    wanted = select(calls.c.call_id, calls.c.epoch, calls.c.outcome).where(calls.c.call_id.in_(call_ids))
    return {row.call_id: (row.epoch, row.outcome is not None) for row in connection.execute(wanted)}


def orphans(connection: Connection, call_ids: Collection[str], former: Mapping[str, str]) -> tuple[Orphan, ...]:
    """Calls as whoever takes them over must know them, oldest first."""
    if not call_ids:
        return ()
    wanted = select(calls, (DbNow() - calls.c.claimed_at).label("age")).where(calls.c.call_id.in_(call_ids))
    rows = connection.execute(wanted.order_by(calls.c.claimed_at)).all()
    used = of_calls(connection, call_ids)
    return tuple(_orphan(row, former.get(row.call_id, row.epoch), used.get(row.call_id, ())) for row in rows)


def _orphan(row: Row[Any], former: str, used: tuple[Effect, ...]) -> Orphan:
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
        effects=used,
    )
