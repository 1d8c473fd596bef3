import pytest
from sqlalchemy.exc import IntegrityError

from daemon.ledger.inserting import insert_new, insert_or_update
from daemon.ledger.schema import effects, epochs, turns
from tests.ledger.house import House

EPOCH = {
    "epoch": "a",
    "node": "n",
    "place": "p",
    "version": "1",
    "started_at": 1.0,
    "lease": 1.0,
    "lease_until": 2.0,
}
EFFECT = {"call_id": "c", "use_id": "u", "name": "n", "arguments": "{}", "begun_at": 1.0, "told": False}
TURN = {"call_id": "c", "item_id": "i", "speaker": "caller", "at": 1.0, "words": "Hel", "final": False}


def test_a_row_is_new_once_whether_its_key_is_ours_or_the_databases(house: House) -> None:
    assert house.run(lambda connection: insert_new(connection, epochs, EPOCH))
    assert not house.run(lambda connection: insert_new(connection, epochs, {**EPOCH, "node": "other"}))
    assert house.one(epochs)["node"] == "n"
    assert house.run(lambda connection: insert_new(connection, effects, EFFECT))
    assert not house.run(lambda connection: insert_new(connection, effects, EFFECT))


def test_a_row_that_misses_something_is_a_bug_and_no_repeat(house: House) -> None:
    with pytest.raises(IntegrityError):
        house.run(lambda connection: insert_new(connection, epochs, {**EPOCH, "node": None}))


def test_a_later_row_takes_the_place_of_an_earlier_one(house: House) -> None:
    key = ("call_id", "item_id", "speaker")
    later = {**TURN, "words": "Hello.", "final": True, "at": 2.0}
    other = {**TURN, "speaker": "agent"}
    house.run(lambda connection: insert_or_update(connection, turns, key, [TURN]))
    house.run(lambda connection: insert_or_update(connection, turns, key, [later, other]))
    rows = [(row["speaker"], row["words"], row["final"], row["at"]) for row in house.rows(turns)]
    assert sorted(rows) == [("agent", "Hel", False, 1.0), ("caller", "Hello.", True, 2.0)]
