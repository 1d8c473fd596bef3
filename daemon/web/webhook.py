"""The webhook: a delivery comes in, is believed or not, and becomes a call or not.

Verify, read, offer, answer. The offer is a plain call into the supervisor, which starts the call's task in a
nursery of its own; this handler only waits for the verdict, so a sender that disconnects loses its answer and
nothing else.

Owned by `ingress.py`. Imports admission, core and errors; never looks into a call, never logs what was sent.
"""

from collections.abc import Callable

import msgspec
import trio
from quart import Quart, Response, request

from daemon.calls.admission import Reception, Verdict
from daemon.core.incoming import IncomingCall
from daemon.errors import WebhookRefused
from daemon.web.answers import answer, nothing
from daemon.web.quiet import Quiet
from daemon.web.signature import Verifier

ReadWebhook = Callable[[bytes, str, float], IncomingCall | None]
"""(body, webhook id, received at) -> the call, or None for an event of a type we do not know."""

Count = Callable[[str], None]
"""Told what became of a delivery: a verdict, the reason of a refusal, or `ignored`."""

ERRORS = {
    Verdict.UNROUTED: "no agent is configured for this number",
    Verdict.FULL: "every line is busy",
    Verdict.CALLER_LIMIT: "too many calls of this caller",
    Verdict.BUDGET: "every line is busy",
    Verdict.PAUSED: "paused",
    Verdict.DRAINING: "shutting down",
    Verdict.UNCLAIMED: "the call could not be claimed",
}


def add_webhook(
    app: Quart,
    path: str,
    *,
    reception: Reception,
    verifier: Verifier,
    read_webhook: ReadWebhook,
    quiet: Quiet,
    count: Count,
    tell_refused: Callable[[WebhookRefused], None],
) -> None:
    """Route deliveries at `path`, and answer the refused ones."""

    async def deliver() -> Response:
        received_at = trio.current_time()
        body = await request.get_data(cache=False, as_text=False, parse_form_data=False)
        verified = verifier.verify(request.headers.items(), body)
        incoming = read_webhook(body, verified.webhook_id, received_at)
        if incoming is None:
            # Known types may grow; a 4xx would make the sender try again, and in the end give us up.
            quiet.info("webhook_ignored", "unknown event type")
            count("ignored")
            return nothing()
        verifier.check_number(incoming.called, verified)
        incoming = msgspec.structs.replace(incoming, sent_at=float(verified.timestamp))
        verdict = await reception.offer(incoming).verdict()
        count(verdict.value)
        return _tell(verdict)

    async def refuse(error: WebhookRefused) -> Response:
        await trio.lowlevel.checkpoint()
        tell_refused(error)
        return answer(error.status, error=error.answer)

    app.add_url_rule(path, "webhook", deliver, methods=["POST"])
    app.register_error_handler(WebhookRefused, refuse)


def _tell(verdict: Verdict) -> Response:
    if verdict.settled:
        return answer(200, result=verdict.value)
    response = answer(503, error=ERRORS[verdict], result=verdict.value)
    response.headers["Retry-After"] = "1"
    return response
