"""What is owed to the ledger: carried out twice without harm, whatever happened in between."""

import itertools

import msgspec
import pytest

from daemon.core.effects import ToolUse
from daemon.ledger.claims import Claim
from daemon.ledger.operations import (
    Begun,
    Claimed,
    Ended,
    Joined,
    Operation,
    Owed,
    Reported,
    Settled,
    Told,
    carry_out,
)
from daemon.ledger.outbox import Endpoint
from daemon.ledger.schema import metadata
from tests.ledger.house import HEARD, House, incoming, receipt
from tests.ledger.test_epochs import begin
from tests.ledger.test_epochs import claim as write_claim
from tests.ledger.test_orders import ask, result

HEARS = (Endpoint(url=HEARD, events=("call.claimed", "call.ended")),)
CLAIM = Claim(attempt="a", epoch="epoch-1", incoming=incoming("call-1"), agent="support")
STORY: list[Operation] = [
    Claimed(claim=CLAIM, at=1.0),
    Joined(call_id="call-1", epoch="epoch-1", at=2.0),
    Begun(call_id="call-1", use=ToolUse(id="use-1", name="look_up", arguments="{}"), at=3.0),
    Ended(call_id="call-1", use_id="use-1", output="done", at=4.0),
    Told(call_id="call-1", use_id="use-1", at=4.5),
    Owed(call_id="call-1", epoch="epoch-1", reasons=("SIGTERM",), at=5.0),
    Settled(call_id="call-1", epoch="epoch-1", receipt=receipt("hung_up"), events={"ping": 1}, claim=CLAIM, at=6.0),
]


def carry(house: House, operation: Operation, ago: float = 0.0) -> bool:
    return house.run(lambda connection: carry_out(connection, operation, HEARS, ago))


def everything(house: House) -> list[list[dict[str, object]]]:
    """All rows, but for the times at which they were made."""
    tables = [house.rows(table) for table in metadata.sorted_tables]
    return [[{k: v for k, v in row.items() if not k.endswith(("_at", "_until"))} for row in rows] for rows in tables]


def test_twice_is_once(house: House) -> None:
    for operation in STORY:
        assert carry(house, operation)
    once = everything(house)
    for operation in STORY:
        carry(house, operation)
    assert everything(house) == once


@pytest.mark.parametrize("count", range(len(STORY)))
def test_begun_again_after_any_of_them(house: House, count: int) -> None:
    """A crash came after so many were carried out, and before that was noted."""
    for operation in itertools.chain(STORY[:count], STORY):
        carry(house, operation)
    assert everything(house)[0][0]["outcome"] == "hung_up"
    assert len(everything(house)[0]) == 1


def test_they_survive_the_spool() -> None:
    for operation in [*STORY, Reported(order_id="o", result="done")]:
        assert msgspec.json.decode(msgspec.json.encode(operation), type=Operation) == operation


def test_a_call_that_is_anothers_now_is_left_alone(house: House) -> None:
    begin(house, "epoch-2")
    write_claim(house, "epoch-2", "call-1")
    before = everything(house)
    for operation in STORY:
        if isinstance(operation, Claimed | Joined | Owed | Settled):
            assert not carry(house, operation)
    assert everything(house) == before


def test_times_are_those_of_what_happened(house: House) -> None:
    for operation in STORY:
        carry(house, operation, ago=100.0 - operation.at)
    (call,) = house.rows(metadata.tables["calls"])
    assert call["joined_at"] - call["claimed_at"] == pytest.approx(1.0, abs=0.5)
    assert call["ended_at"] - call["claimed_at"] == pytest.approx(5.0, abs=0.5)
    (effect,) = house.rows(metadata.tables["effects"])
    assert effect["ended_at"] - effect["begun_at"] == pytest.approx(1.0, abs=0.5)


def test_a_receipt_brings_its_claim_into_an_empty_ledger(house: House) -> None:
    assert not carry(house, msgspec.structs.replace(STORY[-1], claim=None))
    assert carry(house, STORY[-1])
    assert everything(house)[0][0]["agent"] == "support"


def test_the_report_of_an_order(house: House) -> None:
    begin(house, "a")
    order_id = ask(house, "pause", "node")
    assert carry(house, Reported(order_id=order_id, result="paused"))
    assert result(house, order_id) == "paused"
