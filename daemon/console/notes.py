"""What became of a wish, kept for the page that a browser is sent to after it: a form must not be sent twice.

A few of them, for a minute, each under a name that can't be guessed. Owned by the console; imports Trio's clock only.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable

import msgspec
import trio

LIFETIME = 60.0
MOST = 64


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What is said at the top of the next page."""

    text: str
    bad: bool = False
    """Whether it did not go as wished."""


class Notes:
    """The notes of one console."""

    def __init__(self, clock: Callable[[], float] = trio.current_time) -> None:
        self._clock = clock
        self._notes: OrderedDict[str, tuple[float, Note]] = OrderedDict()

    def put(self, note: Note) -> str:
        """Keep a note; gives its name."""
        name = secrets.token_urlsafe(9)
        self._notes[name] = (self._clock() + LIFETIME, note)
        while len(self._notes) > MOST:
            self._notes.popitem(last=False)
        return name

    def get(self, name: str) -> Note | None:
        """The note of this name, unless it is forgotten."""
        until, note = self._notes.get(name, (0.0, None))
        return note if until > self._clock() else None
