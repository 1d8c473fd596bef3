"""The conversation as transcripts, from the greeting to the end; turns and goodbyes have files of their own."""

import json
import random
from math import inf
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core import events as ev
from daemon.core.agent import Agent, FixedGreeting, GeneratedGreeting, KeypadRules
from daemon.core.commands import HangUp, Remember, SendFrame
from daemon.core.frames import ResponseCreate, ResponseSettings, SessionUpdate, spoken_exactly
from daemon.core.journal import DigitsCollected, Greeted, KeyPressed, PlatformComplained, SessionConfigured
from tests.core.contract import EXAMPLES, NAMES, Wire, thoroughly
from tests.core.playbook import RESUME, START, WAKE, Playbook
from tests.core.scenes import (
    PLAIN,
    POLITE,
    SPEECH_STARTED,
    SPEECH_STOPPED,
    STOPPED,
    TURN,
    agent,
    all_words,
    answered,
    caller,
    done,
    has_said,
    heard,
    key,
    like,
    says,
    stopped,
    tool,
    turn,
    words_so_far,
)

# The beginning

UPDATE = SessionUpdate(session=PLAIN.session)
SILENCE = HangUp(("the platform never answered",))


def test_without_a_greeting_the_caller_speaks_first() -> None:
    call = Playbook(PLAIN)
    call.at(0.0, START, UPDATE)


@pytest.mark.parametrize("interruptible", [True, False])
def test_a_fixed_greeting_is_spoken_behind_the_configuration(interruptible: bool) -> None:
    call = Playbook(like(PLAIN, greeting=FixedGreeting("Spoke and Chain.", interruptible=interruptible)))
    words = spoken_exactly("Spoke and Chain.", interruptible=interruptible)
    call.at(0.0, START, UPDATE, words, Greeted(generated=False))


def test_a_generated_greeting_has_a_prompt_of_its_own() -> None:
    call = Playbook(like(PLAIN, greeting=GeneratedGreeting("Greet the caller.")))
    turn = ResponseCreate(response=ResponseSettings(instructions="Greet the caller."))
    call.at(0.0, START, UPDATE, turn, Greeted(generated=True))


def test_each_frame_has_an_id_of_its_own() -> None:
    call = Playbook(like(PLAIN, greeting=FixedGreeting("Hello.")))
    call.play(0.0, START)
    call.play(1.0, tool("weather"))
    call.play(1.0, done())
    call.play(3.0, WAKE)
    frames = [command.frame for command in call.commands if isinstance(command, SendFrame)]
    assert [frame.event_id for frame in frames] == ["cw-1", "cw-2", "cw-3", "cw-4"]


def test_what_the_platform_made_of_the_configuration_is_written_down() -> None:
    call = Playbook(PLAIN)
    call.at(0.0, START, UPDATE)
    call.at(0.1, heard("session.created", session={"model": "grok-1", "voice": "ara"}))
    configured = SessionConfigured(model="grok-2", voice="eve")
    call.at(0.2, heard("session.updated", session={"model": "grok-2", "voice": "eve"}), configured)
    call.at(0.3, heard("session.created", session=None))
    call.at(0.4, heard("session.updated", session=None), SessionConfigured(model=None, voice=None))


def test_a_platform_that_never_answers_is_not_waited_for() -> None:
    call = Playbook(PLAIN)
    call.at(5.0, START, UPDATE)
    call.at(14.9, WAKE)
    call.at(15.0, WAKE, SILENCE)


@pytest.mark.parametrize("first", [heard("ping"), heard("what.ever"), ev.decode("nonsense"), heard("session.updated")])
def test_any_event_is_an_answer(first: ev.Event) -> None:
    call = Playbook(PLAIN)
    call.play(0.0, START)
    call.play(9.9, first)
    assert call.conversation.deadline == PLAIN.max_duration
    call.play(10.0, WAKE)
    assert not call.conversation.ended


