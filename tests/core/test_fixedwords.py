"""Fixed words: turns that are ours, told by their order."""

from daemon.core.fixedwords import FixedWords


def test_each_of_them_becomes_one_turn() -> None:
    words = FixedWords()
    words.send(interruptible=True)
    words.send(interruptible=False)
    seen = []
    for _ in range(3):
        fixed = words.turn_begins()
        seen.append((fixed, words.speak, words.firm))
    assert seen == [(True, True, False), (True, True, True), (False, False, False)]


def test_a_turn_that_said_nothing_was_not_one_of_them() -> None:
    words = FixedWords()
    words.send(interruptible=False)
    assert words.turn_begins()
    words.turn_ends(spoke=False)
    assert (words.waiting, words.speak, words.firm) == (True, False, False)
    assert words.turn_begins()
    assert words.firm
    words.turn_ends(spoke=True)
    assert not words.waiting


def test_before_the_first_turn_nobody_speaks() -> None:
    assert (FixedWords().speak, FixedWords().firm) == (False, False)
