"""Collecting digits as transcripts: what the model asks for, what the caller types, and what the model gets."""

import json
from math import inf
from typing import Any

import pytest

from daemon.core import events as ev
from daemon.core.agent import Agent, KeypadRules, ToolRules
from daemon.core.commands import HangUp, RunTool
from daemon.core.effects import ToolUse
from daemon.core.frames import ItemCreate, ResponseCreate, SessionSettings, SessionUpdate, spoken_exactly
from daemon.core.handset import Handset
from daemon.core.journal import AskedAgain, DigitsCollected, KeyPressed, ToolCalled, ToolEnded, ToolRefused
from daemon.core.keypad import Trigger
from daemon.core.menu import EndCall
from tests.core.playbook import RESUME, WAKE, Playbook
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
    tool,
    turn,
)

AGAIN = spoken_exactly("Once more, please.")
CLERK = like(
    Agent(name="clerk", session=SessionSettings()),
    collects=True,
    tools={"pay": ToolRules()},
    keypad=KeypadRules(menu={"0": EndCall()}, try_again="Once more, please."),
)
CALLED = ToolCalled(name="collect_digits")


def wants(use_id: str = "c1", **wanted: object) -> ev.Event:
    return tool("collect_digits", use_id, json.dumps({"purpose": "the order", **wanted}))


def gave(use_id: str = "c1", **content: object) -> ItemCreate:
    return output(json.dumps(content, separators=(",", ":")), use_id)


NOTHING = gave(collected=False, why="The caller typed nothing.")
SPOKE = gave(collected=False, why="The caller spoke and typed nothing.")


def ended(seconds: float, why: str = "") -> ToolEnded:
    return ToolEnded(name="collect_digits", seconds=seconds, ok=not why, why=why)


def entry(digits: str | None, trigger: Trigger, count: int = 0) -> DigitsCollected:
    return DigitsCollected(digits=digits, count=count or len(digits or ""), trigger=trigger)


def types(call: Playbook, now: float, keys: str, *, shown: bool = True) -> None:
    """A key every half second; none of them ends anything."""
    for place, each in enumerate(keys):
        call.at(now + place / 2, key(each), KeyPressed(digit=each if shown else None))


def asked(**wanted: Any) -> Playbook:
    """From second 1 to 2 the agent asks for digits; the question is heard until second 4."""
    call = answered(CLERK)
    call.at(1.0, TURN)
    call.at(1.0, says("Your order number?"), agent("Your order number?"))
    call.at(1.5, wants(**wanted), CALLED)
    call.at(2.0, done(3.0, response="r1"))
    return call


# Entries


def test_digits_are_collected_and_given_to_the_model() -> None:
    call = asked()
    types(call, 5.0, "42")
    call.at(6.0, key("#"), KeyPressed(digit="#"), entry("42", "terminator"), ended(4.5), gave(digits="42"))
    call.at(9.0, WAKE, ResponseCreate())


def test_they_end_by_length_by_time_or_by_a_key_of_their_own() -> None:
    call = asked(max_digits=3, inter_digit_timeout=5, terminator="*")
    types(call, 5.0, "4#")
    call.at(6.0, key("2"), KeyPressed(digit="2"), entry("4#2", "length"), ended(4.5), gave(digits="4#2"))
    call = asked(inter_digit_timeout=5)
    types(call, 5.0, "42")
    call.at(10.5, WAKE, entry("42", "idle"), ended(9.0), gave(digits="42"), ResponseCreate())
    call = asked(terminator="*")
    types(call, 5.0, "42")
    call.at(6.0, key("*"), KeyPressed(digit="*"), entry("42", "terminator"), ended(4.5), gave(digits="42"))


def test_no_key_of_the_menu_counts_meanwhile() -> None:
    call = asked()
    types(call, 3.0, "0")
    call.at(5.5, WAKE, entry("0", "idle"), ended(4.0), gave(digits="0"))
    call.at(6.0, TURN)


def test_what_was_typed_before_is_no_answer() -> None:
    call = answered(CLERK)
    types(call, 0.5, "7")
    call.at(1.0, wants(), CALLED, entry("7", "asked"))
    call.at(1.1, done())
    types(call, 2.0, "8")
    call.at(4.5, WAKE, entry("8", "idle"), ended(3.5), gave(digits="8"))


