"""What the ledger knows of money and of callers: what calls cost, and how often somebody called.

Plain functions on a connection that only read. Imports SQLAlchemy, msgspec and this room.
"""

import msgspec
from sqlalchemy import Connection, select

from daemon.ledger.schema import DbNow, calls, entries

# No call lasts longer, so what one used lately was not claimed before; by that, there is an index.
_LONGEST_CALL = 3 * 3600.0
# As `as_json` writes an entry.
_BEGINS = '{"kind":"Usage",%'


class Account(msgspec.Struct, frozen=True):
    """What was used lately."""

    spent: tuple[tuple[str, float, float], ...] = ()
    """Call, Unix time and cost, of calls that have cost something."""
    came: tuple[tuple[str, str, float], ...] = ()
    """Caller, call and Unix time, of calls whose caller is known."""


class _Usage(msgspec.Struct):
    cost: float = 0.0


def account(connection: Connection, *, spent: float, came: float) -> Account:
    """What was spent, and who came, within so many seconds each; 0 is for what is of no interest."""
    now = connection.execute(select(DbNow())).scalar_one()
    return Account(_spent(connection, now - spent) if spent else (), _came(connection, now - came) if came else ())


def _spent(connection: Connection, since: float) -> tuple[tuple[str, float, float], ...]:
    wanted = select(entries.c.call_id, entries.c.at, entries.c.entry).join(calls, calls.c.call_id == entries.c.call_id)
    wanted = wanted.where(calls.c.claimed_at >= since - _LONGEST_CALL, entries.c.entry.like(_BEGINS))
    sums: dict[str, tuple[float, float]] = {}
    for call_id, at, entry in connection.execute(wanted):
        cost = msgspec.json.decode(entry, type=_Usage).cost
        if cost and at >= since:
            # Of a call that a second daemon went on with, both have noted what it cost them.
            sums[call_id] = at, cost + sums.get(call_id, (0.0, 0.0))[1]
    return tuple((call_id, at, cost) for call_id, (at, cost) in sums.items())


def _came(connection: Connection, since: float) -> tuple[tuple[str, str, float], ...]:
    wanted = select(calls.c.caller, calls.c.call_id, calls.c.claimed_at)
    known = wanted.where(calls.c.claimed_at >= since, calls.c.caller.is_not(None))
    return tuple((caller, call_id, at) for caller, call_id, at in connection.execute(known))
