"""The agent's turns as transcripts: tools, late and parallel, and the caller who cuts in."""

import pytest

from daemon.core import events as ev
from daemon.core.frames import ResponseCreate, SessionUpdate
from daemon.core.handset import Handset
from daemon.core.journal import DigitsCollected, KeyPressed, ToolRefused
from daemon.core.turns import AgentTurns
from tests.core.playbook import RESUME, WAKE, Playbook
from tests.core.scenes import (
    PLAIN,
    POLITE,
    SPEECH_STARTED,
    SPEECH_STOPPED,
    TURN,
    agent,
    answered,
    done,
    heard,
    key,
    refusal,
    says,
    stopped,
    tool,
    turn,
)

WEATHER, REFUSED = tool("weather", "c1"), ToolRefused(name="weather")


def waiting() -> Playbook:
    """From second 1 to 2 the agent speaks and asks for a tool; what it says is heard until second 5."""
    call = answered(POLITE)
    call.at(1.0, TURN)
    call.at(1.0, says("One moment."), agent("One moment."))
    call.at(1.5, WEATHER, REFUSED)
    call.at(2.0, done(4.0, response="r1"), refusal("weather"))
    assert call.conversation.deadline == 5.0
    return call


# Tools


def test_an_unknown_tool_is_answered_and_the_next_turn_waits_until_this_one_was_heard() -> None:
    call = answered(PLAIN)
    call.at(1.0, TURN)
    call.at(1.0, says("One moment."), agent("One moment."))
    call.at(1.2, WEATHER, REFUSED)
    call.at(1.3, done(4.0), refusal("weather", "c1"))
    call.at(4.9, WAKE)
    call.at(5.0, WAKE, ResponseCreate())
    call.at(5.0, WAKE)


def test_parallel_tools_are_answered_together() -> None:
    call = answered(POLITE)
    call.at(1.0, TURN)
    call.at(1.2, WEATHER, REFUSED)
    call.at(1.2, tool(None, "c2"), ToolRefused(name=""))
    call.at(1.3, done(), refusal("weather", "c1"), refusal(None, "c2"))
    call.at(1.3, WAKE, ResponseCreate())
    call.at(2.0, TURN)
    call.at(2.1, done())


def test_a_tool_use_that_is_announced_twice_is_answered_once() -> None:
    call = answered(PLAIN)
    call.at(1.0, WEATHER, REFUSED)
    call.at(1.0, tool("weather", "c1"))
    call.at(1.0, tool("weather", None))
    call.at(1.1, done(), refusal("weather", "c1"))
    call.at(1.1, WAKE, ResponseCreate())
    call.at(1.2, tool("weather", "c1"))
    call.at(1.3, done())


def test_no_turn_is_asked_for_when_the_platform_began_one() -> None:
    call = answered(PLAIN)
    call.at(1.0, TURN)
    call.at(1.0, says("One moment."), agent("One moment."))
    call.at(1.2, WEATHER, REFUSED)
    call.at(1.3, done(4.0), refusal("weather", "c1"))
    call.at(3.0, TURN)
    call.at(5.0, WAKE)
    call.at(9.0, done())


# Tools that come late


def test_a_tool_after_its_turn_was_done_is_answered_at_once() -> None:
    call = answered(PLAIN)
    call.at(1.0, TURN)
    call.at(1.0, says("One moment."), agent("One moment."))
    call.at(1.3, done(4.0, response="r1"))
    call.at(1.4, WEATHER, REFUSED, refusal("weather"))
    call.at(1.5, tool("time", "c2"), ToolRefused(name="time"), refusal("time", "c2"))
    call.at(4.9, WAKE)
    call.at(5.0, WAKE, ResponseCreate())


