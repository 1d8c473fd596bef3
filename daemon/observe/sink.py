"""Where lines of the log go without anybody waiting: a bounded queue, and a thread that writes it.

A journal that stops reading, or a terminal somebody has paused, must not stop the loop that carries the calls. What
does not fit is dropped and counted, and said as soon as there is room.

Waking the thread costs the loop several times what making a line does, as the two then ask for the interpreter's lock
in turns. So it is woken only from its sleep, and waits a little before it looks, to find what came meanwhile together;
while there are always more lines, it wakes by itself. That is how much of the log is lost at most when the process is
killed. Owner of that thread, which touches nothing else.
Imports the standard library only; never raises into whoever logs.
"""

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType

LIMIT = 8192
"""Lines that may wait."""
LAST_WORDS = 2.0
"""Seconds at the end to write what waits."""

GATHER = 0.05
"""Seconds that a line waits for others, at most."""

Write = Callable[[bytes], None]
"""Writes lines, and may take its time. Errors: `OSError`, `ValueError` when its stream is closed."""


class Sink:
    """A log's way out; to be used as a context manager, which ends the thread.

    At most `together` lines are written at once.
    """

    def __init__(self, write: Write, notice: Callable[[int], bytes], *, limit: int = LIMIT, together: int = 1) -> None:
        self._write = write
        self._notice = notice
        self._limit = limit
        self._together = together
        self._lines: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._sleeping = self._closing = False
        self._unsaid = 0
        self.dropped = 0
        """Lines that nobody took in time, or that could not be written."""
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def __enter__(self) -> "Sink":
        """Begin to write."""
        self._thread.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Write what waits, as far as that is possible in two seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(LAST_WORDS)

    def put(self, line: bytes) -> None:
        """Take a line. Never waits for anything but a few instructions of the thread's."""
        with self._changed:
            if len(self._lines) >= self._limit:
                self.dropped += 1
                self._unsaid += 1
                return
            self._lines.append(line)
            if self._sleeping:
                self._sleeping = False
                self._changed.notify()

    def _run(self) -> None:
        while lines := self._next():
            try:
                self._write(b"".join(lines))
            except (OSError, ValueError):
                self.dropped += len(lines)

    def _next(self) -> list[bytes]:
        """Wait for lines; none at the end."""
        with self._changed:
            if not self._lines and not self._closing:
                self._changed.wait(GATHER)
            while not self._lines and not self._closing:
                self._sleeping = True
                self._changed.wait()
                if not self._closing:
                    self._changed.wait(GATHER)
            if self._unsaid and len(self._lines) < self._limit // 2:
                lost, self._unsaid = self._unsaid, 0
                return [self._notice(lost)]
            return [self._lines.popleft() for _ in range(min(self._together, len(self._lines)))]
