"""The platform's end of the wire: WebSocket peers in memory, and servers on loopback that say exact bytes."""

import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import h11
import trio
from trio.testing import memory_stream_pair
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Event, Ping, Pong, Request, TextMessage

from daemon.config import Secret, XaiPlatform
from daemon.platforms.xai.realtime import Realtime, XaiLine

KEY = "xai-test-key"
CALL = "7d0c3c6e-0f62-4c1f-9a55-1d2b1f4e8a10"

DEFAULTS: dict[str, Any] = {"websocket_url": "ws://voice.test:8443/v1/realtime"}
"""What a platform is configured with unless a test says otherwise."""

Handler = Callable[[trio.abc.Stream], Awaitable[object]]
Pair = Callable[[], tuple[trio.abc.Stream, trio.abc.Stream]]


def configured(**changes: Any) -> XaiPlatform:
    return XaiPlatform(api_key=Secret(KEY), **{**DEFAULTS, **changes})


def key_pressed(key: str) -> str:
    return json.dumps({"type": "input_audio_buffer.dtmf_event_received", "event": key})


class Peer:
    """Speaks WebSocket by the book until told otherwise."""

    def __init__(self, stream: trio.abc.Stream, *, pongs: bool = True, answers_close: bool = True) -> None:
        self.stream = stream
        self.pongs = pongs
        self.answers_close = answers_close
        self.keeps_tcp_open = False
        self.ping_at_close = False
        self.request: Request | None = None
        self.texts: list[str] = []
        self.pings: list[float] = []
        """When they came."""
        self.pongs_heard = 0
        self.closed_with: int | None = None
        self.gone = trio.Event()
        """Set when the client has closed the connection below the WebSocket."""
        self.wire = WSConnection(ConnectionType.SERVER)
        self._text = ""

    async def attend(self, until: Callable[[], bool] = lambda: False) -> None:
        """Read until the client is gone, or something has come true."""
        while not until():
            try:
                data = await self.stream.receive_some()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                data = b""
            if not data:
                self.gone.set()
                return
            self.wire.receive_data(bytes(data))
            for event in self.wire.events():
                await self._take(event)

    async def _take(self, event: Event) -> None:
        match event:
            case Request():
                self.request = event
                await self.send(AcceptConnection())
            case TextMessage(data=data, message_finished=finished):
                self._text += data
                if finished:
                    self.texts.append(self._text)
                    self._text = ""
            case Ping():
                self.pings.append(trio.current_time())
                if self.pongs:
                    await self.send(event.response())
            case Pong():
                self.pongs_heard += 1
            case CloseConnection(code=code):
                await self._part(event, code)

    async def _part(self, event: CloseConnection, code: int) -> None:
        if self.closed_with is None:
            self.closed_with = code
        if self.ping_at_close:
            # By hand, because wsproto knows that a close has been received; on the wire they cross.
            await self.stream.send_all(b"\x89\x02hi")
        if self.answers_close:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                if self.wire.state.name == "REMOTE_CLOSING":
                    await self.send(event.response())
            if not self.keeps_tcp_open:
                await self._stop_sending()

    async def _stop_sending(self) -> None:
        if isinstance(self.stream, trio.StapledStream):
            await self.stream.send_stream.aclose()

    async def send(self, event: Event) -> None:
        await self.stream.send_all(self.wire.send(event))

    async def say(self, *texts: str) -> None:
        for text in texts:
            await self.send(TextMessage(text))

    async def say_bytes(self, data: bytes) -> None:
        await self.send(BytesMessage(data))

    async def ping(self) -> None:
        await self.send(Ping(b"are you there"))

    async def pong(self) -> None:
        await self.send(Pong(b"unasked"))

    async def close(self, code: int, words: str = "") -> None:
        await self.send(CloseConnection(code, words))

    async def write(self, data: bytes) -> None:
        """Put any bytes on the wire."""
        await self.stream.send_all(data)

    async def drop(self) -> None:
        """End the connection without a word of WebSocket."""
        await self._stop_sending()


@asynccontextmanager
async def joined(
    *,
    pair: Pair = memory_stream_pair,
    peer_reads: bool = True,
    **changes: Any,
) -> AsyncIterator[tuple[XaiLine, Peer]]:
    """Join a call on a peer in memory; afterwards the peer must have seen the connection closed."""
    ours, theirs = pair()
    peer = Peer(theirs)
    async with trio.open_nursery() as nursery:
        reading = trio.CancelScope()

        async def attend() -> None:
            with reading:
                await peer.attend()

        async def dial() -> trio.abc.Stream:
            await trio.lowlevel.checkpoint()
            return ours

        nursery.start_soon(attend, name="peer")
        try:
            async with Realtime(configured(**changes), dial).join(CALL) as line:
                if not peer_reads:
                    reading.cancel(reason="stopped reading")
                yield line, peer
        finally:
            if peer_reads:
                with trio.move_on_after(2, shield=True):
                    await peer.gone.wait()
                assert peer.gone.is_set(), "the connection was left open"


@asynccontextmanager
async def served(handler: Handler, **changes: Any) -> AsyncIterator[tuple[Realtime, trio.abc.Stream]]:
    """A platform whose next socket is served by a handler, in memory; also gives our end of that socket."""
    ours, theirs = memory_stream_pair()

    async def dial() -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        return ours

    async def attend() -> None:
        await handler(theirs)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(attend, name="server")
        yield Realtime(configured(**changes), dial), ours
        nursery.cancel_scope.cancel(reason="test over")


async def closed(stream: trio.abc.Stream) -> bool:
    """Whether we have closed our end of it."""
    try:
        with trio.move_on_after(0.01):
            await stream.receive_some(1)
    except trio.ClosedResourceError:
        return True
    return False


async def read_head(stream: trio.abc.Stream) -> bytes:
    """Read one request's head."""
    head = bytearray()
    while b"\r\n\r\n" not in head:
        data = await stream.receive_some()
        if not data:
            break
        head += data
    return bytes(head)


async def read_request(stream: trio.abc.Stream) -> None:
    """Read one whole request."""
    head, _, body = (await read_head(stream)).partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    missing = sum(map(int, lengths)) - len(body)
    while missing > 0:
        missing -= len(await stream.receive_some(missing))


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """One HTTP response; underscores in names of headers stand for hyphens."""
    fields = [(name.replace("_", "-"), value) for name, value in headers.items()]
    server = h11.Connection(h11.SERVER)
    lines = server.send(h11.Response(status_code=status, headers=[*fields, ("Content-Length", str(len(body)))]))
    return (lines or b"") + body


def answering(data: bytes, *, stay: bool = False) -> Handler:
    """A handler that gives one answer, and then closes or stays."""

    async def handle(stream: trio.abc.Stream) -> None:
        await read_request(stream)
        await stream.send_all(data)
        if stay:
            await trio.sleep_forever()
        await stream.aclose()

    return handle


async def reset(stream: trio.abc.Stream) -> None:
    """Cut a TCP connection so that the other side gets ECONNRESET."""
    assert isinstance(stream, trio.SocketStream)
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await stream.aclose()


class Door:
    """A server on a real loopback port."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connections = 0


@asynccontextmanager
async def loopback(handler: Handler) -> AsyncIterator[Door]:
    """Serve real TCP connections until the block is left."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    door = Door(listener.socket.getsockname()[1])

    async def handle(stream: trio.SocketStream) -> None:
        door.connections += 1
        async with stream:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await handler(stream)

    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, handle, [listener], name="loopback")
        yield door
        nursery.cancel_scope.cancel(reason="test over")


def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
