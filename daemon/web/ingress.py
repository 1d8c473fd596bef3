"""The public application: the webhook, two health answers, and a short JSON object for everything else.

Quart brings the routing and the reading of requests. What it would do in public on its own account (static files,
OPTIONS, redirects, routing by the Host header, tracebacks in the log) is turned off here. Owned by `app.py`, which
serves the application with `serve.py`. Never tells a stranger why something failed inside.
"""

import logging

import trio
from quart import Response
from quart.wrappers.base import BaseRequestWebsocket
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import MapAdapter

from daemon.calls.admission import Reception
from daemon.web.answers import answer
from daemon.web.health import add_health
from daemon.web.quiet import Quiet
from daemon.web.signature import Verifier
from daemon.web.webhook import ReadWebhook, add_webhook


def create_app(
    *,
    reception: Reception,
    verifier: Verifier,
    read_webhook: ReadWebhook,
    webhook_path: str,
    max_body: int = 65536,
    body_timeout: float = 10.0,
    quiet: Quiet | None = None,
) -> QuartTrio:
    """Make the application for one configuration.

    `max_body` (bytes) and `body_timeout` (seconds from the head to the end of the body) bound what a delivery may
    be. Whether a path is taken already is for the configuration to check.
    """
    quiet = Quiet() if quiet is None else quiet
    app = _Ingress(__name__, static_folder=None)
    app.logger = _quiet_logger(quiet)
    app.url_map.merge_slashes = False  # it answers with a redirect, and a webhook's sender takes that for a failure
    app.config.update(
        BODY_TIMEOUT=body_timeout,
        MAX_CONTENT_LENGTH=max_body,
        PROPAGATE_EXCEPTIONS=False,
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    add_health(app, reception)
    add_webhook(app, webhook_path, reception=reception, verifier=verifier, read_webhook=read_webhook, quiet=quiet)
    app.register_error_handler(HTTPException, _explain)
    return app


class _Ingress(QuartTrio):
    """Quart, routing by path and method only."""

    def create_url_adapter(self, request: BaseRequestWebsocket | None) -> MapAdapter | None:
        """Match the path. A stranger's Host header has no part in it, so it can't break it either."""
        if request is None:
            return None
        return self.url_map.bind("localhost", path_info=request.path, default_method=request.method)


async def _explain(error: HTTPException) -> Response:
    """Answer a request that no handler has answered: not found, too large, too slow, or failed inside."""
    await trio.lowlevel.checkpoint()
    response = answer(error.code or 500, error=error.name.lower())
    if isinstance(error, MethodNotAllowed) and error.valid_methods is not None:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _quiet_logger(quiet: Quiet) -> logging.Logger:
    """Make the logger Quart reports unexpected errors to. It is in no hierarchy, so nobody else prints them."""
    logger = logging.Logger(__name__)
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
