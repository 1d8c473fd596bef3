"""Hanging up politely, as transcripts: the wish, the goodbye, and what can come between."""

import json
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.agent import Agent, FixedGreeting, GeneratedGreeting
from daemon.core.commands import HangUp, Remember
from daemon.core.events import FunctionCalled
from daemon.core.frames import Frame, FunctionCallOutput, ItemCreate, ResponseCreate, SessionUpdate, spoken_exactly
from daemon.core.goodbye import Goodbye, answer, by_the_model, wish_to_hang_up
from daemon.core.journal import GoodbyeInterrupted, GoodbyeSaid, Greeted, HangUpAsked, KeyPressed, ToolRefused
from tests.core.contract import thoroughly
from tests.core.playbook import RESUME, START, WAKE, Playbook
from tests.core.scenes import (
    PLAIN,
    POLITE,
    SPEECH_STARTED,
    SPEECH_STOPPED,
    STOPPED,
    TURN,
    agent,
    answered,
    done,
    has_said,
    heard,
    key,
    like,
    output,
    refusal,
    says,
    stopped,
    tool,
    turn,
)

WISH = tool("hang_up", "c1", '{"reason": "all done"}')
ASKED = HangUpAsked(reason="all done")
ENDED = HangUp(("hang_up by the model: all done",))
TOO_LATE = HangUp(("goodbye deadline", "hang_up by the model: all done"))
SAY_IT = output('{"ended":false,"now":"Say goodbye, briefly."}')
GO_ON = output('{"ended":false,"why":"The caller is speaking again."}')


def farewell(*, seconds: float | None = 3.0) -> Playbook:
    """From second 1 to 2 the agent says goodbye and wants to hang up; spoken it lasts until second 4."""
    call = answered(POLITE)
    call.at(1.0, TURN)
    call.at(1.0, says("Goodbye."), agent("Goodbye."))
    call.at(1.5, WISH, ASKED)
    call.at(2.0, done(seconds))
    return call


def test_the_call_ends_when_its_goodbye_has_been_heard() -> None:
    call = farewell()
    assert call.conversation.deadline == 4.5
    call.at(4.5, WAKE, GoodbyeSaid(), ENDED)


def test_without_a_length_the_goodbye_is_measured_by_its_words() -> None:
    call = answered(POLITE)
    call.at(1.0, TURN)
    call.at(1.0, says("x" * 30), agent("x" * 30))
    call.at(1.0, WISH, ASKED)
    call.at(1.0, heard("response.done"))
    call.at(3.5, WAKE, GoodbyeSaid(), ENDED)


def test_the_platform_may_know_when_the_goodbye_has_been_heard() -> None:
    call = farewell()
    call.at(3.2, STOPPED, GoodbyeSaid(), ENDED)


def test_the_end_of_earlier_speech_does_not_end_the_call() -> None:
    call = answered(POLITE)
    for end in (STOPPED, stopped(None)):
        call.at(1.0, end)
    call.at(1.5, WISH, ASKED)
    for end in (STOPPED, stopped(None)):
        call.at(1.6, end)
    call.at(2.0, done(), SAY_IT, ResponseCreate())
    for end in (STOPPED, stopped(None)):
        call.at(2.1, end)


def test_a_silent_wish_is_answered_with_a_request_for_a_goodbye() -> None:
    call = answered(POLITE)
    call.at(1.0, TURN)
    call.at(1.2, WISH, ASKED)
    call.at(1.3, done(), SAY_IT, ResponseCreate())
    call.at(1.5, TURN)
    call.at(1.6, says("Goodbye."), agent("Goodbye."))
    call.at(1.7, has_said("Goodbye."), agent("Goodbye.", final=True))
    call.at(2.0, done(2.0))
    call.at(4.1, WAKE, GoodbyeSaid(), ENDED)


