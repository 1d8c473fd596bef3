"""Numbers and texts that may be written down."""

import pytest

from daemon.core.redaction import masked, printable, short_number


@pytest.mark.parametrize(
    ("number", "short"),
    [
        ("+18005550199", "+1800…99"),
        ("+4930123456", "+493…56"),
        ("+123456", "…56"),
        ("+11234", "+11234"),
        ("+112", "+112"),
        (None, "unknown"),
    ],
)
def test_short_number(number: str | None, short: str) -> None:
    assert short_number(number) == short


def test_secrets_are_struck_out_of_what_others_say() -> None:
    assert masked("bad token abc, or abcdef?", ["abc", "abcdef", ""]) == "bad token ****, or ****?"
    assert masked("nothing", []) == "nothing"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("plain words", "plain words"),
        ("two\nlines\tand\ra tab", "two lines and a tab"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("turned \u202earound\u2066", "turned around"),
        ("naïve 日本語 😀", "naïve 日本語 😀"),
        ("\u200b\ufeff", ""),
    ],
)
def test_words_for_a_terminal(words: str, shown: str) -> None:
    assert printable(words) == shown
