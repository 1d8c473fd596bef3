"""Tools that we run, as transcripts: from the model's wish to the turn that has seen what they gave."""

import pytest

from daemon.core import events as ev
from daemon.core.agent import Agent, FixedGreeting, ToolRules
from daemon.core.commands import HangUp, RunTool
from daemon.core.effects import INTERRUPTED, Effect, ToolUse
from daemon.core.frames import (
    FunctionTool,
    ItemCreate,
    ResponseCreate,
    SessionSettings,
    SessionUpdate,
    spoken_exactly,
)
from daemon.core.goodbye import HANG_UP
from daemon.core.journal import (
    CheckedIn,
    GoodbyeInterrupted,
    GoodbyeSaid,
    HangUpAsked,
    ToolCalled,
    ToolEnded,
    ToolRefused,
)
from daemon.core.uses import refusal
from tests.core.playbook import RESUME, WAKE, Adopted, Gave, Playbook
from tests.core.scenes import (
    SPEECH_STARTED,
    SPEECH_STOPPED,
    agent,
    answered,
    done,
    heard,
    like,
    output,
    says,
    stopped,
    tool,
    turn,
)
from tests.core.scenes import TURN as TURN_1

BOOK, LOOK_UP = FunctionTool(name="book"), FunctionTool(name="look_up")
CLERK = like(
    Agent(name="clerk", session=SessionSettings(tools=(HANG_UP, BOOK, LOOK_UP))),
    tools={"book": ToolRules(), "look_up": ToolRules(idempotent=True)},
)
ANEW = SessionUpdate(session=CLERK.session)
TURN_2 = turn("r2")


def wants(name: str, use_id: str) -> ev.Event:
    return tool(name, use_id, '{"day": "Monday"}')


def run(name: str, use_id: str) -> tuple[ToolCalled, RunTool]:
    return ToolCalled(name=name), RunTool(ToolUse(id=use_id, name=name, arguments='{"day": "Monday"}'))


def ended(name: str, seconds: float, why: str = "") -> ToolEnded:
    return ToolEnded(name=name, seconds=seconds, ok=not why, why=why)


def gave(text: str) -> str:
    return f'{{"gave":"{text}"}}'


def booking(*, seconds: float = 4.0) -> Playbook:
    """From second 1 to 2 the agent speaks and books; what it says is heard until second 5, the booking still runs."""
    call = answered(CLERK)
    call.at(1.0, TURN_1)
    call.at(1.0, says("One moment."), agent("One moment."))
    call.at(1.5, wants("book", "c1"), *run("book", "c1"))
    call.at(2.0, done(seconds, response="r1"))
    return call


# One turn's tools


def test_a_tool_runs_at_once_and_the_turn_after_it_waits_until_its_own_was_heard() -> None:
    call = booking()
    call.at(2.5, Gave("c1", gave("a")), ended("book", 1.0), output(gave("a"), "c1"))
    call.at(5.0, WAKE, ResponseCreate())
    call.at(5.5, TURN_2)
    call.at(6.0, done(response="r2"))
    assert call.conversation.deadline == CLERK.max_duration


def test_a_tool_that_takes_longer_is_followed_by_a_turn_at_once() -> None:
    call = booking()
    call.at(30.0, Gave("c1", "1", "HTTP 503"), ended("book", 28.5, "HTTP 503"), output("1", "c1"))
    call.at(30.0, WAKE, ResponseCreate())
    assert call.conversation.deadline == CLERK.max_duration


def test_a_tool_that_is_done_before_its_turn_is_made_waits_for_it() -> None:
    call = answered(CLERK)
    call.at(1.0, TURN_1)
    call.at(1.5, wants("book", "c1"), *run("book", "c1"))
    call.at(1.6, Gave("c1"), ended("book", 1.6 - 1.5))
    call.at(2.0, done(response="r1"), output("{}", "c1"))
    call.at(2.0, WAKE, ResponseCreate())


