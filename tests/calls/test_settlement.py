"""Paying the debt: what counts as paid, and what is said when it may not be."""

import pytest
from trio.testing import MockClock

from daemon.calls.settlement import causes, pay
from daemon.core.receipts import Outcome
from daemon.platforms.base import LineEnd
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
        ([500], None),
        ([401], None),
        ([429], None),
    ],
)
async def test_answers_to_a_hang_up(
    autojump_clock: MockClock, world: World, refusals: list[int], outcome: Outcome | None, logged: Logged
) -> None:
    call = world.dial()
    call.hang_up_refusals = refusals
    assert await pay(world.platform, call.id) == outcome
    assert any(line["event"] == "hang_up_failed" for line in logged()) == (outcome is None)


def test_causes_of_an_end_that_nobody_wanted() -> None:
    assert causes(LineEnd(lost=True, why="closed with 1006"), None) == ("closed with 1006",)
    assert causes(None, None) == ("unknown",)
    bug = BaseExceptionGroup("", [BaseExceptionGroup("", [KeyError("x")])])
    assert causes(None, bug) == ("error in Callwarden: KeyError",)
