"""The effects of tools as statements, on both engines."""

from daemon.core.effects import Effect, ToolUse
from daemon.ledger import claims, effects
from daemon.ledger.claims import Claim
from daemon.ledger.schema import effects as table
from tests.ledger.house import House, incoming

USE = ToolUse(id="use-1", name="look_up", arguments='{"order":"A-1"}')


def begin(house: House, use: ToolUse = USE, epoch: str = "epoch-1") -> Effect | None:
    return house.run(lambda connection: effects.begin_if_ours(connection, "call-1", epoch, use))


def claim(house: House) -> None:
    wanted = Claim(attempt="attempt", epoch="epoch-1", incoming=incoming("call-1"), agent="support")
    assert house.run(lambda connection: claims.claim(connection, wanted))


def test_begun_once_by_whoever_has_the_call(house: House) -> None:
    claim(house)
    assert begin(house, epoch="epoch-2") == Effect(use=USE)  # don't
    assert house.rows(table) == []
    assert begin(house) is None
    assert begin(house) == Effect(use=USE)
    assert house.run(lambda connection: effects.end(connection, "call-1", "use-1", "done"))
    assert begin(house) == Effect(use=USE, output="done")
    house.run(lambda connection: effects.told(connection, "call-1", "use-1"))
    assert begin(house) == Effect(use=USE, output="done", told=True)


def test_the_first_output_stands(house: House) -> None:
    claim(house)
    begin(house)
    assert house.run(lambda connection: effects.end(connection, "call-1", "use-1", "first"))
    assert not house.run(lambda connection: effects.end(connection, "call-1", "use-1", "second"))
    assert house.one(table)["output"] == "first"


def test_they_are_in_the_order_in_which_they_began(house: House) -> None:
    """Also those that began in the same millisecond, which is as fine as SQLite's clock is."""
    claim(house)
    uses = [ToolUse(id=f"use-{number}", name="look_up", arguments="{}") for number in (3, 1, 4, 2)]
    house.run(lambda connection: [effects.begin(connection, "call-1", use) for use in uses])
    known = house.run(lambda connection: effects.of_calls(connection, ["call-1", "call-2"]))
    assert [effect.use for effect in known["call-1"]] == uses
    assert "call-2" not in known


def test_odd_text_is_taken(house: House) -> None:
    claim(house)
    odd = ToolUse(id="x" * 3000, name="na\0me", arguments='{"half":"\ud800"}')
    assert begin(house, odd) is None
    assert begin(house, odd) == Effect(use=odd)
    assert house.run(lambda connection: effects.end(connection, "call-1", odd.id, "nul \0, half \udfff"))
    assert house.one(table)["output"] == "nul \ufffd, half ?"
