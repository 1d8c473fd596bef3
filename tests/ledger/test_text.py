import json

import msgspec
import pytest

from daemon.ledger.text import LONGEST_KEY, as_json, clean, key


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("plain", "plain"),
        ("größer 😀", "größer 😀"),
        ("nul\0", "nul\ufffd"),
        ("ö\0", "ö\ufffd"),
        ("half \ud83d!", "half ?!"),
    ],
)
def test_text_is_what_a_database_takes(given: str, kept: str) -> None:
    assert clean(given) == kept
    assert key(given) == kept


def test_long_keys_are_cut_and_differ() -> None:
    long = "x" * 5000
    assert len(key(long)) == LONGEST_KEY
    assert key(long) == key(long) != key(long + "y")
    assert key("x" * LONGEST_KEY) == "x" * LONGEST_KEY
    assert len(key("ö" * 5000).encode()) < 2700  # what PostgreSQL's indexes take


class _Record(msgspec.Struct):
    words: str
    others: tuple[str, ...] = ()


@pytest.mark.parametrize("words", ["plain", "nul \0", "half \ud83d", "both \0 \udfff", "no nul: \\u0000"])
def test_json_is_what_a_database_can_read(words: str) -> None:
    text = as_json(_Record(words, ("a", words)))
    text.encode()
    read = json.loads(text)
    assert read == {"words": clean(words), "others": ["a", clean(words)]}
    assert msgspec.json.decode(text, type=_Record).words == clean(words)
