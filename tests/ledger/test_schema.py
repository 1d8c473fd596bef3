"""The tables that migrations make are those that statements are made for, on both engines."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, select, text

from daemon.ledger.schema import DbNow, epochs, metadata
from daemon.observe.clock import system_clock
from tests.ledger.house import House
from tests.ledger.test_epochs import begin

# What a migration makes and SQLAlchemy's tables can't say: the search in transcripts.
SEARCH = "turns_search"


def test_the_tables_are_as_described(house: House) -> None:
    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "include_name": lambda name, kind, _: (
                    not (kind in ("table", "index") and (name or "").startswith(SEARCH))
                ),
            },
        )
        return list(compare_metadata(context, metadata))

    assert house.run(compare) == []


def test_there_is_an_index_for_the_search(house: House) -> None:
    catalogue = "sqlite_master" if house.engines.file else "pg_indexes"
    column = "name" if house.engines.file else "indexname"
    found = f"SELECT count(*) FROM {catalogue} WHERE {column} = '{SEARCH}'"
    assert house.run(lambda connection: connection.execute(text(found)).scalar_one()) == 1


def test_the_databases_time_is_unix_time_and_stands_still_within_a_statement(house: House) -> None:
    before = system_clock()
    times = house.run(lambda connection: connection.execute(select(DbNow(), DbNow(), DbNow())).one())
    assert before - 0.01 <= times[0] <= system_clock() + 0.01
    assert len(set(times)) == 1
    begin(house, "a", lease=10.0)
    row = house.one(epochs)
    assert abs(row["lease_until"] - row["started_at"] - 10.0) < 1e-6
