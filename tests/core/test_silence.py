"""Silence as transcripts: the question, the goodbye, and all that makes them wait."""

from math import inf

import pytest

from daemon.core import events as ev
from daemon.core.commands import HangUp
from daemon.core.frames import ResponseCreate, SessionUpdate, spoken_exactly
from daemon.core.journal import CheckedIn, DigitsCollected, GoodbyeInterrupted, GoodbyeSaid, KeyPressed, ToolRefused
from daemon.core.silence import Silence
from tests.core.playbook import RESUME, WAKE, Playbook
from tests.core.scenes import (
    PLAIN,
    SPEECH_STARTED,
    SPEECH_STOPPED,
    agent,
    all_words,
    answered,
    caller,
    done,
    heard,
    key,
    like,
    refusal,
    says,
    stopped,
    tool,
    turn,
)

QUESTION, FAREWELL = "Are you still there?", "I hang up now."
QUIET = like(PLAIN, silence_timeout=30.0, check_in=QUESTION, goodbye=FAREWELL)
ASK, BYE = spoken_exactly(QUESTION), spoken_exactly(FAREWELL)
SILENT = HangUp(("silence 30s",))
PLATFORM_CHECKS_IN = heard("input_audio_buffer.timeout_triggered", item_id="u9")


def speaks(call: Playbook, now: float, words: str, response: str) -> None:
    """Spoken it lasts two seconds, though it is made in one."""
    call.at(now, turn(response))
    call.at(now, says(words, response), agent(words, response))
    call.at(now + 1.0, done(2.0, response=response))


def asked() -> Playbook:
    """Nobody speaks, and the caller is asked at second 30; the question is heard until second 32."""
    call = answered(QUIET)
    call.at(30.0, WAKE, ASK, CheckedIn())
    speaks(call, 30.0, QUESTION, "r1")
    return call


def leaving() -> Playbook:
    """The caller has not answered; the goodbye is heard until second 64, and its margin is over half a second later."""
    call = asked()
    call.at(62.0, WAKE, BYE)
    speaks(call, 62.0, FAREWELL, "r2")
    return call


# Nobody speaks


def test_a_silent_caller_is_asked_and_then_left() -> None:
    call = answered(QUIET)
    call.at(29.9, WAKE)
    call.at(30.0, WAKE, ASK, CheckedIn())
    call.at(30.0, WAKE)
    speaks(call, 30.0, QUESTION, "r1")
    call.at(61.9, WAKE)
    call.at(62.0, WAKE, BYE)
    speaks(call, 62.0, FAREWELL, "r2")
    call.at(64.5, WAKE, GoodbyeSaid(), SILENT)


def test_the_platform_may_know_that_the_goodbye_was_heard() -> None:
    call = leaving()
    call.at(63.8, stopped("r2"), GoodbyeSaid(), SILENT)


def test_a_question_that_is_never_spoken_is_not_waited_for() -> None:
    call = answered(QUIET)
    call.at(30.0, WAKE, ASK, CheckedIn())
    call.at(60.0, WAKE, BYE)
    call.at(70.0, WAKE, HangUp(("goodbye deadline", "silence 30s")))


def test_a_goodbye_that_takes_longer_than_silence_may_is_not_said_twice() -> None:
    call = answered(like(QUIET, silence_timeout=3.0))
    call.at(3.0, WAKE, ASK, CheckedIn())
    call.at(6.0, WAKE, BYE)
    call.at(15.9, WAKE)
    call.at(16.0, WAKE, HangUp(("goodbye deadline", "silence 3s")))


def test_without_a_question_the_goodbye_comes_first() -> None:
    call = answered(like(QUIET, check_in=""))
    call.at(30.0, WAKE, BYE)
    speaks(call, 30.0, FAREWELL, "r1")
    call.at(32.5, WAKE, GoodbyeSaid(), SILENT)


def test_without_a_goodbye_the_call_ends_at_once() -> None:
    call = answered(like(QUIET, goodbye=""))
    call.at(30.0, WAKE, ASK, CheckedIn())
    speaks(call, 30.0, QUESTION, "r1")
    call.at(62.0, WAKE, SILENT)