def test_what_was_said_in_an_earlier_turn_is_no_goodbye() -> None:
    call = answered(POLITE)
    call.at(1.0, TURN)
    call.at(1.0, says("You're welcome."), agent("You're welcome."))
    call.at(2.0, done(1.5))
    call.at(3.0, TURN)
    call.at(3.1, WISH, ASKED)
    call.at(3.2, done(), SAY_IT, ResponseCreate())


def test_who_is_silent_twice_is_not_asked_again() -> None:
    call = answered(POLITE)
    call.at(1.0, WISH, ASKED)
    call.at(1.0, done(), SAY_IT, ResponseCreate())
    call.at(2.0, TURN)
    call.at(3.0, done())
    call.at(11.0, WAKE, TOO_LATE)


def test_a_wish_repeated_with_the_goodbye_is_one_wish() -> None:
    call = answered(POLITE)
    call.at(1.0, WISH, ASKED)
    call.at(1.0, done(), SAY_IT, ResponseCreate())
    call.at(2.0, TURN)
    call.at(2.0, says("Goodbye."), agent("Goodbye."))
    call.at(2.1, tool("hang_up", "c2", '{"reason": "again"}'), HangUpAsked(reason="again"))
    call.at(2.2, WISH)
    call.at(2.5, done(1.0))
    call.at(3.5, WAKE, GoodbyeSaid(), ENDED)


def test_the_caller_may_speak_into_the_goodbye() -> None:
    call = farewell()
    call.at(3.0, SPEECH_STARTED, GoodbyeInterrupted(), GO_ON)
    call.at(3.1, done(status="cancelled"))
    call.at(3.2, SPEECH_STARTED)
    call.at(3.3, STOPPED)
    call.at(5.0, TURN)
    call.at(5.0, says("Of course.", "a2"), agent("Of course.", "a2"))
    call.at(6.0, done(1.0))
    call.at(60.0, tool("hang_up", "c9"), HangUpAsked(reason=""))


def test_a_wish_that_was_answered_is_not_answered_again() -> None:
    call = answered(POLITE)
    call.at(1.0, WISH, ASKED)
    call.at(1.0, done(), SAY_IT, ResponseCreate())
    call.at(2.0, SPEECH_STARTED, GoodbyeInterrupted())
    call.at(3.0, done(status="cancelled"))


def test_a_goodbye_that_was_cut_off_is_none() -> None:
    call = answered(POLITE)
    call.at(1.0, TURN)
    call.at(1.0, says("Good"), agent("Good"))
    call.at(1.5, WISH, ASKED)
    call.at(2.0, done(9.0, status="cancelled"), GoodbyeInterrupted(), GO_ON)
    call.at(3.0, STOPPED)
    assert call.conversation.deadline == POLITE.max_duration


def test_a_turn_that_was_cut_off_before_it_spoke_is_not_asked_for_a_goodbye() -> None:
    call = answered(POLITE)
    call.at(1.0, TURN)
    call.at(1.5, WISH, ASKED)
    call.at(1.6, done(status="cancelled"), GoodbyeInterrupted(), GO_ON)
    call.at(2.0, SPEECH_STARTED)
    assert call.conversation.deadline == POLITE.max_duration


def test_all_that_a_cut_off_turn_asked_for_is_answered() -> None:
    call = answered(POLITE)
    call.at(1.0, TURN)
    call.at(1.1, tool("weather", "c2"), ToolRefused(name="weather"))
    call.at(1.2, WISH, ASKED)
    call.at(1.3, done(status="cancelled"), refusal("weather", "c2"), GoodbyeInterrupted(), GO_ON)
    call.at(4.3, WAKE, ResponseCreate())  # unless the caller, or the platform, has the next word


@pytest.mark.parametrize("seconds", [10.1, 30.0, 1e9])
def test_a_long_goodbye_is_cut_at_the_deadline_and_counts_as_unheard(seconds: float) -> None:
    call = farewell(seconds=seconds)
    call.at(11.5, WAKE, TOO_LATE)


def test_a_goodbye_that_is_heard_just_in_time_is_said() -> None:
    call = farewell(seconds=10.0)
    call.at(11.5, WAKE, GoodbyeSaid(), ENDED)


