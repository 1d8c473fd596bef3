"""One connection: reading, writing, the applications that run on it, and the deadline that ends it.

Theory of operation. One cancel scope surrounds everything, and its deadline moves with the phase: a request's head
must be complete in time however its bytes drip in, a request must be answered in time, an idle connection may wait
for a while. The reader feeds Hypercorn's protocol; the protocol starts the application as a task beside it and
calls `_send`. No send takes long: a client that does not read loses its connection. (That an application's send is
shielded, too, is the business of `applications.py`.) Whatever goes wrong leaves `run` as an exception; the server is
the boundary.

Owned by `serve.py`, which makes one per accepted stream. Imports Hypercorn and Trio; knows nothing of routes. Never
waits for the client without a deadline.
"""

import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVarTuple

import msgspec
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper

from daemon.web.applications import Applications, BodyTooLarge
from daemon.web.limits import LINGER, Phase, ServerLimits, patience
from daemon.web.peers import peer_of
from daemon.web.protocol import Address, PlainProtocol
from daemon.web.quiet import Quiet

Args = TypeVarTuple("Args")

READ_SIZE = 16 * 1024


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """What all connections of a server have in common."""

    app: AppWrapper
    config: Config
    context: WorkerContext
    limits: ServerLimits
    quiet: Quiet
    gate: trio.Semaphore
    """Through which every piece of a request goes, a few in each round of the loop."""
    websockets: bool
    name: str


class Connection:
    """An accepted stream; `run` serves it until it is over."""

    def __init__(self, stream: trio.abc.Stream, service: Service) -> None:
        self._stream = stream
        self._service = service
        self._scope = trio.CancelScope()
        self._reading = trio.CancelScope()
        self._sending = trio.Lock()
        self._phase = Phase.HEAD

    async def run(self) -> None:
        """Serve the stream; leaves it to the caller to close it. Raises whatever a hostile client brought about."""
        service = self._service
        self._enter(Phase.HEAD)
        with self._scope:
            async with trio.open_nursery() as nursery:
                tasks = Applications(
                    nursery,
                    name=f"{service.name}: application",
                    max_body=service.limits.max_body,
                    send_timeout=service.limits.send_timeout,
                    quiet=service.quiet,
                )
                self._protocol = PlainProtocol(
                    service.app,
                    service.config,
                    service.context,
                    tasks,
                    _addresses(self._stream),
                    self._send,
                    state={"peer": peer_of(self._stream)},
                    max_body=service.limits.max_body,
                    websockets=service.websockets,
                )
                with self._reading:
                    await self._read()
                if self._phase is Phase.WEBSOCKET:
                    self._enter(Phase.REQUEST)  # nobody is left whom the application could keep waiting for
                await self._protocol.handle(Closed())
        if self._scope.cancelled_caught and trio.current_time() >= self._scope.deadline:
            service.quiet.info("connection_timed_out", self._phase.value)

    def let_go(self) -> None:
        """Let go of the protocol, which has us, or both would wait for the garbage collector; once `run` is over."""
        with contextlib.suppress(AttributeError):  # it never came to one
            del self._protocol

    @property
    def waits_for_client(self) -> bool:
        """Whether it is the client whom everything waits for: to begin, to go on with a request, or to go."""
        return self._phase is not Phase.WEBSOCKET and not (
            self._phase is Phase.REQUEST and self._protocol.request_was_read
        )

    def make_room(self) -> None:
        """End it, as its place is needed."""
        self._scope.cancel(reason="its place is needed for a new connection")

    def wind_down(self) -> None:
        """Get ready for the server's end: a request in progress goes on, but nothing new is waited for."""
        if self._phase is Phase.IDLE:
            self._scope.cancel(reason="the server stops, and this connection is idle")
        elif self._phase is Phase.HEAD:
            self._scope.deadline = min(self._scope.deadline, trio.current_time() + LINGER)

    async def cut(self, reason: str) -> None:
        """End it now, even in the middle of a send."""
        self._scope.cancel(reason=reason)
        await trio.aclose_forcefully(self._stream)

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._scope.deadline = trio.current_time() + patience(phase, self._service.limits)

    async def _read(self) -> None:
        """Feed the protocol until the client, or we, have closed."""
        while data := await self._receive():
            if self._phase is Phase.LINGER:
                continue
            if self._phase is Phase.IDLE:
                self._phase = Phase.HEAD  # the deadline stays: bytes that drip in must not buy time
            await self._wait_for_turn()
            try:
                await self._protocol.handle(RawData(data))
            except BodyTooLarge:
                await self._protocol.refuse(413)
            if self._phase is Phase.REQUEST and self._protocol.is_websocket:
                self._enter(Phase.WEBSOCKET)

    async def _wait_for_turn(self) -> None:
        """Let others come first, the live calls above all, when many send at the same time.

        Every round of the loop does a step for each task that is ready. Of a hundred strangers each costs a millisecond
        or so, and a call in between would wait for all of them.
        """
        if self._phase is not Phase.WEBSOCKET:
            async with self._service.gate:
                await trio.lowlevel.checkpoint()

    async def _receive(self) -> bytes:
        """Wait for bytes; there are none when either side has closed."""
        try:
            return bytes(await self._stream.receive_some(READ_SIZE))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""

    async def _send(self, event: Event) -> None:
        """Do what the protocol wants done on the outside."""
        match event:
            case RawData():
                await self._write(event.data)
            case Updated():
                self._enter(Phase.IDLE if event.idle else Phase.REQUEST)
            case Closed():
                await self._close()

    async def _write(self, data: bytes) -> None:
        if not await self._bounded(self._stream.send_all, data):
            await self.cut("the client did not take what we sent")

    async def _close(self) -> None:
        """Say that we are done, and be done, unless that could cost the client our answer.

        Closing a socket with unread bytes in it resets the connection, and the reset may overtake the answer. So
        when the client is still sending, only our half is closed; the reader throws away what comes, for a second.
        """
        await self._protocol.handle(Closed())
        stream = self._stream
        if not self._protocol.request_was_read and isinstance(stream, trio.abc.HalfCloseableStream):
            self._enter(Phase.LINGER)
            if await self._bounded(stream.send_eof):
                return
        await trio.aclose_forcefully(stream)
        # The reader may be waiting inside the protocol, for its turn with a request that will never have one.
        self._reading.cancel(reason="the connection is closed")

    async def _bounded(self, action: Callable[[*Args], Awaitable[None]], *args: *Args) -> bool:
        """Do something on the sending side, in its turn and in time; returns whether it was done."""
        done = False
        gone = contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError)
        with gone, trio.move_on_after(self._service.limits.send_timeout):
            async with self._sending:
                await action(*args)
                done = True
        return done


def _addresses(stream: trio.abc.Stream) -> tuple[Address | None, Address | None]:
    """Return the client's and our address, None where there is no such thing."""
    if not isinstance(stream, trio.SocketStream):
        return None, None
    try:
        return _address(stream.socket.getpeername()), _address(stream.socket.getsockname())
    except OSError:  # already gone
        return None, None


def _address(name: object) -> Address | None:
    match name:
        case (str(host), int(port), *_):
            return host, port
        case _:
            return None
