"""The log: structlog, with fields for systemd's journal, JSON for machines, readable lines for a terminal.

Call id, number and agent come in by context variables, so they are on every line that a call's tasks write; node and
epoch are on every line there is. Every line passes the redactor. Never logged: a digit, a token, a body, a whole phone
number, and (unless `[log] transcripts`) what people said. Libraries' own logging is kept to warnings: httpx would write
the URL, and with it the call's id, of every request. How lines get out without anybody waiting is in `sink.py`.
"""

import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal, TextIO, cast

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from daemon.observe import journald
from daemon.observe.redacting import Redactor
from daemon.observe.sink import Sink

Format = Literal["json", "console", "journal"]

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

_TOGETHER = 100
"""Lines that are written at once."""

redactor = Redactor()
"""The one that all lines pass."""


class _Present:
    """What this process knows of itself."""

    def __init__(self) -> None:
        self.about: dict[str, Callable[[], str]] = {}
        self.sink: Sink | None = None


_present = _Present()


def set_up(*, level: str, json: bool, stream: TextIO | None = None) -> None:
    """Send all logging to a stream, by default standard error, from now on and for the whole process."""
    stream = cast("TextIO", _Quietly(stream or sys.stderr))
    last: Sequence[Processor] = (*_EXCEPTIONS, redactor, *_json())
    if not json:
        last = (*_TEXTS, redactor, *_console(colors=stream.isatty()))
    _configure(level, last, structlog.PrintLoggerFactory(stream))


@contextmanager
def open_log(*, level: str, form: Format) -> Iterator[None]:
    """Have all logging written by a thread while the block lasts, to standard error or to the journal behind it.

    Where the journal is wanted and can't be reached, standard error gets JSON with its priorities.
    """
    with contextlib.ExitStack() as stack:
        write, last = _way_out(form, stack)
        together = _TOGETHER if write is _to_stderr else 1  # a datagram is a line
        with Sink(write, lambda lost: _rendered(_lost(lost), last), together=together) as _present.sink:
            sink = _present.sink
            _configure(level, last, lambda *_: _Lines(sink))
            yield


def format_for(wanted: str, env: Mapping[str, str]) -> Format:
    """What `[log] format` means here: for `auto`, the journal if it listens, else by whether somebody is looking."""
    if wanted in ("json", "console", "journal"):
        return cast("Format", wanted)
    with contextlib.suppress(OSError, ValueError):
        if journald.is_listening(sys.stderr.fileno(), env):
            return "journal"
    return "console" if sys.stderr.isatty() else "json"


def set_level(level: str) -> None:
    """Write what is at least this important, from now on."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]))


def identify(**about: Callable[[], str]) -> None:
    """Have these on every line from now on, each asked for when the line is written."""
    _present.about = about


def dropped() -> int:
    """Lines that nobody took in time."""
    return _present.sink.dropped if _present.sink else 0


def _configure(level: str, last: Sequence[Processor], factory: Callable[..., object]) -> None:
    _present.about = {}
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _identified,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=factory,
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)


def _identified(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name, ask in _present.about.items():
        event.setdefault(name, ask())
    return event


def _way_out(form: Format, stack: contextlib.ExitStack) -> tuple[Callable[[bytes], None], Sequence[Processor]]:
    """How lines are written, and the processors that make them."""
    if form == "journal":
        try:
            journal = journald.Journal()
        except OSError:
            return _to_stderr, (*_EXCEPTIONS, redactor, _with_priority)
        stack.callback(journal.close)
        return journal.send, (*_EXCEPTIONS, redactor, _as_datagram)
    if form == "console":
        return _to_stderr, (*_TEXTS, redactor, *_console(colors=sys.stderr.isatty()))
    return _to_stderr, (*_EXCEPTIONS, redactor, *_json())


def _to_stderr(line: bytes) -> None:
    """Write lines to standard error, past Python's buffers: their lock must not be held when the process ends."""
    try:
        descriptor = sys.stderr.fileno()
    except (OSError, ValueError):  # somebody has put something else in its place
        sys.stderr.write(line.decode())
        return
    while line:
        line = line[os.write(descriptor, line) :]


class _Lines:
    """The end of structlog's chain: a logger that hands finished lines to the sink."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def msg(self, line: str | bytes) -> None:
        """Take a line: text, or a datagram that is whole already."""
        self._sink.put(line if isinstance(line, bytes) else f"{line}\n".encode(errors="replace"))

    debug = info = warning = error = critical = msg


class _Libraries(logging.Handler):
    """What libraries log by Python's own means becomes a line like any other."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write it."""
        level = "error" if record.levelno >= logging.ERROR else "warning"
        write = structlog.get_logger().error if level == "error" else structlog.get_logger().warning
        write("library", library=record.name, says=record.getMessage(), exc_info=record.exc_info)


class _Quietly:
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
_EXCEPTIONS: Sequence[Processor] = (
    structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
)
_TEXTS: Sequence[Processor] = (structlog.processors.format_exc_info,)


def _encode(entry: object, **_: object) -> str:
    """Make JSON of a line, quickly; what JSON doesn't know is shown as Python shows it."""
    try:
        return msgspec.json.encode(entry, enc_hook=repr).decode()
    except (UnicodeError, TypeError):  # half a character of somebody else's, or a key that is no text
        return json.dumps(entry, default=repr)


_as_json = structlog.processors.JSONRenderer(_encode)


def _json() -> Sequence[Processor]:
    return (_as_json,)


def _console(*, colors: bool) -> Sequence[Processor]:
    return (
        structlog.dev.ConsoleRenderer(
            colors=colors, exception_formatter=structlog.dev.plain_traceback, pad_event_to=24
        ),
    )


def _as_datagram(logger: WrappedLogger, method: str, event: EventDict) -> bytes:
    message = _as_json(logger, method, dict(event))
    return journald.encode(str(event.get("level")), str(message), event)


def _with_priority(logger: WrappedLogger, method: str, event: EventDict) -> str:
    line = _as_json(logger, method, event)
    return f"<{journald.priority(event.get('level'))}>{line!s}"


def _lost(count: int) -> EventDict:
    return {"event": "log_lines_lost", "level": "error", "lost": count, "why": "nobody took them in time"}


def _rendered(event: EventDict, last: Sequence[Processor]) -> bytes:
    line: object = event
    for processor in last:
        line = processor(None, "error", cast("EventDict", line))
    return line if isinstance(line, bytes) else f"{line}\n".encode()
