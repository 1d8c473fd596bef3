"""Transfers as transcripts: what the caller hears before the platform is asked, and what becomes of it."""

import json
from math import inf

import pytest

from daemon.core import events as ev
from daemon.core.agent import Agent
from daemon.core.commands import HangUp, RunTool
from daemon.core.effects import Effect, ToolUse
from daemon.core.frames import FunctionTool, ItemCreate, ResponseCreate, SessionSettings, SessionUpdate, data
from daemon.core.frames import spoken_exactly as words
from daemon.core.goodbye import HANG_UP
from daemon.core.journal import (
    CheckedIn,
    DigitsCollected,
    GoodbyeInterrupted,
    GoodbyeSaid,
    HangUpAsked,
    KeyPressed,
    ToolCalled,
    ToolEnded,
    TransferRefused,
)
from daemon.core.transfers import CALLED_OFF, Transfers, destination_of, transfer_tool
from tests.core.playbook import RESUME, WAKE, Adopted, Gave, Playbook
from tests.core.scenes import (
    SPEECH_STARTED,
    SPEECH_STOPPED,
    TURN,
    agent,
    answered,
    done,
    key,
    like,
    output,
    says,
    stopped,
    tool,
    turn,
)

TOOL = transfer_tool({"desk": "People at the front desk", "night": ""})
DESK = like(
    Agent(name="desk", session=SessionSettings(tools=(HANG_UP, TOOL))),
    transfers=("desk", "night"),
    transfer_words="One moment, please.",
)
MUTE = like(DESK, transfer_words="")
ONE_MOMENT = words("One moment, please.")
CALLED = ToolCalled(name="transfer")
BUSY = '{"transferred":false,"why":"The line is busy."}'


def wish(destination: str = "desk", use_id: str = "c1") -> ev.Event:
    return tool("transfer", use_id, json.dumps({"destination": destination}))


def refer(destination: str = "desk", use_id: str = "c1") -> RunTool:
    return RunTool(ToolUse(id=use_id, name="transfer", arguments=json.dumps({"destination": destination})))


def ended(seconds: float, why: str) -> ToolEnded:
    return ToolEnded(name="transfer", seconds=seconds, ok=False, why=why)


def announced() -> Playbook:
    """From second 1 to 2 the agent says that it connects the caller, and wants it; that is heard until second 4."""
    call = answered(DESK)
    call.at(1.0, TURN)
    call.at(1.0, says("I connect you."), agent("I connect you."))
    call.at(1.5, wish(), CALLED)
    call.at(2.0, done(3.0))
    return call


def ringing() -> Playbook:
    """Since second 4.5."""
    call = announced()
    call.at(4.5, WAKE, refer())
    return call


# Before it begins


def test_it_begins_when_its_words_have_been_heard() -> None:
    call = announced()
    call.at(4.4, WAKE)
    call.at(4.5, WAKE, refer())
    call.at(4.6, wish())


def test_the_platform_may_know_when_they_have_been_heard() -> None:
    call = announced()
    call.at(3.0, stopped("r0"))
    call.at(3.2, stopped("r1"))
    call.at(3.2, WAKE, refer())


def test_a_model_that_says_nothing_has_it_said_for_it() -> None:
    call = answered(DESK)
    call.at(1.0, TURN)
    call.at(1.1, wish(), CALLED)
    call.at(1.2, done(response="r1"), ONE_MOMENT)
    call.at(1.5, turn("r2"))
    call.at(1.6, says("One moment, please.", "a2"), agent("One moment, please.", "a2"))
    call.at(2.0, done(1.5, response="r2"))
    call.at(3.6, WAKE, refer())


def test_words_that_are_never_spoken_are_waited_for_only_so_long() -> None:
    call = answered(DESK)
    call.at(1.0, wish(), CALLED)
    call.at(2.0, done(), ONE_MOMENT)
    call.at(12.0, WAKE, refer())


def test_a_turn_that_never_gets_its_end_is_waited_for_only_so_long() -> None:
    call = answered(DESK)
    call.at(1.0, TURN)
    call.at(1.0, says("I connect"), agent("I connect"))
    call.at(1.5, wish(), CALLED)
    call.at(11.5, WAKE, refer())


def test_without_words_it_begins_at_once() -> None:
    call = answered(MUTE)
    call.at(1.0, TURN)
    call.at(1.1, wish(), CALLED)
    call.at(1.2, done(response="r1"))
    call.at(1.2, WAKE, refer())