@pytest.mark.parametrize("seconds", [3.0, 30.0, 1e9])
def test_what_the_platform_knows_counts_for_more_than_what_was_reckoned(seconds: float) -> None:
    call = farewell(seconds=seconds)
    call.at(3.2, STOPPED, GoodbyeSaid(), ENDED)


def test_the_end_of_another_turn_does_not_end_the_call() -> None:
    call = farewell()
    call.at(2.1, stopped("r0"))
    call.at(2.2, stopped(None), GoodbyeSaid(), ENDED)


def test_a_goodbye_without_an_id_is_ended_by_its_time() -> None:
    call = answered(POLITE)
    call.at(1.0, turn(None))
    call.at(1.0, says("Goodbye."), agent("Goodbye."))
    call.at(1.5, WISH, ASKED)
    call.at(2.0, done(3.0, response="r1"))
    call.at(3.0, STOPPED)
    call.at(4.5, WAKE, GoodbyeSaid(), ENDED)


def test_several_wishes_are_all_answered() -> None:
    call = answered(POLITE)
    call.at(1.0, TURN)
    call.at(1.1, WISH, ASKED)
    call.at(1.2, tool("hang_up", "c2"), HangUpAsked(reason=""))
    now_say = '{"ended":false,"now":"Say goodbye, briefly."}'
    call.at(1.3, done(), SAY_IT, output(now_say, "c2"), ResponseCreate())
    call.at(1.4, turn("r2"))
    call.at(1.5, says("Goodbye."), agent("Goodbye."))
    call.at(1.6, tool("hang_up", "c3"), HangUpAsked(reason=""))
    call.at(1.6, tool("hang_up", "c4"), HangUpAsked(reason=""))
    call.at(2.0, done(2.0, response="r2"))
    why = '{"ended":false,"why":"The caller is speaking again."}'
    call.at(2.5, SPEECH_STARTED, GoodbyeInterrupted(), output(why, "c3"), output(why, "c4"))


def test_a_wish_after_the_turn_that_said_goodbye_ends_the_call_all_the_same() -> None:
    call = answered(POLITE)
    call.at(1.0, TURN)
    call.at(1.0, says("Goodbye."), agent("Goodbye."))
    call.at(1.5, done(3.0))
    call.at(1.6, WISH, ASKED)
    call.at(4.5, WAKE, GoodbyeSaid(), ENDED)


def test_a_wish_after_a_silent_turn_is_answered_at_once() -> None:
    call = answered(POLITE)
    call.at(1.0, TURN)
    call.at(1.5, done())
    call.at(1.6, WISH, ASKED, SAY_IT, ResponseCreate())
    call.at(1.7, turn("r2"))
    call.at(1.7, says("Goodbye."), agent("Goodbye."))
    call.at(2.0, done(1.0, response="r2"))
    call.at(3.2, WAKE, GoodbyeSaid(), ENDED)


@pytest.mark.parametrize("words", ["Goodbye.", None])
def test_a_wish_after_a_turn_that_was_cut_off_comes_to_nothing(words: str | None) -> None:
    call = answered(POLITE)
    call.at(1.0, TURN)
    if words:
        call.at(1.0, says(words), agent(words))
    call.at(1.5, done(3.0, status="cancelled"))
    call.at(1.6, WISH, ASKED, GoodbyeInterrupted(), GO_ON)
    assert call.conversation.deadline == POLITE.max_duration


def test_a_wish_after_the_caller_spoke_comes_to_nothing() -> None:
    call = answered(POLITE)
    call.at(1.0, TURN)
    call.at(1.0, says("Anything else?"), agent("Anything else?"))
    call.at(1.5, done(3.0))
    call.at(2.0, SPEECH_STARTED)
    call.at(2.1, WISH, ASKED, GoodbyeInterrupted(), GO_ON)
    call.at(3.0, turn("r2"))
    call.at(3.0, says("Goodbye.", "a2"), agent("Goodbye.", "a2"))
    call.at(3.1, tool("hang_up", "c2"), HangUpAsked(reason=""))
    call.at(3.2, done(1.0, response="r2"))
    call.at(4.5, WAKE, GoodbyeSaid(), HangUp(("hang_up by the model",)))


