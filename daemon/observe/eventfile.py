"""The feed as lines of JSON in a file or pipe, for the demo, for tests, and for a developer's terminal.

Holds everything, words and digits included, which is why it only exists when asked for by name (`run --events`).
Owner of one nursery, for the task that writes. A reader that is too slow loses lines, and a line says how many; no
call waits for it, and neither does the end of the daemon.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import trio

from daemon.core.journal import Record
from daemon.errors import StartError
from daemon.observe.feed import Feed

_QUEUE = 4096
# Seconds to write what is left when the block ends.
_LAST_WORDS = 2.0


@asynccontextmanager
async def open_event_file(path: str | None, feed: Feed) -> AsyncIterator[None]:
    """Write the feed to a file while the block lasts, and what is left then, if its reader takes it within 2 s.

    Does nothing without a path. Errors: `StartError` if the file can't be opened.
    """
    if path is None:
        yield
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o600)
    except OSError as error:
        raise StartError(f"--events {path}: {error.strerror}; name a file that can be written") from error
    watcher = _Watcher()
    feed.watch(watcher.watch)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watcher.write, descriptor, name="events file")
            yield
            watcher.close()
            nursery.cancel_scope.deadline = trio.current_time() + _LAST_WORDS
    finally:
        os.close(descriptor)


class _Watcher:
    """Keeps records until they are written."""

    def __init__(self) -> None:
        self._taken, self._unwritten = trio.open_memory_channel[Record](_QUEUE)
        self._lost = 0

    def watch(self, record: Record) -> None:
        """Take a record without waiting."""
        try:
            self._taken.send_nowait(record)
        except trio.WouldBlock:
            self._lost += 1

    def close(self) -> None:
        """Let `write` end after what was taken so far."""
        self._taken.close()

    async def write(self, descriptor: int) -> None:
        """Write until closed. The reader of a pipe may be slow, or stop; then this waits, and nobody else does."""
        async for record in self._unwritten:
            lines = [msgspec.json.encode(record)]
            if self._lost:
                lines.append(msgspec.json.encode({"lost": self._lost}))
                self._lost = 0
            try:
                await _write_all(descriptor, b"\n".join(lines) + b"\n")
            except OSError:
                # The reader has gone; watching is a convenience, and no reason to stop answering calls.
                continue


async def _write_all(descriptor: int, data: bytes) -> None:
    await trio.lowlevel.checkpoint()
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            await trio.lowlevel.wait_writable(descriptor)
