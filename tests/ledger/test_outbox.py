"""What is owed to endpoints is owed by the transaction that makes it true."""

import pytest
from sqlalchemy import Connection

from daemon.ledger import outbox
from daemon.ledger.claims import Claim
from daemon.ledger.operations import make_claim
from daemon.ledger.outbox import FIRST_PAUSE, Endpoint
from daemon.ledger.schema import calls, deliveries
from tests.ledger.house import House, incoming

BOTH = Endpoint(url="https://example.com/both", events=("call.claimed", "call.ended"))
ENDS = Endpoint(url="https://example.com/ends", events=("call.ended",))


def put(house: House, event: str, call_id: str = "call-1") -> None:
    house.run(lambda connection: outbox.put(connection, (BOTH, ENDS), event, call_id))


def owed(house: House) -> list[tuple[str, str]]:
    return sorted((row["url"].rpartition("/")[2], row["event"]) for row in house.rows(deliveries))


def test_each_endpoint_is_owed_what_it_wants_once(house: House) -> None:
    put(house, "call.claimed")
    assert owed(house) == [("both", "call.claimed")]
    for _ in range(2):
        put(house, "call.ended")
    assert owed(house) == [("both", "call.claimed"), ("both", "call.ended"), ("ends", "call.ended")]
    for row in house.rows(deliveries):
        assert row["id"].startswith("msg_")
        assert (row["attempts"], row["payload"], row["delivered_at"]) == (0, None, None)
        assert row["due_at"] - row["made_at"] == pytest.approx(FIRST_PAUSE, abs=0.01)
    assert len({row["id"] for row in house.rows(deliveries)}) == 3


def test_what_did_not_come_true_is_not_owed(house: House) -> None:
    claim = Claim(attempt="a", epoch="epoch-1", incoming=incoming("call-1"), agent="support")

    def fails(connection: Connection) -> None:
        assert make_claim(connection, claim, (BOTH,))
        raise RuntimeError("the machine stops")

    with pytest.raises(RuntimeError):
        house.run(fails)
    assert house.rows(calls) == house.rows(deliveries) == []
    assert house.run(lambda connection: make_claim(connection, claim, (BOTH,)))
    other = Claim(attempt="b", epoch="epoch-2", incoming=incoming("call-1"), agent="support")
    assert not house.run(lambda connection: make_claim(connection, other, (BOTH, ENDS)))
    assert owed(house) == [("both", "call.claimed")]
