"""Joining with patience: what is tried again, when, and what is not."""

import pytest
import trio
from trio.testing import MockClock

from daemon.core import journal
from daemon.sandbox.script import Leave, Script
from tests.calls.world import World
from tests.conftest import Logged

LEAVES = Script(steps=(Leave(),))


@pytest.mark.parametrize(
    ("refusals", "pauses"),
    [
        pytest.param([404], 0.2, id="not there yet"),
        pytest.param([404, 404], 0.7, id="still not"),
        pytest.param([404, 404, 404], 1.7, id="at the last look"),
    ],
)
async def test_a_fresh_call_may_not_be_there_yet(
    autojump_clock: MockClock, world: World, refusals: list[int], pauses: float
) -> None:
    call = world.dial(LEAVES)
    call.join_refusals = refusals
    await world.offer(call).verdict()
    await world.supervisor.idle()

    (joined,) = [entry for entry in world.entries(call) if isinstance(entry, journal.Joined)]
    assert joined.seconds == pytest.approx(pauses)
    assert world.receipt(call).outcome == "caller_left"


async def test_a_call_that_is_gone(autojump_clock: MockClock, world: World) -> None:
    call = world.dial(LEAVES)
    call.end("caller")
    await world.offer(call).verdict()
    await world.supervisor.idle()

    receipt = world.receipt(call)
    assert (receipt.outcome, receipt.reasons, receipt.joined) == ("caller_left", ("gone before we joined",), False)
    assert receipt.seconds == pytest.approx(1.7)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_bad_key_is_not_tried_twice_and_is_loud(
    autojump_clock: MockClock, world: World, status: int, logged: Logged
) -> None:
    call = world.dial(LEAVES)
    call.join_refusals = [status, status]
    await world.offer(call).verdict()
    await world.supervisor.idle()

    receipt = world.receipt(call)
    assert call.join_refusals == [status]
    assert receipt.seconds == 0
    assert receipt.outcome == "hung_up"
    assert receipt.reasons == (f"could not join: HTTP {status}: Refused: refused by the script",)
    assert "NotAuthorized" in [line.get("kind") for line in logged()]


async def test_hiccups_are_waited_out(autojump_clock: MockClock, world: World) -> None:
    call = world.dial(LEAVES)
    call.join_refusals = [503, 500]
    await world.offer(call).verdict()
    await world.supervisor.idle()
    assert call.joins == 1
    assert world.receipt(call).outcome == "caller_left"
    assert 0.25 <= world.receipt(call).seconds <= 0.75 + 0.4  # two jittered pauses, then the greeting


async def test_the_budget_bounds_everything(autojump_clock: MockClock, world: World) -> None:
    call = world.dial(LEAVES)
    call.join_refusals = [503] * 100
    await world.offer(call).verdict()
    await world.supervisor.idle()
    receipt = world.receipt(call)
    assert receipt.reasons == ("could not join: HTTP 503: Refused: refused by the script",)
    assert 5 < receipt.seconds <= world.config.platform.xai.join_budget
    assert receipt.outcome == "hung_up"
    assert call.ended_by == "hangup"


async def test_hang_up_while_waiting_to_join_again(autojump_clock: MockClock, world: World) -> None:
    call = world.dial(LEAVES)
    call.join_refusals = [503, 503]
    await world.offer(call).verdict()
    await trio.sleep(0.01)
    world.supervisor.hang_up_all("operator")
    await world.supervisor.idle()
    assert world.receipt(call).reasons == ("operator",)
    assert world.receipt(call).outcome == "hung_up"
