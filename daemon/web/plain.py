"""Quart without what it does on its own account: static files, OPTIONS, redirects, routing by Host, tracebacks.

The public application and the operator's are both made from this. Owned by nobody; imports Quart, core and this room.
Never writes down what a request says.
"""

import logging

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope
from quart.wrappers.base import BaseRequestWebsocket
from quart_trio import QuartTrio
from werkzeug.routing import BaseConverter, MapAdapter

from daemon.core.incoming import CALL_ID
from daemon.web.doorman import Doorman
from daemon.web.quiet import Quiet


class CallId(BaseConverter):
    """Part of a path that can be a call's id: `<call_id:NAME>`."""

    regex = CALL_ID


def plain_app(
    name: str, *, max_body: int, body_timeout: float, quiet: Quiet, doorman: Doorman | None = None
) -> QuartTrio:
    """Make an application without routes.

    `max_body` (bytes) and `body_timeout` (seconds from the head to the end of the body) bound what a request may be.
    """
    app = _Plain(name, static_folder=None)
    app.doorman = doorman
    app.logger = _quiet_logger(name, quiet)
    app.url_map.converters["call_id"] = CallId
    app.url_map.merge_slashes = False  # it answers with a redirect, and a webhook's sender takes that for a failure
    app.config.update(
        BODY_TIMEOUT=body_timeout,
        MAX_CONTENT_LENGTH=max_body,
        PROPAGATE_EXCEPTIONS=False,
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    return app


class _Plain(QuartTrio):
    """Quart, routing by path and method only."""

    doorman: Doorman | None = None

    async def asgi_app(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer a request, unless it was turned away at the door."""
        if self.doorman is not None:
            looked_at = await self.doorman.look(scope, receive, send)
            if looked_at is None:
                return
            receive = looked_at
        await super().asgi_app(scope, receive, send)

    def create_url_adapter(self, request: BaseRequestWebsocket | None) -> MapAdapter | None:
        """Match the path. A stranger's Host header has no part in it, so it can't break it either."""
        if request is None:
            return None
        return self.url_map.bind("localhost", path_info=request.path, default_method=request.method)


def _quiet_logger(name: str, quiet: Quiet) -> logging.Logger:
    """Make the logger Quart reports unexpected errors to. It is in no hierarchy, so nobody else prints them."""
    logger = logging.Logger(name)
    logger.addHandler(_QuietHandler(quiet))
    return logger


class _QuietHandler(logging.Handler):
    def __init__(self, quiet: Quiet) -> None:
        super().__init__()
        self._quiet = quiet

    def emit(self, record: logging.LogRecord) -> None:
        """Note the error; the message is left out, as it quotes the request."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            self._quiet.warning("request_failed", f"{record.filename}:{record.lineno}")
        else:
            self._quiet.failure("request_failed", error)
