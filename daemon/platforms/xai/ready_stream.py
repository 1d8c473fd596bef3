"""A TCP stream that waits until there is something to read, and then reads once.

Trio's own stream tries first and waits when there was nothing, which is right for bulk and wrong for a call: between
two frames there always is nothing, so that every frame costs a read in vain. Owned by the socket that `dialling.py`
opens. Imports Trio only, and of it only what is public.
"""

import os

import trio

from daemon.platforms.xai.ears import Audible, Ears, Look

_READ = 65536


class ReadyStream(Audible):
    """A `trio.SocketStream`, taken over, with other ways to receive."""

    def __init__(self, stream: trio.SocketStream, ears: Ears | None = None) -> None:
        self._stream = stream
        self._ears = ears
        self._descriptor = stream.socket.fileno()
        """The socket's number; -1 once it is closed, for the number may be another file's then."""

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive; cancelling is safe. Errors: as Trio's streams."""
        while True:
            self._check()
            await trio.lowlevel.wait_readable(self._descriptor)
            try:
                return self.receive_nowait(max_bytes or _READ)
            except trio.WouldBlock:
                continue  # the kernel thought better of it, as it may

    def receive_nowait(self, max_bytes: int = _READ) -> bytes:
        """Receive what has come; see `Audible`."""
        try:
            return os.read(self._descriptor, max_bytes)
        except BlockingIOError:
            raise trio.WouldBlock from None
        except OSError as error:
            self._check()
            raise trio.BrokenResourceError(f"socket connection broken: {error}") from error

    async def listen(self, look: Look) -> None:
        """Wait until a look is worth it; see `Audible`."""
        self._check()
        if self._ears is not None:
            await self._ears.listen(self._descriptor, look)
            self._check()
            return
        await trio.lowlevel.wait_readable(self._descriptor)
        while not look():
            await trio.lowlevel.wait_readable(self._descriptor)

    def _check(self) -> None:
        if self._descriptor < 0:
            raise trio.ClosedResourceError("this stream was closed")

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send; may be left half done by a cancel, like every stream."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close."""
        if self._ears is not None:
            self._ears.forget(self._descriptor)
        self._descriptor = -1
        await self._stream.aclose()
