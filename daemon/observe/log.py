"""The log: structlog, JSON for the journal, readable lines for a terminal.

Call ids come in by context variables, so they are on every line a call's tasks write. Never logged: a digit, a
token, a body, a whole phone number, and (unless `[log] transcripts`) what people said. Libraries' own logging is
kept to warnings: httpx would write the URL, and with it the call's id, of every request.
"""

import contextlib
import logging
import sys
from collections.abc import Sequence
from typing import TextIO, cast

import msgspec
import structlog
from structlog.typing import Processor

from daemon.core import journal
from daemon.core.redaction import short_number
from daemon.observe.feed import Watcher

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def set_up(*, level: str, json: bool, stream: TextIO | None = None) -> None:
    """Send all logging to a stream, by default standard error, from now on and for the whole process."""
    stream = cast("TextIO", _Sink(stream or sys.stderr))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(_json() if json else _console(colors=stream.isatty())),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=stream, level=logging.WARNING, format="%(name)s: %(message)s", force=True)


class _Sink:
    """A stream that never fails: a log that can't be written is no reason to hang up on anybody."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or not."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or not."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        """Whether somebody is looking."""
        return self._stream.isatty()


# Both leave out the local variables of failing frames, which structlog shows by default: they hold keys and digits.


def _json() -> Sequence[Processor]:
    tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return structlog.processors.ExceptionRenderer(tracebacks), structlog.processors.JSONRenderer(_encode)


def _encode(entry: object, **_: object) -> str:
    """Make JSON of a line; what JSON doesn't know is shown as Python shows it."""
    return msgspec.json.encode(entry, enc_hook=repr).decode()


def _console(*, colors: bool) -> Sequence[Processor]:
    return (
        structlog.dev.ConsoleRenderer(
            colors=colors, exception_formatter=structlog.dev.plain_traceback, pad_event_to=24
        ),
    )


def log_entries(*, transcripts: bool) -> Watcher:
    """A watcher that writes a line for each entry that is news, without people's words and digits."""
    log = structlog.get_logger().bind()  # once, and not for every line

    def watch(record: journal.Record) -> None:
        fields = _fields(record.entry, transcripts=transcripts)
        if fields is not None:
            log.info(_snake(type(record.entry).__name__), call_id=record.call_id, **fields)

    return watch


def _fields(entry: journal.Entry, *, transcripts: bool) -> dict[str, object] | None:
    """What of an entry may be logged; None for what is not worth a line."""
    match entry:
        case journal.WebhookVerified():
            return {"called": short_number(entry.called), "caller": short_number(entry.caller)}
        case journal.Said():
            # Words in the making would be a line for every breath.
            words = {"text": entry.text} if transcripts else {"characters": len(entry.text)}
            return {"speaker": entry.speaker, **words} if entry.final else None
        case journal.KeyPressed():
            return {}
        case journal.HangUpOwed():
            return None  # the collector says so, as an error
        case journal.DigitsCollected():
            return {"count": entry.count, "trigger": entry.trigger}
        case journal.HangUpAsked() if not transcripts:
            return {}  # the model's reason retells what the caller said
        case journal.Ended():
            receipt = entry.receipt
            seconds = round(receipt.seconds, 3)
            return {"receipt": receipt.outcome, "why": receipt.why, "joined": receipt.joined, "seconds": seconds}
        case _:
            return msgspec.structs.asdict(entry)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
