"""A small HTTP server on a real socket of loopback, that answers as a test says, well or badly."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext

import trio

from daemon.functions import ToolCall
from daemon.tools.base import idempotency_key


@dataclass
class Asked:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    """Names in lower case; of a header that came twice, both values."""
    body: bytes


def asking(use_id: str = "u1", call_id: str = "call-1") -> ToolCall:
    """What a toolbox says of its call to a tool."""
    return ToolCall(
        id=call_id,
        caller="+15550100",
        called="+18005550199",
        agent="support",
        idempotency_key=idempotency_key(call_id, use_id),
    )


Respond = Callable[[trio.abc.Stream, Asked], Awaitable[None]]


@dataclass
class Server:
    """Serves until the block that opened it is left."""

    port: int
    respond: Respond
    asked: list[Asked] = field(default_factory=list)
    gone: trio.Event = field(default_factory=trio.Event)
    """Set when the client has ended a connection before it had its answer."""

    async def serve(self, stream: trio.abc.Stream) -> None:
        """One connection, one request."""
        try:
            data = b""
            while b"\r\n\r\n" not in data:
                data += await stream.receive_some() or b"\r\n\r\n"
            head, _, body = data.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            if not first:
                return
            method, target, _ = first.split(" ")
            headers: dict[str, str] = {}
            for name, value in (line.split(": ", 1) for line in lines):
                known = headers.get(name.lower())
                headers[name.lower()] = value if known is None else f"{known} AND {value}"
            while len(body) < int(headers.get("content-length", 0)):
                body += await stream.receive_some()
            self.asked.append(Asked(method, target, headers, body))
            await self.respond(stream, self.asked[-1])
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.gone.set()
        finally:
            await trio.aclose_forcefully(stream)


def says(status: int, body: bytes | str = b"", **headers: str) -> Respond:
    """Answer every request in the same way."""
    content = body.encode() if isinstance(body, str) else body

    async def respond(stream: trio.abc.Stream, asked: Asked) -> None:
        lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n{''.join(lines)}\r\n"
        await stream.send_all(head.encode("latin-1") + content)

    return respond


def in_turn(*responds: Respond) -> Respond:
    """Answer each request in its own way; the last way stays."""
    left = list(responds)

    async def respond(stream: trio.abc.Stream, asked: Asked) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(stream, asked)

    return respond


async def silence(stream: trio.abc.Stream, asked: Asked) -> None:
    """Never answer; notice when the client goes."""
    if not await stream.receive_some():
        raise trio.BrokenResourceError


async def hang_up(stream: trio.abc.Stream, asked: Asked) -> None:
    """End the connection without a word."""


async def drip(stream: trio.abc.Stream, asked: Asked) -> None:
    """Answer for ever, a byte at a time."""
    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        await stream.send_all(b" ")
        await trio.sleep(0.01)


async def flood(stream: trio.abc.Stream, asked: Asked) -> None:
    """Answer with ten megabytes, without saying so before."""
    await stream.send_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(160):
        await stream.send_all(b"10000\r\n" + b" " * 65536 + b"\r\n")
    await stream.send_all(b"0\r\n\r\n")


@asynccontextmanager
async def open_server(respond: Respond, *, tls: SSLContext | None = None) -> AsyncIterator[Server]:
    """Serve on a free port."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    server = Server(listener.socket.getsockname()[1], respond)
    listeners: list[trio.abc.Listener[trio.abc.Stream]] = [listener]
    if tls is not None:
        listeners = [trio.SSLListener(listener, tls, https_compatible=True)]
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, server.serve, listeners, name="tool server")
        yield server
        nursery.cancel_scope.cancel(reason="done with the server")