def test_a_prompt_is_said_when_the_models_turn_is_made() -> None:
    call = answered(CLERK)
    call.at(1.0, TURN)
    call.at(1.1, wants(prompt="Type your order number."), CALLED)
    call.at(1.2, done(response="r1"), spoken_exactly("Type your order number."))
    call.at(1.5, turn("r2"))
    call.at(1.5, says("Type your order number.", "a2"), agent("Type your order number.", "a2"))
    call.at(2.0, done(2.5, response="r2"))
    call.at(14.0, WAKE, AskedAgain(count=0), AGAIN)


def test_a_platform_that_heard_the_same_key_may_speak_before_it_knows() -> None:
    call = asked()
    types(call, 5.0, "42")
    call.at(6.0, key("#"), KeyPressed(digit="#"), entry("42", "terminator"), ended(4.5), gave(digits="42"))
    call.at(6.2, turn("r2"))
    call.at(6.2, says("Forty-two?", "a2"), agent("Forty-two?", "a2"))
    call.at(6.5, done(1.0, response="r2"))
    call.at(7.2, WAKE, ResponseCreate())


def test_a_turn_that_begins_later_has_seen_them() -> None:
    call = asked(max_digits=2)
    types(call, 5.0, "4")
    call.at(5.5, key("2"), KeyPressed(digit="2"), entry("42", "length"), ended(4.0), gave(digits="42"))
    call.at(8.0, turn("r2"))
    call.at(8.5, done(response="r2"))
    assert call.conversation.deadline == CLERK.max_duration


# Too few, too late


def test_who_types_nothing_is_asked_again_and_again() -> None:
    call = asked()
    call.at(14.0, WAKE, AskedAgain(count=0), AGAIN)
    call.at(14.1, turn("r2"))
    call.at(14.1, says("Once more, please.", "a2"), agent("Once more, please.", "a2"))
    call.at(14.5, done(1.0, response="r2"))
    call.at(25.1, WAKE, AskedAgain(count=0), AGAIN)
    call.at(65.1, WAKE, ended(65.1 - 1.5, "nothing typed"), NOTHING, ResponseCreate())


def test_too_few_digits_are_a_try() -> None:
    call = asked(min_digits=4, retries=1)
    types(call, 5.0, "42")
    call.at(8.0, WAKE, entry("42", "idle"), AskedAgain(count=2), AGAIN)
    types(call, 8.5, "421")
    why = "The caller typed 3 of at least 4 digits."
    failed = (ended(8.5, "too few digits"), gave(collected=False, why=why))
    call.at(10.0, key("#"), KeyPressed(digit="#"), entry("421", "terminator"), *failed)


def test_without_words_the_next_try_begins_at_once() -> None:
    call = answered(like(CLERK, keypad=KeypadRules()))
    call.at(1.0, wants(retries=1), CALLED)
    call.at(1.0, done())
    call.at(11.0, WAKE, AskedAgain(count=0))
    call.at(21.0, WAKE, ended(20.0, "nothing typed"), NOTHING, ResponseCreate())


def test_who_may_not_try_again_does_not() -> None:
    call = asked(retries=0)
    call.at(14.0, WAKE, ended(12.5, "nothing typed"), NOTHING, ResponseCreate())


def test_a_question_that_is_never_heard_is_waited_for_only_so_long() -> None:
    call = answered(CLERK)
    call.at(1.0, wants(retries=0), CALLED)
    call.at(41.0, WAKE, ended(40.0, "nothing typed"))
    call.at(41.1, done(), NOTHING)


# Who speaks instead


def test_people_read_out_what_they_type() -> None:
    call = asked()
    types(call, 5.0, "4")
    call.at(5.2, SPEECH_STARTED)
    call.at(5.4, SPEECH_STOPPED)
    types(call, 5.5, "2")
    call.at(6.0, turn("r2"))
    call.at(6.2, done(response="r2"))
    call.at(6.5, key("#"), KeyPressed(digit="#"), entry("42", "terminator"), ended(5.0), gave(digits="42"))


