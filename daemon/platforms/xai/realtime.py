"""The WebSocket to a call: opened, kept alive, read, written and closed here, with trio-websocket.

Owner of one nursery per socket, which holds the library's reader and our ping. It is cancelled once the close
handshake is done or its time is up, because the library's own context manager waits for ever on a peer that says
goodbye but keeps the connection. Imports core, errors, platforms.base; never decides what a lost line means.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import cast
from urllib.parse import quote, urlencode, urlsplit

import h11
import trio
import trio_websocket
import wsproto.utilities
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection

from daemon.config import XaiPlatform
from daemon.core.events import Event, decode, is_audio
from daemon.core.frames import Frame, encode
from daemon.errors import PlatformError, PlatformUnavailable
from daemon.platforms.base import LineEnd
from daemon.platforms.xai.dialling import Dial
from daemon.platforms.xai.frames_filter import AudioFilter
from daemon.platforms.xai.refusals import refusal
from daemon.platforms.xai.stream import WatchedStream, sift

# One frame of ours is at most some kilobytes; a peer that doesn't take it in this time has stopped reading.
SEND_TIMEOUT = 5.0
# The library's default of one frame would stop its reader, and with it the answers to pings, at every busy moment.
_QUEUE = 64
_RECEIVE_BYTES = 65536

# What the library's reader dies of when a handshake is answered with something else.
_NONSENSE = (h11.ProtocolError, wsproto.utilities.ProtocolError, UnicodeError)


class XaiLine:
    """One joined call's socket; see `platforms.base.Line`."""

    def __init__(
        self,
        socket: WebSocketConnection,
        stream: trio.abc.Stream,
        end_codes: tuple[int, ...],
        sieve: AudioFilter | None = None,
    ) -> None:
        self._socket = socket
        self._stream = stream
        self._sieve = sieve
        self._end_codes = end_codes
        self._failure: str | None = None
        self._dropped: Counter[str] = Counter()
        self.end: LineEnd | None = None

    @property
    def dropped(self) -> dict[str, int]:
        """Frames discarded unread, by kind."""
        early = Counter(audio=self._sieve.dropped) if self._sieve is not None else Counter[str]()
        return dict(+(self._dropped + early))

    async def send(self, frame: Frame) -> bool:
        """Send one frame whole: a cancel in the middle of it would spoil the close as well."""
        try:
            with trio.move_on_after(SEND_TIMEOUT, shield=True) as patience:
                await self._socket.send_message(encode(frame))
        except ConnectionClosed:
            return False
        if patience.cancelled_caught:
            await self._fail(f"the platform took no frame for {SEND_TIMEOUT:g} s")
        return not patience.cancelled_caught

    def __aiter__(self) -> "XaiLine":
        """Iterate over events until the line ends."""
        return self

    async def __anext__(self) -> Event:
        """The next event. Cancelling is safe: no event is lost."""
        while True:
            try:
                message = await self._socket.get_message()
            except ConnectionClosed as closed:
                self.end = self._explain(closed)
                raise StopAsyncIteration from None
            if isinstance(message, bytes):
                self._dropped["binary"] += 1
            elif is_audio(message):
                self._dropped["audio"] += 1
            else:
                return decode(message)

    async def keep_alive(self, interval: float, limit: float) -> None:
        """Ping until cancelled; a ping that is not answered in time ends the line."""
        while True:
            await trio.sleep(interval)
            with trio.move_on_after(limit) as patience:
                try:
                    await self._socket.ping()
                except ConnectionClosed:
                    return
            if patience.cancelled_caught:
                await self._fail(f"no answer to a ping within {limit:g} s")
                return

    async def _fail(self, why: str) -> None:
        if self._socket.closed is None:
            self._failure = why
        await trio.aclose_forcefully(self._stream)

    def _explain(self, closed: ConnectionClosed) -> LineEnd:
        if self._failure is not None:
            return LineEnd(lost=True, why=self._failure)
        if closed.reason is None:
            return LineEnd(lost=True, why="the platform broke the WebSocket protocol")
        code, words = closed.reason.code, closed.reason.reason
        why = f"closed with {code}" + (f" ({words[:100]})" if words else "")
        return LineEnd(lost=code not in self._end_codes, why=why)