def test_a_wish_that_is_announced_late() -> None:
    call = answered(DESK)
    call.at(1.0, TURN)
    call.at(1.0, says("I connect you."), agent("I connect you."))
    call.at(2.0, done(3.0))
    call.at(2.1, wish(), CALLED)
    call.at(4.5, WAKE, refer())


def test_a_caller_who_speaks_before_it_begins_is_asked_what_they_want() -> None:
    call = announced()
    off = (ended(1.5, "the caller spoke"), output(CALLED_OFF))
    assert call.conversation.tool_uses == set()  # nobody but us knows of it
    call.at(3.0, SPEECH_STARTED, *off)
    call.at(4.0, SPEECH_STOPPED)
    call.at(4.5, turn("r2"))  # the platform's own, which has seen it
    call.at(5.0, done(response="r2"))
    assert call.conversation.deadline == DESK.max_duration


def test_so_is_one_who_cuts_the_turn_off() -> None:
    call = answered(DESK)
    call.at(1.0, TURN)
    call.at(1.1, wish(), CALLED)
    call.at(1.3, done(status="cancelled"), ended(1.3 - 1.1, "the caller spoke"), output(CALLED_OFF))


def test_a_key_changes_nothing() -> None:
    call = announced()
    call.at(3.0, key("4"), KeyPressed(digit="4"))
    call.at(3.1, key("#"), KeyPressed(digit="#"), DigitsCollected(digits="4", count=1, trigger="terminator"))
    call.at(4.5, WAKE, refer())


# While it rings, and afterwards


def test_nobody_is_asked_anything_while_it_rings() -> None:
    call = answered(like(DESK, silence_timeout=10.0, check_in="Hello?"))
    call.at(1.0, wish(), CALLED)
    call.at(1.0, done(), ONE_MOMENT)
    call.at(11.0, WAKE, refer())
    call.at(100.0, Gave("c1", BUSY, "busy"), ended(99.0, "busy"), output(BUSY))
    call.at(100.0, WAKE, ResponseCreate())
    call.at(110.0, WAKE, words("Hello?"), CheckedIn())


def test_the_longest_call_does_not_end_in_the_middle_of_it() -> None:
    call = answered(like(MUTE, max_duration=60.0, goodbye="Time is up."))
    call.at(50.0, wish(), CALLED)
    call.at(51.0, done())
    call.at(51.0, WAKE, refer())
    call.at(90.0, Gave("c1", BUSY, "busy"), ended(40.0, "busy"), output(BUSY))
    call.at(90.0, WAKE, words("Time is up.", interruptible=False))


def test_a_caller_who_speaks_while_it_rings_is_answered_by_the_platform() -> None:
    call = ringing()
    call.at(10.0, SPEECH_STARTED)
    call.at(11.0, SPEECH_STOPPED)
    call.at(12.0, turn("r2"))
    call.at(13.0, done(response="r2"))
    call.at(20.0, Gave("c1", BUSY, "busy"), ended(18.5, "busy"), output(BUSY))
    call.at(20.0, WAKE, ResponseCreate())


def test_after_one_that_failed_there_may_be_another() -> None:
    call = ringing()
    call.at(20.0, Gave("c1", BUSY, "busy"), ended(18.5, "busy"), output(BUSY))
    call.at(20.0, WAKE, ResponseCreate())
    call.at(21.0, turn("r2"))
    call.at(21.0, wish("night", "c2"), CALLED)
    call.at(21.5, done(response="r2"), ONE_MOMENT)
    call.at(31.5, WAKE, refer("night", "c2"))


def test_never_two_at_once() -> None:
    call = announced()
    another = output('{"transferred":false,"why":"Another transfer is under way. Wait for it."}', "c2")
    refused = TransferRefused(destination="night", why="another is under way")
    call.at(2.1, wish("night", "c2"), refused)
    call.at(4.5, WAKE, refer())
    call.at(5.0, turn("r2"))
    call.at(5.0, wish("night", "c3"), refused)
    call.at(5.5, done(response="r2"), replaced(another, "c3"))
    call.at(9.0, Gave("c1", BUSY, "busy"), ended(7.5, "busy"), output(BUSY), another)


def replaced(frame: ItemCreate, use_id: str) -> ItemCreate:
    return output(getattr(frame.item, "output", ""), use_id)


