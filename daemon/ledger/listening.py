"""Being woken by PostgreSQL when there is an order, instead of finding it at the next heartbeat.

A connection of its own, waited for by Trio and never by a thread. Owner of no nursery; one task of the ledger's.
Imports Trio, psycopg and this room; a lost notification is found by the heartbeat, so every failure here is harmless.
"""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg
import trio
from sqlalchemy import Engine

from daemon.ledger.engine import connect_arguments
from daemon.ledger.orders import CHANNEL

_PAUSE = 5.0


async def listen(engine: Engine, wake: Callable[[], None]) -> None:
    """Call `wake` at every notification, until cancelled; also whenever some may have been missed."""
    while True:
        try:
            async with _connection(engine) as connection:
                wake()
                while True:
                    await trio.lowlevel.wait_readable(connection.fileno())
                    if list(connection.notifies(timeout=0)):
                        wake()
        except psycopg.Error:
            await trio.sleep(_PAUSE)


@asynccontextmanager
async def _connection(engine: Engine) -> AsyncIterator[psycopg.Connection]:
    made: list[psycopg.Connection] = []
    abandoned = False
    lock = threading.Lock()

    def connect() -> None:
        connection = psycopg.connect(**connect_arguments(engine), autocommit=True)
        with lock:
            made.append(connection)
            if abandoned:
                connection.close()
        connection.execute(f"LISTEN {CHANNEL}")

    try:
        await trio.to_thread.run_sync(connect, abandon_on_cancel=True)
        yield made[0]
    finally:
        with lock:
            abandoned = True
            for connection in made:
                connection.close()