def test_without_either_the_call_ends_at_once() -> None:
    call = answered(like(QUIET, check_in="", goodbye="", silence_timeout=2.5))
    call.at(2.5, WAKE, HangUp(("silence 2.5s",)))


def test_without_a_limit_silence_is_never_too_long() -> None:
    call = answered(like(QUIET, silence_timeout=0.0))
    assert call.conversation.deadline == QUIET.max_duration
    call.at(1799.9, WAKE)


# The caller is there


@pytest.mark.parametrize("stops", [SPEECH_STOPPED, turn("r2")])
def test_a_caller_who_speaks_is_not_silent_however_long(stops: ev.Event) -> None:
    call = answered(QUIET)
    call.at(10.0, SPEECH_STARTED)
    call.at(300.0, WAKE)
    call.at(400.0, stops)
    call.at(429.9, WAKE)
    call.at(430.0, WAKE, ASK, CheckedIn())


def test_an_answer_starts_it_all_over() -> None:
    call = asked()
    call.at(40.0, SPEECH_STARTED)
    call.at(41.0, SPEECH_STOPPED)
    call.at(41.1, all_words("Yes."), caller("Yes.", final=True))
    call.at(71.0, WAKE, ASK, CheckedIn())
    speaks(call, 71.0, QUESTION, "r2")
    call.at(103.0, WAKE, BYE)


def test_so_does_a_key() -> None:
    call = asked()
    call.at(40.0, key("4"), KeyPressed(digit="4"))
    call.at(42.5, WAKE, DigitsCollected(digits="4", count=1, trigger="idle"))
    call.at(70.0, WAKE, ASK, CheckedIn())


def test_what_is_no_key_is_no_sign_of_life() -> None:
    call = answered(QUIET)
    call.at(20.0, key("E"))
    call.at(30.0, WAKE, ASK, CheckedIn())


def test_the_caller_may_speak_into_the_goodbye() -> None:
    call = leaving()
    call.at(63.0, SPEECH_STARTED, GoodbyeInterrupted())
    call.at(63.1, done(status="cancelled", response="r2"))
    call.at(64.0, SPEECH_STOPPED)
    speaks(call, 65.0, "Oh, hello!", "r3")
    call.at(97.0, WAKE, ASK, CheckedIn())


def test_the_caller_may_speak_before_the_goodbye() -> None:
    call = asked()
    call.at(62.0, WAKE, BYE)
    call.at(62.1, SPEECH_STARTED, GoodbyeInterrupted())
    call.at(63.0, SPEECH_STOPPED)
    speaks(call, 63.0, FAREWELL, "r2")
    call.at(95.0, WAKE, ASK, CheckedIn())


def test_a_goodbye_that_was_cut_off_is_said_again_later() -> None:
    call = asked()
    call.at(62.0, WAKE, BYE)
    call.at(62.5, turn("r2"))
    call.at(63.0, done(status="cancelled", response="r2"), GoodbyeInterrupted())
    call.at(93.0, WAKE, BYE)


# The agent speaks


def test_the_words_of_the_agent_move_the_moment_to_when_they_are_heard() -> None:
    call = answered(QUIET)
    call.at(1.0, turn("r1"))
    call.at(20.0, says("Well, "), agent("Well, "))
    assert call.conversation.deadline == 50.0
    call.at(21.0, says("yes."), agent("Well, yes."))
    assert call.conversation.deadline == 51.0
    call.at(22.0, done(15.0))
    call.at(65.0, WAKE, ASK, CheckedIn())


def test_a_turn_without_words_counts_from_its_end() -> None:
    call = answered(QUIET)
    call.at(10.0, turn("r1"))
    call.at(12.0, done())
    call.at(42.0, WAKE, ASK, CheckedIn())


def test_the_late_end_of_an_earlier_turn_counts_from_its_coming() -> None:
    call = answered(QUIET)
    call.at(10.0, turn("r2"))
    call.at(12.0, done(99.0, response="r1"))
    call.at(42.0, WAKE, ASK, CheckedIn())


