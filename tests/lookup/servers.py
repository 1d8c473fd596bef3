"""Servers of an operator's, good and bad, on real loopback sockets: they get a request and do as they like."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

Behaviour = Callable[[trio.SocketStream, bytes], Awaitable[None]]


def says(answer: bytes) -> Behaviour:
    """A server that sends these bytes and closes."""

    async def behave(stream: trio.SocketStream, _request: bytes) -> None:
        await stream.send_all(answer)

    return behave


def answers(body: bytes, *headers: str, status: str = "200 OK") -> Behaviour:
    """A server that sends an answer with a body."""
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers))
    return says(head.encode() + b"\r\n\r\n" + body)


@asynccontextmanager
async def serving(behave: Behaviour) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Serve while the block lasts; gives `http://...` and the heads of the requests that came."""
    requests: list[bytes] = []

    async def handle(stream: trio.SocketStream) -> None:
        try:
            head = b""
            while b"\r\n\r\n" not in head:
                head += await stream.receive_some(4096) or b"\r\n\r\n"
            requests.append(head)
            await behave(stream, head)
        except trio.BrokenResourceError:
            pass  # the client had enough
        finally:
            await stream.aclose()

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listener.socket.getsockname()[1]
        await nursery.start(trio.serve_listeners, handle, [listener])
        yield f"http://127.0.0.1:{port}", requests
        nursery.cancel_scope.cancel()
