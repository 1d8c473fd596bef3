"""Bringing the tables up to date, with Alembic. Plain functions for worker threads and for the command line.

Most starts find the tables as they should be, so Alembic, which takes a tenth of a start to import, is left to those
that do not. Imports SQLAlchemy, errors and this room's engine; never run without a lock, as several nodes may start at
the same time.
"""

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from daemon.errors import ConfigError, Problem, StartError
from daemon.ledger.engine import Engines
from daemon.ledger.failures import explained

_FOLDER = Path(__file__).parent / "migrations"
# Any number, as long as nobody else's advisory lock on the database is the same.
_LOCK = 0x_CA11_3A2D
PATIENCE = 90.0
"""Seconds for which `make_ready` may take: somebody else's migration, and our own."""


@cache
def revisions() -> tuple[str, ...]:
    """The revisions that this version of Callwarden knows, newest first; as the files are named (`r0001_first.py`)."""
    names = (path.stem.removeprefix("r").partition("_")[0] for path in (_FOLDER / "versions").glob("r*.py"))
    return tuple(sorted(names, reverse=True))


def newest() -> str:
    """The revision this version of Callwarden works with."""
    return revisions()[0]


def prepare(engines: Engines) -> None:
    """Do `make_ready` in a transaction of its own. Errors: as there, and `LedgerUnavailable`."""
    with explained(engines.where), engines.durable.connect() as connection, connection.begin():
        make_ready(connection, engines)


def make_ready(connection: Connection, engines: Engines) -> None:
    """Make sure that the tables are those of this version; on SQLite, and in an empty database, by making them so.

    Errors: `ConfigError` for tables of a newer version, `StartError` for older ones on PostgreSQL, which is shared with
    nodes that may still need them, and for a PostgreSQL database that can't hold every character.
    """
    if current_in(connection, engines.where) == newest():
        return
    _lock(connection)
    current = current_in(connection, engines.where)
    if current == newest():
        return
    if current is not None and engines.file is None:
        fix = "run `callwarden ledger migrate` once every node has the new version"
        raise StartError(f"[ledger] url: {engines.where} has the tables of an older version; {fix}")
    _upgrade(connection, engines.where)


def migrate(engines: Engines) -> tuple[str | None, str]:
    """Bring the tables up to date, whatever they are; gives the revisions before and after. Errors: as `prepare`."""
    with explained(engines.where), engines.durable.connect() as connection, connection.begin():
        _lock(connection)
        current = current_in(connection, engines.where)
        _upgrade(connection, engines.where)
        return current, newest()


def current_in(connection: Connection, where: str) -> str | None:
    """The revision of the tables that are there; None if there are none. Errors: `ConfigError` if we don't know it."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    current: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if current is not None and current not in revisions():
        fix = "install that version again, or restore a backup from before it"
        raise ConfigError(Problem("[ledger] url", f"{where} was made by a newer version of Callwarden; {fix}"))
    return current


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = '60s'"))
        connection.execute(text("SET LOCAL statement_timeout = '600s'"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def _upgrade(connection: Connection, where: str) -> None:
    if connection.dialect.name == "postgresql":
        encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
        if encoding != "UTF8":
            fix = "make a database with ENCODING 'UTF8' TEMPLATE template0"
            raise StartError(f"[ledger] url: {where} can't hold every character, as it is {encoding}; {fix}")
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
