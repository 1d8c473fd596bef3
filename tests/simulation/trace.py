"""The transcript of a run: virtual time, who, what. Formatted only when somebody wants to read it.

Holds nothing that differs from one run of a seed to the next: no address, no real time, no random mask.
"""

import json
import re
from collections.abc import Iterator

import msgspec
import trio
from structlog.typing import EventDict

from daemon.core.journal import Ended, Entry

_TYPE = re.compile(rb'"type": ?"([^"]+)"')
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_OPCODES = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}


class Frame(msgspec.Struct, frozen=True):
    """A WebSocket frame on its way."""

    data: bytes

    @property
    def payload(self) -> bytes:
        """Unmasked, if it was masked."""
        data = self.data
        length, start = data[1] & 127, 2
        if length >= 126:
            size = 2 if length == 126 else 8
            length, start = int.from_bytes(data[2 : 2 + size], "big"), 2 + size
        if not data[1] & 128:
            return data[start : start + length]
        mask, payload = data[start : start + 4], data[start + 4 : start + 4 + length]
        key = (mask * (len(payload) // 4 + 1))[: len(payload)]
        return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(len(payload), "big")

    def __str__(self) -> str:
        """Its type; for a close, its code."""
        kind, payload = _OPCODES.get(self.data[0] & 15, "?"), self.payload
        match kind:
            case "text":
                found = _TYPE.search(payload)
                return found[1].decode(errors="replace") if found else f"text {payload[:20]!r}"
            case "close":
                return f"close {int.from_bytes(payload[:2], 'big') if payload else 'without a code'}"
            case _:
                return kind


Line = str | Frame | Entry


class Trace:
    """Everything that happened, in order."""

    def __init__(self) -> None:
        self.lines: list[tuple[float, str, Line]] = []

    def note(self, who: str, what: Line) -> None:
        """Add a line."""
        self.lines.append((trio.current_time(), who, what))

    def text(self) -> str:
        """The transcript."""
        return "".join(f"{at:12.3f}  {who:<18}  {_tell(what)}\n" for at, who, what in self.lines)

    def log(self, event: EventDict) -> str:
        """Add a line of the daemon's log; gives its event."""
        name = str(event.pop("event"))
        error = event.pop("exc_info", None)
        if isinstance(error, BaseException):
            event["error"] = ", ".join(_leaves(error))
        self.note("log", f"{name} {_fields(event)}")
        return name


def _leaves(error: BaseException) -> Iterator[str]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield f"{type(error).__name__}: {error}"


def _tell(what: Line) -> str:
    if isinstance(what, str | Frame):
        return str(what)
    if isinstance(what, Ended):
        return f"Ended {_fields(msgspec.to_builtins(what.receipt))}"
    fields = msgspec.to_builtins(what)
    return f"{fields.pop('kind')} {_fields(fields)}"


def _fields(fields: EventDict) -> str:
    words = " ".join(f"{name}={_value(value)}" for name, value in sorted(fields.items()))
    return _ADDRESS.sub("0x...", words)


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return json.dumps(value, default=str, ensure_ascii=False)
