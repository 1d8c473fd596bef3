"""Outages of a database: of PostgreSQL by stopping it, of SQLite by another program that holds the file."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.ledger.house import House
from tests.postgres import Postgres


class Outages:
    """Makes the database of a house fail."""

    def __init__(self, house: House, server: Postgres | None) -> None:
        self._house = house
        self._server = server

    @contextmanager
    def outage(self) -> Iterator[None]:
        """It can't be used while the block lasts."""
        if self._server is None:
            with self._house.held_up():
                yield
            return
        self._house.engines.dispose()
        self._server.stop()
        try:
            yield
        finally:
            self._server.start()