@pytest.mark.parametrize(
    "arguments",
    [
        '{"destination": "cellar"}',
        '{"destination": "tel:+19005551234"}',
        '{"destination": ["desk"]}',
        '{"destination": "desk\r\nRefer-To: <sip:x@evil>"}',
        '{"target_uri": "sip:evil@example.com"}',
        "[]",
        "{}",
        "not json",
        "[" * 3000,
    ],
)
def test_nothing_but_its_destinations(arguments: str) -> None:
    call = answered(DESK)
    call.at(1.0, tool("transfer", "c1", arguments), TransferRefused(destination="", why="no such destination"))
    why = "There is no such destination; you can't transfer anywhere else."
    told = json.dumps({"transferred": False, "why": why, "destinations": ["desk", "night"]}, separators=(",", ":"))
    call.at(1.1, done(), output(told))
    call.at(1.1, WAKE, ResponseCreate())


def test_an_agent_without_destinations_has_no_such_tool() -> None:
    call = answered(like(DESK, transfers=()))
    call.play(1.0, wish())
    call.play(2.0, done())
    assert not [each for each in call.commands if isinstance(each, RunTool)]


def test_an_id_that_looks_like_ours_is_nobodys() -> None:
    call = answered(DESK)
    call.at(1.0, wish(use_id="cw-use-1"))
    call.at(1.1, done())


# With a goodbye


def test_who_wants_to_hang_up_as_well_hangs_up_if_it_fails() -> None:
    call = announced()
    call.at(2.1, tool("hang_up", "w1"), HangUpAsked(reason=""))
    call.at(4.5, WAKE, refer())
    see = output('{"ended":false,"now":"See what the tools gave. Then say goodbye, briefly."}', "w1")
    call.at(9.0, Gave("c1", BUSY, "busy"), ended(7.5, "busy"), output(BUSY), see)
    call.at(9.0, WAKE, ResponseCreate())
    call.at(10.0, turn("r2"))
    call.at(10.0, says("Bye.", "a2"), agent("Bye.", "a2"))
    call.at(10.5, done(1.0, response="r2"))
    call.at(11.5, WAKE, GoodbyeSaid(), HangUp(("hang_up by the model",)))


def test_a_caller_who_speaks_into_both_stays() -> None:
    call = announced()
    call.at(2.1, tool("hang_up", "w1"), HangUpAsked(reason=""))
    stays = output('{"ended":false,"why":"The caller is speaking again."}', "w1")
    off = (ended(1.5, "the caller spoke"), output(CALLED_OFF))
    call.at(3.0, SPEECH_STARTED, GoodbyeInterrupted(), stays, *off)


# A lost line, a lost daemon

ANEW = SessionUpdate(session=DESK.session)


def test_on_a_new_line_it_begins_at_once() -> None:
    call = announced()
    call.at(3.0, RESUME, ANEW)
    call.at(3.0, WAKE, refer())


def test_it_goes_on_ringing_while_the_line_is_lost() -> None:
    call = ringing()
    call.at(6.0, RESUME, ANEW)
    call.at(9.0, Gave("c1", BUSY, "busy"), ended(7.5, "busy"), output(BUSY))
    call.at(9.0, WAKE, ResponseCreate())


def test_what_a_key_or_a_rule_began_before_a_crash_is_told_as_data_and_its_id_is_not_used_again() -> None:
    menu = ToolUse(id="cw-use-7", name="transfer", arguments='{"destination":"desk"}')
    call = Playbook(DESK)
    text = f'{{"used":"transfer","by":"a key or a rule","output":{BUSY}}}'
    call.at(100.0, Adopted(60.0, (Effect(use=menu, output=BUSY),)), ANEW, data(text, "cw-use-7"), ResponseCreate())
    assert call.conversation.tool_uses == {"cw-use-7"}


# The pieces


def test_the_model_sees_names_and_descriptions_and_nothing_else() -> None:
    assert isinstance(TOOL, FunctionTool)
    assert TOOL.parameters["properties"]["destination"] == {
        "type": "string",
        "enum": ["desk", "night"],
        "description": "desk: People at the front desk; night",
    }


def test_a_use_says_where_to_or_nothing() -> None:
    assert destination_of(refer().use) == "desk"
    assert destination_of(ToolUse(id="c1", name="transfer", arguments='{"destination": 7}')) == ""


def test_nothing_under_way_needs_nothing() -> None:
    transfers = Transfers(DESK)
    assert (transfers.deadline, transfers.under_way, transfers.ringing) == (inf, False, False)
    assert transfers.wake(1e9) == []
    assert transfers.call_off() is None
    transfers.heard(None, 1.0)
    transfers.hurry(1.0)
    assert transfers.deadline == inf