def test_no_call_lasts_longer_than_it_may() -> None:
    call = answered(like(PLAIN, max_duration=60.0))
    call.at(59.9, key("4"), KeyPressed(digit="4"))
    call.at(60.0, WAKE, HangUp(("max duration 1m",)))


# What the caller says


def test_words_so_far_replace_one_another() -> None:
    call = answered(PLAIN)
    call.at(1.0, words_so_far("do you"), caller("do you"))
    call.at(1.2, words_so_far("do you have"), caller("do you have"))
    call.at(1.2, words_so_far("do you have"))
    call.at(1.3, words_so_far(None))
    call.at(1.4, words_so_far("to you have"), caller("to you have"))
    call.at(2.0, all_words("Do you have time?"), caller("Do you have time?", final=True))
    call.at(2.1, all_words("Do you have time?"))
    call.at(2.2, all_words("Do you have a time?"), caller("Do you have a time?", final=True))
    call.at(3.0, words_so_far("yes", "u2"), caller("yes", "u2"))
    assert [turn.text for turn in call.conversation.transcript.turns] == ["Do you have a time?", "yes"]


def test_a_partial_under_the_final_name_is_a_partial() -> None:
    call = answered(PLAIN)
    call.at(1.0, all_words("My name is", status="in_progress"), caller("My name is"))
    call.at(2.0, all_words("My name is Odile.", status="completed"), caller("My name is Odile.", final=True))


def test_words_without_an_item_id_are_kept() -> None:
    call = answered(PLAIN)
    call.at(1.0, words_so_far("hello", None), caller("hello", ""))
    call.at(1.0, says("Hi.", None), agent("Hi.", ""))


# What the agent says


def test_pieces_add_up_and_the_whole_text_has_the_last_word() -> None:
    call = answered(PLAIN)
    call.at(1.0, TURN)
    call.at(1.0, says("Spoke and "), agent("Spoke and "))
    call.at(1.1, says("Chian."), agent("Spoke and Chian."))
    call.at(1.1, says(None))
    call.at(1.2, has_said("Spoke and Chain."), agent("Spoke and Chain.", final=True))
    call.at(1.3, says(" More."))
    call.at(1.4, done(2.0))


def test_the_pieces_stay_when_the_whole_text_is_missing() -> None:
    call = answered(PLAIN)
    call.at(1.0, says("Spoke and "), agent("Spoke and "))
    call.at(1.1, says("Chain."), agent("Spoke and Chain."))
    call.at(1.2, has_said(None), agent("Spoke and Chain.", final=True))


@pytest.mark.parametrize("kind", ["response.output_text.delta", "response.text.delta"])
def test_written_words_count_like_spoken_ones(kind: str) -> None:
    call = answered(PLAIN)
    call.at(1.0, heard(kind, item_id="a1", delta="Monday "), agent("Monday "))
    call.at(1.1, heard(kind, item_id="a1", delta="at nine."), agent("Monday at nine."))


def test_of_a_turn_that_was_cut_off_only_what_was_heard_is_kept() -> None:
    cut = "conversation.item.truncated"
    call = answered(PLAIN)
    call.at(1.0, says("Spoke and Chain, how can I help?"), agent("Spoke and Chain, how can I help?"))
    call.at(2.0, heard(cut, item_id="a1", audio_end_ms=900))
    call.at(2.0, heard(cut, item_id="a1", transcript=""))
    call.at(2.0, heard(cut, item_id="a1", transcript="Spoke and"), agent("Spoke and", final=True))
    call.at(2.1, says(" else?"))
    call.at(2.2, has_said(None))
    call.at(2.2, has_said("Spoke and Chain, how can I help?"))
    call.at(2.2, heard(cut, item_id="a1", transcript="Spoke"))
    call.at(2.3, done(status="cancelled"))
    assert [turn.text for turn in call.conversation.transcript.turns] == ["Spoke and"]


# The keypad

FOUR, TWO = KeyPressed(digit="4"), KeyPressed(digit="2")


