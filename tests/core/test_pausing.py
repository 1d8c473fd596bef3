"""When a talk pauses, so that another daemon could go on with it: nobody speaks, is about to, or waits for anything."""

import pytest

from daemon.core.agent import FixedGreeting, GeneratedGreeting, KeypadRules, ToolRules
from daemon.core.effects import ToolUse
from tests.core.playbook import START, Gave, Playbook
from tests.core.scenes import PLAIN, POLITE, SPEECH_STARTED, SPEECH_STOPPED, heard, key, like

BUSY, PAUSED = False, True


class Watched(Playbook):
    """A call that is asked after each happening whether it pauses."""

    def then(self, now: float, happening: object, expected: bool) -> None:
        __tracebackhide__ = True
        self.play(now, happening)  # type: ignore[arg-type]
        assert self.conversation.between_turns(now) is expected, happening


def begins(turn: str = "r1") -> object:
    return heard("response.created", response={"id": turn})


def speaks(turn: str = "r1") -> object:
    return heard("response.output_audio_transcript.delta", response_id=turn, item_id="a1", delta="Good day to you")


def ends(turn: str = "r1", seconds: float = 3.0, status: str = "completed") -> object:
    usage = {"output_audio_seconds": seconds}
    return heard("response.done", response={"id": turn, "status": status, "usage": usage})


READY = heard("session.updated")


def test_a_call_pauses_once_its_session_is_there() -> None:
    call = Watched(PLAIN)
    call.then(0.0, START, BUSY)
    call.then(0.1, READY, PAUSED)


@pytest.mark.parametrize("greeting", [FixedGreeting("Welcome."), GeneratedGreeting("Say hello.")])
def test_a_greeting_is_awaited_and_heard(greeting: object) -> None:
    call = Watched(like(PLAIN, greeting=greeting))
    call.then(0.0, START, BUSY)
    call.then(0.1, READY, BUSY)
    call.then(0.2, begins(), BUSY)
    call.then(0.3, speaks(), BUSY)
    call.then(0.5, ends(), BUSY)
    assert not call.conversation.between_turns(3.2)
    assert call.conversation.between_turns(3.4)


def answered() -> Watched:
    call = Watched(PLAIN)
    call.then(0.0, START, BUSY)
    call.then(0.1, READY, PAUSED)
    return call


def test_the_callers_turn_and_the_answer_to_it() -> None:
    call = answered()
    call.then(5.0, SPEECH_STARTED, BUSY)
    call.then(7.0, SPEECH_STOPPED, BUSY)  # the platform is about to answer
    call.then(7.5, begins(), BUSY)
    call.then(7.6, speaks(), BUSY)
    call.then(8.0, ends(seconds=1.0), BUSY)
    assert call.conversation.between_turns(8.7)


def test_a_caller_whom_nobody_answers_is_not_waited_for_for_ever() -> None:
    call = answered()
    call.then(5.0, SPEECH_STARTED, BUSY)
    call.then(6.0, SPEECH_STOPPED, BUSY)
    assert call.conversation.between_turns(10.0)


def test_a_turn_that_the_caller_cut_off_is_over() -> None:
    call = answered()
    call.then(5.0, begins(), BUSY)
    call.then(5.1, speaks(), BUSY)
    call.then(6.0, SPEECH_STARTED, BUSY)
    call.then(6.1, ends(status="cancelled"), BUSY)
    call.then(7.0, SPEECH_STOPPED, BUSY)
    call.then(7.2, begins("r2"), BUSY)
    call.then(7.4, ends("r2", seconds=0.0), PAUSED)


def test_keys_that_make_no_entry_yet() -> None:
    call = Watched(like(PLAIN, keypad=KeypadRules(idle_timeout=2.5, terminator="#", max_digits=32, sensitive=False)))
    call.then(0.0, START, BUSY)
    call.then(0.1, READY, PAUSED)
    call.then(1.0, key("4"), BUSY)
    call.then(1.5, key("#"), BUSY)  # the platform is about to answer
    assert call.conversation.between_turns(5.0)


def test_a_tool_that_runs() -> None:
    call = Watched(like(PLAIN, tools={"look_up": ToolRules()}))
    call.then(0.0, START, BUSY)
    call.then(0.1, READY, PAUSED)
    call.then(1.0, begins(), BUSY)
    wanted = heard("response.function_call_arguments.done", call_id="use-1", name="look_up", arguments="{}")
    call.then(1.1, wanted, BUSY)
    call.then(1.2, ends(seconds=0.0), BUSY)
    call.then(4.0, Gave("use-1"), BUSY)  # what it gave is owed to the model
    call.then(4.3, begins("r2"), BUSY)
    call.then(4.5, ends("r2", seconds=0.0), PAUSED)
    assert ToolUse(id="use-1", name="look_up", arguments="{}").id in call.conversation.tool_uses


def test_a_goodbye_and_what_comes_after_it() -> None:
    call = Watched(POLITE)
    call.then(0.0, START, BUSY)
    call.then(0.1, READY, PAUSED)
    call.then(1.0, begins(), BUSY)
    wish = heard("response.function_call_arguments.done", call_id="use-1", name="hang_up", arguments='{"reason":"x"}')
    call.then(1.1, speaks(), BUSY)
    call.then(1.2, wish, BUSY)
    call.then(1.3, ends(seconds=1.0), BUSY)
    call.then(10.0, "wake", BUSY)
    assert call.conversation.ended
