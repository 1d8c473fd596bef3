"""Verifying: a ledger that its own statements wrote is consistent, and each way of being wrong is found."""

from functools import partial

import pytest
from sqlalchemy import Connection, text

from daemon.core.journal import CheckedIn, Ended
from daemon.core.receipts import Receipt
from daemon.ledger import claims, epochs
from daemon.ledger.engine import Engines
from daemon.ledger.schema import RELEASED
from daemon.ledger.verifying import MOST, RULES, Verdict, verify
from tests.ledger.filled import EPOCH, SAID_AT, Ledger

URL = "https://one.test/calls"
LEFT = Receipt(outcome="caller_left", reasons=("left",), joined=True, seconds=3.0)
LOST = Receipt(outcome="handed_over", reasons=("another node has it",), joined=True, seconds=2.0)


@pytest.fixture
def ledger(engines: Engines) -> Ledger:
    """One node, a call that is over, one in progress."""
    ledger = Ledger(engines, URL)
    ledger.node("alpha")
    ledger.claim("over")
    ledger.used("over", "u1", "book", "{}")
    ledger.end("over")
    ledger.happened("over", CheckedIn(), Ended(receipt=LEFT, events={}))
    ledger.claim("live")
    ledger.said("live", "caller", "Hello.")
    return ledger


def look(ledger: Ledger) -> Verdict:
    return ledger.run(verify)


def found(ledger: Ledger) -> list[tuple[str, str]]:
    return [(finding.about, finding.what) for finding in look(ledger).findings]


def write(ledger: Ledger, statement: str) -> None:
    ledger.run(lambda connection: connection.execute(text(statement)))


def test_what_the_daemon_writes_is_consistent(ledger: Ledger) -> None:
    verdict = look(ledger)
    assert verdict.findings == ()
    assert (verdict.calls, verdict.receipts, verdict.live, verdict.epochs) == (2, 1, 1, 1)
    assert (verdict.entries, verdict.deliveries) == (2, 1)


def test_a_receipt_with_parts_missing(ledger: Ledger) -> None:
    write(ledger, "UPDATE calls SET seconds = NULL WHERE call_id = 'over'")
    assert found(ledger) == [("over", "its receipt has parts that are missing")]


def test_an_end_before_the_beginning(ledger: Ledger) -> None:
    write(ledger, "UPDATE calls SET ended_at = claimed_at - 10 WHERE call_id = 'over'")
    assert found(ledger) == [("over", "it ended before it was claimed")]


def test_debts_that_are_nobodys(ledger: Ledger) -> None:
    ledger.run(lambda c: epochs.end(c, EPOCH))
    assert found(ledger) == [("live", "it has no receipt and belongs to alpha, which is gone")]
    write(ledger, "UPDATE epochs SET ended_at = NULL, lease_until = started_at + 0.001, started_at = started_at - 60")
    write(ledger, "UPDATE epochs SET lease_until = started_at + 1")
    assert found(ledger) == [("live", "it has no receipt and belongs to alpha, which is late")]
    ledger.run(partial(claims.release, call_id="live", epoch=EPOCH, joined=True))
    assert found(ledger) == [("live", "it has no receipt and was released, and nobody has taken it")]
    write(ledger, "UPDATE calls SET epoch = 'somebody' WHERE call_id = 'live'")
    assert found(ledger) == [("live", "it has no receipt and belongs to somebody, of which nobody knows")]
    assert RELEASED not in str(found(ledger))


def test_a_journal_that_ends_twice_or_goes_on(ledger: Ledger) -> None:
    ledger.happened("over", Ended(receipt=LEFT, events={}), at=SAID_AT + 5)
    assert found(ledger) == [("over", "its journal ends 2 times"), ("over", "1 entries follow its end")]


def test_a_journal_that_ends_without_a_receipt(ledger: Ledger) -> None:
    ledger.happened("live", Ended(receipt=LEFT, events={}))
    assert found(ledger) == [("live", "its journal has ended, and it has no receipt")]


def test_a_node_that_let_go_does_not_end_the_call(ledger: Ledger) -> None:
    ledger.happened("live", Ended(receipt=LOST, events={}), CheckedIn())
    ledger.happened("over", Ended(receipt=LOST, events={}), at=SAID_AT - 1)  # of before, written late
    assert found(ledger) == []


def test_an_epoch_that_goes_backwards(ledger: Ledger) -> None:
    write(ledger, "UPDATE epochs SET relieved_at = started_at - 5, ended_at = started_at + 5")
    assert (EPOCH, "it ended before it began") in found(ledger)
    assert (EPOCH, "it ended, and was relieved") in found(ledger)
    assert ("over", "alpha wrote its receipt after it had been relieved") in found(ledger)


@pytest.mark.parametrize("table", ["entries", "turns", "effects", "deliveries"])
def test_rows_of_a_call_that_is_not_there(ledger: Ledger, table: str) -> None:
    write(ledger, f"UPDATE {table} SET call_id = 'nobody'")
    assert [(about, what.split(" ", 1)[1]) for about, what in found(ledger)] == [
        ("nobody", f"{table} of a call that is not there")
    ]


def test_a_delivery_twice_and_one_that_is_due_again(ledger: Ledger) -> None:
    columns = "url, event, call_id, made_at, due_at, attempts"
    write(ledger, f"INSERT INTO deliveries (id, {columns}) SELECT 'again', {columns} FROM deliveries")
    write(ledger, "UPDATE deliveries SET delivered_at = 1 WHERE id = 'again'")
    assert found(ledger) == [("over", "call.ended is told twice"), ("again", "it was made, and is due")]


def test_a_tool_that_ended_without_an_output(ledger: Ledger) -> None:
    write(ledger, "UPDATE effects SET output = NULL")
    assert found(ledger) == [("over", "book ended without an output, or before it began")]


def test_many_findings_of_one_kind_are_counted(ledger: Ledger) -> None:
    for number in range(MOST + 5):
        ledger.claim(f"call-{number}")
    ledger.run(lambda c: epochs.end(c, EPOCH))
    findings = look(ledger).findings
    assert len(findings) == MOST + 1
    assert findings[-1].what == "6 more"


def test_a_damaged_file_is_told(ledger: Ledger) -> None:
    if not ledger.engines.file:
        return

    def damage(connection: Connection) -> None:
        """Leave an entry in an index of a row that is not there."""
        connection.execute(text("PRAGMA writable_schema=ON"))
        connection.execute(text("DELETE FROM sqlite_schema WHERE name = 'deliveries_by_call'"))

    ledger.run(damage)
    ledger.engines.dispose()
    assert [about for about, _ in found(ledger)] == ["the file"]


def test_every_rule_has_a_name_for_people() -> None:
    assert len({rule.__name__ for rule in RULES}) == len(RULES) == 8
    assert all(rule.__doc__ for rule in RULES)