def entry(digits: str, trigger: Any) -> DigitsCollected:
    return DigitsCollected(digits=digits, count=len(digits), trigger=trigger)


def test_the_terminator_submits_an_entry() -> None:
    call = answered(PLAIN)
    call.at(1.0, key("4"), FOUR)
    call.at(1.5, key("2"), TWO)
    call.at(2.0, key("#"), KeyPressed(digit="#"), entry("42", "terminator"))
    call.at(2.1, key("#"), KeyPressed(digit="#"))


def test_idle_time_submits_an_entry() -> None:
    call = answered(PLAIN)
    call.at(1.0, key("4"), FOUR)
    call.at(3.0, key("2"), TWO)
    call.at(5.4, WAKE)
    call.at(5.5, WAKE, entry("42", "idle"))
    call.at(5.5, WAKE)


def test_speech_submits_an_entry() -> None:
    call = answered(PLAIN)
    call.at(1.0, SPEECH_STARTED)
    call.at(2.0, key("4"), FOUR)
    call.at(2.5, SPEECH_STARTED, entry("4", "speech"))
    call.at(2.6, SPEECH_STARTED)


def test_length_submits_an_entry() -> None:
    call = answered(like(PLAIN, keypad=KeypadRules(max_digits=2)))
    call.at(1.0, key("4"), FOUR)
    call.at(1.5, key("2"), TWO, entry("42", "length"))
    call.at(1.6, key("4"), FOUR)


def test_a_key_exactly_at_the_deadline_begins_a_new_entry() -> None:
    call = answered(PLAIN)
    call.at(1.0, key("4"), FOUR)
    call.at(3.5, key("2"), entry("4", "idle"), TWO)
    call.at(3.5, WAKE)
    call.at(6.0, WAKE, entry("2", "idle"))


@pytest.mark.parametrize("late", ["2", "#"])
def test_an_entry_that_a_late_key_completes_stands_before_the_key(late: str) -> None:
    call = answered(PLAIN)
    call.at(1.0, key("4"), FOUR)
    call.at(3.5, key(late), entry("4", "idle"), KeyPressed(digit=late))


def test_without_idle_time_each_key_is_an_entry_of_its_own() -> None:
    call = answered(like(PLAIN, keypad=KeypadRules(max_digits=2, idle_timeout=0.0)))
    call.play(1.0, key("4"))
    call.play(1.0, key("2"))
    kinds = [type(command.entry) for command in call.commands[-3:] if isinstance(command, Remember)]
    assert kinds == [KeyPressed, DigitsCollected, KeyPressed]


@pytest.mark.parametrize("digit", [None, "", "a", "E", "42", " ", "\u0664"])
def test_what_is_no_key_is_ignored(digit: str | None) -> None:
    call = answered(PLAIN)
    call.at(1.0, key(digit))
    assert call.conversation.deadline == PLAIN.max_duration


def test_sensitive_digits_are_nowhere() -> None:
    call = answered(like(PLAIN, keypad=KeypadRules(sensitive=True, max_digits=4)))
    for second, digit in enumerate("7887", start=1):
        call.play(second, key(digit))
    for second, digit in enumerate("78#", start=5):
        call.play(second, key(digit))
    call.play(8.0, key("8"))
    call.play(8.1, SPEECH_STARTED)
    call.play(8.2, heard("input_audio_buffer.dtmf_event_received", event=7))
    call.play(9.0, key("7"))
    call.play(11.5, WAKE)
    journal = [command.entry for command in call.commands if isinstance(command, Remember)]
    collected = [entry for entry in journal if isinstance(entry, DigitsCollected)]
    assert [(entry.count, entry.trigger) for entry in collected] == [
        (4, "length"),
        (2, "terminator"),
        (1, "speech"),
        (1, "idle"),
    ]
    assert journal.count(KeyPressed(digit=None)) == 9
    for trace in (repr(journal), msgspec.json.encode(journal).decode(), repr(call.conversation.seen)):
        assert not set("78") & set(trace)


