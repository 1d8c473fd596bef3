"""The HTTP we speak in public: Hypercorn's HTTP/1.1, less everything that a webhook has no use for.

Hypercorn's protocol class is a state machine with its input and output passed in; it is used per connection by
`connection.py`. What is changed here is what it cannot be configured to leave alone:

- An `Upgrade` is dropped from the request unless this server is for WebSockets; HTTP/2 is never spoken, neither by
  upgrade nor by prior knowledge. Each of these roads led strangers into code that trusted their bytes.
- A request that two readers could understand differently (Content-Length and Transfer-Encoding both), that is too
  large, or that is not addressed to a path of ours, is refused before an application sees it.
- Errors have a short JSON body; the last response before a stop says `Connection: close`.

Imports Hypercorn and h11. Underscored methods of Hypercorn are overridden, which is why `serve.py` insists on its
version. Never catches what the parent raises: the connection's boundary does.
"""

import dataclasses
import http
import json
from collections.abc import Awaitable, Callable

import h11
from hypercorn.config import Config
from hypercorn.events import Closed, Event
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import Response
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import WSStream
from hypercorn.typing import AppWrapper, ConnectionState, TaskGroup, WorkerContext

UPGRADE_HEADERS = frozenset({b"upgrade", b"http2-settings"})

Address = tuple[str, int]


class PlainProtocol(H11Protocol):
    """HTTP/1.0 and 1.1 for one connection, and WebSockets where they are wanted."""

    def __init__(
        self,
        app: AppWrapper,
        config: Config,
        context: WorkerContext,
        tasks: TaskGroup,
        addresses: tuple[Address | None, Address | None],
        send: Callable[[Event], Awaitable[None]],
        *,
        state: dict[str, object],
        max_body: int,
        websockets: bool,
    ) -> None:
        client, server = addresses
        super().__init__(app, config, context, tasks, ConnectionState(state), False, client, server, send)
        self._max_body = max_body
        self._websockets = websockets

    @property
    def is_websocket(self) -> bool:
        """Whether the connection now belongs to a WebSocket that an application is dealing with."""
        return isinstance(self.stream, WSStream) and not self.stream.closed

    @property
    def request_was_read(self) -> bool:
        """Whether nothing of the request is left on the wire, so that closing can't destroy our answer."""
        return self.connection.their_state in {h11.DONE, h11.MUST_CLOSE, h11.CLOSED}

    async def refuse(self, status: int) -> None:
        """Answer with an error, if an answer is still possible, and close."""
        if self.connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            await self._send_error_response(status)
        await self.send(Closed())

    async def stream_send(self, event: StreamEvent) -> None:
        """Pass the application's response on; announce the close that a stopping server will make of it."""
        if isinstance(event, Response) and event.status_code >= 200 and self.context.terminated.is_set():
            event = dataclasses.replace(event, headers=[*event.headers, (b"connection", b"close")])
        await super().stream_send(event)

    async def _check_protocol(self, event: h11.Request) -> None:
        """Honour neither `Upgrade: h2c` nor HTTP/2 prior knowledge."""

    async def _create_stream(self, request: h11.Request) -> None:
        status = self._objection(request)
        if status is not None:
            await self.refuse(status)
            return
        await super()._create_stream(request if self._websockets else _without_upgrade(request))
        if isinstance(self.stream, WSStream) and self.stream.closed:
            await self.send(Closed())  # an invalid handshake has been answered; the parent would wait for more

    def _objection(self, request: h11.Request) -> int | None:
        """Return the status with which a request is refused on sight, or None if it may pass."""
        lengths = [value for name, value in request.headers if name == b"content-length"]
        if request.http_version not in {b"1.0", b"1.1"}:
            return 505
        if not request.method.isupper():
            return 400  # `post` is not POST, but the parent would make it that
        if not request.target.startswith(b"/"):
            return 400  # absolute, authority and asterisk forms are for proxies
        if lengths and any(name == b"transfer-encoding" for name, _ in request.headers):
            return 400
        if any(int(value) > self._max_body for value in lengths):
            return 413
        return None

    async def _send_error_response(self, status_code: int) -> None:
        # An application that works on this request is told first, so that it can't answer across us.
        await self._close_stream()
        body = json.dumps({"error": http.HTTPStatus(status_code).phrase.lower()}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
            *self.config.response_headers("h11"),
        ]
        await self._send_h11_event(h11.Response(status_code=status_code, headers=headers))
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())


def _without_upgrade(request: h11.Request) -> h11.Request:
    if all(name not in UPGRADE_HEADERS for name, _ in request.headers):
        return request
    return h11.Request(
        method=request.method,
        target=request.target,
        headers=[(name, value) for name, value in request.headers if name not in UPGRADE_HEADERS],
        http_version=request.http_version,
    )