def test_parallel_tools_are_told_together_and_followed_by_one_turn() -> None:
    call = answered(CLERK)
    call.at(1.0, TURN_1)
    call.at(1.0, wants("book", "c1"), *run("book", "c1"))
    call.at(1.0, wants("look_up", "c2"), *run("look_up", "c2"))
    call.at(1.0, wants("book", "c3"), *run("book", "c3"))
    call.at(1.0, done(response="r1"))
    call.at(2.0, Gave("c2", gave("b")), ended("look_up", 1.0))
    call.at(3.0, Gave("c3", gave("c")), ended("book", 2.0))
    outputs = (output(gave("a"), "c1"), output(gave("b"), "c2"), output(gave("c"), "c3"))
    call.at(4.0, Gave("c1", gave("a")), ended("book", 3.0), *outputs)
    call.at(4.0, WAKE, ResponseCreate())
    call.at(4.0, WAKE)


def test_a_tool_that_there_is_not_waits_for_those_that_run() -> None:
    call = answered(CLERK)
    call.at(1.0, TURN_1)
    call.at(1.0, tool("weather", "c1"), ToolRefused(name="weather"))
    call.at(1.0, wants("book", "c2"), *run("book", "c2"))
    call.at(1.5, done(response="r1"))
    refused = output(refusal("weather"), "c1")
    call.at(2.0, Gave("c2"), ended("book", 1.0), refused, output("{}", "c2"))


# Once and never again


def test_a_use_that_is_announced_again_is_not_run_again() -> None:
    call = booking()
    call.at(2.1, wants("book", "c1"))
    call.at(2.5, Gave("c1"), ended("book", 1.0), output("{}", "c1"))
    call.at(2.6, wants("book", "c1"))
    call.at(2.7, Gave("c1"))
    call.at(2.8, Gave("c9"))
    call.at(5.0, WAKE, ResponseCreate())
    call.at(6.0, RESUME, ANEW)
    call.at(6.1, wants("book", "c1"))


def test_after_the_end_nothing_is_commanded() -> None:
    call = booking()
    call.at(3.0, heard("error", error={"type": "timeout"}), HangUp(("platform error timeout",)))
    call.at(4.0, Gave("c1"))


# Late announcements


def test_a_tool_that_is_announced_after_its_turn_was_made_runs_too() -> None:
    call = answered(CLERK)
    call.at(1.0, TURN_1)
    call.at(1.0, says("One moment."), agent("One moment."))
    call.at(2.0, done(4.0, response="r1"))
    call.at(2.1, wants("book", "c1"), *run("book", "c1"))
    call.at(3.1, Gave("c1"), ended("book", 1.0), output("{}", "c1"))
    call.at(5.0, WAKE, ResponseCreate())


def test_a_slow_tool_does_not_keep_the_tools_of_a_later_turn() -> None:
    call = booking()
    call.at(6.0, TURN_2)
    call.at(6.0, wants("look_up", "c2"), *run("look_up", "c2"))
    call.at(6.5, done(response="r2"))
    call.at(7.0, Gave("c2", gave("b")), ended("look_up", 1.0), output(gave("b"), "c2"))
    call.at(7.0, WAKE, ResponseCreate())
    call.at(8.0, turn("r3"))
    call.at(9.5, Gave("c1", gave("a")), ended("book", 8.0), output(gave("a"), "c1"))
    call.at(9.6, done(response="r3"))
    call.at(9.6, WAKE, ResponseCreate())


# The caller cuts in


def test_when_the_caller_cut_in_each_output_goes_out_as_it_comes() -> None:
    call = answered(CLERK)
    call.at(1.0, TURN_1)
    call.at(1.0, wants("book", "c1"), *run("book", "c1"))
    call.at(1.0, wants("look_up", "c2"), *run("look_up", "c2"))
    call.at(1.0, done(response="r1"))
    call.at(2.0, Gave("c1", gave("a")), ended("book", 1.0))
    call.at(3.0, SPEECH_STARTED, output(gave("a"), "c1"))
    call.at(4.0, Gave("c2", gave("b")), ended("look_up", 3.0), output(gave("b"), "c2"))
    call.at(5.0, SPEECH_STOPPED)
    call.at(5.5, TURN_2)  # the platform's own answer to the caller, which has seen both
    call.at(6.0, done(response="r2"))
    assert call.conversation.deadline == CLERK.max_duration


