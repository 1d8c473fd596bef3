"""What operators are shown of calls, at every stage of one."""

from dataclasses import replace

import msgspec
import pytest
import trio
from trio.testing import MockClock

from daemon.calls import viewing
from daemon.config import Agent, Destination
from daemon.core.snapshots import CallView
from daemon.platforms.base import ReferOutcome, ReferResult
from daemon.sandbox.script import Script
from tests.calls.world import World
from tests.configured import configuration

STAYS = Script()


def views(world: World) -> dict[str, CallView]:
    return {view.call_id: view for view in viewing.views(world.supervisor.calls())}


async def test_from_the_claim_to_the_receipt(autojump_clock: MockClock, world: World) -> None:
    call = world.dial(STAYS)
    offer = world.offer(call)
    assert views(world)[call.id].state == "claiming"
    await offer.verdict()
    assert views(world)[call.id].state == "joining"
    await trio.sleep(3)
    seen = views(world)[call.id]
    assert (seen.state, seen.joined, seen.in_debt, seen.generation) == ("talking", True, True, 1)
    assert (seen.in_state, seen.age) == (3.0, 3.0)
    assert seen.last_words is not None
    assert (seen.last_words.speaker, seen.last_words.text) == ("agent", "Welcome.")
    assert [(each.owner, each.name) for each in seen.deadlines][-1] == ("agent support", "max_duration")
    live = world.supervisor.find(call.id)
    assert live is not None
    live.hang_up("operator uid 0")
    ending = viewing.view(live, trio.current_time())
    assert (ending.state, ending.reasons, ending.in_state) == ("ending", ("operator uid 0",), 0.0)
    await world.supervisor.idle()
    over = viewing.view(live, trio.current_time())
    assert (over.in_debt, views(world)) == (False, {})


async def test_joining_takes_patience(autojump_clock: MockClock, world: World) -> None:
    call = world.dial(STAYS)
    call.join_refusals = [503] * 3
    await world.offer(call).verdict()
    await trio.sleep(0.05)
    (deadline,) = viewing.deadlines(next(iter(world.supervisor.calls())), trio.current_time())
    assert (deadline.owner, deadline.name) == ("joining", "join_budget")
    assert 7 < deadline.seconds < 8
    await trio.sleep(5)
    assert views(world)[call.id].state == "talking"
    assert "join_budget" not in {each.name for each in views(world)[call.id].deadlines}


async def test_a_broken_line(autojump_clock: MockClock, world: World) -> None:
    call = world.dial(STAYS)
    await world.offer(call).verdict()
    await trio.sleep(2)
    call.join_refusals = [503] * 2
    await world.streams[-1].aclose()
    await trio.sleep(0.05)
    seen = views(world)[call.id]
    assert (seen.state, seen.in_debt) == ("rejoining", True)
    assert ("rejoining", "rejoin_window") in [(each.owner, each.name) for each in seen.deadlines]
    await trio.sleep(5)
    assert views(world)[call.id].state == "talking"


async def test_a_transfer(autojump_clock: MockClock, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    config = msgspec.structs.replace(configuration(), destinations={"desk": Destination(uri="tel:+18005550123")})
    world = World(config, nursery)
    await world.start()
    call = world.dial(STAYS)
    await world.offer(call).verdict()
    await trio.sleep(2)
    asked = trio.Event()

    async def ringing(call_id: str, uri: str) -> ReferOutcome:
        asked.set()
        await trio.sleep(20)
        return ReferOutcome(ReferResult.REJECTED)

    monkeypatch.setattr(world.platform, "refer", ringing)
    world.supervisor.transfer(call.id, "desk", "operator uid 0")
    await asked.wait()
    seen = views(world)[call.id]
    assert seen.state == "transferring"
    assert ("transfer", "refer_timeout", 90.0) in [(each.owner, each.name, each.seconds) for each in seen.deadlines]
    await trio.sleep(21)
    seen = views(world)[call.id]
    assert (seen.state, round(seen.in_state)) == ("talking", 1)
    world.stop()


async def test_everything_that_was_said(autojump_clock: MockClock, world: World) -> None:
    call = world.dial(STAYS)
    await world.offer(call).verdict()
    await trio.sleep(3)
    live = world.supervisor.find(call.id)
    assert live is not None
    shown = viewing.detail(live)
    assert [turn.text for turn in shown.turns] == ["Welcome."]
    assert (shown.unsent, shown.taken_over_from, shown.call.call_id) == (0, None, call.id)


async def test_debts_and_generations(autojump_clock: MockClock, world: World) -> None:
    first = world.dial(STAYS)
    first.hang_up_refusals = [500] * 100
    await world.offer(first).verdict()
    await trio.sleep(1)
    config = configuration(agent=Agent(instructions="Help.", greeting="Hello."))
    world.supervisor.adopt(replace(world.setting, config=config, generation=2, loaded_at=5.0))
    second = world.dial(STAYS)
    await world.offer(second).verdict()
    await trio.sleep(1)
    present, calls = world.supervisor.setting, [*world.supervisor.calls()]
    assert [
        (each.number, each.calls, each.present, each.loaded_at) for each in viewing.generations(present, calls)
    ] == [
        (1, 1, False, 0.0),
        (2, 1, True, 5.0),
    ]
    world.supervisor.hang_up(first.id, "operator uid 0")
    await trio.sleep(6)
    (debt,) = viewing.debts(world.collector)
    assert (debt.call_id, debt.reasons, debt.outcome) == (first.id, ("operator uid 0",), None)
    assert debt.age == 8.0
    assert [each.number for each in viewing.generations(present, world.supervisor.calls())] == [2]
