"""The journal in the ledger: in groups, once, and in nobody's way. On both engines."""

import contextlib
import time
from collections.abc import Iterator

import msgspec
import pytest
import trio
from sqlalchemy import text

from daemon.core import journal
from daemon.core.journal import Record
from daemon.core.receipts import Receipt
from daemon.errors import LedgerUnavailable
from daemon.ledger.database import Database
from daemon.ledger.journal import DELAY, GROUP, MAKING, Group, JournalWriter, write
from daemon.ledger.schema import entries, turns, writers
from tests.conftest import Logged
from tests.ledger.house import House, load, until


def pressed(number: int, call_id: str = "call-1") -> Record:
    return Record(at=float(number), call_id=call_id, entry=journal.KeyPressed(digit=str(number)))


def said(words: str, *, item: str = "item-1", final: bool = False, at: float = 1.0) -> Record:
    entry = journal.Said(item_id=item, speaker="caller", text=words, final=final)
    return Record(at=at, call_id="call-1", entry=entry)


@pytest.fixture
def writer(house: House) -> Iterator[JournalWriter]:
    database = Database(house.engines)
    yield JournalWriter(database, database.health, transcripts=True)
    database.close()


def digits(house: House) -> list[str]:
    return [load(row["entry"])["digit"] for row in house.rows(entries.select().order_by(entries.c.id))]


async def test_what_comes_together_is_written_together(
    house: House, writer: JournalWriter, nursery: trio.Nursery
) -> None:
    nursery.start_soon(writer.write_down)
    for number in range(30):
        writer.watch(pressed(number))
    await trio.sleep(0.05)
    assert house.rows(entries) == []  # a moment
    await until(lambda: len(house.rows(entries)) == 30, DELAY + 5.0)
    assert digits(house) == [str(number) for number in range(30)]
    assert house.one(writers)["written"] == 30
    row = house.rows(entries)[0]
    assert load(row["entry"]) == {"kind": "KeyPressed", "digit": "0"}
    nursery.cancel_scope.cancel()


async def test_a_full_group_waits_for_no_moment(house: House, writer: JournalWriter, nursery: trio.Nursery) -> None:
    for number in range(GROUP):
        writer.watch(pressed(number))
    began = time.monotonic()
    nursery.start_soon(writer.write_down)
    await until(lambda: len(writer) == 0, 1.0)
    assert time.monotonic() - began < 0.2
    nursery.cancel_scope.cancel()


async def test_words_in_the_making_are_written_once_they_are_final(
    house: House, writer: JournalWriter, nursery: trio.Nursery
) -> None:
    nursery.start_soon(writer.write_down)
    writer.watch(said("Hel"))
    writer.watch(pressed(1))
    await until(lambda: len(house.rows(entries)) == 1, DELAY + 5.0)
    assert house.rows(turns) == []
    writer.watch(said("Hello.", final=True))
    await until(lambda: len(house.rows(turns)) == 1, DELAY + 5.0)
    assert house.one(turns)["words"] == "Hello."
    nursery.cancel_scope.cancel()


async def test_words_that_are_never_final_are_written_as_they_stand(
    house: House, writer: JournalWriter, nursery: trio.Nursery
) -> None:
    nursery.start_soon(writer.write_down)
    writer.watch(said("Well, I"))
    await until(lambda: len(house.rows(turns)) == 1, MAKING + DELAY + 5.0)
    assert (house.one(turns)["words"], house.one(turns)["final"]) == ("Well, I", False)
    nursery.cancel_scope.cancel()


async def test_what_was_begun_to_be_said_is_written_when_the_call_ends(house: House, writer: JournalWriter) -> None:
    writer.watch(said("Well, I"))
    writer.watch(msgspec.structs.replace(said("Elsewhere"), call_id="call-2"))
    assert len(writer) == 0
    receipt = Receipt(outcome="caller_left", reasons=("gone",), joined=True, seconds=1.0)
    writer.watch(Record(at=2.0, call_id="call-1", entry=journal.Ended(receipt=receipt, events={})))
    assert len(writer) == 2  # call 2 goes on


async def test_turns_stand_in_the_order_in_which_they_began(house: House, writer: JournalWriter) -> None:
    writer.watch(said("I was about to", item="item-1"))
    writer.watch(said("No", item="item-2"))
    writer.watch(said("No!", item="item-2", final=True))
    writer.watch(said("I was", item="item-1", final=True))
    await writer.flush()
    rows = house.rows(turns.select().order_by(turns.c.id))
    assert [(row["words"], row["final"]) for row in rows] == [("I was", True), ("No!", True)]


async def test_words_in_the_making_become_one_turn(house: House, writer: JournalWriter) -> None:
    for number, words in enumerate(("Hel", "Hello", "Hello the")):
        writer.watch(said(words, at=float(number)))
    writer.watch(said("Yes?", item="item-2", final=True))
    await writer.flush()
    writer.watch(said("Hello there.", final=True, at=9.0))
    await writer.flush()
    rows = house.rows(turns.select().order_by(turns.c.id))
    assert [(row["words"], row["final"], row["at"]) for row in rows] == [
        ("Hello there.", True, 9.0),
        ("Yes?", True, 1.0),
    ]
    assert house.rows(entries) == []


async def test_without_transcripts_there_are_none(house: House) -> None:
    database = Database(house.engines)
    writer = JournalWriter(database, database.health, transcripts=False)
    writer.watch(said("My number is 4111"))
    writer.watch(Record(at=1.0, call_id="call-1", entry=journal.HangUpAsked(reason="their number is 4111")))
    await writer.flush()
    assert house.rows(turns) == []
    assert load(house.one(entries)["entry"])["reason"] == ""


