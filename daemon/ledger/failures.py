"""From what a database driver raises to one line for the operator. Imports SQLAlchemy and errors only."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from daemon.errors import LedgerUnavailable

# What SQLite says, and what helps. The first that is found in the message counts.
_SQLITE = (
    ("disk is full", "the disk is full: make room"),
    ("disk I/O error", "the disk fails or is full: make room, or replace it"),
    ("readonly database", "it can't be written: make the file, its folder and its file system writable"),
    ("read-only", "it can't be written: make the file, its folder and its file system writable"),
    ("database is locked", "another program holds it locked: find it with `fuser`"),
    ("malformed", CORRUPT := "the file is corrupt: move it away or restore a backup"),
    ("not a database", CORRUPT),
    ("unable to open", "it can't be opened: make its folder exist and be writable"),
    ("no such table", TABLES := "its tables are missing: run `callwarden ledger migrate`"),
)
_POSTGRESQL = (
    ("does not exist", TABLES),
    ("password authentication failed", "it refuses user or password: see [ledger] url and password"),
    ("read-only transaction", "it is read-only: is this the standby?"),
    ("statement timeout", "it is too slow"),
    ("lock timeout", "it is too slow: something holds a lock"),
    ("connection", "it can't be reached: is it running, and does [ledger] url name it?"),
)


class LedgerCorrupt(LedgerUnavailable):
    """The file is there and is no database any more."""


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn the driver's errors into `LedgerUnavailable`; `where` names the database.

    A broken constraint or a value of the wrong type is a bug of ours, and stays what it is.
    """
    try:
        yield
    except exc.IntegrityError:
        raise
    except exc.TimeoutError as error:
        raise LedgerUnavailable(f"{where}: every connection is busy") from error
    except exc.DBAPIError as error:
        raise _explain(where, str(error.orig)) from error


def _explain(where: str, said: str) -> LedgerUnavailable:
    table = _SQLITE if where.startswith("sqlite") else _POSTGRESQL
    fix = next((fix for words, fix in table if words in said), None)
    kind = LedgerCorrupt if fix == CORRUPT else LedgerUnavailable
    words = " ".join(said.split())[:200]
    return kind(f"{where}: {fix} ({words})" if fix else f"{where}: {words}")
