"""Taking deliveries out of the outbox: each by one sender at a time, on both engines."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event

from daemon.ledger import sending
from daemon.ledger.engine import Engines
from daemon.ledger.outbox import FIRST_PAUSE
from daemon.ledger.sending import NOT_CONFIGURED, SEND_LEASE, WEEK, Due
from tests.ledger.filled import Ledger

URL = "https://one.test/calls"
OTHER = "https://two.test/calls"


@pytest.fixture
def ledger(engines: Engines) -> Ledger:
    """One call has ended, and one endpoint is to be told."""
    ledger = Ledger(engines, URL)
    ledger.node()
    ledger.claim("call-1")
    ledger.end("call-1")
    return ledger


def take(ledger: Ledger, most: int = 10, url: str = URL) -> list[Due]:
    return ledger.run(partial(sending.take, room={url: most}))


def is_due(ledger: Ledger, *urls: str) -> bool:
    return ledger.run(partial(sending.is_due, urls=urls or (URL,)))


def test_due_a_second_after_the_receipt(ledger: Ledger) -> None:
    assert not is_due(ledger)
    assert not take(ledger)
    ledger.pass_time(FIRST_PAUSE)
    assert is_due(ledger)
    assert is_due(ledger, URL, OTHER)
    assert not is_due(ledger, OTHER)
    assert not take(ledger, url=OTHER)
    (due,) = take(ledger)
    assert (due.event, due.call_id, due.url, due.attempts, due.payload) == ("call.ended", "call-1", URL, 0, None)
    assert due.id.startswith("msg_")


def test_taken_is_nobody_elses_until_the_lease_is_over(ledger: Ledger) -> None:
    ledger.pass_time(FIRST_PAUSE)
    (first,) = take(ledger)
    assert not is_due(ledger)
    assert not take(ledger)
    ledger.pass_time(SEND_LEASE)
    (second,) = take(ledger)
    assert second.id == first.id
    assert second.attempts == 0  # an attempt nobody saw the end of is none


def test_the_oldest_go_first_and_no_more_than_there_is_room_for(ledger: Ledger) -> None:
    for number in range(2, 6):
        ledger.pass_time(FIRST_PAUSE)
        ledger.claim(f"call-{number}")
        ledger.end(f"call-{number}")
    ledger.pass_time(FIRST_PAUSE)
    assert sorted(due.call_id for due in take(ledger, 3)) == ["call-1", "call-2", "call-3"]
    assert sorted(due.call_id for due in take(ledger, 3)) == ["call-4", "call-5"]


def test_of_two_senders_at_once_one_takes_a_delivery(ledger: Ledger) -> None:
    for number in range(2, 41):
        ledger.claim(f"call-{number}")
        ledger.end(f"call-{number}")
    ledger.pass_time(FIRST_PAUSE)
    with ThreadPoolExecutor(4) as senders:
        taken = [due.id for part in senders.map(lambda _: take(ledger, 3), range(20)) for due in part]
    assert len(taken) == len(set(taken)) == 40


def test_the_payload_is_kept_once(ledger: Ledger) -> None:
    ledger.pass_time(FIRST_PAUSE)
    (due,) = take(ledger)
    assert ledger.run(partial(sending.keep_payload, delivery_id=due.id, payload="first")) == "first"
    assert ledger.run(partial(sending.keep_payload, delivery_id=due.id, payload="second")) == "first"
    ledger.pass_time(SEND_LEASE)
    (again,) = take(ledger)
    assert again.payload == "first"


def test_delivered_is_owed_no_more(ledger: Ledger) -> None:
    ledger.pass_time(FIRST_PAUSE)
    (due,) = take(ledger)
    ledger.run(partial(sending.delivered, due=due))
    row = ledger.delivery()
    assert (row["due_at"], row["attempts"], row["failure"]) == (None, 1, None)
    assert row["delivered_at"] is not None
    ledger.pass_time(1e6)
    assert not take(ledger)


def test_a_failure_is_due_again_after_its_pause(ledger: Ledger) -> None:
    ledger.pass_time(FIRST_PAUSE)
    (due,) = take(ledger)
    assert ledger.run(partial(sending.failed, due=due, why="HTTP 500", pause=300))
    assert ledger.delivery()["failure"] == "HTTP 500"
    ledger.pass_time(290)
    assert not take(ledger)
    ledger.pass_time(11)
    (again,) = take(ledger)
    assert again.attempts == 1


def test_given_up(ledger: Ledger) -> None:
    ledger.pass_time(FIRST_PAUSE)
    (due,) = take(ledger)
    assert ledger.run(partial(sending.failed, due=due, why="HTTP 410", pause=None))
    row = ledger.delivery()
    assert (row["due_at"], row["delivered_at"], row["attempts"], row["failure"]) == (None, None, 1, "HTTP 410")


def test_a_sender_that_was_too_slow_changes_nothing_but_that_it_is_delivered(ledger: Ledger) -> None:
    ledger.pass_time(FIRST_PAUSE)
    (slow,) = take(ledger)
    ledger.pass_time(SEND_LEASE)
    (quick,) = take(ledger)
    assert not ledger.run(partial(sending.failed, due=slow, why="no answer", pause=None))
    assert ledger.delivery()["due_at"] == pytest.approx(quick.until)
    ledger.run(partial(sending.delivered, due=slow))
    assert not ledger.run(partial(sending.failed, due=quick, why="HTTP 500", pause=5))
    assert ledger.delivery()["due_at"] is None


def test_what_was_not_tried_once(ledger: Ledger) -> None:
    def untried() -> bool:
        return ledger.run(lambda c: sending.untried(c, [URL], sending.now(c)))

    assert untried()
    assert not ledger.run(lambda c: sending.untried(c, [OTHER], sending.now(c)))
    assert not ledger.run(lambda c: sending.untried(c, [URL], sending.now(c) - 60))
    ledger.pass_time(FIRST_PAUSE)
    (due,) = take(ledger)
    assert untried()
    ledger.run(partial(sending.failed, due=due, why="HTTP 500", pause=300))
    assert not untried()


def test_retry_begins_the_schedule_anew(ledger: Ledger) -> None:
    ledger.pass_time(FIRST_PAUSE)
    (due,) = take(ledger)
    # On its way now, so it is left alone.
    assert ledger.run(sending.retry) == []
    ledger.run(partial(sending.failed, due=due, why="HTTP 410", pause=None))
    assert ledger.run(partial(sending.retry, ids=["msg_other"])) == []
    assert ledger.run(partial(sending.retry, ids=[due.id])) == [due.id]
    (again,) = take(ledger)
    assert again.attempts == 0
    ledger.run(partial(sending.failed, due=again, why="HTTP 500", pause=7200))
    assert ledger.run(sending.retry) == [due.id]
    (last,) = take(ledger)
    ledger.run(partial(sending.delivered, due=last))
    assert ledger.run(sending.retry) == []


def test_what_nobody_sends_any_more_is_given_up_after_a_week(ledger: Ledger) -> None:
    ledger.pass_time(WEEK - 60)
    assert ledger.run(partial(sending.abandon, urls=[])) == 0
    ledger.pass_time(120)
    assert ledger.run(partial(sending.abandon, urls=[OTHER, URL])) == 0
    assert ledger.run(partial(sending.abandon, urls=[OTHER])) == 1
    assert ledger.delivery()["failure"] == NOT_CONFIGURED
    assert ledger.run(partial(sending.abandon, urls=[])) == 0
    # The endpoint is back, and somebody wants it told.
    assert len(ledger.run(sending.retry)) == 1
    assert ledger.run(partial(sending.abandon, urls=[])) == 0
    assert len(take(ledger)) == 1


def test_what_is_due_is_found_by_an_index(ledger: Ledger) -> None:
    asked: list[tuple[str, Any]] = []

    @event.listens_for(ledger.engines.lazy, "before_cursor_execute")
    def note(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    is_due(ledger)
    take(ledger)
    plan = "EXPLAIN QUERY PLAN " if ledger.engines.file else "EXPLAIN "
    for statement, parameters in [asked for asked in asked if "deliveries" in asked[0]]:
        with ledger.engines.durable.begin() as connection:
            if ledger.engines.file is None:
                connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # for so few rows it is the better way
            rows = connection.exec_driver_sql(plan + statement, parameters).all()
        assert any("deliveries_due" in str(row) for row in rows), rows