async def test_odd_words_are_taken(house: House, writer: JournalWriter) -> None:
    writer.watch(said("nul \0, half \ud800", item="i" * 5000))
    why = journal.PlatformComplained(type="nul \0", code=None, message="half \udfff")
    writer.watch(Record(at=1.0, call_id="call-1", entry=why))
    await writer.flush()
    assert house.one(turns)["words"] == "nul \ufffd, half ?"
    assert load(house.one(entries)["entry"])["message"] == "half ?"
    assert writer.lost == 0


async def test_what_is_tried_again_is_not_there_twice(house: House, writer: JournalWriter) -> None:
    """Nobody waited for the answer, and it was written all the same."""
    for number in range(5):
        writer.watch(pressed(number))
    with house.held_up(), trio.move_on_after(0.1):
        await writer.flush()
    writer.watch(pressed(5))
    await until(lambda: len(house.rows(entries)) == 5, 3.0)
    assert len(writer) == 6
    await writer.flush()
    assert digits(house) == list("012345")
    assert len(writer) == 0


@pytest.mark.parametrize("known", [0, 1, 3])
def test_a_group_is_written_from_where_it_had_come_to(house: House, known: int) -> None:
    records = tuple(pressed(number) for number in range(3))
    if known:
        house.run(lambda connection: write(connection, Group("a", 10, records[:known])))
    for _ in range(2):
        house.run(lambda connection: write(connection, Group("a", 10, records)))
    assert digits(house) == list("012")
    house.run(lambda connection: write(connection, Group("a", 13, (pressed(3),))))
    house.run(lambda connection: write(connection, Group("b", 0, (pressed(4),))))
    assert digits(house) == list("01234")
    # An older group, whose answer was lost long ago.
    house.run(lambda connection: write(connection, Group("a", 10, records)))
    assert digits(house) == list("01234")


async def test_what_it_does_not_take_is_left_out(house: House, writer: JournalWriter, logged: Logged) -> None:
    """A bug of ours in one record costs that record."""
    bad = Record(at=1.0, call_id="call-1", entry=journal.KeyPressed(digit="1"))
    for number in range(3):
        writer.watch(pressed(number))
    writer._waiting[1] = msgspec.structs.replace(bad, at=None)
    await writer.flush()
    assert digits(house) == ["0", "2"]
    assert logged()[-1]["event"] == "journal_lost_records"
    assert logged()[-1]["count"] == 1
    assert (len(writer), writer.lost) == (0, 0)


async def test_what_comes_while_the_ledger_is_down_waits(
    house: House, writer: JournalWriter, nursery: trio.Nursery
) -> None:
    writer._health.fail(LedgerUnavailable("down"))
    nursery.start_soon(writer.write_down)
    for number in range(3):
        writer.watch(pressed(number))
    await trio.sleep(0.3)
    assert house.rows(entries) == []
    writer._health.recover()
    await until(lambda: digits(house) == list("012"), 2.0)
    nursery.cancel_scope.cancel()


async def test_no_more_wait_than_there_is_room_for(
    house: House, writer: JournalWriter, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.ledger.journal.MOST", 10)
    for number in range(25):
        writer.watch(pressed(number))
    assert len(writer) == 10
    await writer.flush()
    assert digits(house) == [str(number) for number in range(15, 25)]  # the newest
    assert [(line["event"], line["count"]) for line in logged()] == [("journal_lost_records", 15)]


async def test_what_is_dropped_while_a_group_is_written_confuses_nobody(
    house: House, writer: JournalWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.ledger.journal.MOST", 10)
    for number in range(10):
        writer.watch(pressed(number))
    async with trio.open_nursery() as nursery:
        with house.held_up():
            nursery.start_soon(writer.flush)
            await trio.sleep(0.05)
            for number in range(10, 25):
                writer.watch(pressed(number))
    assert digits(house) == [str(number) for number in (*range(10), *range(15, 25))]


async def test_a_claim_does_not_wait_for_a_long_journal(
    house: House, writer: JournalWriter, nursery: trio.Nursery
) -> None:
    """Thousands of records wait; a claim gets in after the group that is under way, at the latest."""
    database = writer._database
    for number in range(20 * GROUP):
        writer.watch(pressed(number))
    nursery.start_soon(writer.write_down)
    await until(lambda: len(writer) < 20 * GROUP, 2.0)
    waited: list[float] = []
    while len(writer) > 2 * GROUP:
        began = time.monotonic()
        await database.write(lambda connection: connection.execute(text("DELETE FROM calls")))
        waited.append(time.monotonic() - began)
        await trio.sleep(0.01)
    nursery.cancel_scope.cancel()
    assert waited
    assert sorted(waited)[len(waited) // 2] < 0.1


async def test_a_database_that_fails_in_the_middle_loses_nothing(house: House, writer: JournalWriter) -> None:
    for number in range(2 * GROUP):
        writer.watch(pressed(number))
    await writer.flush()
    for number in range(5):
        writer.watch(pressed(number))
    with house.held_up():
        with contextlib.suppress(trio.TooSlowError), trio.fail_after(0.05):
            await writer.flush()
        writer._health.fail(LedgerUnavailable("down"))
        await writer.flush()
    assert len(writer) == 5
    writer._health.recover()
    await writer.flush()
    assert len(house.rows(entries)) == 2 * GROUP + 5
