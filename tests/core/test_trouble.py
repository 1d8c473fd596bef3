"""An agent that does not answer, as transcripts: the apology, the second time, and what is no trouble at all."""

from math import inf

import msgspec
import pytest

from daemon.core.agent import Agent, FixedGreeting, ToolRules
from daemon.core.answering import AnswerWatch
from daemon.core.commands import HangUp, Remember, RunTool, SendFrame
from daemon.core.effects import ToolUse
from daemon.core.frames import (
    Frame,
    ResponseCancel,
    ResponseCreate,
    SessionSettings,
    SessionUpdate,
    spoken_exactly,
)
from daemon.core.goodbye import HANG_UP
from daemon.core.journal import (
    AnswerMissed,
    FellBack,
    GoodbyeInterrupted,
    GoodbyeSaid,
    Greeted,
    HangUpAsked,
    PlatformComplained,
    SessionConfigured,
    ToolCalled,
    ToolEnded,
    ToolRefused,
)
from daemon.core.menu import EndCall, TransferTo
from tests.core.playbook import START, WAKE, Gave, Playbook
from tests.core.scenes import (
    SPEECH_STARTED,
    SPEECH_STOPPED,
    TURN,
    agent,
    answered,
    done,
    heard,
    like,
    output,
    refusal,
    says,
    tool,
    turn,
)

SORRY, BYE = spoken_exactly("I am sorry."), spoken_exactly("Goodbye.")
WATCHED = like(
    Agent(name="watched", session=SessionSettings(tools=(HANG_UP,))),
    reply_timeout=8.0,
    apology="I am sorry.",
    on_trouble=EndCall(),
    goodbye="Goodbye.",
    tools={"book": ToolRules()},
)
CONNECTED = like(WATCHED, on_trouble=TransferTo("desk"), transfer_words="One moment.")
WHY = "the agent does not answer"


def missed(in_a_row: int = 1, why: str = "late") -> AnswerMissed:
    return AnswerMissed(in_a_row=in_a_row, why=why)


def asked_something(agent: Agent = WATCHED) -> Playbook:
    """The caller's turn is over at second 2."""
    call = answered(agent)
    call.at(1.0, SPEECH_STARTED)
    call.at(2.0, SPEECH_STOPPED)
    return call


def speaks(call: Playbook, now: float, words: str, response: str, *, seconds: float = 1.0) -> None:
    """Made within half a second."""
    call.at(now, turn(response))
    call.at(now, says(words, response), agent(words, response))
    call.at(now + 0.5, done(seconds, response=response))


def apologised(agent: Agent = WATCHED) -> Playbook:
    """Since second 11; at second 13 the caller has asked again."""
    call = asked_something(agent)
    call.at(10.0, WAKE, missed(), SORRY)
    speaks(call, 10.1, "I am sorry.", "r1")
    call.at(12.0, SPEECH_STARTED)
    call.at(13.0, SPEECH_STOPPED)
    return call


# The first time


def test_a_caller_who_is_not_answered_hears_an_apology() -> None:
    call = asked_something()
    call.at(9.9, WAKE)
    call.at(10.0, WAKE, missed(), SORRY)
    speaks(call, 10.1, "I am sorry.", "r1")
    assert call.conversation.deadline == WATCHED.max_duration


def test_a_turn_that_says_nothing_is_stopped_for_it() -> None:
    call = asked_something()
    call.at(3.0, TURN)
    call.at(10.0, WAKE, missed(), ResponseCancel(response_id="r1"), SORRY)
    call.at(10.1, done(status="cancelled", response="r1"))
    speaks(call, 10.2, "I am sorry.", "r2")


def test_a_turn_that_failed_is_not_waited_for() -> None:
    call = asked_something()
    call.at(3.0, TURN)
    call.at(4.0, done(status="failed", response="r1"), missed(why="failed"), SORRY)
    call.at(4.1, done(status="failed", response="r1"))


@pytest.mark.parametrize("kind", ["internal_error"])
def test_an_error_of_the_platforms_means_that_nothing_will_come(kind: str) -> None:
    call = asked_something()
    complaint = PlatformComplained(type=kind, code=None, message=None)
    call.at(3.0, heard("error", error={"type": kind}), complaint, missed(why="error"), SORRY)


