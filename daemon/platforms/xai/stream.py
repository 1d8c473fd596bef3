"""Byte streams between the connection and trio-websocket: one that leaves audio out, one that says it has ended.

The latter is for the WebSocket handshake: trio-websocket waits for its answer even after the peer has closed the
connection or answered something that is not HTTP. Owned by `realtime.py`; imports Trio and the filter.
"""

from collections.abc import Callable

import trio

from daemon.platforms.xai.ears import Audible
from daemon.platforms.xai.frames_filter import AudioFilter


class WatchedStream(trio.abc.Stream):
    """Passes everything through; calls `on_end` when the peer has closed, the stream broke, or we closed it."""

    def __init__(self, stream: trio.abc.Stream, on_end: Callable[[], object]) -> None:
        self._stream = stream
        self._on_end = on_end

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send; may be left half done by a cancel, like every stream."""
        try:
            await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._on_end()
            raise

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive; cancelling is safe."""
        try:
            data = await self._stream.receive_some(max_bytes)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._on_end()
            raise
        if not data:
            self._on_end()
        return data

    async def aclose(self) -> None:
        """Close."""
        self._on_end()
        await self._stream.aclose()


class SiftedStream(trio.abc.Stream):
    """Passes on everything but audio, which is not worth waking anybody for."""

    def __init__(self, stream: trio.abc.Stream, sieve: AudioFilter) -> None:
        self._stream = stream
        self._sieve = sieve

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive, `max_bytes` and what was held at the most; cancelling is safe."""
        while True:
            data = await self._stream.receive_some(max_bytes)
            passed = self._sieve.feed(bytes(data)) if data else self._sieve.end()
            if passed or not data or self._sieve.endless:
                return passed

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send; may be left half done by a cancel, like every stream."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close."""
        await self._stream.aclose()


class HeardStream(SiftedStream):
    """The same for a stream that can be listened to: audio doesn't wake its reader at all."""

    def __init__(self, stream: Audible, sieve: AudioFilter) -> None:
        super().__init__(stream, sieve)
        self._source = stream
        self._passed: bytes | None = None
        self._failure: trio.BrokenResourceError | trio.ClosedResourceError | None = None

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive; cancelling is safe. After the handshake, as much as there is, whatever `max_bytes`."""
        if not self._sieve.sifting:
            return await super().receive_some(max_bytes)
        if self._passed is None and self._failure is None:
            await self._source.listen(self._look)
        if self._failure is not None:
            raise self._failure
        passed, self._passed = self._passed, None
        return passed or b""

    def _look(self) -> bool:
        """Read what has come; whether any of it is for the reader. Called by whoever listens for us."""
        try:
            data = self._source.receive_nowait()
        except trio.WouldBlock:
            return False
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._failure = error
            return True
        passed = self._sieve.feed(data) if data else self._sieve.end()
        if passed or not data or self._sieve.endless:
            self._passed = passed
            return True
        return False


def sift(stream: trio.abc.Stream, sieve: AudioFilter) -> SiftedStream:
    """Leave audio out of a stream, in the best way that it has."""
    return HeardStream(stream, sieve) if isinstance(stream, Audible) else SiftedStream(stream, sieve)
