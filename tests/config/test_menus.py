"""Menus as an operator writes them, value by value."""

from pathlib import Path

import pytest

from daemon.config.menus import menu_action, menu_keys, trouble_action
from tests.config.written import MINIMAL, complaints, loaded


@pytest.mark.parametrize("keys", ["0", "*9", "#", "12345678"])
def test_keys(keys: str) -> None:
    assert menu_keys(keys) == keys


@pytest.mark.parametrize("keys", ["", "A", "1 2", "123456789", "+", "\u0664"])
def test_what_are_no_keys(keys: str) -> None:
    with pytest.raises(ValueError, match=r"expected 1 to 8 keys of 0-9, \* and #"):
        menu_keys(keys)


@pytest.mark.parametrize("action", ["hang_up", "say:Hello.", "transfer:desk", "tool:hours"])
def test_actions(action: str) -> None:
    assert menu_action(action) == action


def test_words_are_not_endless() -> None:
    with pytest.raises(ValueError, match="at most 1000 characters; this one has 1001"):
        menu_action("say:" + "x" * 1001)


@pytest.mark.parametrize("action", ["", "hang_up", "transfer:desk"])
def test_what_can_be_done_in_trouble(action: str) -> None:
    assert trouble_action(action) == action


@pytest.mark.parametrize("action", ["say:Sorry.", "tool:hours", "panic"])
def test_what_can_not(action: str) -> None:
    with pytest.raises(ValueError, match='expected "transfer:DESTINATION", "hang_up", or "" for nothing'):
        trouble_action(action)


def test_in_the_file(tmp_path: Path) -> None:
    config = loaded(tmp_path, MINIMAL + 'keypad.menu = { "0" = "hang_up", "12" = "say:Twelve." }\n')
    assert config.agents["support"].keypad.menu == {"0": "hang_up", "12": "say:Twelve."}
    bad = 'keypad.menu = { "zero" = "hang_up", "1" = "call" }\non_trouble = "cry"\nreply_timeout = "5m"\n'
    where = "config.toml: [agents.support"
    assert complaints(tmp_path, MINIMAL + bad) == [
        f"{where}] reply_timeout: expected a duration from 0s to 2m, got 5m",
        f'{where}] on_trouble: expected "transfer:DESTINATION", "hang_up", or "" for nothing',
        f'{where}.keypad.menu] zero: expected 1 to 8 keys of 0-9, * and #, such as "0" or "*9"',
        f'{where}.keypad.menu] 1: expected "transfer:DESTINATION", "hang_up", "say:TEXT" or "tool:NAME"',
    ]
