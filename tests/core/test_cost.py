"""What a call costs, and when it has cost as much as it may: as transcripts, and by itself."""

from math import inf
from typing import Any

import pytest

from daemon.core.agent import Agent
from daemon.core.commands import HangUp
from daemon.core.cost import Ceiling, Prices, Purse
from daemon.core.frames import spoken_exactly
from daemon.core.journal import CeilingReached, ToolCalled
from daemon.core.menu import TransferTo
from tests.core.playbook import Adopted, Playbook
from tests.core.scenes import PLAIN, answered, heard, like

BY_MINUTE = Prices(minute=0.6)
BOTH = Prices(minute=0.6, million_input_tokens=10.0, million_output_tokens=20.0)


def test_prices_add_up() -> None:
    assert BOTH.of(30.0, 1000, 500) == pytest.approx(0.3 + 0.01 + 0.01)
    assert Prices().of(3600.0, 1e6, 1e6) == 0.0


def purse(prices: Prices, most: float, at: float = 100.0) -> Purse:
    made = Purse(prices, Ceiling(most=most))
    made.open(at)
    return made


def test_time_alone_empties_it() -> None:
    assert purse(BY_MINUTE, 0.3).deadline == pytest.approx(130.0)
    assert purse(BY_MINUTE, 0.0).deadline == inf
    assert purse(Prices(), 1.0).deadline == inf
    assert Purse(BY_MINUTE, Ceiling(most=1.0)).deadline == inf


def test_tokens_bring_it_closer() -> None:
    both = purse(BOTH, 0.3)
    both.used(10_000, 5_000)
    assert both.deadline == pytest.approx(100.0 + 10.0)
    both.used(20_000, 5_000)
    assert both.deadline <= 100.0
    tokens = purse(Prices(million_input_tokens=10.0), 0.3)
    tokens.used(29_000, 0)
    assert tokens.deadline == inf
    tokens.used(30_000, 0)
    assert tokens.deadline <= 100.0


def test_once_is_enough() -> None:
    empty = purse(BY_MINUTE, 0.3)
    empty.close()
    assert empty.deadline == inf


def dear(**changes: Any) -> Agent:
    ceiling = Ceiling(most=0.5, words="It is too much.", **changes)
    return like(PLAIN, prices=Prices(minute=1.0), ceiling=ceiling, goodbye="Bye.", goodbye_timeout=10.0)


def test_the_caller_is_told_and_then_the_line_is_cut() -> None:
    call = answered(dear())
    words = spoken_exactly("It is too much.", interruptible=False)
    call.at(30.0, "wake", CeilingReached(most=0.5, action="hang_up"), words)
    call.at(40.0, "wake", HangUp(("goodbye deadline", "cost ceiling 0.5")))


def test_tokens_count_at_once() -> None:
    call = answered(like(dear(), prices=Prices(million_output_tokens=5000.0)))
    call.at(2.0, heard("response.created", response={"id": "r1"}))
    spent = {"input_tokens": 5, "output_tokens": 100}
    call.at(3.0, heard("response.done", response={"id": "r1", "status": "completed"}, usage=spent))
    words = spoken_exactly("It is too much.", interruptible=False)
    call.at(3.0, "wake", CeilingReached(most=0.5, action="hang_up"), words)


def test_a_call_that_was_taken_over_has_cost_something_already() -> None:
    call = Playbook(dear())
    call.conversation.adopt(0.0, 8.0, ())
    assert call.conversation.deadlines["max_per_call"] == pytest.approx(22.0)
    assert Adopted(age=8.0).age == 8.0


def test_or_the_caller_is_sent_to_somebody() -> None:
    call = answered(dear(action=TransferTo("desk")))
    commands = call.conversation.wake(30.0)
    entries = [getattr(command, "entry", None) for command in commands]
    assert CeilingReached(most=0.5, action="transfer") in entries
    assert any(isinstance(entry, ToolCalled) for entry in entries)
