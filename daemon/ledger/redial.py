"""Redials: whether a caller was on the line a moment ago.

Owned by the durable ledger. Imports Trio, SQLAlchemy, core and this room.
"""

from contextlib import suppress
from functools import partial
from typing import Final

import trio
from sqlalchemy import Connection, select

from daemon.core.incoming import PastCall
from daemon.errors import LedgerUnavailable
from daemon.ledger.database import Database
from daemon.ledger.schema import DbNow, calls

PATIENCE: Final = 0.5
"""Seconds for the answer; the caller listens to the ringing meanwhile."""

# No call lasts longer, so one that ended lately was not claimed before; by that, there is an index.
_LONGEST_CALL: Final = 3 * 3600.0


async def ask(database: Database, caller: str, called: str, within: float) -> PastCall | None:
    """The latest call between two numbers, if the database says so at once. One that is slow is not failed for that."""
    asked = partial(last_call, caller=caller, called=called, within=within)
    with suppress(LedgerUnavailable), trio.move_on_after(PATIENCE):
        return await database.read(asked)
    return None


def last_call(connection: Connection, caller: str, called: str, within: float) -> PastCall | None:
    """The latest call between two numbers that was joined and ended at most `within` seconds ago."""
    # Asked for first, since a clock that may move on within a statement is no good for an index.
    now = connection.execute(select(DbNow())).scalar_one()
    past = select(calls.c.call_id, calls.c.agent).where(
        calls.c.claimed_at >= now - within - _LONGEST_CALL,
        calls.c.caller == caller,
        calls.c.called == called,
        calls.c.joined.is_(True),
        calls.c.ended_at >= now - within,
    )
    row = connection.execute(past.order_by(calls.c.ended_at.desc()).limit(1)).one_or_none()
    return PastCall(row.call_id, row.agent) if row else None