# What goes wrong


def test_some_errors_end_the_call() -> None:
    for kind in ("timeout", "max_duration"):
        call = answered(PLAIN)
        error = {"type": kind, "message": "x" * 500}
        call.at(1.0, heard("error", error=error), HangUp((f"platform error {kind}", "x" * 200)))


def test_a_refused_configuration_ends_the_call() -> None:
    error = {"type": "invalid_request_error", "code": "bad_voice", "message": "no such voice", "event_id": "cw-1"}
    call = Playbook(PLAIN)
    call.at(0.0, START, UPDATE)
    refused = "session.update refused by the platform"
    call.at(0.1, heard("error", error=error), HangUp((refused, "no such voice")))


def test_a_refused_configuration_needs_no_words() -> None:
    call = answered(PLAIN)
    call.at(0.1, heard("error", error={"event_id": "cw-1"}), HangUp(("session.update refused by the platform",)))


@pytest.mark.parametrize(
    "error",
    [
        {"code": "response_cancel_not_active"},
        {"code": "conversation_already_has_active_response", "event_id": "cw-2"},
        {"message": "There is no active response."},
    ],
)
def test_harmless_races_are_not_worth_a_word(error: Wire) -> None:
    call = answered(PLAIN)
    call.at(1.0, heard("error", error=error))


@pytest.mark.parametrize(
    "error",
    [
        {"type": "internal_error", "code": "internal_error", "message": "server fault"},
        {"type": "invalid_event", "code": None, "message": "what?", "event_id": "cw-2"},
        {},
    ],
)
def test_other_errors_are_written_down(error: Wire) -> None:
    call = answered(PLAIN)
    complaint = PlatformComplained(type=error.get("type"), code=error.get("code"), message=error.get("message"))
    call.at(1.0, heard("error", error=error), complaint)


@pytest.mark.parametrize("wire", [{"error": None}, {}])
def test_an_error_without_a_body_is_written_down(wire: Wire) -> None:
    call = answered(PLAIN)
    call.at(1.0, heard("error", **wire), PlatformComplained(type=None, code=None, message=None))


def test_twenty_unreadable_events_in_a_row_end_the_call() -> None:
    call = answered(PLAIN)
    for second in range(1, 20):
        call.at(second, ev.decode("hello"))
    call.at(20.0, ev.decode("hello"), HangUp(("20 unreadable events in a row", "DecodeError")))


@pytest.mark.parametrize("good", [heard("ping"), heard("never.heard.of")])
def test_one_good_event_among_them_forgives_the_others(good: ev.Event) -> None:
    call = answered(PLAIN)
    for _ in range(3):
        for _ in range(19):
            call.at(1.0, ev.decode("["))
        call.at(1.0, good)


# A lost line


def test_a_new_line_is_configured_anew_and_not_greeted() -> None:
    call = Playbook(like(PLAIN, greeting=FixedGreeting("Spoke and Chain.")))
    call.at(0.0, START, UPDATE, spoken_exactly("Spoke and Chain."), Greeted(generated=False))
    call.at(0.2, heard("session.updated"), SessionConfigured(model=None, voice=None))
    call.at(5.0, RESUME, UPDATE)
    call.at(5.2, heard("session.updated"), SessionConfigured(model=None, voice=None))


def test_a_new_line_goes_on_with_the_numbers_of_the_frames() -> None:
    call = answered(PLAIN)
    call.at(5.0, RESUME, UPDATE)
    frames = [command.frame.event_id for command in call.commands if isinstance(command, SendFrame)]
    assert frames == ["cw-1", "cw-2"]


def test_the_last_configuration_is_the_one_that_must_not_be_refused() -> None:
    call = answered(PLAIN)
    call.at(5.0, RESUME, UPDATE)
    complaint = PlatformComplained(type=None, code=None, message="late")
    call.at(5.1, heard("error", error={"event_id": "cw-1", "message": "late"}), complaint)
    refused = HangUp(("session.update refused by the platform", "no such voice"))
    call.at(5.2, heard("error", error={"event_id": "cw-2", "message": "no such voice"}), refused)