def test_a_tool_after_its_turn_was_heard_needs_no_waiting() -> None:
    call = answered(PLAIN)
    call.at(1.0, TURN)
    call.at(1.3, done(response="r1"))
    call.at(2.0, WEATHER, REFUSED, refusal("weather"))
    assert call.conversation.deadline <= 2.0
    call.play(2.0, WAKE)
    assert call.conversation.deadline == PLAIN.max_duration


@pytest.mark.parametrize("cut_in", [done(4.0, status="cancelled"), SPEECH_STARTED])
def test_a_tool_after_the_caller_cut_in_is_answered_and_no_turn_is_asked_for(cut_in: ev.Event) -> None:
    call = waiting()
    call.at(3.0, cut_in)
    call.at(3.1, tool("time", "c2"), ToolRefused(name="time"), refusal("time", "c2"))
    call.at(3.2, SPEECH_STARTED)
    call.at(60.0, SPEECH_STOPPED)
    call.at(61.0, turn("r2"))
    call.at(62.0, done(response="r2"))
    assert call.conversation.deadline == POLITE.max_duration


def test_a_tool_of_a_turn_that_never_got_its_end_is_answered_with_the_next() -> None:
    call = answered(PLAIN)
    call.at(1.0, TURN)
    call.at(1.1, WEATHER, REFUSED)
    call.at(2.0, turn("r2"))
    call.at(2.1, done(response="r1"))
    call.at(2.2, done(response="r2"), refusal("weather"))
    call.at(2.2, WAKE, ResponseCreate())


# The caller cuts in


def test_a_caller_who_speaks_needs_no_turn_of_ours() -> None:
    call = waiting()
    call.at(3.0, SPEECH_STARTED)
    assert call.conversation.deadline == POLITE.max_duration
    call.at(4.0, turn("r2"))
    call.at(4.1, tool("time", "c2"), ToolRefused(name="time"))
    call.at(4.2, done(response="r2"), refusal("time", "c2"))
    call.at(4.2, WAKE, ResponseCreate())


def test_a_turn_that_was_cut_off_has_its_tools_answered_and_no_turn_after_it() -> None:
    call = answered(PLAIN)
    call.at(1.0, TURN)
    call.at(1.0, says("One"), agent("One"))
    call.at(1.1, WEATHER, REFUSED)
    call.at(1.2, done(4.0, status="cancelled", response="r1"), refusal("weather"))
    call.at(1.9, turn("r2"))
    call.at(2.0, done(response="r2"))
    assert call.conversation.deadline == PLAIN.max_duration


def test_a_turn_that_was_cut_off_takes_back_what_was_asked_for_before() -> None:
    call = waiting()
    call.at(2.5, done(status="cancelled"))
    call.at(5.4, turn("r2"))
    call.at(5.5, done(response="r2"))
    assert call.conversation.deadline == POLITE.max_duration


@pytest.mark.parametrize("cut_in", [(done(status="cancelled"),), (SPEECH_STARTED, SPEECH_STOPPED), (key("4"),)])
def test_what_nobody_has_said_is_asked_for_when_the_platform_lets_the_caller_wait(cut_in: tuple[ev.Event, ...]) -> None:
    call = waiting()
    for happening in cut_in:
        call.at(3.0, happening, *([KeyPressed(digit="4")] if happening == key("4") else []))
    call.at(5.5, WAKE, *([DigitsCollected(digits="4", count=1, trigger="idle")] if cut_in == (key("4"),) else []))
    call.at(6.0, WAKE, ResponseCreate())
    call.at(6.0, WAKE)


@pytest.mark.parametrize("status", ["completed", "incomplete", "failed", None])
def test_a_turn_that_ended_in_another_way_is_followed_by_one(status: str | None) -> None:
    call = answered(PLAIN)
    call.at(1.0, TURN)
    call.at(1.1, WEATHER, REFUSED)
    call.at(1.2, done(status=status), refusal("weather"))
    call.at(1.2, WAKE, ResponseCreate())


# A lost line

ANEW = SessionUpdate(session=POLITE.session)


