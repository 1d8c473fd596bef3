"""Byte streams in memory that do what a network does: lag, stall, break, and end anywhere.

Two pipes make a connection. A pipe is told what is wrong with it from outside, at any moment, and whoever is waiting
in it finds out at once; so a fault can hit at every await of either side. Bytes keep their order whatever happens.
"""

from collections import deque
from collections.abc import Callable, Iterable
from math import inf

import trio

Filter = Callable[[bytes], Iterable[bytes]]
"""Sees every piece that is sent, and says what is put on the wire instead."""


def _as_it_is(data: bytes) -> Iterable[bytes]:
    return (data,)


class Pipe:
    """One direction of a connection."""

    def __init__(self) -> None:
        self.filter: Filter = _as_it_is
        self.lag = 0.0
        """Seconds every piece takes to arrive."""
        self.room = inf
        """Bytes that are still taken; less than what is sent, and the sender waits."""
        self.stalled = False
        """Whether the reader reads."""
        self.broken = False
        self.writer_closed = False
        self.reader_closed = False
        self.writer_gone = trio.Event()
        self._chunks: deque[tuple[float, bytes]] = deque()
        self._latest = 0.0
        self._ended = False
        self._changed = trio.lowlevel.ParkingLot()

    def _tell(self) -> None:
        self._changed.unpark_all()

    # What can be done to it from outside

    def end(self) -> None:
        """Let the reader find the end behind what has arrived; nothing that is sent from now on arrives."""
        self._ended = True
        self._tell()

    def cut(self) -> None:
        """Break it: both ends get an error, and what was on its way is lost."""
        self.broken = True
        self._tell()

    def stall(self, room: float) -> None:
        """Stop reading; so many bytes are still taken from the sender."""
        self.stalled, self.room = True, room

    def flow(self) -> None:
        """Read again."""
        self.stalled, self.room = False, inf
        self._tell()

    def inject(self, data: bytes, *, late: float = 0.0) -> None:
        """Put bytes on the wire, past the filter."""
        if not self._ended and data:
            self._latest = max(self._latest, trio.current_time() + self.lag + late)
            self._chunks.append((self._latest, data))
            self._tell()

    # The two ends

    async def put(self, data: bytes) -> None:
        """Send; a cancel may leave it half done."""
        await trio.lowlevel.checkpoint()
        self._check_writer()
        for piece in self.filter(data):
            rest = piece
            while len(rest) > self.room:
                taken, rest = rest[: int(self.room)], rest[int(self.room) :]
                self.room = 0
                self.inject(taken)
                await self._changed.park()
                self._check_writer()
            self.room -= len(rest)
            self.inject(rest)

    async def get(self, max_bytes: int | None) -> bytes:
        """Receive; empty at the end. Cancelling is safe."""
        waited = False
        while True:
            if self.reader_closed:
                raise trio.ClosedResourceError
            if self.broken:
                raise trio.BrokenResourceError("the connection broke")
            arrives = inf if self.stalled else self._chunks[0][0] if self._chunks else inf
            ready = arrives <= trio.current_time() or (self._ended and not self._chunks)
            if ready and waited:
                return self._take(max_bytes or 65536)
            waited = True
            if ready:
                await trio.lowlevel.checkpoint()
            elif arrives == inf:
                await self._changed.park()
            else:
                with trio.move_on_at(arrives):
                    await self._changed.park()

    def _take(self, at_most: int) -> bytes:
        now, taken = trio.current_time(), bytearray()
        while self._chunks and self._chunks[0][0] <= now and len(taken) < at_most:
            at, data = self._chunks.popleft()
            fits = at_most - len(taken)
            if len(data) > fits:
                self._chunks.appendleft((at, data[fits:]))
            taken += data[:fits]
        return bytes(taken)

    def _check_writer(self) -> None:
        if self.writer_closed:
            raise trio.ClosedResourceError
        if self.broken or self.reader_closed:
            raise trio.BrokenResourceError("the connection broke")

    def close_writer(self) -> None:
        """The sender closes: the reader finds the end in time."""
        self.writer_closed = True
        self.writer_gone.set()
        self.end()
        self._tell()

    def close_reader(self) -> None:
        """The reader closes: whoever sends finds it broken."""
        self.reader_closed = True
        self._tell()


class SendHalf(trio.abc.SendStream):
    """The sending end of a pipe."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe = pipe

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.pipe.put(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def send_eof(self) -> None:
        await trio.lowlevel.checkpoint()
        self.pipe.end()

    async def aclose(self) -> None:
        self.pipe.close_writer()
        await trio.lowlevel.checkpoint()


class ReceiveHalf(trio.abc.ReceiveStream):
    """The receiving end of a pipe."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe = pipe

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return await self.pipe.get(max_bytes)

    async def aclose(self) -> None:
        self.pipe.close_reader()
        await trio.lowlevel.checkpoint()


Stream = trio.StapledStream[SendHalf, ReceiveHalf]


class Wire:
    """A connection: ours is the daemon's end, theirs the other."""

    def __init__(self) -> None:
        self.up, self.down = Pipe(), Pipe()
        self.ours: Stream = trio.StapledStream(SendHalf(self.up), ReceiveHalf(self.down))
        self.theirs: Stream = trio.StapledStream(SendHalf(self.down), ReceiveHalf(self.up))

    @property
    def left_open(self) -> bool:
        """Whether the daemon has not closed its end."""
        return not (self.up.writer_closed and self.down.reader_closed)

    def drop(self) -> None:
        """The other side closes without a word: an end to read, an error to write."""
        self.down.end()
        self.up.cut()

    def break_off(self) -> None:
        """The network gives the connection up."""
        self.down.cut()
        self.up.cut()
