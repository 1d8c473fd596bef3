"""What `ssh -L` does: a port of this machine's loopback that leads to a Unix socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import trio


@asynccontextmanager
async def tunnel(socket: Path) -> AsyncIterator[str]:
    """Keep one open while the block lasts; gives the address for a browser."""
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        await nursery.start(partial(trio.serve_listeners, partial(_carry, socket), [listener], handler_nursery=nursery))
        yield f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


async def _carry(socket: Path, near: trio.SocketStream) -> None:
    async with near, await trio.open_unix_socket(socket) as far, trio.open_nursery() as nursery:
        nursery.start_soon(_pour, near, far)
        nursery.start_soon(_pour, far, near)


async def _pour(source: trio.SocketStream, sink: trio.SocketStream) -> None:
    try:
        async for data in source:
            await sink.send_all(data)
        await sink.send_eof()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        await trio.aclose_forcefully(sink)
