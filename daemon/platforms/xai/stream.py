"""A byte stream that says when it has ended, for a WebSocket handshake that otherwise would not notice.

trio-websocket waits for the answer to its handshake even after the peer has closed the connection or answered
something that is not HTTP. Owned by `realtime.py`; imports Trio only.
"""

from collections.abc import Callable

import trio


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
