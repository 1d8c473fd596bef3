"""A grip on a connection that a thread uses, to cut it from outside when the thread hangs on it.

A database that is frozen, or a network that swallows everything, keeps a thread for as long as it likes, and there are
few threads. Imports SQLAlchemy and SQLite's driver.
"""

import os
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol, runtime_checkable

from sqlalchemy import Connection


@runtime_checkable
class _Wired(Protocol):
    """A connection over a socket, as psycopg's are; who has SQLite need not import that."""

    @property
    def closed(self) -> bool: ...

    def fileno(self) -> int: ...


class Grip:
    """On one transaction; made by whoever waits for it, used in the thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: object = None
        self.was_cut = False
        self.abandoned = False
        """Whether nobody waits for the thread any more."""
        self.committing = False
        """Whether it is too late to do it again: it may be committed."""

    @contextmanager
    def on(self, connection: Connection) -> Iterator[None]:
        """Let a connection be cut while the block lasts."""
        with self._lock:
            self._connection = connection.connection.driver_connection
        try:
            if self.was_cut:
                self.cut()
            yield
        finally:
            with self._lock:
                self._connection = None

    def cut(self) -> None:
        """Make the thread's statement fail; one that is done already stays as it is."""
        with self._lock:
            self.was_cut = True
            match self._connection:
                case sqlite3.Connection() as connection:
                    connection.interrupt()
                case _Wired(closed=False) as connection:
                    # Not `close`, which isn't ours to call while another thread is in there: the thread itself finds
                    # that the other side is gone.
                    with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
                        line.shutdown(socket.SHUT_RDWR)
                case _:
                    pass