@pytest.mark.parametrize("words", ["One moment.", None])
def test_a_goodbye_needs_no_turn_after_it(words: str | None) -> None:
    call = answered(POLITE)
    call.at(1.0, TURN)
    if words:
        call.at(1.0, says(words), agent(words))
    call.at(1.1, tool("weather", "c2"), ToolRefused(name="weather"))
    call.at(1.2, done(3.0), refusal("weather", "c2"))
    asked_for: tuple[Frame, ...] = () if words else (SAY_IT, ResponseCreate())
    call.at(1.2, WISH, ASKED, *asked_for)
    call.at(4.0, WAKE)
    assert call.conversation.deadline == (4.5 if words else 11.2)


def test_the_late_end_of_a_turn_that_was_superseded_is_no_goodbye() -> None:
    call = answered(POLITE)
    call.at(1.0, TURN)
    call.at(1.1, WISH, ASKED)
    call.at(1.2, turn("r2"))
    call.at(1.2, says("Goodbye."), agent("Goodbye."))
    call.at(1.3, done(0.1, response="r1"))
    call.at(1.4, done(response="r1", status="cancelled"))
    call.at(2.0, done(3.0, response="r2"))
    call.at(2.1, stopped("r1"))
    call.at(4.7, WAKE, GoodbyeSaid(), ENDED)


def test_a_goodbye_that_never_gets_its_end_is_cut_at_the_deadline() -> None:
    call = answered(POLITE)
    call.at(1.0, tool("hang_up", "c1", "nonsense"), HangUpAsked(reason=""))
    call.at(1.0, says("Goodbye."), agent("Goodbye."))
    call.at(11.0, WAKE, HangUp(("goodbye deadline", "hang_up by the model")))


def test_other_tools_of_the_last_turn_are_answered_but_start_no_new_turn() -> None:
    call = answered(POLITE)
    call.at(1.0, TURN)
    call.at(1.0, says("Goodbye."), agent("Goodbye."))
    call.at(1.1, tool("weather", "c2"), ToolRefused(name="weather"))
    call.at(1.2, WISH, ASKED)
    call.at(2.0, done(3.0), output('{"error":"There is no tool named \'weather\'."}', "c2"))
    call.at(4.5, WAKE, GoodbyeSaid(), ENDED)


def test_other_tools_of_a_silent_wish_share_its_one_new_turn() -> None:
    call = answered(POLITE)
    call.at(1.1, tool("weather", "c2"), ToolRefused(name="weather"))
    call.at(1.2, WISH, ASKED)
    refusal = output('{"error":"There is no tool named \'weather\'."}', "c2")
    call.at(2.0, done(), refusal, SAY_IT, ResponseCreate())


def test_an_agent_without_the_tool_cannot_hang_up() -> None:
    call = answered(PLAIN)
    call.at(1.0, WISH, ToolRefused(name="hang_up"))
    call.at(1.0, done(), output('{"error":"There is no tool named \'hang_up\'."}'))
    call.at(1.0, WAKE, ResponseCreate())


# The longest duration

MINUTE = like(POLITE, max_duration=60.0, goodbye="Our time is up.")
TIME_IS_UP = spoken_exactly("Our time is up.", interruptible=False)
OVER = HangUp(("max duration 1m",))
OVER_TOO_LATE = HangUp(("goodbye deadline", "max duration 1m"))


def says_time_is_up(call: Playbook, now: float, response: str = "r9") -> None:
    """Spoken it lasts two seconds."""
    call.at(now, turn(response))
    call.at(now, says("Our time is up.", "a9"), agent("Our time is up.", "a9"))
    call.at(now + 0.5, done(2.0, response=response))


