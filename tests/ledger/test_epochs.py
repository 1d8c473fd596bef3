"""Epochs as statements, on both engines: one survivor adopts, and only what is anybody's."""

import threading
from collections.abc import Callable
from functools import partial

from sqlalchemy import select, update

from daemon.ledger import claims, effects, epochs
from daemon.ledger.claims import Claim
from daemon.ledger.engine import make_engines
from daemon.ledger.epochs import Renewal
from daemon.ledger.schema import calls
from daemon.ledger.schema import epochs as table
from daemon.ledger.vigil import Sign
from tests.ledger.house import House, incoming, receipt
from tests.ledger.test_durable import USE


def begin(house: House, *names: str, lease: float = 60.0) -> None:
    for name in names:
        house.run(partial(epochs.register, epoch=name, node="node", place="place", version="1.0", lease=lease))


def claim(house: House, epoch: str, *call_ids: str) -> None:
    for call_id in call_ids:
        wanted = Claim(attempt=f"attempt {call_id}", epoch=epoch, incoming=incoming(call_id), agent="support")
        assert house.run(partial(claims.claim, wanted=wanted))


def adopt(house: House, epoch: str) -> dict[str, str]:
    return house.run(lambda connection: epochs.adopt(connection, epoch))


def signs(house: House, *names: str) -> list[Sign]:
    return [sign for sign in house.run(epochs.living) if sign.epoch in names]


def relieve(house: House, name: str) -> None:
    found = signs(house, name)
    assert house.run(lambda connection: epochs.relieve(connection, found)) == [name]


def test_a_lease_is_renewed_as_long_as_nobody_has_relieved_us(house: House) -> None:
    assert house.run(lambda connection: epochs.renew(connection, "a", 10.0)) is Renewal.UNKNOWN
    begin(house, "a")
    begin(house, "a")  # known already
    (first,) = signs(house, "a")
    assert house.run(lambda connection: epochs.renew(connection, "a", 12.0)) is Renewal.RENEWED
    (second,) = signs(house, "a")
    assert second.mark != first.mark
    assert (second.lease, second.place) == (12.0, "place")
    assert house.run(lambda connection: epochs.relieve(connection, [second])) == ["a"]
    assert house.run(lambda connection: epochs.renew(connection, "a", 10.0)) is Renewal.RELIEVED
    assert house.run(epochs.living) == []


def test_a_sign_of_life_at_the_last_moment_counts(house: House) -> None:
    begin(house, "a", "b")
    found = signs(house, "a", "b")
    house.run(lambda connection: epochs.renew(connection, "a", 60.0))
    assert house.run(lambda connection: epochs.relieve(connection, found)) == ["b"]
    assert house.run(lambda connection: epochs.relieve(connection, found)) == []
    assert house.run(lambda connection: epochs.relieve(connection, [])) == []


def test_what_the_living_owe_is_nobody_elses(house: House) -> None:
    begin(house, "a", "b")
    claim(house, "a", "call-1", "call-2")
    assert adopt(house, "b") == {}


def test_what_is_left_by_the_dead_is_adopted_and_what_is_over_is_not(house: House) -> None:
    begin(house, "dead", "gone", "b")
    claim(house, "dead", "call-1", "call-2")
    claim(house, "gone", "call-3")
    claim(house, "never heard of", "call-4")
    house.run(lambda connection: claims.settle(connection, "call-2", "dead", receipt(), {}))
    relieve(house, "dead")
    house.run(lambda connection: epochs.end(connection, "gone"))
    assert adopt(house, "b") == {"call-1": "dead", "call-3": "gone", "call-4": "never heard of"}
    assert adopt(house, "b") == {}
    assert house.run(lambda connection: epochs.debts(connection, "b")) == {"call-1", "call-3", "call-4"}
    owners = house.run(lambda connection: epochs.owners(connection, ["call-1", "call-2", "elsewhere"]))
    assert owners == {"call-1": ("b", False), "call-2": ("dead", True)}
    assert house.run(lambda connection: epochs.owners(connection, [])) == {}