def test_tools_that_were_not_answered_are_answered_on_the_new_line_with_one_turn() -> None:
    call = answered(POLITE)
    call.at(1.0, TURN)
    call.at(1.2, WEATHER, REFUSED)
    call.at(1.2, tool("time", "c2"), ToolRefused(name="time"))
    call.at(4.0, RESUME, ANEW, refusal("weather"), refusal("time", "c2"), ResponseCreate())
    call.at(4.1, WEATHER)
    call.at(4.2, turn("r2"))
    call.at(4.3, says("Cold."), agent("Cold."))
    call.at(4.4, done(1.0, response="r2"))
    call.at(8.0, RESUME, ANEW)


def test_a_reply_that_was_waited_for_is_asked_for_on_the_new_line() -> None:
    call = waiting()
    call.at(4.0, RESUME, ANEW, ResponseCreate())
    call.at(4.1, heard("ping"))
    assert call.conversation.deadline == POLITE.max_duration
    call.at(6.0, RESUME, ANEW)


def test_tools_and_a_reply_share_one_turn_on_the_new_line() -> None:
    call = waiting()
    call.at(3.0, TURN)
    call.at(3.1, tool("time", "c2"), ToolRefused(name="time"))
    call.at(4.0, RESUME, ANEW, refusal("time", "c2"), ResponseCreate())
    call.at(5.0, WAKE)


def test_a_caller_who_cut_in_before_the_line_was_lost_needs_no_turn_of_ours() -> None:
    call = waiting()
    call.at(3.0, SPEECH_STARTED)
    call.at(4.0, RESUME, ANEW)


def test_a_turn_that_was_lost_with_the_line_is_not_asked_for_again() -> None:
    call = answered(POLITE)
    call.at(1.0, TURN)
    call.at(1.0, says("We open "), agent("We open "))
    call.at(4.0, RESUME, ANEW)
    call.at(4.1, done(9.0, response="r1"))
    assert call.conversation.deadline == POLITE.max_duration


# Ends that come late, or from elsewhere


def test_the_late_end_of_a_turn_that_was_superseded_changes_nothing() -> None:
    call = waiting()
    call.at(3.0, turn("r2"))
    call.at(3.0, tool("time", "c2"), ToolRefused(name="time"))
    call.at(3.1, done(response="r1", status="cancelled"))
    call.at(3.2, done(9.0, response="r1"))
    call.at(3.3, done(response="r2"), refusal("time", "c2"))
    call.at(3.3, WAKE, ResponseCreate())


@pytest.mark.parametrize(("began", "ended"), [("r1", None), (None, "r1"), (None, None)])
def test_an_end_without_an_id_is_that_of_the_present_turn(began: str | None, ended: str | None) -> None:
    call = answered(PLAIN)
    call.at(1.0, turn(began))
    call.at(1.1, WEATHER, REFUSED)
    call.at(1.2, done(response=ended), refusal("weather"))
    call.at(1.2, WAKE, ResponseCreate())


def test_nothing_waits_for_a_figure_that_cannot_be() -> None:
    call = answered(PLAIN)
    call.at(1.0, TURN)
    call.at(1.0, says("One moment."), agent("One moment."))
    call.at(1.1, WEATHER, REFUSED)
    call.at(1.2, done(1e9), refusal("weather"))
    call.at(301.0, WAKE, ResponseCreate())


@pytest.mark.parametrize("response", ["r1", "r0", None])
def test_the_end_of_playback_means_nothing_without_a_goodbye(response: str | None) -> None:
    call = waiting()
    call.at(3.0, stopped(response))
    call.at(5.0, WAKE, ResponseCreate())


def test_turns_with_nothing_to_wait_for_are_not_woken() -> None:
    turns = AgentTurns(PLAIN, Handset(PLAIN))
    assert turns.deadline == float("inf")
    assert turns.wake(1e9) == []
    assert turns.resume(1e9) == []
    assert not turns.leaving