def test_without_an_apology_it_is_only_counted() -> None:
    call = asked_something(like(WATCHED, apology=""))
    call.at(10.0, WAKE, missed())
    call.at(12.0, SPEECH_STARTED)
    call.at(13.0, SPEECH_STOPPED)
    call.at(21.0, WAKE, missed(2), FellBack(action="hang_up"), BYE)


def test_what_the_model_was_asked_for_is_asked_for_again() -> None:
    call = answered(WATCHED)
    call.at(1.0, tool("book"), ToolCalled(name="book"), RunTool(ToolUse(id="c1", name="book", arguments="{}")))
    call.at(1.1, done())
    call.at(60.0, Gave("c1"), ToolEnded(name="book", seconds=59.0, ok=True, why=""), output("{}"))
    call.at(60.0, WAKE, ResponseCreate())
    call.at(68.0, WAKE, missed(), SORRY)
    speaks(call, 68.1, "I am sorry.", "r1")
    call.at(69.1, WAKE, ResponseCreate())
    call.at(77.1, WAKE, missed(2), FellBack(action="hang_up"), BYE)


def test_a_turn_that_was_refused_will_not_come() -> None:
    call = answered(like(WATCHED, apology=""))
    call.at(1.0, tool("weather"), ToolRefused(name="weather"))
    call.at(1.1, done(), refusal("weather"))
    call.at(1.1, WAKE, ResponseCreate())
    complaint = PlatformComplained(type="invalid_request_error", code=None, message=None)
    error = {"type": "invalid_request_error", "event_id": "cw-3"}
    call.at(1.2, heard("error", error=error), complaint, missed(why="error"))
    call.at(4.2, WAKE, ResponseCreate())


def test_a_greeting_that_is_never_spoken_is_one() -> None:
    call = Playbook(like(CONNECTED, greeting=FixedGreeting("Welcome.")))
    update = SessionUpdate(session=WATCHED.session)
    call.at(0.0, START, update, spoken_exactly("Welcome."), Greeted(generated=False))
    call.at(0.1, heard("session.updated"), SessionConfigured(model=None, voice=None))
    call.at(8.0, WAKE, missed(), SORRY)
    call.at(16.0, WAKE, missed(2), FellBack(action="transfer"), *BEGINS)
    call.at(26.0, WAKE, refer())


# The second time

BEGINS = (ToolCalled(name="transfer"), spoken_exactly("One moment."))


def refer() -> RunTool:
    return RunTool(ToolUse(id="cw-use-1", name="transfer", arguments='{"destination":"desk"}'))


def test_the_second_time_in_a_row_it_says_goodbye() -> None:
    call = apologised()
    call.at(21.0, WAKE, missed(2), FellBack(action="hang_up"), BYE)
    speaks(call, 21.1, "Goodbye.", "r2")
    call.at(22.6, WAKE, GoodbyeSaid(), HangUp((WHY,)))


def test_a_platform_that_does_not_even_say_that_is_left_all_the_same() -> None:
    call = apologised()
    call.at(21.0, WAKE, missed(2), FellBack(action="hang_up"), BYE)
    call.at(31.0, WAKE, HangUp(("goodbye deadline", WHY)))


def test_or_it_connects_the_caller_elsewhere() -> None:
    call = apologised(CONNECTED)
    call.at(20.0, turn("r2"))
    call.at(21.0, WAKE, missed(2), FellBack(action="transfer"), ResponseCancel(response_id="r2"), *BEGINS)
    call.at(21.1, done(status="cancelled", response="r2"))
    speaks(call, 21.2, "One moment.", "r3")
    call.at(22.7, WAKE, refer())


def test_and_if_that_fails_it_says_goodbye() -> None:
    call = apologised(CONNECTED)
    call.at(21.0, WAKE, missed(2), FellBack(action="transfer"), *BEGINS)
    call.at(31.0, WAKE, refer())
    call.play(60.0, Gave("cw-use-1", "{}", "rejected"))
    assert call.commands[-2:] == [Remember(FellBack(action="hang_up")), SendFrame(numbered(BYE, call))]