def test_at_the_longest_duration_the_caller_is_told_and_the_call_ends() -> None:
    call = answered(MINUTE)
    call.at(60.0, WAKE, TIME_IS_UP)
    call.at(60.0, WAKE)
    says_time_is_up(call, 60.5)
    call.at(63.0, WAKE, GoodbyeSaid(), OVER)


def test_without_words_the_longest_duration_ends_the_call_at_once() -> None:
    call = answered(like(MINUTE, goodbye=""))
    call.at(60.0, WAKE, OVER)


def test_the_platform_may_know_when_a_rules_goodbye_has_been_heard() -> None:
    call = answered(MINUTE)
    call.at(60.0, WAKE, TIME_IS_UP)
    says_time_is_up(call, 60.5)
    call.at(62.4, stopped("r9"), GoodbyeSaid(), OVER)


def test_the_caller_cannot_speak_into_the_last_goodbye() -> None:
    call = answered(MINUTE)
    call.at(60.0, WAKE, TIME_IS_UP)
    call.at(60.1, SPEECH_STARTED)
    says_time_is_up(call, 60.5)
    call.at(61.5, SPEECH_STARTED)
    call.at(61.6, key("4"), KeyPressed(digit="4"))
    call.at(63.0, WAKE, GoodbyeSaid(), OVER)


def test_a_goodbye_of_a_rule_that_is_never_said_is_cut_at_the_deadline() -> None:
    call = answered(MINUTE)
    call.at(60.0, WAKE, TIME_IS_UP)
    call.at(70.0, WAKE, OVER_TOO_LATE)


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_a_turn_that_was_under_way_at_the_longest_duration_is_no_goodbye(status: str) -> None:
    call = answered(MINUTE)
    call.at(59.0, TURN)
    call.at(59.0, says("On Monday we "), agent("On Monday we "))
    call.at(60.0, WAKE, TIME_IS_UP)
    call.at(60.5, done(2.0, status=status))
    call.at(61.0, STOPPED)
    assert call.conversation.deadline == 70.0
    says_time_is_up(call, 61.0)
    call.at(63.5, WAKE, GoodbyeSaid(), OVER)


def test_nor_is_a_turn_that_was_still_being_heard() -> None:
    call = answered(MINUTE)
    call.at(58.0, TURN)
    call.at(58.0, says("On Monday we open."), agent("On Monday we open."))
    call.at(59.0, done(5.0, response="r1"))
    call.at(60.0, WAKE, TIME_IS_UP)
    call.at(60.1, tool("weather", "c2"), ToolRefused(name="weather"), refusal("weather", "c2"))
    call.at(60.2, done(5.0, response="r1"))
    call.at(60.3, STOPPED)
    assert call.conversation.deadline == 70.0
    says_time_is_up(call, 63.0)
    call.at(65.5, WAKE, GoodbyeSaid(), OVER)


@pytest.mark.parametrize("words", ["Goodbye.", None])
def test_a_wish_under_a_goodbye_of_a_rule_asks_for_no_second_one(words: str | None) -> None:
    call = answered(MINUTE)
    call.at(59.0, TURN)
    if words:
        call.at(59.5, says(words), agent(words))
    call.at(60.0, WAKE, TIME_IS_UP)
    call.at(60.1, WISH, ASKED)
    call.at(60.2, done(1.0))
    says_time_is_up(call, 61.0)
    call.at(63.5, WAKE, GoodbyeSaid(), OVER)


def test_a_goodbye_of_the_model_gives_way_to_the_last_one() -> None:
    call = answered(MINUTE)
    call.at(58.0, TURN)
    call.at(58.0, says("Goodbye."), agent("Goodbye."))
    call.at(58.5, WISH, ASKED)
    call.at(59.0, done(5.0))
    call.at(60.0, WAKE, TIME_IS_UP)
    call.at(61.0, SPEECH_STARTED)
    says_time_is_up(call, 63.0)
    call.at(65.5, WAKE, GoodbyeSaid(), OVER)


