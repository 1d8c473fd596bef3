"""What somebody types: read line by line without a thread, so that the end of a chat waits for nobody's key.

Imports Trio. Waits for the terminal to be readable and then reads, instead of making it non-blocking: that would be
felt by every other program that uses it, the shell included.
"""

import contextlib
import os
import re
from typing import Final

import msgspec
import trio

_CHUNK: Final = 65_536
_LONGEST: Final = 4_096
_KEYS: Final = re.compile(r"[0-9*#]{1,64}")


class Words(msgspec.Struct, frozen=True):
    """Something to say."""

    text: str


class Keys(msgspec.Struct, frozen=True):
    """Keys to press."""

    keys: str


class Quit(msgspec.Struct, frozen=True):
    """The wish to hang up; at the end of a file, once the agent has said what it has to say."""

    at_once: bool = True


class Slip(msgspec.Struct, frozen=True):
    """Something that is neither, and what to type instead."""

    hint: str


Typed = Words | Keys | Quit | Slip

HINT: Final = "type to talk; /key 42# presses keys; /quit hangs up"


def read_line(line: str) -> Typed | None:
    """What a line means; None if there is nothing in it."""
    text = " ".join(line.split())[:_LONGEST]
    if not text:
        return None
    if not text.startswith("/"):
        return Words(text)
    command, _, rest = text.partition(" ")
    match command:
        case "/quit" | "/q":
            return Quit()
        case "/key" | "/keys" if _KEYS.fullmatch(rest.replace(" ", "")):
            return Keys(rest.replace(" ", ""))
        case "/key" | "/keys":
            return Slip("keys are 0-9, * and #, as in: /key 42#")
        case _:
            return Slip(HINT)


class Keyboard:
    """Reads a terminal, a pipe or a file, by its descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self._ended = False

    async def next(self) -> Typed:
        """Wait for what is typed next. Cancelling is safe: nothing is lost."""
        while True:
            await trio.lowlevel.checkpoint()
            while b"\n" in self._rest:
                line, _, self._rest = self._rest.partition(b"\n")
                typed = read_line(line.decode(errors="replace"))
                if typed is not None:
                    return typed
            if self._ended:
                return Quit(at_once=False)
            await self._more()

    async def _more(self) -> None:
        with contextlib.suppress(OSError):  # a file can't be waited for, and need not
            await trio.lowlevel.wait_readable(self._descriptor)
        try:
            chunk = os.read(self._descriptor, _CHUNK)
        except OSError:
            chunk = b""  # the terminal is gone
        self._rest += chunk or b"\n"
        self._ended = not chunk
