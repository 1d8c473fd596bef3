"""Numbers and texts that may be written down."""

import pytest

from daemon.core.redaction import masked, printable, short_number, without


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


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ('{"a": ["x 4711", 4711.0, 4711, null, true], "4711": 1}', '{"a":["x pin","pin","pin",null,true],"pin":1}'),
        ('{"a": 815}', '{"a":"zeros"}'),
        ('{"a": "0815"}', '{"a":"zeros"}'),
        ('{"a": "4-7-1-1."}', '{"a":"pin."}'),
        ('{"a": "47115"}', '{"a": "47115"}'),
        ('{"a": "#*1"}', '{"a":"keys"}'),
        ("not JSON: 4711", "not JSON: pin"),
        ("[" * 3000 + "4711", "[" * 3000 + "pin"),
        ('{"plain": 1}', '{"plain": 1}'),
    ],
)
def test_secrets_are_replaced_by_their_names(text: str, cleaned: str) -> None:
    assert without(text, {"pin": "4711", "zeros": "0815", "keys": "#*1", "nothing": ""}) == cleaned