def test_an_output_that_comes_while_the_platform_answers_the_caller_gets_its_turn_after_that() -> None:
    call = booking()
    call.at(3.0, SPEECH_STARTED)
    call.at(4.0, SPEECH_STOPPED)
    call.at(4.5, TURN_2)
    call.at(4.5, says("Sure.", "a2"), agent("Sure.", "a2"))
    call.at(4.7, Gave("c1"), ended("book", 3.2), output("{}", "c1"))
    call.at(5.0, done(2.0, response="r2"))
    call.at(6.5, WAKE, ResponseCreate())
    call.at(7.0, turn("r3"))


def test_an_output_is_not_left_unsaid_when_the_platform_does_not_answer_the_caller() -> None:
    call = booking()
    call.at(3.0, SPEECH_STARTED)
    call.at(3.5, Gave("c1"), ended("book", 2.0), output("{}", "c1"))
    call.at(4.0, SPEECH_STOPPED)
    call.at(7.0, WAKE, ResponseCreate())


def test_a_caller_who_goes_on_is_waited_for() -> None:
    call = booking()
    call.at(3.0, SPEECH_STARTED)
    call.at(4.0, SPEECH_STOPPED)
    call.at(5.0, Gave("c1"), ended("book", 3.5), output("{}", "c1"))
    call.at(6.0, SPEECH_STARTED)
    call.at(20.0, SPEECH_STOPPED)
    call.at(23.0, WAKE, ResponseCreate())


def test_a_tool_of_a_turn_that_was_cut_off_is_told_of_when_it_is_done() -> None:
    call = answered(CLERK)
    call.at(1.0, TURN_1)
    call.at(1.0, wants("book", "c1"), *run("book", "c1"))
    call.at(1.5, SPEECH_STARTED)
    call.at(1.6, done(status="cancelled", response="r1"))
    call.at(2.0, SPEECH_STOPPED)
    call.at(2.5, TURN_2)
    call.at(2.6, done(response="r2"))
    call.at(9.0, Gave("c1"), ended("book", 8.0), output("{}", "c1"))
    call.at(9.0, WAKE, ResponseCreate())


def test_a_turn_that_was_cut_off_and_never_got_its_end_keeps_nothing_back() -> None:
    call = answered(CLERK)
    call.at(1.0, TURN_1)
    call.at(1.0, wants("book", "c1"), *run("book", "c1"))
    call.at(1.5, SPEECH_STARTED)
    call.at(2.0, Gave("c1"), ended("book", 1.0), output("{}", "c1"))
    call.at(2.5, SPEECH_STOPPED)
    call.at(5.5, WAKE, ResponseCreate())


def test_a_turn_of_which_nothing_more_is_heard_is_waited_for_only_so_long() -> None:
    call = booking()
    call.at(6.0, TURN_2)
    call.at(7.0, Gave("c1"), ended("book", 5.5), output("{}", "c1"))
    call.at(9.0, says("Well", "a2"), agent("Well", "a2"))
    call.at(19.0, WAKE, ResponseCreate())


def test_a_turn_that_was_refused_because_of_another_is_asked_for_after_that() -> None:
    call = booking(seconds=0.5)
    call.at(2.0, Gave("c1"), ended("book", 0.5), output("{}", "c1"))
    call.at(2.0, WAKE, ResponseCreate())
    call.at(2.1, TURN_2)
    code = {"code": "conversation_already_has_active_response", "event_id": "cw-3"}
    call.at(2.2, heard("error", error=code))
    call.at(3.0, done(response="r2"))
    call.at(3.0, WAKE, ResponseCreate())
    call.at(3.1, heard("error", error=code))
    call.at(4.0, turn("r3"))
    call.at(5.0, done(response="r3"))


# Words for a caller who waits

WAITS = "One moment, please."
PATIENT = like(CLERK, tools={"book": ToolRules(filler=WAITS, filler_after=2.0), "look_up": ToolRules()})
FILLER = spoken_exactly(WAITS)


