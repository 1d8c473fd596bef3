"""Log lines that a stranger can cause, and therefore must not be able to multiply.

The first line of a kind is written at once, then at most one in ten seconds, which says how many were left out.
The kinds are ours (reason codes, exception types, places in the code), so their number is bounded. Owned by whoever
logs with it, usually one per server; imports Trio and structlog. Never writes a header, a body or an exception's
text, because those are the stranger's words.
"""

import collections
import traceback
from collections.abc import Callable, Iterator

import structlog
import trio
from structlog.typing import FilteringBoundLogger

log: FilteringBoundLogger = structlog.get_logger(__name__)

EVERY = 10.0
"""Seconds between two lines of one kind."""


class Quiet:
    """A rate limiter for log lines; also the counter of what was limited."""

    def __init__(self, *, every: float = EVERY, clock: Callable[[], float] = trio.current_time) -> None:
        self.totals: collections.Counter[tuple[str, str]] = collections.Counter()
        """How often each (event, kind) has happened, logged or not; for metrics."""
        self._every = every
        self._clock = clock
        self._written: dict[tuple[str, str], tuple[float, int]] = {}

    def info(self, event: str, kind: str, **fields: str | int | float) -> None:
        """Note something that is the other side's business."""
        if (suppressed := self._due(event, kind)) is not None:
            log.info(event, kind=kind, suppressed=suppressed, **fields)

    def warning(self, event: str, kind: str, **fields: str | int | float) -> None:
        """Note something that an operator may want to look into."""
        if (suppressed := self._due(event, kind)) is not None:
            log.warning(event, kind=kind, suppressed=suppressed, **fields)

    def failure(self, event: str, error: BaseException) -> None:
        """Note an error, or every error of a group, by its type and the line that raised it; never by its text."""
        for leaf in _leaves(error):
            place = _place(leaf)
            kind = f"{type(leaf).__name__} at {place}"
            self.warning(event, kind)

    def _due(self, event: str, kind: str) -> int | None:
        """Count, and return how many lines were left out since the last one, or None if this is one of them."""
        key = (event, kind)
        self.totals[key] += 1
        now = self._clock()
        last = self._written.get(key)
        if last is not None and now < last[0] + self._every:
            return None
        self._written[key] = (now, self.totals[key])
        return 0 if last is None else self.totals[key] - last[1] - 1


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "nowhere"
    module = frames[-1].filename.rpartition("/")[2]
    return f"{module}:{frames[-1].lineno}"
