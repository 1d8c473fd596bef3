"""A TCP stream that waits until there is something to read, and then reads once.

Trio's own stream tries first and waits when there was nothing, which is right for bulk and wrong for a call: between
two frames there always is nothing, so that every frame costs a read in vain. Owned by the socket that `dialling.py`
opens. Imports Trio only, and of it only what is public.
"""

import os
from typing import NoReturn

import trio

_READ = 65536


class ReadyStream(trio.abc.Stream):
    """A `trio.SocketStream`, taken over, with another way to receive."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._socket = stream.socket

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive; cancelling is safe. Errors: as Trio's streams."""
        while True:
            descriptor = self._socket.fileno()
            if descriptor < 0:
                _refuse()
            await trio.lowlevel.wait_readable(descriptor)
            try:
                # Asked for again: somebody may have closed it since, and the number may be another file's now.
                return os.read(self._socket.fileno(), max_bytes or _READ)
            except BlockingIOError:
                continue  # the kernel thought better of it, as it may
            except OSError as error:
                if self._socket.fileno() < 0:
                    _refuse()
                raise trio.BrokenResourceError(f"socket connection broken: {error}") from error

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send; may be left half done by a cancel, like every stream."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close."""
        await self._stream.aclose()


def _refuse() -> NoReturn:
    raise trio.ClosedResourceError("this stream was closed")
