"""The ASGI applications that run on a connection: started for Hypercorn's protocol, and kept from hurting it.

Stands in for Hypercorn's own task group, which differs in three ways that matter here. An application that
answers without reading, or ends without being asked, can't block the reader: its inbox takes what it can, and a
disconnect is never lost. Its sends are shielded, since a framework that cancels itself as soon as it hears of the
disconnect would otherwise cancel the very send that reports it, half way through the connection's clean-up. And
its failures are one quiet log line.

Owned by `connection.py`, one per connection. Imports Hypercorn's types and Trio. Never lets an application's error
pass, never holds more of a body than it was told to.
"""

from collections.abc import Awaitable, Callable
from types import TracebackType

import trio
from hypercorn.config import Config
from hypercorn.typing import AppWrapper, ASGIReceiveEvent, ASGISendEvent, Scope, TaskGroup

from daemon.errors import TheirFault
from daemon.web.quiet import Quiet

Send = Callable[[ASGISendEvent | None], Awaitable[None]]


MOST_PIECES = 1024
"""In which a body may arrive. Each costs about as much as a small request, and chunks may be a byte long."""


class BodyTooLarge(TheirFault):
    """More of a request's body has arrived than is accepted, or in more pieces."""


class Inbox:
    """What the client sends to one run of an application."""

    def __init__(self, size: int, max_body: int) -> None:
        self._put, self._get = trio.open_memory_channel[ASGIReceiveEvent](size)
        self._room = max_body
        self._pieces = 0
        self._goodbye: ASGIReceiveEvent | None = None

    @property
    def closed(self) -> bool:
        """Whether the client is gone, or as good as gone; nobody will see what is sent."""
        return self._goodbye is not None

    async def put(self, event: ASGIReceiveEvent) -> None:
        """Hand over an event, waiting for room; a disconnect never waits. Cancelling is safe."""
        if event["type"] == "http.disconnect" or event["type"] == "websocket.disconnect":
            self._goodbye = event
            self._put.close()
            return
        if event["type"] == "http.request":
            self._room -= len(event["body"])
            self._pieces += 1
            if self._room < 0 or self._pieces > MOST_PIECES:
                raise BodyTooLarge
        try:
            await self._put.send(event)
        except trio.ClosedResourceError:
            return  # while we waited for room, the exchange has ended

    async def receive(self) -> ASGIReceiveEvent:
        """Wait for the next event; after the disconnect, it is the disconnect again and again."""
        try:
            return await self._get.receive()
        except trio.EndOfChannel:
            if self._goodbye is None:
                raise AssertionError("an inbox was closed without a disconnect") from None
            return self._goodbye


class Applications(TaskGroup):
    """Starts applications in a connection's nursery, as Hypercorn's protocol asks for them."""

    def __init__(self, nursery: trio.Nursery, *, name: str, max_body: int, send_timeout: float, quiet: Quiet) -> None:
        self._nursery = nursery
        self._name = name
        self._max_body = max_body
        self._send_timeout = send_timeout
        self._quiet = quiet

    async def spawn_app(
        self, app: AppWrapper, config: Config, scope: Scope, send: Send
    ) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        """Start the application; returns where to put what the client sends it."""
        inbox = Inbox(config.max_app_queue_size, self._max_body)
        self._nursery.start_soon(self._run, app, scope, inbox, send, name=self._name)
        return inbox.put

    def spawn(self, func: Callable[..., Awaitable[None]], *args: object) -> None:
        """Start one of the protocol's own tasks, such as its pings."""
        self._nursery.start_soon(func, *args, name=f"{self._name}: {func.__name__}")

    async def __aenter__(self) -> "Applications":
        """Do nothing: the nursery is the connection's."""
        return self

    async def __aexit__(self, exc_type: type, exc_value: BaseException, tb: TracebackType) -> None:
        """Do nothing: the nursery is the connection's."""

    async def _run(self, app: AppWrapper, scope: Scope, inbox: Inbox, send: Send) -> None:
        """Run the application once. Its errors end here; the client gets a 500 if it has got nothing yet."""

        async def shielded(event: ASGISendEvent | None) -> None:
            # Cancelled *before* the send means that the connection is over. Cancelled *by* it is the framework's
            # own doing, and what the send has begun must be completed.
            await trio.lowlevel.checkpoint_if_cancelled()
            if not inbox.closed:
                # Twice, as another send may be waited for first; each of them is bounded by its own time-out.
                with trio.move_on_after(2 * self._send_timeout, shield=True):
                    await send(event)

        try:
            await app(scope, inbox.receive, shielded, trio.to_thread.run_sync, trio.from_thread.run)
        except* Exception as errors:
            self._quiet.failure("application_failed", errors)
        await shielded(None)