def slow(*, heard_for: float = 0.0) -> Playbook:
    """The booking begins at second 1."""
    call = answered(PATIENT)
    call.at(1.0, TURN_1)
    if heard_for:
        call.at(1.0, says("Sure."), agent("Sure."))
    call.at(1.0, wants("book", "c1"), *run("book", "c1"))
    call.at(1.0, done(heard_for, response="r1"))
    return call


def says_filler(call: Playbook, now: float) -> None:
    """Spoken it lasts two seconds."""
    call.at(now, TURN_2)
    call.at(now, says(WAITS, "a2"), agent(WAITS, "a2"))
    call.at(now + 0.5, done(2.0, response="r2"))


@pytest.mark.parametrize("heard_for", [0.0, 5.0])
def test_a_caller_who_waits_in_silence_is_told_once(heard_for: float) -> None:
    call = slow(heard_for=heard_for)
    call.at(3.0 + heard_for, WAKE, FILLER)
    says_filler(call, 3.1 + heard_for)
    call.at(60.0, Gave("c1"), ended("book", 59.0), output("{}", "c1"))
    call.at(60.0, WAKE, ResponseCreate())


def test_a_turn_of_fixed_words_has_not_seen_what_was_sent_before_it_began() -> None:
    call = slow()
    call.at(3.0, WAKE, FILLER)
    call.at(3.05, Gave("c1"), ended("book", 2.05), output("{}", "c1"))
    says_filler(call, 3.1)
    call.at(5.1, WAKE, ResponseCreate())


def test_a_tool_that_is_done_in_time_needs_no_such_words() -> None:
    call = slow()
    call.at(2.9, Gave("c1"), ended("book", 1.9), output("{}", "c1"))
    call.at(2.9, WAKE, ResponseCreate())
    assert call.conversation.deadline == CLERK.max_duration


@pytest.mark.parametrize("cut_in", [SPEECH_STARTED, done(status="cancelled", response="r1")])
def test_nobody_who_speaks_is_told_to_wait(cut_in: ev.Event) -> None:
    call = slow(heard_for=5.0)
    call.at(2.0, cut_in)
    call.at(2.5, TURN_2)
    call.at(3.0, done(response="r2"))
    assert call.conversation.deadline == CLERK.max_duration


def test_a_turn_of_the_platforms_puts_it_off() -> None:
    call = slow()
    call.at(2.0, TURN_2)
    call.at(2.1, says("Still there?", "a2"), agent("Still there?", "a2"))
    call.at(3.5, done(4.0, response="r2"))
    call.at(8.1, WAKE, FILLER)


# Silence


def test_a_caller_who_waits_for_a_tool_is_not_asked_whether_they_are_there() -> None:
    call = answered(like(CLERK, silence_timeout=10.0, check_in="Hello?"))
    call.at(1.0, TURN_1)
    call.at(1.0, wants("book", "c1"), *run("book", "c1"))
    call.at(1.0, done(response="r1"))
    call.at(60.0, Gave("c1"), ended("book", 59.0), output("{}", "c1"))
    call.at(60.0, WAKE, ResponseCreate())
    call.at(70.0, WAKE, spoken_exactly("Hello?"), CheckedIn())


# Goodbyes

WISH = tool("hang_up", "w1", '{"reason": "done"}')
ASKED = HangUpAsked(reason="done")
OVER = HangUp(("hang_up by the model: done",))
SEE = output('{"ended":false,"now":"See what the tools gave. Then say goodbye, briefly."}', "w1")
GO_ON = output('{"ended":false,"why":"The caller is speaking again."}', "w1")


def says_goodbye(call: Playbook, now: float, response: str = "r2") -> None:
    """Spoken it lasts two seconds."""
    call.at(now, turn(response))
    call.at(now, says("Bye.", "a9"), agent("Bye.", "a9"))
    call.at(now + 0.5, done(2.0, response=response))


def wishing(*, words: str = "") -> Playbook:
    """At second 1 the model books and wants to hang up, in one turn."""
    call = answered(CLERK)
    call.at(1.0, TURN_1)
    if words:
        call.at(1.0, says(words), agent(words))
    call.at(1.0, wants("book", "c1"), *run("book", "c1"))
    call.at(1.0, WISH, ASKED)
    call.at(1.0, done(3.0, response="r1"))
    return call


