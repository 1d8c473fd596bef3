"""The public application: the webhook, two health answers, and a short JSON object for everything else.

Quart brings the routing and the reading of requests; `plain.py` turns off what it would do of its own accord. Owned by
`app.py`, which serves the application with `serve.py`. Never tells a stranger why something failed inside.
"""

import trio
from quart import Response
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from daemon.calls.admission import Reception
from daemon.errors import WebhookRefused
from daemon.web.answers import answer
from daemon.web.doorman import Doorman
from daemon.web.health import add_health
from daemon.web.plain import plain_app
from daemon.web.quiet import Quiet
from daemon.web.signature import Verifier
from daemon.web.webhook import Count, ReadWebhook, add_webhook


def create_app(
    *,
    reception: Reception,
    verifier: Verifier,
    read_webhook: ReadWebhook,
    webhook_path: str,
    max_body: int = 65536,
    body_timeout: float = 10.0,
    quiet: Quiet | None = None,
    count: Count = lambda _: None,
) -> QuartTrio:
    """Make the application for one configuration.

    `max_body` (bytes) and `body_timeout` (seconds from the head to the end of the body) bound what a delivery may
    be. Whether a path is taken already is for the configuration to check. `count` is told what became of deliveries.
    """
    quiet = Quiet() if quiet is None else quiet

    def tell_refused(error: WebhookRefused) -> None:
        quiet.warning("webhook_refused", error.reason, status=error.status)
        count(error.reason)

    doorman = Doorman(webhook_path, verifier, tell_refused, max_body=max_body)
    app = plain_app(__name__, max_body=max_body, body_timeout=body_timeout, quiet=quiet, doorman=doorman)
    add_health(app, reception)
    add_webhook(
        app,
        webhook_path,
        reception=reception,
        verifier=verifier,
        read_webhook=read_webhook,
        quiet=quiet,
        count=count,
        tell_refused=tell_refused,
    )
    app.register_error_handler(HTTPException, _explain)
    return app


async def _explain(error: HTTPException) -> Response:
    """Answer a request that no handler has answered: not found, too large, too slow, or failed inside."""
    await trio.lowlevel.checkpoint()
    response = answer(error.code or 500, error=error.name.lower())
    if isinstance(error, MethodNotAllowed) and error.valid_methods is not None:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response