def test_a_new_line_that_never_answers_is_not_waited_for() -> None:
    call = answered(PLAIN)
    call.at(5.0, RESUME, UPDATE)
    call.at(14.9, WAKE)
    call.at(15.0, WAKE, SILENCE)


def test_a_line_may_be_lost_before_it_answered() -> None:
    call = Playbook(PLAIN)
    call.at(0.0, START, UPDATE)
    call.at(8.0, RESUME, UPDATE)
    call.at(10.0, WAKE)
    call.at(12.0, RESUME, UPDATE)
    call.at(22.0, WAKE, SILENCE)


def test_the_longest_duration_counts_from_the_first_line() -> None:
    call = answered(like(PLAIN, max_duration=60.0))
    call.at(55.0, RESUME, UPDATE)
    call.at(55.1, heard("ping"))
    call.at(60.0, WAKE, HangUp(("max duration 1m",)))


def test_what_is_told_again_is_not_written_down_again() -> None:
    call = answered(PLAIN)
    call.at(1.0, all_words("Do you have time?"), caller("Do you have time?", final=True))
    call.at(2.0, says("On Monday."), agent("On Monday."))
    call.at(2.1, has_said("On Monday."), agent("On Monday.", final=True))
    call.at(5.0, RESUME, UPDATE)
    for item, role, words in (("u1", "user", "Do you have time?"), ("a1", "assistant", "On Monday.")):
        replay = {"id": item, "type": "message", "role": role, "content": [{"type": "text", "text": words}]}
        call.at(5.1, heard("conversation.item.created", item=replay))
    call.at(5.2, all_words("Do you have time?"))
    call.at(5.3, has_said("On Monday."))
    call.at(6.0, all_words("Good.", "u2"), caller("Good.", "u2", final=True))
    assert [turn.text for turn in call.conversation.transcript.turns] == ["Do you have time?", "On Monday.", "Good."]


def test_keys_that_were_pressed_before_the_gap_are_kept() -> None:
    call = answered(PLAIN)
    call.at(1.0, key("4"), FOUR)
    call.at(2.0, RESUME, UPDATE)
    call.at(3.0, key("2"), TWO)
    call.at(4.0, RESUME, UPDATE)
    call.at(5.5, WAKE, entry("42", "idle"))


def test_keys_whose_time_was_up_within_the_gap_are_submitted_after_it() -> None:
    call = answered(PLAIN)
    call.at(1.0, key("4"), FOUR)
    call.play(9.0, RESUME)  # no line, no timer
    call.play(9.0, WAKE)
    assert call.commands[-1] == Remember(entry("4", "idle"))


# The end


@pytest.mark.parametrize("wire", EXAMPLES, ids=NAMES)
def test_after_the_end_events_are_only_counted(wire: Wire) -> None:
    call = answered(like(POLITE, max_duration=60.0))
    call.at(60.0, WAKE, HangUp(("max duration 1m",)))
    before = call.conversation.seen.total()
    call.at(60.0, ev.decode(json.dumps(wire)))
    call.at(61.0, WAKE)
    assert call.conversation.seen.total() == before + 1
    assert call.conversation.deadline == inf


def test_events_are_counted_by_type() -> None:
    call = answered(PLAIN)
    for event in (heard("ping"), heard("ping"), heard("a.b"), heard("c.d"), ev.decode("["), ev.decode('{"type":7}')):
        call.play(1.0, event)
    assert call.conversation.seen == {
        "session.updated": 1,
        "ping": 2,
        "unknown": 2,
        "malformed": 2,
    }


@pytest.mark.parametrize("wire", EXAMPLES, ids=NAMES)
def test_every_example_can_open_a_call(wire: Wire) -> None:
    call = Playbook(POLITE)
    call.play(0.0, START)
    call.play(0.1, ev.decode(json.dumps(wire)))


# Any order