def test_an_orphan_is_all_that_its_new_owner_must_know(house: House) -> None:
    claim(house, "dead", "call-1", "call-2")
    house.run(lambda connection: claims.joined(connection, "call-1", "dead"))
    house.run(lambda connection: claims.owe(connection, "call-1", "dead", ("SIGTERM", "drain")))
    house.run(lambda connection: effects.begin(connection, "call-1", USE))
    house.run(lambda connection: connection.execute(update(calls).values(claimed_at=calls.c.claimed_at - 90.0)))
    former = adopt(house, "b")
    first, second = house.run(lambda connection: epochs.orphans(connection, former, former))
    assert first.incoming == incoming("call-1")
    assert (first.agent, first.joined, first.owed_for, first.former) == ("support", True, ("SIGTERM", "drain"), "dead")
    assert 90.0 <= first.age < 95.0
    assert [effect.use for effect in first.effects] == [USE]
    assert (second.joined, second.owed_for, second.effects) == (False, (), ())
    assert house.run(lambda connection: epochs.orphans(connection, (), former)) == ()


def together(*work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=each) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


def test_of_many_survivors_each_call_has_one(house: House) -> None:
    """Ten nodes, each with a connection of its own, find the same hundred calls without an owner."""
    survivors = [f"survivor-{number}" for number in range(10)]
    begin(house, "dead", *survivors)
    claim(house, "dead", *(f"call-{number}" for number in range(100)))
    dead = signs(house, "dead")
    adopted: dict[str, dict[str, str]] = {}
    relieved: list[str] = []
    gate = threading.Barrier(len(survivors))

    def survive(name: str) -> None:
        engines = make_engines(house.url)
        gate.wait(10)
        for _ in range(3):  # what another one was just about to take is looked at again at the next heartbeat
            with engines.durable.begin() as connection:
                relieved.extend(epochs.relieve(connection, dead))
                adopted.setdefault(name, {}).update(epochs.adopt(connection, name))
        engines.dispose()

    together(*(partial(survive, name) for name in survivors))
    taken = [call_id for mine in adopted.values() for call_id in mine]
    assert sorted(taken) == sorted({f"call-{number}" for number in range(100)})
    assert relieved == ["dead"]
    rows = house.rows(select(calls.c.call_id, calls.c.epoch))
    assert {row["call_id"]: row["epoch"] for row in rows} == {
        call_id: name for name, mine in adopted.items() for call_id in mine
    }


def test_a_receipt_at_the_last_moment_leaves_nothing_to_adopt(house: House) -> None:
    """The old owner's receipt and the adoption come at the same time: one of them counts, and both know which."""
    begin(house, "dead", "b")
    for number in range(20):
        call_id = f"call-{number}"
        claim(house, "dead", call_id)
        if number == 0:
            relieve(house, "dead")
        settled, adopted = race_for(house, call_id)
        if settled:
            assert house.one(calls, call_id=call_id)["outcome"] == "caller_left"
            assert adopted == {}  # it was found locked, or over
        else:
            assert adopted == {call_id: "dead"}


def race_for(house: House, call_id: str) -> tuple[bool | None, dict[str, str]]:
    """Let the old owner settle while the new one adopts."""
    settled: list[bool | None] = []
    adopted: list[dict[str, str]] = []
    gate = threading.Barrier(2)

    def settle() -> None:
        gate.wait(10)
        done = house.run(lambda connection: claims.settle(connection, call_id, "dead", receipt(), {}))
        settled.append(done)

    def take() -> None:
        gate.wait(10)
        adopted.append(adopt(house, "b"))

    together(settle, take)
    return settled[0], adopted[0]


def test_ends_once(house: House) -> None:
    begin(house, "a")
    house.run(lambda connection: epochs.end(connection, "a"))
    ended = house.one(table)["ended_at"]
    house.run(lambda connection: epochs.end(connection, "a"))
    assert house.one(table)["ended_at"] == ended
    assert house.run(lambda connection: epochs.renew(connection, "a", 10.0)) is Renewal.RELIEVED