def numbered(frame: Frame, call: Playbook) -> Frame:
    (last,) = [each.frame for each in call.commands[-1:] if isinstance(each, SendFrame)]
    return msgspec.structs.replace(frame, event_id=last.event_id)


def test_who_speaks_into_that_goodbye_gets_another_chance_of_an_answer() -> None:
    call = apologised()
    call.at(21.0, WAKE, missed(2), FellBack(action="hang_up"), BYE)
    call.at(22.0, SPEECH_STARTED, GoodbyeInterrupted())
    call.at(23.0, SPEECH_STOPPED)
    call.at(31.0, WAKE, missed(3), FellBack(action="hang_up"), BYE)


def test_without_anything_to_be_done_it_goes_on_apologising_to_nobody() -> None:
    call = apologised(like(WATCHED, on_trouble=None))
    call.at(21.0, WAKE, missed(2))
    assert call.conversation.deadline == WATCHED.max_duration


def test_an_answer_in_between_makes_up_for_it() -> None:
    call = apologised()
    speaks(call, 14.0, "Of course.", "r2")
    call.at(16.0, SPEECH_STARTED)
    call.at(17.0, SPEECH_STOPPED)
    call.at(25.0, WAKE, missed(), SORRY)


# What is no trouble


def test_a_word_in_time_is_an_answer() -> None:
    call = asked_something()
    call.at(9.9, TURN)
    call.at(9.9, says("Yes"), agent("Yes"))
    assert call.conversation.deadline == WATCHED.max_duration


def test_so_is_a_tool() -> None:
    call = asked_something()
    call.at(3.0, TURN)
    call.at(3.0, tool("book"), ToolCalled(name="book"), RunTool(ToolUse(id="c1", name="book", arguments="{}")))
    call.at(3.1, done(response="r1"))
    assert call.conversation.deadline == WATCHED.max_duration


def test_so_is_a_turn_in_which_the_model_says_nothing() -> None:
    call = asked_something()
    call.at(3.0, TURN)
    call.at(3.1, done(response="r1"))
    assert call.conversation.deadline == WATCHED.max_duration


def test_a_turn_that_failed_in_the_middle_was_heard() -> None:
    call = asked_something()
    call.at(3.0, TURN)
    call.at(3.0, says("We open"), agent("We open"))
    call.at(3.1, done(status="failed", response="r1"))


def test_a_caller_who_goes_on_speaking_waits_for_nothing() -> None:
    call = asked_something()
    call.at(9.0, SPEECH_STARTED)
    call.at(60.0, SPEECH_STOPPED)
    call.at(68.0, WAKE, missed(), SORRY)


@pytest.mark.parametrize("sign", ["response.mcp_call.in_progress", "response.web_search_call.searching"])
def test_what_the_platform_does_meanwhile_is_waited_for(sign: str) -> None:
    call = asked_something()
    call.at(9.0, heard(sign))
    call.at(9.1, heard("ping"))
    call.at(17.0, WAKE, missed(), SORRY)
    call.at(17.1, heard(sign))


def test_nobody_who_is_leaving_is_apologised_to() -> None:
    call = asked_something()
    call.at(3.0, tool("hang_up"), HangUpAsked(reason=""))
    call.at(13.0, WAKE, HangUp(("goodbye deadline", "hang_up by the model")))


def test_an_error_that_nobody_waits_for_is_only_written_down() -> None:
    call = answered(WATCHED)
    complaint = PlatformComplained(type="internal_error", code=None, message=None)
    call.at(1.0, heard("error", error={"type": "internal_error"}), complaint)
    call.at(2.0, done(status="failed"))


def test_without_a_time_limit_nothing_is_watched() -> None:
    call = asked_something(like(WATCHED, reply_timeout=0.0))
    assert call.conversation.deadline == WATCHED.max_duration


def test_the_watch_by_itself() -> None:
    watch = AnswerWatch(8.0)
    watch.at_work(1.0)
    assert watch.due == inf
    watch.expect(1.0, asked=True)
    watch.at_work(3.0)
    assert watch.due == 11.0
    assert watch.miss()
    watch.expect(20.0)
    assert not watch.miss()
    assert (watch.missed, watch.due) == (2, inf)
    watch.words(of_the_model=False)
    assert watch.missed == 2
    watch.words(of_the_model=True)
    assert watch.missed == 0
