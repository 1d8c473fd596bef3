"""Finding and reading recordings. Imports core, observe's file names and errors.

A daemon that was killed leaves half a line at the end, and the next one goes on after it: both parts of such a file are
read, and what stood on the torn line is lost.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from daemon.core.recording import FORMAT, Closed, Fed, Line, Opened, decode_line
from daemon.errors import StartError
from daemon.observe.recorder import SUFFIX


class Take(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation of a recorded call; a call that was taken over has several."""

    opened: Opened
    fed: tuple[Fed, ...]
    closed: Closed | None
    """None: its daemon was killed, or the call has not ended yet."""


def find(folder: str, call: str) -> list[Path]:
    """The recordings that are meant: by a file, or by the beginning of a call's id among those in the folder."""
    path = Path(call)
    if path.is_file():
        return [path]
    if not folder or "/" in call:
        return []
    found = sorted(path for path in Path(folder).glob(f"*{SUFFIX}") if path.name.startswith(call))
    exact = [path for path in found if path.stem == call]
    return exact or found


def recordings_of(folder: str, number: str) -> list[Path]:
    """The recordings of calls from one number; what can't be read as one is passed over."""
    return [path for path in sorted(Path(folder).glob(f"*{SUFFIX}")) if number in _callers(path)] if folder else []


def _callers(path: Path) -> Iterator[str | None]:
    """Who called, as far as a file says it: at its beginning, unless that is torn."""
    with suppress(OSError, ValueError), path.open("rb") as file:
        for row in file:
            if row.startswith(b'{"line":"opened"') and isinstance(line := decode_line(row), Opened):
                yield line.caller


def read(path: Path) -> tuple[Take, ...]:
    """Read a recording, in which there is at least one conversation. Errors: `StartError`, as for `parse`."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise StartError(f"cannot read {path}: {error.strerror}") from error
    return parse(text, str(path))


def parse(text: bytes, name: str) -> tuple[Take, ...]:
    """Read a recording's text; `name` is for messages. Errors: `StartError`, if it is none we can read."""
    takes = tuple(_takes(_lines(text, name)))
    if not takes:
        raise StartError(f"{name} is no recording of a call")
    other = {take.opened.format for take in takes} - {FORMAT}
    if other:
        raise StartError(f"{name} was written in format {other.pop()} of recordings, and this is a build for {FORMAT}")
    return takes


def _lines(text: bytes, name: str) -> Iterator[Line]:
    rows = text.split(b"\n")
    for number, row in enumerate(rows, start=1):
        try:
            if row:
                yield decode_line(row)
        except ValueError as error:
            # Torn, if it is the last one, or if what follows is another daemon's.
            following = rows[number] if number < len(rows) else b""
            if following and not following.startswith(b'{"line":"opened"'):
                raise StartError(f"{name}, line {number}: {error}") from error


def _takes(lines: Iterator[Line]) -> Iterator[Take]:
    opened: Opened | None = None
    fed: list[Fed] = []
    closed: Closed | None = None
    for line in lines:
        match line:
            case Opened():
                if opened is not None:
                    yield Take(opened=opened, fed=tuple(fed), closed=closed)
                opened, fed, closed = line, [], None
            case Fed():
                fed.append(line)
            case Closed():
                closed = line
    if opened is not None:
        yield Take(opened=opened, fed=tuple(fed), closed=closed)