@pytest.mark.parametrize("words", ["", "Booked, goodbye."])
def test_the_model_does_not_hang_up_before_it_has_seen_what_its_tools_gave(words: str) -> None:
    call = wishing(words=words)
    call.at(30.0, Gave("c1", "1", "timeout"), ended("book", 29.0, "timeout"), output("1", "c1"), SEE)
    call.at(30.0, WAKE, ResponseCreate())
    assert call.conversation.deadline == 40.0
    says_goodbye(call, 31.0)
    call.at(33.5, WAKE, GoodbyeSaid(), OVER)


def test_a_tool_that_is_done_before_the_turn_of_the_wish_is_seen_too() -> None:
    call = answered(CLERK)
    call.at(1.0, TURN_1)
    call.at(1.0, wants("book", "c1"), *run("book", "c1"))
    call.at(1.0, WISH, ASKED)
    call.at(1.5, Gave("c1"), ended("book", 0.5))
    call.at(2.0, done(response="r1"), output("{}", "c1"), SEE)
    call.at(2.0, WAKE, ResponseCreate())
    call.at(12.0, WAKE, HangUp(("goodbye deadline", "hang_up by the model: done")))


def test_who_uses_tools_in_the_goodbye_too_does_not_put_it_off_for_ever() -> None:
    call = wishing()
    call.at(2.0, Gave("c1"), ended("book", 1.0), output("{}", "c1"), SEE)
    call.at(2.0, WAKE, ResponseCreate())
    call.at(3.0, TURN_2)
    call.at(3.0, says("Bye."), agent("Bye."))
    call.at(3.0, wants("look_up", "c2"), *run("look_up", "c2"))
    call.at(3.1, tool("hang_up", "w2"), HangUpAsked(reason=""))
    call.at(3.2, done(2.0, response="r2"))
    call.at(7.0, Gave("c2"), ended("look_up", 4.0), output("{}", "c2"))
    call.at(7.0, WAKE, GoodbyeSaid(), OVER)


def test_a_tool_may_finish_what_it_began_while_the_goodbye_lasts() -> None:
    call = booking()
    call.at(6.0, TURN_2)
    call.at(6.0, says("Bye.", "a2"), agent("Bye.", "a2"))
    call.at(6.0, WISH, ASKED)
    call.at(6.5, done(1.0, response="r2"))
    call.at(7.0, stopped("r2"))
    assert call.conversation.deadline == 16.0
    call.at(9.0, Gave("c1"), ended("book", 7.5), output("{}", "c1"))
    call.at(9.0, WAKE, GoodbyeSaid(), OVER)


def test_a_tool_does_not_keep_the_line_for_longer_than_a_goodbye_may_take() -> None:
    call = booking()
    call.at(6.0, TURN_2)
    call.at(6.0, says("Bye.", "a2"), agent("Bye.", "a2"))
    call.at(6.0, WISH, ASKED)
    call.at(6.5, done(1.0, response="r2"))
    call.at(16.0, WAKE, GoodbyeSaid(), OVER)
    call.at(17.0, Gave("c1"))


def test_a_caller_who_speaks_into_the_wait_stays() -> None:
    call = wishing()
    call.at(2.0, SPEECH_STARTED, GoodbyeInterrupted(), GO_ON)
    call.at(2.5, Gave("c1"), ended("book", 1.5), output("{}", "c1"))
    call.at(3.0, SPEECH_STOPPED)
    call.at(6.0, WAKE, ResponseCreate())


def test_the_longest_call_ends_with_its_goodbye_whatever_runs() -> None:
    call = answered(like(CLERK, max_duration=60.0, goodbye="Time is up."))
    call.at(50.0, TURN_1)
    call.at(50.0, wants("book", "c1"), *run("book", "c1"))
    call.at(51.0, done(response="r1"))
    call.at(60.0, WAKE, spoken_exactly("Time is up.", interruptible=False))
    says_goodbye(call, 61.0)
    call.at(64.0, Gave("c1"), ended("book", 14.0), output("{}", "c1"))
    call.at(64.0, WAKE, GoodbyeSaid(), HangUp(("max duration 1m",)))


