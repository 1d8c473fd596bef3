"""Notes for the next page."""

from daemon.console.notes import LIFETIME, MOST, Note, Notes


def test_a_note_is_there_for_a_minute_and_under_its_name_only() -> None:
    now = [0.0]
    notes = Notes(lambda: now[0])
    name = notes.put(Note(text="done"))
    assert notes.get(name) == Note(text="done")
    assert notes.get(name) == Note(text="done")  # a page may be reloaded
    assert notes.get("") is None
    now[0] = LIFETIME
    assert notes.get(name) is None


def test_there_are_few_of_them() -> None:
    notes = Notes(lambda: 0.0)
    names = [notes.put(Note(text=str(number))) for number in range(MOST + 1)]
    assert notes.get(names[0]) is None
    assert notes.get(names[1]) is not None
