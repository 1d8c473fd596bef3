"""Visiting the ledger from outside the daemon, whether that runs or not: for the command line.

Opens what is there and makes nothing; a daemon that works on it is not disturbed, as readers wait for nobody and keep
nobody waiting. Plain and blocking. Imports Alembic, SQLAlchemy, config, errors and this room.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine

from daemon.config import Ledger
from daemon.errors import LedgerUnavailable, StartError
from daemon.ledger.engine import Engines, make_engines, reading
from daemon.ledger.failures import explained
from daemon.ledger.migrate import current_in, newest

T = TypeVar("T")

_AS_OWNER = "run this as the user that the daemon runs as"


class Visit:
    """Transactions in the ledger, one at a time."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run a function that only reads. Errors: `LedgerUnavailable`."""
        return self._run(self.engines.lazy, work, reads=True)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run a function in a transaction; when this returns, it is committed. Errors: `LedgerUnavailable`."""
        return self._run(self.engines.durable, work, reads=False)

    def _run(self, engine: Engine, work: Callable[[Connection], T], *, reads: bool) -> T:
        with explained(self.engines.where), engine.connect() as connection:
            if reads:
                reading(connection)
            with connection.begin():
                return work(connection)


@contextmanager
def visiting(table: Ledger, *, any_version: bool = False) -> Iterator[Visit]:
    """Open the ledger that `[ledger]` names, while the block lasts.

    Errors: `LedgerUnavailable` if it is not there or can't be opened, `StartError` if its tables are of an older
    version than ours, `ConfigError` if of a newer. With `any_version`, its tables are not looked at.
    """
    engines = make_engines(table.url, table.password.reveal() if table.password else "")
    visit = Visit(engines)
    try:
        _check_file(engines)
        if not any_version:
            _check_version(visit)
        yield visit
    finally:
        engines.dispose()


def _check_file(engines: Engines) -> None:
    """See that SQLite's file is there, as connecting would make one, and that it is ours to open."""
    if engines.file is None:
        return
    try:
        found = Path(engines.file).stat()
    except FileNotFoundError:
        found = None
    except OSError as error:
        raise LedgerUnavailable(f"{engines.where}: {error.strerror}; {_AS_OWNER}") from error
    if found is None or not found.st_size:
        raise LedgerUnavailable(f"{engines.where}: there is no ledger yet; the daemon makes it when it starts")
    # Reading takes writing too: readers of a WAL note where they are.
    effective = os.access in os.supports_effective_ids
    if not os.access(engines.file, os.R_OK | os.W_OK, effective_ids=effective):
        raise LedgerUnavailable(f"{engines.where}: you may not read and write it; {_AS_OWNER}")


def _check_version(visit: Visit) -> None:
    current = visit.read(lambda connection: current_in(connection, visit.engines.where))
    if current is None:
        raise LedgerUnavailable(f"{visit.engines.where}: its tables are missing: run `callwarden ledger migrate`")
    if current != newest():
        fix = "run `callwarden ledger migrate`"
        raise StartError(f"[ledger] url: {visit.engines.where} has the tables of an older version; {fix}")