# A lost line


def test_a_tool_that_runs_while_the_line_is_lost_is_told_of_on_the_new_one() -> None:
    call = booking()
    call.at(4.0, RESUME, ANEW)
    call.at(4.1, wants("book", "c1"))
    call.at(9.0, Gave("c1"), ended("book", 7.5), output("{}", "c1"))
    call.at(9.0, WAKE, ResponseCreate())


def test_what_came_in_before_the_line_was_lost_is_told_with_one_turn() -> None:
    call = answered(CLERK)
    call.at(1.0, TURN_1)
    call.at(1.0, wants("book", "c1"), *run("book", "c1"))
    call.at(1.0, wants("look_up", "c2"), *run("look_up", "c2"))
    call.at(2.0, Gave("c1", gave("a")), ended("book", 1.0))
    call.at(3.0, RESUME, ANEW)
    outputs = (output(gave("a"), "c1"), output(gave("b"), "c2"))
    call.at(4.0, Gave("c2", gave("b")), ended("look_up", 3.0), *outputs)
    call.at(4.0, WAKE, ResponseCreate())


def test_a_caller_who_cut_in_before_the_line_was_lost_is_left_to_the_platform_for_a_moment() -> None:
    call = booking()
    call.at(3.0, Gave("c1"), ended("book", 1.5), output("{}", "c1"))
    call.at(3.5, SPEECH_STARTED)
    call.at(4.0, RESUME, ANEW)
    call.at(7.0, WAKE, ResponseCreate())


# A daemon that died


def effect(use_id: str, name: str = "book", given: str | None = None, *, told: bool = False) -> Effect:
    return Effect(use=ToolUse(id=use_id, name=name, arguments='{"day": "Monday"}'), output=given, told=told)


def adopted(
    *effects: Effect, expected: tuple[ItemCreate | ResponseCreate | ToolCalled | RunTool, ...] = ()
) -> Playbook:
    call = Playbook(like(CLERK, greeting=FixedGreeting("Welcome.")))
    call.at(100.0, Adopted(600.0, effects), ANEW, *expected)
    call.at(100.1, heard("ping"))
    return call


def test_an_adopted_call_is_not_greeted_and_ends_when_it_would_have() -> None:
    call = adopted()
    assert call.conversation.deadline == 100.0 + CLERK.max_duration - 600.0


def test_a_call_that_is_too_old_ends_at_once() -> None:
    call = Playbook(CLERK)
    call.at(100.0, Adopted(9000.0), ANEW)
    call.at(100.0, WAKE, HangUp(("max duration 30m",)))


def test_what_a_tool_gave_before_the_crash_is_told_once() -> None:
    told, untold = effect("c1", given="1", told=True), effect("c2", given=gave("b"))
    call = adopted(told, untold, expected=(output(gave("b"), "c2"), ResponseCreate()))
    assert call.conversation.tool_uses == {"c1", "c2"}
    call.at(101.0, wants("book", "c1"))
    call.at(101.0, wants("book", "c2"))


def test_a_tool_that_a_crash_interrupted_is_unknown_and_not_repeated() -> None:
    call = adopted(effect("c1"), expected=(output(INTERRUPTED, "c1"), ResponseCreate()))
    call.at(101.0, wants("book", "c1"))
    call.at(102.0, Gave("c1"))


def test_a_tool_that_is_gone_is_unknown_too() -> None:
    adopted(effect("c1", "sing"), expected=(output(INTERRUPTED, "c1"), ResponseCreate()))


def test_an_idempotent_tool_is_run_again_and_one_turn_follows_all() -> None:
    again = (*run("look_up", "c2"), output(gave("a"), "c1"))
    call = adopted(effect("c1", given=gave("a")), effect("c2", "look_up"), expected=again)
    call.at(103.0, Gave("c2", gave("b")), ended("look_up", 3.0), output(gave("b"), "c2"))
    call.at(103.0, WAKE, ResponseCreate())
