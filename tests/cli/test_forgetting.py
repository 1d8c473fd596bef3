"""Erasing one caller, on both engines: every table, every recording, and every byte of SQLite's files."""

from functools import partial
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, Table

from daemon.core import journal
from daemon.core.recording import FORMAT, Closed, Opened, encode_line
from daemon.ledger.schema import metadata
from tests.cli.ledgers import Desk
from tests.configured import CALLER

OTHER = "+14155550188"
SECRET = "zanzibarquince"


def full(desk: Desk, call_id: str, caller: str, words: str) -> None:
    """A call of which there is something in every table."""
    desk.ledger.claim(call_id, caller=caller)
    desk.ledger.happened(call_id, journal.DigitsCollected(digits=f"{words} 1", count=1, trigger="idle"))
    desk.ledger.said(call_id, "caller", f"{words} good morning")
    desk.ledger.used(call_id, "u1", "look_up", f'{{"name":"{words}"}}')
    row = {"id": f"order-{call_id}", "epoch": "epoch-1", "verb": "transfer", "asked_by": "root", "asked_at": 1.0}
    order = metadata.tables["orders"].insert().values(**row, call_id=call_id, argument=words)
    desk.ledger.run(lambda c: c.execute(order))
    desk.ledger.end(call_id, "hung_up", f"hang_up by the model: {words}")


@pytest.fixture
def known(desk: Desk) -> Desk:
    """Two callers, of whom one is to be forgotten."""
    for number in range(30):
        full(desk, f"theirs-{number}", CALLER, SECRET)
    full(desk, "others", OTHER, "kept")
    folder = desk.config.parent / "recordings"
    folder.mkdir()
    with desk.config.open("a") as file:
        file.write(f'[recording]\ndirectory = "{folder}"\n')
    for name, caller in (("theirs-1", CALLER), ("gone-from-the-ledger", CALLER), ("others", OTHER), ("unknown", None)):
        opened = Opened(
            now=1.0, format=FORMAT, build="1", call_id=name, agent="support", called=None, caller=caller, at=1.0
        )
        text = encode_line(opened) + encode_line(Closed(now=2.0, reasons=(), outcome="hung_up"))
        (folder / f"{name}.jsonl").write_bytes(text if name != "theirs-1" else b'{"torn\n' + text)
    (folder / "nonsense.jsonl").write_bytes(b"\xff\n")
    return desk


def _rows(connection: Connection, table: Table) -> list[str]:
    return [str(tuple(row)) for row in connection.execute(table.select())]


def in_tables(desk: Desk, text: str) -> dict[str, int]:
    """How many rows of each table hold a text."""
    found = {}
    for table in metadata.sorted_tables:
        rows = desk.ledger.run(partial(_rows, table=table))
        found[table.name] = sum(text in row for row in rows)
    return {name: count for name, count in found.items() if count}


def bytes_of(desk: Desk) -> bytes:
    """All of SQLite's files."""
    desk.ledger.engines.dispose()
    return b"".join(file.read_bytes() for file in desk.config.parent.glob("ledger.db*"))


def test_everything_of_one_caller_goes(known: Desk) -> None:
    kept = in_tables(known, "kept")
    assert set(in_tables(known, SECRET)) == {"calls", "entries", "turns", "effects", "orders"}
    told, done = known.lines("ledger", "forget", CALLER, "--yes")
    assert told == (
        "calls: 30, entries: 30, turns: 30, tools: 30, deliveries: 30, orders: 30, recordings: 2"
        " (30 deliveries are still owed to somebody)"
    )
    assert done == "erased"
    assert in_tables(known, SECRET) == in_tables(known, "theirs-") == in_tables(known, CALLER) == {}
    assert in_tables(known, "kept") == kept
    left = {file.name for file in (known.config.parent / "recordings").iterdir()}
    assert left == {"others.jsonl", "unknown.jsonl", "nonsense.jsonl"}
    assert known.json("calls", "--search", "kept")[0]["call_id"] == "others"
    assert known.lines("ledger", "forget", CALLER, "--yes") == ["nothing is kept of +1415…00"]
    if known.ledger.engines.file:
        assert SECRET[:10].encode() not in bytes_of(known)
        assert CALLER.encode() not in bytes_of(known)
        assert b"kept good" in bytes_of(known)


def test_a_word_that_was_replaced_is_gone_too(known: Desk) -> None:
    """What the caller was taken to have said before, of which no row is left."""
    turn = metadata.tables["turns"]
    change = turn.update().where(turn.c.call_id == "theirs-0").values(words="something else")
    known.ledger.run(lambda c: c.execute(change))
    known.lines("ledger", "forget", CALLER, "--yes")
    if known.ledger.engines.file:
        assert SECRET[:10].encode() not in bytes_of(known)


def test_a_dry_run_and_a_no_change_nothing(known: Desk) -> None:
    before = in_tables(known, SECRET)
    (told,) = known.lines("ledger", "forget", "+1 (415) 555-0100", "--dry-run")
    assert told.startswith("calls: 30, ")
    result = known.run("ledger", "forget", CALLER, input="n\n")
    assert result.exit_code == 1
    assert "Erase all of it, for good, of +1415…00?" in result.stderr
    assert in_tables(known, SECRET) == before
    assert len(list((known.config.parent / "recordings").iterdir())) == 5


def test_a_call_in_progress_is_not_erased_under_its_feet(known: Desk) -> None:
    before = in_tables(known, SECRET)
    known.ledger.claim("now", caller=CALLER)
    said = known.refused(1, "ledger", "forget", CALLER, "--yes")
    assert said == (
        "callwarden: a call from +1415…00 has not ended: now; wait, or end it with `callwarden hangup`, and repeat this"
    )
    assert in_tables(known, SECRET) == before


def test_what_is_no_number(known: Desk) -> None:
    assert "E.164" in known.refused(2, "ledger", "forget", "4155550100")


def test_somebody_who_reads_meanwhile(known: Desk) -> None:
    """A reader of SQLite's keeps its log from being emptied, which is said; nobody else is disturbed."""
    with known.ledger.engines.lazy.connect() as reader:
        if not known.ledger.engines.file:
            return
        reader.execution_options(callwarden_reads=True)
        assert reader.exec_driver_sql("SELECT count(*) FROM calls").scalar_one() == 31
        assert "until the daemon has been restarted" in known.refused(1, "ledger", "forget", CALLER, "--yes")
    assert in_tables(known, SECRET) == {}


def test_a_ledger_without_recordings(desk: Desk, tmp_path: Path) -> None:
    full(desk, "theirs", CALLER, SECRET)
    desk.config.write_text(desk.config.read_text())
    assert desk.lines("ledger", "forget", CALLER, "--yes")[-1] == "erased"
    assert msgspec.json.encode(in_tables(desk, SECRET)) == b"{}"