class Realtime:
    """Joins calls."""

    def __init__(self, config: XaiPlatform, dial: Dial) -> None:
        url = urlsplit(config.websocket_url)
        self._config = config
        self._dial = dial
        self._host = url.netloc
        self._path = url.path or "/"
        self._headers = [(b"Authorization", b"Bearer " + config.api_key.reveal().encode())]

    def join(self, call_id: str, *, conversation_id: str | None = None) -> AbstractAsyncContextManager[XaiLine]:
        """Join a call; see `platforms.base.Platform.join`. A conversation has the id of the call that began it."""
        query = {"call_id": call_id} | ({"conversation_id": conversation_id} if conversation_id else {})
        return self._open(query, call_id)

    def converse(self, model: str) -> AbstractAsyncContextManager[XaiLine]:
        """Open an ordinary session, with a model and nobody on the telephone; like `join` in everything else."""
        return self._open({"model": model}, "conversation")

    @asynccontextmanager
    async def _open(self, query: Mapping[str, str], name: str) -> AsyncIterator[XaiLine]:
        config = self._config
        resource = f"{self._path}?{urlencode(query, quote_via=quote, safe='')}"
        deadline = trio.current_time() + config.connect_timeout
        raw = await self._open_stream(deadline)
        sieve = AudioFilter(config.max_message) if config.filter_audio else None
        sifted = raw if sieve is None else sift(raw, sieve)
        joined = False
        try:
            async with trio.open_nursery() as nursery:
                socket, stream = await self._handshake(nursery, sifted, resource, deadline)
                line = XaiLine(socket, stream, config.end_close_codes, sieve)
                nursery.start_soon(line.keep_alive, config.ping_interval, config.ping_timeout, name=f"ping {name}")
                joined = True
                try:
                    yield line
                finally:
                    with trio.move_on_after(config.close_timeout, shield=True):
                        await socket.aclose()
                    nursery.cancel_scope.cancel(reason="line closed")
        except BaseExceptionGroup as group:
            if not joined:
                raise _unwrap(group) from None
            # The library answers pings even while closing, and trips over its own state; the line is over anyway.
            _, serious = group.split(wsproto.utilities.ProtocolError)
            if serious is not None:
                raise serious from None
        finally:
            # The library leaves the stream open when it was the platform that closed the socket.
            await trio.aclose_forcefully(raw)

    async def _open_stream(self, deadline: float) -> trio.abc.Stream:
        with trio.move_on_at(deadline):
            try:
                return await self._dial()
            except (OSError, trio.BrokenResourceError) as error:
                raise PlatformUnavailable(f"cannot connect to {self._host}: {_root(error)}") from error
        raise PlatformUnavailable(f"no connection to {self._host} within {self._config.connect_timeout:g} s")

    async def _handshake(
        self, nursery: trio.Nursery, raw: trio.abc.Stream, resource: str, deadline: float
    ) -> tuple[WebSocketConnection, trio.abc.Stream]:
        """Upgrade the stream. A refusal surfaces in the nursery, where `join` unwraps it."""
        with trio.CancelScope(deadline=deadline) as patience:
            stream = WatchedStream(raw, on_end=lambda: patience.cancel(reason="stream ended"))
            socket = await trio_websocket.wrap_client_stream(
                nursery,
                # The library takes any stream, whatever its annotation says.
                cast("trio.SocketStream", stream),
                self._host,
                resource,
                extra_headers=self._headers,
                message_queue_size=_QUEUE,
                max_message_size=self._config.max_message,
                receive_buffer_size=_RECEIVE_BYTES,
            )
            return socket, stream
        if trio.current_time() < deadline:
            raise PlatformUnavailable(f"{self._host} closed the connection during the WebSocket handshake")
        raise PlatformUnavailable(f"no WebSocket handshake with {self._host} within {self._config.connect_timeout:g} s")


def _root(error: BaseException) -> BaseException:
    """Find what went wrong first: Trio groups the attempts to connect, and wraps what TLS says."""
    while True:
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        elif error.__cause__ is not None:
            error = error.__cause__
        else:
            return error


def _unwrap(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Find the one named error in the group that a nursery made of it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        named = error.subgroup((ConnectionRejected, PlatformError))
        error = (named or error).exceptions[0]
    if isinstance(error, ConnectionRejected):
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in error.headers}
        return refusal(error.status_code, headers, error.body or b"")
    if isinstance(error, _NONSENSE):
        return PlatformUnavailable("the answer to the WebSocket handshake is not one")
    return error