def test_who_says_something_else_is_not_asked_again() -> None:
    call = asked()
    call.at(5.0, SPEECH_STARTED)
    call.at(6.0, SPEECH_STOPPED)
    call.at(7.0, turn("r2"))
    call.at(7.0, says("No hurry.", "a2"), agent("No hurry.", "a2"))
    call.at(7.5, done(2.0, response="r2"))
    call.at(19.0, WAKE, ended(17.5, "nothing typed"), SPOKE, ResponseCreate())


def test_a_question_that_was_cut_off_is_not_asked_by_rule() -> None:
    call = answered(CLERK)
    call.at(1.0, TURN)
    call.at(1.1, wants(prompt="Type it."), CALLED)
    call.at(1.2, SPEECH_STARTED)
    call.at(1.3, done(status="cancelled", response="r1"))
    call.at(2.0, SPEECH_STOPPED)
    call.at(41.2, WAKE, ended(41.2 - 1.1, "nothing typed"), SPOKE, ResponseCreate())


# Several, wrong ones, lost lines


def test_the_last_question_is_the_one_that_counts() -> None:
    call = asked()
    types(call, 5.0, "4")
    call.at(5.2, turn("r2"))
    replaced = (ended(5.3 - 1.5, "replaced"), gave(collected=False, why="You asked for other digits."))
    call.at(5.3, wants("c2"), CALLED, *replaced)
    types(call, 6.0, "8")
    call.at(6.2, done(response="r2"))
    call.at(8.5, WAKE, entry("8", "idle"), ended(8.5 - 5.3), gave("c2", digits="8"))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("not json", "JSON is malformed"),
        ('{"min_digits": 0}', "Expected `int` >= 1"),
        ('{"max_digits": 1000}', "Expected `int` <= 128"),
        ('{"min_digits": 5, "max_digits": 4}', "max_digits is less than min_digits"),
        ('{"terminator": "77"}', "Invalid enum value"),
        ('{"inter_digit_timeout": 3600}', "Expected `float` <= 30"),
        ('{"retries": 9}', "Expected `int` <= 5"),
        ("[]", "Expected `object`"),
    ],
)
def test_what_can_not_be_collected_is_refused_in_words(arguments: str, problem: str) -> None:
    call = answered(CLERK)
    call.at(1.0, tool("collect_digits", "c1", arguments), CALLED, ended(0.0, "arguments refused"))
    call.play(1.1, done())
    assert problem in call._played[-1]
    assert call.conversation.deadline == 1.1


def test_figures_may_be_written_as_text() -> None:
    call = asked(max_digits="2", sensitive="false")
    types(call, 5.0, "4")
    call.at(5.5, key("2"), KeyPressed(digit="2"), entry("42", "length"), ended(4.0), gave(digits="42"))


def test_an_agent_that_may_not_collect_has_no_such_tool() -> None:
    call = answered(like(CLERK, collects=False))
    call.at(1.0, wants(), ToolRefused(name="collect_digits"))
    types(call, 1.5, "4")


def test_on_a_new_line_it_goes_on() -> None:
    call = asked()
    types(call, 5.0, "4")
    call.at(5.5, RESUME, SessionUpdate(session=CLERK.session))
    types(call, 6.0, "2")
    call.at(8.5, WAKE, entry("42", "idle"), ended(7.0), gave(digits="42"))


def test_a_prompt_that_was_lost_with_the_line_is_said_on_the_new_one() -> None:
    call = answered(CLERK)
    call.at(1.0, TURN)
    call.at(1.1, wants(prompt="Type it."), CALLED)
    call.at(2.0, RESUME, SessionUpdate(session=CLERK.session), spoken_exactly("Type it."))


# For a tool's eyes only


def test_a_sensitive_entry_is_a_reference() -> None:
    call = asked(sensitive=True)
    types(call, 5.0, "4711", shown=False)
    hidden = (KeyPressed(digit=None), entry(None, "terminator", 4), ended(5.5))
    call.at(7.0, key("#"), *hidden, gave(entry="entry-1", digits=4))
    assert call.conversation.handset.entries.take("entry-1") == "4711"
    assert call.conversation.handset.entries.take("entry-1") is None
    assert not [line for line in call._played if "4711" in line]


