"""TOML that can't be parsed is one kind of error."""

import tomllib

import pytest

from daemon.config.toml import parse


def test_a_document() -> None:
    assert parse('[a]\nb = "c"') == {"a": {"b": "c"}}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a = ", "Invalid value"),
        ("a = " + "[" * 5000, "too deep"),
        ("a = " + "{a = " * 5000, "too deep"),
        ("a = " + "9" * 5000, "too many digits"),
        ("a = 2026-02-30", "Invalid date"),
    ],
    ids=["nothing", "arrays", "tables", "digits", "date"],
)
def test_what_is_wrong_is_said_in_one_line(text: str, why: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError, match=why) as refused:
        parse(text)
    assert "\n" not in str(refused.value)
