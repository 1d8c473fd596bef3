"""From what a database driver raises to one line for the operator. Imports SQLAlchemy and errors only."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from daemon.errors import LedgerUnavailable

# What SQLite says, and what helps. The first that is found in the message counts.
_SQLITE = (
    ("disk is full", "the disk is full: make room"),
    ("disk I/O error", "the disk fails or is full: make room, or replace it"),
    ("readonly database", READ_ONLY := "it can't be written: make the file, its folder and its file system writable"),
    ("read-only", READ_ONLY),
    ("database is locked", "another program holds it locked: find it with `fuser`"),
    ("malformed", CORRUPT := "the file is corrupt: move it away or restore a backup"),
    ("not a database", CORRUPT),
    ("unable to open", "it can't be opened: make its folder exist, and it and its file system writable"),
    ("no such table", TABLES := "its tables are missing: run `callwarden ledger migrate`"),
    ("interrupted", "it is too slow"),
)
# PostgreSQL has codes for what it says itself, by their beginnings; for what never reached it there are only words.
_CODES = (
    ("28", "it refuses user or password: see [ledger] url and password"),
    ("3D000", "there is no such database: make it, or correct [ledger] url"),
    ("42P01", TABLES),
    ("42501", "the user may not do that: make it the owner of the database"),
    ("25006", "it is read-only: is this the standby?"),
    ("57014", "it is too slow"),
    ("55P03", "it is too slow: something holds a lock"),
    ("53100", "its disk is full: make room"),
    ("53300", "it has too many connections: raise its max_connections"),
    ("57P", GONE := "it can't be reached: is it running, and does [ledger] url name it?"),
    ("08", GONE),
)
_WORDS = (
    ("password", _CODES[0][1]),
    ("no pg_hba.conf entry", _CODES[0][1]),
    ("FATAL:  role", _CODES[0][1]),
    ("FATAL:  database", _CODES[1][1]),
    ("", GONE),
)


class LedgerCorrupt(LedgerUnavailable):
    """The file is there and is no database any more. `file` says which one, as far as that is known."""

    file: tuple[int, int] | None = None


class Unwritable(LedgerUnavailable):
    """The database works, and doesn't take this: a bug of ours. Another try would fail the same way."""


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn the driver's errors into `LedgerUnavailable`; `where` names the database."""
    try:
        yield
    except (exc.IntegrityError, exc.DataError) as error:
        raise Unwritable(f"{where}: {_shortened(str(error.orig))}") from error
    except exc.TimeoutError as error:
        raise LedgerUnavailable(f"{where}: every connection is busy") from error
    except exc.DBAPIError as error:
        raise _explain(where, error) from error


def _explain(where: str, error: exc.DBAPIError) -> LedgerUnavailable:
    said = str(error.orig)
    if where.startswith("sqlite"):
        fix = next((fix for words, fix in _SQLITE if words in said), None)
    else:
        code = getattr(error.orig, "sqlstate", None)
        fix = _by_code(code) if code else next(fix for words, fix in _WORDS if words in said)
    kind = LedgerCorrupt if fix == CORRUPT else LedgerUnavailable
    return kind(f"{where}: {fix} ({_shortened(said)})" if fix else f"{where}: {_shortened(said)}")


def _by_code(code: str) -> str | None:
    return next((fix for beginning, fix in _CODES if code.startswith(beginning)), None)


def _shortened(said: str) -> str:
    return " ".join(said.split())[:200]
