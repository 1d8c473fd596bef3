"""The doorman: turns away deliveries that nobody signed, before Quart has spent its time on them.

Whoever knows the path can send a thousand of them a second. A delivery whose body comes with its head is looked at
here, and refused in the words of the webhook's handler; everything else goes on to Quart, where the handler verifies
as if there were no doorman. So this is no lock, only the shorter way back to the street.

Owned by `ingress.py`. Imports Hypercorn's types, errors and this room. Never lets anybody in: the handler does.
"""

from collections import deque
from collections.abc import Callable

import msgspec
import trio
from hypercorn.typing import (
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    HTTPRequestEvent,
    HTTPResponseBodyEvent,
    HTTPResponseStartEvent,
    Scope,
)

from daemon.errors import WebhookRefused
from daemon.web.signature import Verifier

AT_ONCE = 0.05
"""Seconds within which a body is here that came with its head."""


class Doorman:
    """Stands before an application, at one path."""

    def __init__(self, path: str, verifier: Verifier, tell: Callable[[WebhookRefused], None], *, max_body: int) -> None:
        self._path = path
        self._verifier = verifier
        self._tell = tell
        self._max_body = max_body

    async def look(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> ASGIReceiveCallable | None:
        """Look at a request; gives what it is to be received by, or None if it was turned away."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != self._path:
            return receive
        came, body = await self._read(receive)
        if body is not None:
            try:
                headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
                self._verifier.verify(headers, body)
            except WebhookRefused as refused:
                self._tell(refused)
                await _answer(send, refused)
                return None

        async def receive_again() -> ASGIReceiveEvent:
            # What has come already is given at once, without a turn of the loop in between.
            return came.popleft() if came else await receive()

        return receive_again

    async def _read(self, receive: ASGIReceiveCallable) -> tuple[deque[ASGIReceiveEvent], bytes | None]:
        """Read a body that is here; gives what came, and the body unless it is not all there, or too large."""
        came: deque[ASGIReceiveEvent] = deque()
        body = b""
        with trio.move_on_after(AT_ONCE):
            while len(body) <= self._max_body:
                event = await receive()
                came.append(event)
                if event["type"] != "http.request":
                    break
                body += event["body"]
                if not event["more_body"]:
                    whole: HTTPRequestEvent = {"type": "http.request", "body": body, "more_body": False}
                    return deque([whole]), body if len(body) <= self._max_body else None
        return came, None


async def _answer(send: ASGISendCallable, refused: WebhookRefused) -> None:
    body = msgspec.json.encode({"error": refused.answer})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    start: HTTPResponseStartEvent = {"type": "http.response.start", "status": refused.status, "headers": headers}
    end: HTTPResponseBodyEvent = {"type": "http.response.body", "body": body, "more_body": False}
    await send(start)
    await send(end)
