"""Sensitive entries: given out once, and seen by nobody else."""

import pytest

from daemon.core.entries import REFERENCE, Entries


def test_digits_are_given_out_once() -> None:
    entries = Entries()
    first, second = entries.keep("4711"), entries.keep("0815")
    assert (first, second) == ("entry-1", "entry-2")
    assert REFERENCE.fullmatch(first)
    assert entries.take(first) == "4711"
    assert entries.take(first) is None
    assert entries.take("entry-9") is None
    assert entries.take(second) == "0815"


def test_a_reference_is_never_used_again() -> None:
    entries = Entries()
    entries.take(entries.keep("1"))
    entries.forget()
    assert entries.keep("2") == "entry-2"


def test_what_nobody_wanted_is_forgotten() -> None:
    entries = Entries()
    references = [entries.keep(str(number)) for number in range(20)]
    assert [entries.take(each) for each in references] == [None] * 12 + [str(number) for number in range(12, 20)]


def test_all_is_forgotten_at_the_end() -> None:
    entries = Entries()
    entries.keep("4711")
    entries.forget()
    assert entries.take("entry-1") is None


def test_nobody_sees_them_by_looking() -> None:
    entries = Entries()
    entries.keep("4711")
    assert "4711" not in repr(entries)
    assert repr(entries) == "<1 entries>"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('{"card": "4711"}', '{"card":"entry-1"}'),
        ('{"card": 4711, "amount": 12}', '{"card":"entry-1","amount":12}'),
        ('{"note": "pin 47 11, please"}', '{"note":"pin entry-1, please"}'),
        ('{"note": "14711"}', '{"note": "14711"}'),
        ("", ""),
    ],
)
def test_what_the_model_repeats_of_them_is_hidden(text: str, hidden: str) -> None:
    entries = Entries()
    entries.keep("4711")
    assert entries.hide(text) == hidden
    entries.take("entry-1")
    assert entries.hide(text) == text


def test_a_long_one_is_looked_for_even_when_it_was_used() -> None:
    """The model has heard a card's number, and may write it into a message after it was charged."""
    entries = Entries()
    entries.take(entries.keep("4111111111111111"))
    entries.take(entries.keep("2026"))
    text = '{"text":"Card 4111 1111 1111 1111 was charged on 2026-03-03."}'
    assert entries.hide(text) == '{"text":"Card entry-1 was charged on 2026-03-03."}'
    assert entries.take("entry-1") is None
    entries.forget()
    assert entries.hide(text) == text


def test_so_many_are_looked_for_and_no_more() -> None:
    entries = Entries()
    for number in range(20):
        entries.take(entries.keep(f"{number:08}"))
    assert [entries.hide(f"{number:08}") == f"{number:08}" for number in (0, 11, 12, 19)] == [True, True, False, False]
