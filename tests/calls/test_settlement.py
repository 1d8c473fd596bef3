"""Paying the debt: what counts as paid, and what is said when it may not be."""

import pytest
import trio
from trio.testing import MockClock

from daemon.calls.settlement import causes, pay
from daemon.core.receipts import Outcome
from daemon.platforms.base import HangUpOutcome, LineEnd
from tests.calls.world import World
from tests.conftest import Logged


@pytest.mark.parametrize(
    ("refusals", "outcome"),
    [
        ([], "hung_up"),
        ([204], "hung_up"),
        ([404], "caller_left"),
        ([409], "caller_left"),
        ([410], "caller_left"),
        ([500], "lost"),
        ([401], "lost"),
        ([429], "lost"),
    ],
)
async def test_answers_to_a_hang_up(
    autojump_clock: MockClock, world: World, refusals: list[int], outcome: Outcome, logged: Logged
) -> None:
    call = world.dial()
    call.hang_up_refusals = refusals
    assert await pay(world.platform, call.id) == outcome
    assert any(line["event"] == "hang_up_failed" for line in logged()) == (outcome == "lost")


async def test_paying_is_bounded_and_survives_a_cancel(
    autojump_clock: MockClock, world: World, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    async def slow(call_id: str) -> HangUpOutcome:
        await trio.sleep(3600)
        return HangUpOutcome.HUNG_UP

    monkeypatch.setattr(world.platform, "hang_up", slow)
    call = world.dial()
    await world.offer(call).verdict()
    world.supervisor.hang_up_all("operator")
    await world.supervisor.idle()
    assert world.receipt(call).outcome == "lost"
    assert world.receipt(call).seconds == world.config.platform.xai.hang_up_timeout
    assert "call_lost" in [line["event"] for line in logged()]


def test_causes_of_an_end_that_nobody_wanted() -> None:
    assert causes(LineEnd(lost=True, why="closed with 1006"), None) == ("closed with 1006",)
    assert causes(None, None) == ("unknown",)
    bug = BaseExceptionGroup("", [BaseExceptionGroup("", [KeyError("x")])])
    assert causes(None, bug) == ("error in Callwarden: KeyError",)
