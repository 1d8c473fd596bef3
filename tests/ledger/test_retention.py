"""Forgetting, on both engines."""

from functools import partial

from sqlalchemy import Connection, Update, insert, text, update

from daemon.core.effects import ToolUse
from daemon.ledger import effects, orders, retention
from daemon.ledger.claims import Claim
from daemon.ledger.operations import Settled, carry_out, make_claim
from daemon.ledger.outbox import Endpoint
from daemon.ledger.schema import DbNow, calls, deliveries, entries, epochs, metadata, turns
from daemon.ledger.schema import orders as orders_table
from tests.ledger.house import HEARD, House, incoming, receipt
from tests.ledger.test_epochs import begin

DAY = 86_400.0
HEARS = (Endpoint(url=HEARD, events=("call.ended",)),)


def write_call(house: House, call_id: str, *, ended: float | None, delivered: bool = True) -> None:
    """A call of some days ago, with everything that belongs to one."""
    claim = Claim(attempt=call_id, epoch="epoch-1", incoming=incoming(call_id), agent="support")
    ago = (ended or 0.0) * DAY
    house.run(lambda connection: make_claim(connection, claim, HEARS, ago=ago + 60))
    house.run(lambda connection: effects.begin(connection, call_id, ToolUse(id="u", name="n", arguments="{}")))
    entry = {"call_id": call_id, "at": 1.0, "entry": '{"kind":"CheckedIn"}'}
    turn = {"call_id": call_id, "item_id": "i", "speaker": "caller", "at": 1.0, "words": "good morning", "final": True}
    house.run(lambda connection: connection.execute(insert(entries).values(entry)))
    house.run(lambda connection: connection.execute(insert(turns).values(turn)))
    if ended is not None:
        done = Settled(call_id=call_id, epoch="epoch-1", receipt=receipt(), events={})
        house.run(lambda connection: carry_out(connection, done, HEARS, ago=ago))
        if delivered:
            sent = update(deliveries).where(deliveries.c.call_id == call_id).values(due_at=None, delivered_at=DbNow())
            house.run(lambda connection: connection.execute(sent))


def _execute(connection: Connection, statement: Update) -> None:
    connection.execute(statement)


def prune(house: House) -> list[int]:
    counts = [house.run(lambda connection: retention.prune(connection, 30 * DAY))]
    while counts[-1]:
        counts.append(house.run(lambda connection: retention.prune(connection, 30 * DAY)))
    return counts


def ids(house: House) -> set[str]:
    return {row["call_id"] for row in house.rows(calls)}


def test_an_old_call_goes_with_everything_that_belongs_to_it(house: House) -> None:
    write_call(house, "old", ended=31)
    write_call(house, "young", ended=29)
    assert prune(house) == [1, 0]
    for table in metadata.sorted_tables:
        if "call_id" in table.c and table.name != "orders":
            assert {row["call_id"] for row in house.rows(table)} == {"young"}, table.name


def test_words_that_were_forgotten_are_not_found(house: House) -> None:
    if house.engines.file is None:
        return  # PostgreSQL looks into the rows themselves
    write_call(house, "old", ended=31)
    found = "SELECT count(*) FROM turns_search WHERE turns_search MATCH 'morning'"
    assert house.run(lambda connection: connection.exec_driver_sql(found).scalar_one()) == 1
    prune(house)
    assert house.run(lambda connection: connection.exec_driver_sql(found).scalar_one()) == 0


def test_debts_and_what_is_still_to_be_told_stay(house: House) -> None:
    write_call(house, "owed for years", ended=None)
    house.run(lambda connection: connection.execute(update(calls).values(claimed_at=calls.c.claimed_at - 900 * DAY)))
    write_call(house, "not delivered yet", ended=31, delivered=False)
    assert prune(house) == [0]
    assert ids(house) == {"owed for years", "not delivered yet"}


def test_many_go_in_portions(house: House) -> None:
    for number in range(45):
        write_call(house, f"old-{number}", ended=40)
    assert prune(house) == [20, 20, 5, 0]
    assert ids(house) == set()


def test_orders_and_epochs_go_when_nobody_refers_to_them(house: House) -> None:
    begin(house, "epoch-1", "over", "alive")
    write_call(house, "young", ended=1)
    for epoch in ("epoch-1", "over"):
        longago = update(epochs).where(epochs.c.epoch == epoch).values(relieved_at=DbNow() - 40 * DAY)
        house.run(partial(_execute, statement=longago))
    old = house.run(lambda connection: orders.ask(connection, "pause", "node", "", "ada"))
    house.run(lambda connection: connection.execute(update(orders_table).values(asked_at=DbNow() - 40 * DAY)))
    new = house.run(lambda connection: orders.ask(connection, "resume", "node", "", "ada"))
    assert old is not None
    assert prune(house) == [0]
    assert {row["epoch"] for row in house.rows(epochs)} == {"epoch-1", "alive"}
    assert [row["id"] for row in house.rows(orders_table)] == [new]
    assert house.run(lambda connection: orders.result(connection, old)) == orders.GONE


def test_old_calls_are_found_by_an_index(house: House) -> None:
    """Though the time is the database's own: a look for what may be forgotten must not read every call there is."""
    dialect = house.engines.durable.dialect
    statement = retention.old(30 * DAY).compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    explain = "EXPLAIN QUERY PLAN" if house.engines.file else "EXPLAIN"

    def look(connection: Connection) -> str:
        if not house.engines.file:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        return str(connection.exec_driver_sql(f"{explain} {statement}").all())

    plan = house.run(look)
    assert "calls_by_time" in plan
    assert "Filter: (claimed_at" not in plan
    assert "deliveries_by_call" in plan or "deliveries_due" in plan
