"""Being woken by PostgreSQL when there is an order, instead of finding it at the next heartbeat.

A connection of its own, waited for by Trio and never by a thread. Owner of no nursery; one task of the ledger's.
Imports Trio, psycopg and this room; a lost notification is found by the heartbeat, so every failure here is harmless.
"""

from collections.abc import Callable

import psycopg
import trio
from sqlalchemy import Engine

from daemon.ledger.orders import CHANNEL

_PAUSE = 5.0


async def listen(engine: Engine, wake: Callable[[], None]) -> None:
    """Call `wake` at every notification, until cancelled."""
    while True:
        try:
            with await trio.to_thread.run_sync(_connect, engine) as connection:
                while True:
                    await trio.lowlevel.wait_readable(connection.fileno())
                    if list(connection.notifies(timeout=0)):
                        wake()
        except psycopg.Error:
            await trio.sleep(_PAUSE)


def _connect(engine: Engine) -> psycopg.Connection:
    arguments, options = engine.dialect.create_connect_args(engine.url)
    connection = psycopg.connect(*arguments, **options, autocommit=True, connect_timeout=3)
    connection.execute(f"LISTEN {CHANNEL}")
    return connection
