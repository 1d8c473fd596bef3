"""The keypad buffer: keys with their times in, entries out."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.agent import KeypadRules
from daemon.core.keypad import Entry, KeypadBuffer
from tests.core.contract import thoroughly

RULES = KeypadRules(idle_timeout=2.5, terminator="#", max_digits=4)


@pytest.mark.parametrize(
    ("rules", "keys", "entries"),
    [
        (RULES, "42#", [("42", "terminator")]),
        (RULES, "#", []),
        (RULES, "##4#", [("4", "terminator")]),
        (RULES, "*0*#", [("*0*", "terminator")]),
        (RULES, "1234", [("1234", "length")]),
        (RULES, "12345#", [("1234", "length"), ("5", "terminator")]),
        (RULES, "1234#", [("1234", "length")]),
        (KeypadRules(terminator="", max_digits=3), "1#2", [("1#2", "length")]),
        (KeypadRules(terminator="*", max_digits=9), "1#*", [("1#", "terminator")]),
        (KeypadRules(max_digits=1), "AB", [("A", "length"), ("B", "length")]),
    ],
)
def test_keys_in_quick_succession(rules: KeypadRules, keys: str, entries: list[Entry]) -> None:
    buffer = KeypadBuffer(rules)
    assert [entry for key in keys for entry in buffer.press(key, 0.0)] == entries
    assert buffer.deadline == inf


def test_the_deadline_moves_with_each_key() -> None:
    buffer = KeypadBuffer(RULES)
    assert buffer.deadline == inf
    buffer.press("4", 1.0)
    assert buffer.deadline == 3.5
    buffer.press("2", 3.0)
    assert buffer.deadline == 5.5
    assert buffer.expire(5.49) == []
    assert buffer.expire(5.5) == [("42", "idle")]
    assert buffer.expire(5.5) == []
    assert buffer.deadline == inf


@pytest.mark.parametrize(
    ("key", "entries"),
    [("5", [("4", "idle")]), ("#", [("4", "idle")])],
)
@pytest.mark.parametrize("late", [2.5, 60.0])
def test_a_key_at_the_deadline_or_later_begins_anew(key: str, late: float, entries: list[Entry]) -> None:
    buffer = KeypadBuffer(RULES)
    buffer.press("4", 0.0)
    assert buffer.press(key, late) == entries


def test_a_late_key_can_complete_two_entries() -> None:
    buffer = KeypadBuffer(KeypadRules(idle_timeout=2.5, max_digits=2))
    buffer.press("4", 0.0)
    assert buffer.press("5", 3.0) == [("4", "idle")]
    assert buffer.press("6", 3.1) == [("56", "length")]
    single = KeypadBuffer(KeypadRules(idle_timeout=0.0, max_digits=2))
    single.press("4", 0.0)
    assert single.press("5", 0.0) == [("4", "idle")]


def test_speech_submits_what_there_is() -> None:
    buffer = KeypadBuffer(RULES)
    assert buffer.speech_started() == []
    buffer.press("4", 0.0)
    assert buffer.speech_started() == [("4", "speech")]
    assert buffer.speech_started() == []
    assert buffer.deadline == inf


@pytest.mark.parametrize("key", "0123456789*#ABCD")
def test_a_telephone_has_these_keys(key: str) -> None:
    assert KeypadBuffer.is_key(key)


@pytest.mark.parametrize("key", [None, "", "a", "E", "12", " 1", "+", "\uff14", "\u0664"])
def test_and_no_others(key: str | None) -> None:
    assert not KeypadBuffer.is_key(key)


@thoroughly
@given(st.lists(st.tuples(st.sampled_from("0123456789*ABCD"), st.floats(0, 5))))
def test_no_key_is_lost_or_doubled(presses: list[tuple[str, float]]) -> None:
    buffer, now, entries = KeypadBuffer(RULES), 0.0, list[Entry]()
    for key, pause in presses:
        now += pause
        entries += buffer.press(key, now)
    entries += buffer.speech_started()
    assert "".join(digits for digits, _ in entries) == "".join(key for key, _ in presses)
    assert all(0 < len(digits) <= RULES.max_digits for digits, _ in entries)