AGENTS = [
    PLAIN,
    POLITE,
    like(POLITE, greeting=FixedGreeting("Hello."), keypad=KeypadRules(max_digits=2, sensitive=True)),
    like(POLITE, greeting=GeneratedGreeting("Greet."), max_duration=20.0, goodbye_timeout=0.0, goodbye_margin=0.0),
    like(POLITE, keypad=KeypadRules(idle_timeout=0.0)),
    like(POLITE, silence_timeout=3.0, check_in="Are you there?", goodbye="Goodbye.", max_duration=60.0),
    like(POLITE, silence_timeout=0.1, check_in="Are you there?", max_duration=20.0, goodbye_margin=0.0),
    like(PLAIN, silence_timeout=10.0, goodbye="Goodbye.", max_duration=10.0, goodbye_timeout=0.1),
    like(POLITE, greeting=FixedGreeting("We are closed."), announcement=True, goodbye="Goodbye.", max_duration=5.0),
]
FIELDS: dict[str, list[Any]] = {
    "item_id": ["it-u1", "it-g1", "", None],
    "call_id": ["fc-11", "fc-12", "fc-13", "", None],
    "name": ["hang_up", "hang_up", "weather", None],
    "arguments": ['{"reason": "all done"}', "{}", "nonsense", None],
    "delta": ["Good", "x" * 45, "", None],
    "event": ["4", "#", "E", None],
    "status": ["completed", "cancelled", "in_progress", None],
    "output_audio_seconds": [0.0, 2.5, 1e9, -1.0, None],
    "response_id": ["r1", "r2", None],
    "id": ["r1", "r2", None],
    "event_id": ["cw-1", "cw-2", None],
}


CHANCE = random.Random(7)


def varied(wire: Any) -> Any:
    if not isinstance(wire, dict):
        return wire
    return {name: CHANCE.choice(FIELDS[name]) if name in FIELDS else varied(value) for name, value in wire.items()}


EVENTS = [ev.decode(json.dumps(varied(wire))) for wire in EXAMPLES for _ in range(6)]
CHECKS_IN = heard("input_audio_buffer.timeout_triggered")
TALK = [
    SPEECH_STARTED,
    SPEECH_STOPPED,
    CHECKS_IN,
    TURN,
    turn("r2"),
    says("Bye."),
    key("4"),
    ev.decode("["),
    STOPPED,
    stopped("r2"),
]
ENDS = [done(2.0), done(2.0, response="r2"), done(status="cancelled"), done(response="r1", status="cancelled")]
TOOLS = [tool(name, f"c{number}") for number in range(3) for name in ("hang_up", "weather")]
LIVELY = [*TALK, *ENDS, *TOOLS]
HAPPENINGS = st.one_of(st.just(WAKE), st.just(RESUME), st.sampled_from(LIVELY), st.sampled_from(EVENTS))
PAUSES = st.sampled_from([0.0, 0.1, 0.5, 2.5, 10.0, None])


@thoroughly
@given(st.sampled_from(AGENTS), st.lists(st.tuples(PAUSES, HAPPENINGS), max_size=30))
def test_whatever_happens_it_neither_raises_nor_spins_nor_acts_after_the_end(
    agent: Agent, story: list[tuple[float | None, ev.Event | str]]
) -> None:
    call = Playbook(agent)  # all these rules are the playbook's, for this test and any other
    call.play(0.0, START)
    now, received = 0.0, 0
    for pause, happening in story:
        if happening == RESUME and call.conversation.ended:
            continue  # nobody comes back to a call that is over
        now = now + pause if pause is not None else max(now, min(call.conversation.deadline, agent.max_duration))
        call.play(now, happening)
        received += isinstance(happening, ev.Event)
    wakes = 0
    while not call.conversation.ended:
        now, wakes = max(now, call.conversation.deadline), wakes + 1
        call.play(now, WAKE)
    assert now < inf
    assert wakes <= 10
    assert call.conversation.seen.total() == received