def test_a_goodbye_that_is_heard_by_then_is_the_models() -> None:
    call = answered(MINUTE)
    call.at(57.0, TURN)
    call.at(57.0, says("Goodbye."), agent("Goodbye."))
    call.at(57.5, WISH, ASKED)
    call.at(58.0, done(2.5))
    call.at(60.0, WAKE, GoodbyeSaid(), ENDED)


def test_a_reply_that_was_waited_for_gives_way_to_the_last_goodbye() -> None:
    call = answered(MINUTE)
    call.at(58.0, TURN)
    call.at(58.0, says("One moment."), agent("One moment."))
    call.at(58.5, tool("weather"), ToolRefused(name="weather"))
    call.at(59.0, done(4.0), refusal("weather"))
    call.at(60.0, WAKE, TIME_IS_UP)
    assert call.conversation.deadline == 70.0


# The announcement

NOTICE = like(PLAIN, greeting=FixedGreeting("We are closed today."), announcement=True)
NOTICED = HangUp(("announcement",))


def announced(agent_: Agent = NOTICE) -> Playbook:
    call = Playbook(agent_)
    words = spoken_exactly("We are closed today.", interruptible=False)
    call.at(0.0, START, SessionUpdate(session=agent_.session), words)
    return call


def test_an_announcement_is_said_and_the_call_ends() -> None:
    call = announced()
    call.at(0.2, TURN)
    call.at(0.5, says("We are closed today."), agent("We are closed today."))
    call.at(1.0, SPEECH_STARTED)
    call.at(1.1, SPEECH_STOPPED)
    call.at(1.2, done(2.0))
    call.at(3.0, WAKE, GoodbyeSaid(), NOTICED)


def test_an_announcement_ends_when_the_platform_knows_that_it_was_heard() -> None:
    call = announced(like(NOTICE, silence_timeout=1.0, check_in="Are you there?"))
    call.at(0.2, TURN)
    call.at(0.5, says("We are closed today."), agent("We are closed today."))
    call.at(1.2, done(9.0))
    call.at(2.6, STOPPED, GoodbyeSaid(), NOTICED)


def test_an_announcement_that_is_never_said_is_cut_at_the_deadline() -> None:
    call = announced(like(NOTICE, goodbye_timeout=5.0))
    call.at(0.2, heard("ping"))
    call.at(5.0, WAKE, HangUp(("goodbye deadline", "announcement")))


def test_an_announcement_that_is_lost_with_the_line_keeps_its_deadline() -> None:
    call = announced()
    call.at(0.2, TURN)
    call.at(4.0, RESUME, SessionUpdate(session=PLAIN.session))
    call.at(4.1, heard("ping"))
    call.at(10.0, WAKE, HangUp(("goodbye deadline", "announcement")))


def test_an_announcement_needs_words_of_its_own() -> None:
    call = Playbook(like(PLAIN, announcement=True))
    call.at(0.0, START, SessionUpdate(session=PLAIN.session))
    call = Playbook(like(PLAIN, announcement=True, greeting=GeneratedGreeting("Greet.")))
    call.play(0.0, START)
    assert call.commands[-1] == Remember(Greeted(generated=True))


# A lost line


def test_a_goodbye_that_was_made_is_ended_by_its_time_on_a_new_line() -> None:
    call = farewell()
    call.at(3.0, RESUME, SessionUpdate(session=POLITE.session))
    call.at(3.1, heard("ping"))
    call.at(4.5, WAKE, GoodbyeSaid(), ENDED)


def test_a_goodbye_that_was_heard_during_the_gap_ends_the_call_at_once() -> None:
    call = farewell()
    call.play(6.0, RESUME)
    assert call.conversation.deadline == 4.5
    call.play(6.0, WAKE)
    assert call.commands[-1] == ENDED


def test_a_goodbye_that_was_asked_for_keeps_its_deadline_and_is_not_asked_for_again() -> None:
    call = answered(POLITE)
    call.at(1.0, WISH, ASKED)
    call.at(1.0, done(), SAY_IT, ResponseCreate())
    call.at(5.0, RESUME, SessionUpdate(session=POLITE.session))
    call.at(5.1, heard("ping"))
    call.at(11.0, WAKE, TOO_LATE)