def test_the_platforms_own_questions_do_not_postpone_it() -> None:
    call = answered(QUIET)
    for number, second in enumerate((12.0, 24.0), start=1):
        call.at(second, PLATFORM_CHECKS_IN)
        speaks(call, second, "Hello?", f"r{number}")
    call.at(30.0, WAKE, ASK, CheckedIn())
    speaks(call, 30.0, QUESTION, "r3")
    for number, second in enumerate((44.0, 56.0), start=4):
        call.at(second, PLATFORM_CHECKS_IN)
        speaks(call, second, "Hello?", f"r{number}")
    call.at(62.0, WAKE, BYE)
    speaks(call, 62.0, FAREWELL, "r6")
    call.at(64.5, WAKE, GoodbyeSaid(), SILENT)


@pytest.mark.parametrize("sign", [SPEECH_STOPPED, key("#")])
def test_once_the_caller_was_heard_a_turn_is_no_question_of_the_platforms(sign: ev.Event) -> None:
    call = answered(QUIET)
    call.at(12.0, PLATFORM_CHECKS_IN)
    call.play(13.0, sign)
    call.play(20.0, says("I see."))
    assert call.conversation.deadline == 50.0


def test_the_turn_after_the_platforms_question_counts_again() -> None:
    call = answered(QUIET)
    call.at(12.0, PLATFORM_CHECKS_IN)
    speaks(call, 12.0, "Hello?", "r1")
    assert call.conversation.deadline == 30.0
    speaks(call, 20.0, "I'll wait.", "r2")
    assert call.conversation.deadline == 52.0


def test_a_reply_that_waits_comes_before_the_question() -> None:
    call = answered(like(QUIET, silence_timeout=3.0))
    call.at(1.0, turn("r1"))
    call.at(1.0, says("One moment."), agent("One moment."))
    call.at(1.1, tool("weather"), ToolRefused(name="weather"))
    call.at(1.5, done(9.0), refusal("weather"))
    call.at(10.0, WAKE, ResponseCreate())
    call.at(13.0, WAKE, ASK, CheckedIn())


# A lost line


def test_silence_counts_from_the_new_line() -> None:
    call = answered(QUIET)
    call.at(25.0, RESUME, SessionUpdate(session=QUIET.session))
    call.at(25.1, heard("ping"))
    call.at(55.0, WAKE, ASK, CheckedIn())


def test_a_caller_who_spoke_when_the_line_was_lost_may_be_silent_now() -> None:
    call = answered(QUIET)
    call.at(10.0, SPEECH_STARTED)
    call.at(100.0, RESUME, SessionUpdate(session=QUIET.session))
    call.at(100.1, heard("ping"))
    call.at(130.0, WAKE, ASK, CheckedIn())


def test_the_question_is_not_asked_again_on_a_new_line() -> None:
    call = asked()
    call.at(40.0, RESUME, SessionUpdate(session=QUIET.session))
    call.at(40.1, heard("ping"))
    call.at(70.0, WAKE, BYE)


def test_a_question_of_the_platforms_is_lost_with_the_line() -> None:
    call = answered(QUIET)
    call.at(12.0, PLATFORM_CHECKS_IN)
    call.at(20.0, RESUME, SessionUpdate(session=QUIET.session))
    speaks(call, 21.0, "So, Monday?", "r1")
    assert call.conversation.deadline == 53.0


# The piece


def test_silence_counts_from_its_start() -> None:
    silence = Silence(30.0)
    assert silence.deadline == inf
    silence.start(5.0)
    assert (silence.deadline, silence.asked) == (35.0, False)
    silence.ask(35.0)
    assert (silence.deadline, silence.asked) == (65.0, True)


def test_words_that_are_heard_later_are_not_taken_back() -> None:
    silence = Silence(30.0)
    silence.agent_heard(2.0, done=True)
    silence.agent_heard(9.0, done=True)
    silence.agent_heard(4.0, done=False)
    assert silence.deadline == 39.0
    silence.agent_begins(6.0)
    assert silence.deadline == 39.0
    silence.caller_active(5.0, speaking=False)
    assert silence.deadline == 35.0


def test_no_limit_is_never_reached() -> None:
    silence = Silence(0.0)
    silence.start(5.0)
    silence.ask(6.0)
    assert silence.deadline == inf
