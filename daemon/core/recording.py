"""Recordings: what a conversation was given and what it wanted done, line by line, so that it can be played again.

A recording holds people's words, numbers and digits, which is the point of it; what it may not hold, `scribe.py` leaves
out. Pure: lines in, text out, and back. Imports msgspec and core.
"""

from collections.abc import Iterable, Iterator
from typing import Any, assert_never

import msgspec

from daemon.core.commands import Command, Remember
from daemon.core.events import (
    MalformedEvent,
    decode,
)
from daemon.core.inputs import Adopted, Input, Instructed, Received, Resumed, Started, ToolDone, Woken
from daemon.core.redaction import HIDDEN
from daemon.core.sip import Header

FORMAT = 1
"""Of the lines. Another number means that they may mean something else."""


class _Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag=str.lower, omit_defaults=True):
    """Base of the lines."""

    now: float
    """When, in seconds of the monotonic clock of the process that wrote it, exactly as it was used."""


class Opened(_Line, frozen=True, kw_only=True):
    """A conversation begins: the first one of a call, or the one of a daemon that took it over."""

    format: int
    build: str
    """The version that talked."""
    call_id: str
    agent: str
    called: str | None
    caller: str | None
    headers: tuple[Header, ...] = ()
    at: float
    """When the agent was given its words, Unix seconds."""
    document: Any = msgspec.UNSET
    """What the lookup had answered by then; unset if it had not."""
    redial: bool = False
    """Whether the caller went on with an earlier conversation."""


class Heard(msgspec.Struct, frozen=True, kw_only=True, tag_field="input", tag="received", omit_defaults=True):
    """An event of the platform's, as JSON of its fields that we know."""

    event: msgspec.Raw = msgspec.Raw(b"null")
    malformed: tuple[str | None, str] | None = None
    """Type, as far as known, and what was wrong, of something that was none."""


Given = Heard | Started | Resumed | Adopted | Woken | ToolDone | Instructed
"""An input as it stands in a line."""


class Fed(_Line, frozen=True, kw_only=True):
    """The conversation was given something."""

    given: Given
    wanted: tuple[dict[str, Any], ...] = ()
    """What it wanted done, but for journal entries; each with its `kind`."""
    deadline: float | None = None
    """When it wanted to be woken then; None for never."""


class Closed(_Line, frozen=True, kw_only=True):
    """The call ended."""

    reasons: tuple[str, ...]
    outcome: str | None
    """None: its hang-up is still owed."""


Line = Opened | Fed | Closed

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


def wanted(commands: Iterable[Command]) -> Iterator[dict[str, Any]]:
    """Commands as plain values, but for journal entries: those are about the call, and not part of it."""
    for command in commands:
        if not isinstance(command, Remember):
            yield _without_tokens({"kind": type(command).__name__, **msgspec.to_builtins(command)})


def _without_tokens(command: dict[str, Any]) -> dict[str, Any]:
    """A command without what opens an MCP server: the one secret that is in a frame."""
    match command:
        case {"frame": {"session": {"tools": [*tools]} as session} as frame}:
            kept = [_without_token(tool) for tool in tools]
            return {**command, "frame": {**frame, "session": {**session, "tools": kept}}}
        case _:
            return command


def _without_token(tool: dict[str, Any]) -> dict[str, Any]:
    hidden: dict[str, Any] = {"authorization": HIDDEN} if "authorization" in tool else {}
    match tool:
        case {"headers": dict() as headers}:
            hidden["headers"] = dict.fromkeys(headers, HIDDEN)
    return {**tool, **hidden}


def input_of(line: Fed) -> Input:
    """What the conversation was given, to be given again."""
    match line.given:
        case Heard(event=event, malformed=malformed):
            return Received(event=decode(bytes(event)) if malformed is None else MalformedEvent(*malformed))
        case (Started() | Resumed() | Adopted() | Woken() | ToolDone() | Instructed()) as given:
            return given
        case _:
            assert_never(line.given)


def encode_line(line: Line) -> bytes:
    """A line as it stands in a file, line break included.

    Errors: `ValueError`, `TypeError`, `OverflowError` for what is no JSON, such as half a character in a tool's output.
    """
    return _encoder.encode(line) + b"\n"


def decode_line(text: bytes) -> Line:
    """Read a line. Errors: `ValueError`."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ValueError(str(error)) from error
