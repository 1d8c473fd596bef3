"""What happens in calls, as server-sent events, for whoever wants to follow.

One ring holds the latest entries of all calls; a client is no more than a place in it. So a slow or dead client holds
nothing and slows nobody: the ring goes on, and when the client comes back it is told how much it has missed. Clients
get what has gathered meanwhile in one piece, each at moments of its own.

Owned by the app, fed by the feed. Imports Quart's body class, core and Trio. Holds people's words: for operators only.
"""

import random
import re
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any

import msgspec
import trio
from quart.wrappers.response import ResponseBody

from daemon.core.journal import Record

SIZE = 4096
"""Entries of all calls that can be missed without a loss."""
HEARTBEAT = 15.0
"""Seconds without an event after which a client hears that we are still there."""
GATHER = 0.15
"""Seconds for which events gather, at the most, before a client is sent them."""
_PIECE = 256
_ID = re.compile(r"([0-9a-f]{8})-([0-9]{1,15})")


class Item:
    """A record in the ring, and its text once somebody wanted it."""

    __slots__ = ("_text", "number", "record")

    def __init__(self, number: int, record: Record) -> None:
        self.number = number
        self.record = record
        self._text: bytes | None = None

    def text(self, run: str) -> bytes:
        """The event as it goes over the wire; made once for all clients."""
        if self._text is None:
            kind = type(self.record.entry).__name__
            data = msgspec.json.encode(self.record)
            self._text = b"id: %s-%d\nevent: %s\ndata: %s\n\n" % (run.encode(), self.number, kind.encode(), data)
        return self._text


class Ring:
    """The latest entries."""

    def __init__(self, size: int = SIZE) -> None:
        self.run = uuid.uuid4().hex[:8]
        """Tells ids of this process from those of an earlier one."""
        self.next = 1
        """Number of the next record."""
        self.closed = False
        self.dropped = 0
        """Events that clients were too slow for."""
        self.followers = 0
        self._items: list[Item | None] = [None] * size
        self._news = trio.Event()

    def watch(self, record: Record) -> None:
        """Take a record; the watcher to be given to the feed."""
        self._items[self.next % len(self._items)] = Item(self.next, record)
        self.next += 1
        self._announce()

    def close(self) -> None:
        """End what every client follows."""
        self.closed = True
        self._announce()

    @property
    def oldest(self) -> int:
        """Number of the oldest record that is still there."""
        return max(1, self.next - len(self._items))

    def get(self, number: int) -> Item:
        """A record that is there."""
        item = self._items[number % len(self._items)]
        if item is None or item.number != number:
            raise AssertionError("a place in the ring was looked at that it has left")
        return item

    async def news(self) -> None:
        """Wait for the next record, or the end."""
        await self._news.wait()

    def start(self, last_id: str | None, *, replay: bool) -> int:
        """Where a client begins: after the event it had last, or now, or at the oldest.

        An id of an earlier process, or one we never gave, means that the client has seen nothing of this one.
        """
        if last_id:
            match = _ID.fullmatch(last_id)
            if match is None or match[1] != self.run or int(match[2]) >= self.next:
                return self.oldest
            return int(match[2]) + 1
        return self.oldest if replay else self.next

    def _announce(self) -> None:
        self._news.set()
        self._news = trio.Event()


class Following(ResponseBody):
    """One client's stream of events; the body of a response."""

    def __init__(
        self,
        ring: Ring,
        start: int,
        *,
        call_id: str | None = None,
        wait: bool = True,
        welcome: Callable[[], bool] = lambda: True,
    ) -> None:
        self._ring = ring
        self._next = start
        self._call_id = call_id
        self._wait = wait
        self._welcome = welcome
        """Whether the client may still have them."""
        self._opened = False

    async def __aenter__(self) -> "Following":
        """Count in."""
        await trio.lowlevel.checkpoint()
        self._ring.followers += 1
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Count out. Nothing to wait for, so cancelling is safe."""
        self._ring.followers -= 1

    def __aiter__(self) -> "Following":
        """Iterate over pieces of the stream."""
        return self

    async def __anext__(self) -> bytes:
        """The next piece. Cancelling is safe; the client resumes after the last event it got."""
        if not self._opened:
            self._opened = True
            await trio.lowlevel.checkpoint()
            return b"retry: 2000\n\n"  # so that the client sees at once that it is connected
        while True:
            if not self._welcome():
                raise StopAsyncIteration
            if piece := self._take():
                return piece
            if self._ring.closed or not self._wait:
                raise StopAsyncIteration
            if self._next == self._ring.next:
                with trio.move_on_after(HEARTBEAT) as waiting:
                    await self._ring.news()
                if waiting.cancelled_caught:
                    return b": still here\n\n"
            # Each at a time of its own: to serve all clients at one moment would keep the calls waiting for as long.
            await trio.sleep(GATHER * random.uniform(0.3, 1.0))

    def _take(self) -> bytes:
        """All that has come since the last time, up to a limit; nothing if nothing has."""
        parts: list[bytes] = []
        lost = self._ring.oldest - self._next
        if lost > 0:
            self._ring.dropped += lost
            self._next = self._ring.oldest
            parts.append(b'event: lost\ndata: {"lost":%d}\n\n' % lost)
        until = min(self._ring.next, self._next + _PIECE)
        for number in range(self._next, until):
            item = self._ring.get(number)
            if self._call_id is None or item.record.call_id == self._call_id:
                parts.append(item.text(self._ring.run))
        self._next = until
        return b"".join(parts)


def lost_schema() -> dict[str, Any]:
    """How the data of a `lost` event look."""
    return {"type": "object", "properties": {"lost": {"type": "integer"}}, "required": ["lost"]}
