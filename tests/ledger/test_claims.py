"""Claims, debts and receipts as statements, on both engines."""

import math
from functools import partial

import pytest
import trio
from sqlalchemy import select

from daemon.ledger import claims
from daemon.ledger.claims import Claim
from daemon.ledger.database import Database
from daemon.ledger.engine import Engines, make_engines
from daemon.ledger.schema import calls
from tests.ledger.house import House, incoming, receipt


def wanted(call_id: str, webhook_id: str = "", *, attempt: str = "", epoch: str = "epoch-1") -> Claim:
    attempt = attempt or f"attempt {call_id} {webhook_id} {epoch}"
    return Claim(attempt=attempt, epoch=epoch, incoming=incoming(call_id, webhook_id), agent="support")


def test_a_call_is_claimed_once_by_either_id(house: House) -> None:
    def claim(*ids: str) -> bool:
        return house.run(lambda connection: claims.claim(connection, wanted(*ids)))

    assert claim("call-1", "msg-1")
    assert not claim("call-1", "msg-2")
    assert not claim("call-2", "msg-1")
    assert claim("call-2", "msg-2")
    assert claim("msg-1", "call-1")  # an id of one kind is none of the other


async def test_of_a_thousand_at_once_one_wins(engines: Engines, ledger_url: str) -> None:
    """Ten processes' worth of connections; ten deliveries of each of ten calls, and ten ids for each delivery."""
    databases = [Database(engines)] + [Database(make_engines(ledger_url)) for _ in range(4)]
    won: list[tuple[str, str]] = []

    async def deliver(database: Database, number: int, call_id: str, webhook_id: str) -> None:
        claim = wanted(call_id, webhook_id, attempt=f"attempt {number}")
        if await database.write(lambda connection: claims.claim(connection, claim), limit=60):
            won.append((call_id, webhook_id))

    pairs = [(f"call-{number % 10}", f"msg-{number // 10 % 10}") for number in range(1000)]
    async with trio.open_nursery() as nursery:
        for number, pair in enumerate(pairs):
            nursery.start_soon(deliver, databases[number % 5], number, *pair)
    with engines.durable.connect() as connection:
        rows = [tuple(row) for row in connection.execute(select(calls.c.call_id, calls.c.webhook_id))]
    assert sorted(rows) == sorted(won)
    for ids in zip(*won, strict=True):
        assert len(set(ids)) == len(won)
    for database in databases[1:]:
        database.engines.dispose()


def test_the_same_attempt_wins_again(house: House) -> None:
    for _ in range(2):
        assert house.run(lambda connection: claims.claim(connection, wanted("call-1")))
    assert not house.run(lambda connection: claims.claim(connection, wanted("call-1", attempt="another")))
    assert not house.run(lambda connection: claims.claim(connection, wanted("call-1", epoch="epoch-2")))


def test_what_a_lost_attempt_has_made_is_taken_over(house: House) -> None:
    lost = wanted("call-1", attempt="lost")
    again = wanted("call-1", attempt="again")
    assert house.run(lambda connection: claims.claim(connection, lost))
    assert house.run(lambda connection: claims.claim(connection, again, lost=("lost",)))
    assert house.one(calls)["claim"] == "again"
    # Only by whoever lost it.
    assert not house.run(lambda connection: claims.claim(connection, lost))
    other = wanted("call-1", attempt="other", epoch="epoch-2")
    assert not house.run(lambda connection: claims.claim(connection, other, lost=("again",)))


def test_only_the_owner_changes_anything(house: House) -> None:
    def as_epoch(epoch: str) -> list[bool | None]:
        return house.run(
            lambda connection: [
                claims.joined(connection, "call-1", epoch),
                claims.owe(connection, "call-1", epoch, ("SIGTERM",)),
                claims.settle(connection, "call-1", epoch, receipt(), {}),
                claims.is_ours(connection, "call-1", epoch),
            ]
        )

    house.run(lambda connection: claims.claim(connection, wanted("call-1")))
    before = house.one(calls)
    assert as_epoch("epoch-2") == [False, False, False, False]
    assert house.one(calls) == before
    assert as_epoch("epoch-1") == [True, True, True, True]


def test_the_first_receipt_stands(house: House) -> None:
    house.run(lambda connection: claims.claim(connection, wanted("call-1")))
    first, second = receipt("hung_up", "SIGTERM"), receipt("lost", "never mind")
    for each in (first, second):
        assert house.run(partial(claims.settle, call_id="call-1", epoch="epoch-1", receipt=each, events={}))
    assert house.one(calls)["outcome"] == "hung_up"
    # What is over can't be owed any more.
    assert not house.run(lambda connection: claims.owe(connection, "call-1", "epoch-1", ("why",)))
    assert house.one(calls)["owed_for"] is None


def test_the_first_join_counts(house: House) -> None:
    house.run(lambda connection: claims.claim(connection, wanted("call-1"), ago=60.0))
    house.run(lambda connection: claims.joined(connection, "call-1", "epoch-1", ago=50.0))
    house.run(lambda connection: claims.joined(connection, "call-1", "epoch-1"))
    row = house.one(calls)
    assert row["joined_at"] - row["claimed_at"] == pytest.approx(10, abs=2)


def test_a_receipt_of_a_call_that_is_not_there(house: House) -> None:
    assert house.run(lambda connection: claims.settle(connection, "call-1", "epoch-1", receipt(), {})) is None


def test_what_people_and_errors_say_is_taken_as_it_comes(house: House) -> None:
    """NUL, half a surrogate pair, reasons without end, ids that no index takes."""
    odd = Claim(
        attempt="odd",
        epoch="epoch-1",
        incoming=incoming("call-1", "m" * 20_000),
        agent="sup\0port",
    )
    assert house.run(lambda connection: claims.claim(connection, odd))
    assert not house.run(lambda connection: claims.claim(connection, wanted("call-2", "m" * 20_000)))
    assert house.run(lambda connection: claims.claim(connection, wanted("call-3", "m" * 20_001)))
    why = receipt("lost", "nul \0 here", "half \ud800 here", "long " * 100_000, seconds=math.pi)
    assert house.run(lambda connection: claims.settle(connection, "call-1", "epoch-1", why, {"od\0d": 1}))
    row = house.one(calls, call_id="call-1")
    assert row["agent"] == "sup\ufffdport"
    assert "half ? here" in row["reasons"]
    assert row["seconds"] == math.pi