def test_from_then_on_no_key_is_shown_in_this_call() -> None:
    call = asked(sensitive=True, max_digits=2)
    assert call.conversation.handset.hides
    types(call, 5.0, "4", shown=False)
    call.at(5.5, key("7"), KeyPressed(digit=None), entry(None, "length", 2), ended(4.0), _reference())
    types(call, 6.0, "11", shown=False)
    call.at(9.0, WAKE, entry(None, "idle", 2))
    call.at(9.5, WAKE, ResponseCreate())
    call.at(10.0, turn("r2"))
    call.at(10.0, wants("c2"), CALLED)
    call.at(10.1, done(response="r2"))
    types(call, 11.0, "5", shown=False)
    call.at(13.5, WAKE, entry(None, "idle", 1), ended(3.5), gave("c2", digits="5"))


def _reference() -> ItemCreate:
    return gave(entry="entry-1", digits=2)


def test_where_the_agent_says_so_every_entry_is() -> None:
    call = answered(like(CLERK, keypad=KeypadRules(sensitive=True)))
    call.at(1.0, wants(max_digits=2), CALLED)
    types(call, 2.0, "4", shown=False)
    call.at(2.5, key("7"), KeyPressed(digit=None), entry(None, "length", 2), ended(1.5))
    call.at(2.6, done(), _reference())


def test_a_model_that_repeats_what_it_heard_uses_the_reference() -> None:
    call = asked(sensitive=True, max_digits=4)
    types(call, 5.0, "471", shown=False)
    whole = (KeyPressed(digit=None), entry(None, "length", 4), ended(5.0), gave(entry="entry-1", digits=4))
    call.at(6.5, key("1"), *whole)
    call.at(7.0, turn("r2"))
    use = ToolUse(id="c2", name="pay", arguments='{"card":"entry-1"}')
    call.at(7.1, tool("pay", "c2", '{"card": 4711}'), ToolCalled(name="pay"), RunTool(use))


def test_when_the_call_ends_they_are_forgotten() -> None:
    call = asked(sensitive=True, max_digits=1)
    whole = (KeyPressed(digit=None), entry(None, "length", 1), ended(3.5), gave(entry="entry-1", digits=1))
    call.at(5.0, key("4"), *whole)
    call.at(6.0, ev.decode('{"type": "error", "error": {"type": "timeout"}}'), HangUp(("platform error timeout",)))
    assert call.conversation.handset.entries.take("entry-1") is None


def test_nothing_asked_for_needs_nothing() -> None:
    handset = Handset(CLERK)
    assert (handset.deadline, handset.collecting, handset.hides) == (inf, False, False)
    assert handset.wake(1e9) == []
    assert handset.agent_heard(1.0) == []
    assert handset.speech_started(1.0) == []


@pytest.mark.parametrize(("typed", "hidden"), [("4111111111111111", True), ("20260303", True), ("2026", False)])
def test_what_is_typed_too_late_is_hidden_as_well_if_it_is_long(typed: str, hidden: bool) -> None:
    """The question is over, the caller types all the same, and the platform gives it to the model."""
    handset = Handset(CLERK)
    handset.collect(ToolUse(id="c1", name="collect_digits", arguments='{"sensitive": true, "retries": 0}'), 0.0)
    handset.wake(60.0)
    assert not handset.collecting
    for key_pressed in f"{typed}#":
        handset.press(key_pressed, 61.0)
    text = f'{{"note":"card {typed}"}}'
    assert handset.entries.hide(text) == ('{"note":"card entry-1"}' if hidden else text)
    # A model that gives them to the tool they are for gives their reference, and the tool gets them.
    assert handset.entries.take("entry-1") == (typed if hidden else None)


def test_a_try_that_was_too_short_is_hidden_as_well() -> None:
    handset = Handset(CLERK)
    wanted = '{"sensitive": true, "min_digits": 16}'
    handset.collect(ToolUse(id="c1", name="collect_digits", arguments=wanted), 0.0)
    for key_pressed in "41111111#":
        handset.press(key_pressed, 1.0)
    assert handset.entries.hide("it was 4111 1111") == "it was entry-1"


def test_what_nobody_keeps_secret_is_not_hidden() -> None:
    handset = Handset(CLERK)
    for key_pressed in "41111111#":
        handset.press(key_pressed, 1.0)
    assert handset.entries.hide("it was 4111 1111") == "it was 4111 1111"