def test_a_goodbye_may_be_said_and_interrupted_on_a_new_line() -> None:
    call = answered(POLITE)
    call.at(1.0, TURN)
    call.at(1.1, tool("weather", "c2"), ToolRefused(name="weather"))
    call.at(1.2, WISH, ASKED)
    call.at(5.0, RESUME, SessionUpdate(session=POLITE.session), refusal("weather", "c2"))
    call.at(5.1, turn("r2"))
    call.at(5.1, says("Goodbye."), agent("Goodbye."))
    call.at(5.5, done(3.0, response="r2"))
    assert call.conversation.deadline == 8.6
    call.at(6.0, SPEECH_STARTED, GoodbyeInterrupted(), GO_ON)


def test_after_a_lost_line_any_turn_may_be_the_goodbye() -> None:
    call = answered(MINUTE)
    call.at(59.0, TURN)
    call.at(60.0, WAKE, TIME_IS_UP)
    call.at(62.0, RESUME, SessionUpdate(session=MINUTE.session))
    says_time_is_up(call, 63.0, "r1")
    call.at(65.5, WAKE, GoodbyeSaid(), OVER)


# The pieces


def test_a_goodbye_is_over_when_heard_or_when_its_time_is_up() -> None:
    goodbye = Goodbye((by_the_model(""),), latest=10.0)
    assert (goodbye.made, goodbye.heard_at, goodbye.deadline) == (False, inf, 10.0)
    goodbye.said("r1", 4.0)
    assert (goodbye.made, goodbye.response_id, goodbye.deadline) == (True, "r1", 4.0)
    assert goodbye.end() == [GoodbyeSaid(), HangUp(("hang_up by the model",))]
    goodbye.said("r2", 40.0)
    assert (goodbye.made, goodbye.response_id, goodbye.deadline) == (True, "r2", 10.0)
    assert goodbye.end() == [HangUp(("goodbye deadline", "hang_up by the model"))]


def test_each_wish_is_answered_once() -> None:
    goodbye = Goodbye(
        (by_the_model("all done"),), latest=10.0, wishes=[FunctionCalled(call_id="c1"), FunctionCalled(call_id="c2")]
    )
    text = '{"ended":false,"why":"So."}'
    assert goodbye.answer_wishes(why="So.") == [output(text, "c1"), output(text, "c2")]
    assert goodbye.answer_wishes(why="So.") == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ('{"reason": "all done"}', "all done"),
        ('{"reason": "  all\\n\\tdone\\u2028 ", "mood": 1}', "all done"),
        (json.dumps({"reason": "x" * 500}), "x" * 200),
        ('{"reason": null}', ""),
        ('{"reason": 7}', ""),
        ("{}", ""),
        ("", ""),
        (None, ""),
        ("[]", ""),
        ("because", ""),
        ('{"reason": "\\ud800"}', ""),
        ('{"reason": "\ud800"}', ""),
        ('{"reason":' * 200_000, ""),
        ('{"more":' + "[" * 200_000, ""),
        ('{"reason": "so", "n": ' + "9" * 5000 + "}", "so"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_the_reason_for_a_wish(arguments: str | None, reason: str) -> None:
    assert wish_to_hang_up(FunctionCalled(arguments=arguments)) == reason


@thoroughly
@given(st.text(st.characters()))
def test_no_arguments_raise(arguments: str) -> None:
    wish_to_hang_up(FunctionCalled(arguments=arguments))
    wish_to_hang_up(FunctionCalled(arguments=json.dumps({"reason": arguments})))


def test_an_answer_is_json_text_under_the_id_of_the_wish() -> None:
    frame = answer(FunctionCalled(call_id="c7"), ended=False, why="“So”")
    assert frame == ItemCreate(item=FunctionCallOutput(call_id="c7", output='{"ended":false,"why":"“So”"}'))
