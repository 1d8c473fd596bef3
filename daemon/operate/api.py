"""The control API: the endpoints as a Quart application, served on the control socket and on loopback.

Nothing of it is reachable from the public port. Every request passes the gate first; every wish that changes something
is logged with who had it. The console lives beside it, at `/`. Owned by `app.py`, which serves it; imports the
desk, web's plain application, prometheus-client. Never lets a request's words into a log.
"""

from collections.abc import Awaitable, Callable
from typing import cast

import msgspec
import trio
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from quart import Response, g, request
from quart_trio import QuartTrio
from quart_trio.wrappers import TrioResponse
from werkzeug.exceptions import HTTPException

from daemon.errors import CallwardenError
from daemon.operate.access import Gate, is_foreign, is_ours, leave_trace
from daemon.operate.desk import Desk
from daemon.operate.endpoints import ENDPOINTS, Asked, Endpoint, Wish
from daemon.operate.events import Following, Ring
from daemon.operate.openapi import describe
from daemon.operate.problems import Problem, of_http, of_ours, problem
from daemon.web.peers import Peer
from daemon.web.plain import plain_app
from daemon.web.quiet import Quiet

MAX_BODY = 64 * 1024
_BODY_TIMEOUT = 10.0


def create_api(desk: Desk, ring: Ring, registry: CollectorRegistry, gate: Gate, quiet: Quiet) -> QuartTrio:
    """Make the application."""
    app = plain_app(__name__, max_body=MAX_BODY, body_timeout=_BODY_TIMEOUT, quiet=quiet)
    app.before_request(_admission(gate, quiet))
    app.after_request(_finish)
    for endpoint in ENDPOINTS:
        path = endpoint.path.replace("{call_id}", "<call_id:call_id>")
        app.add_url_rule(path, endpoint.name, _view(endpoint, desk), methods=[endpoint.method])
    _add_texts(app, ring, registry)
    app.register_error_handler(HTTPException, _explain)
    return app


def _add_texts(app: QuartTrio, ring: Ring, registry: CollectorRegistry) -> None:
    """Route what is not a JSON answer of the desk's."""
    document = msgspec.json.encode(describe(ENDPOINTS))

    async def events() -> Response:
        await trio.lowlevel.checkpoint()
        asked = request.args
        start = ring.start(request.headers.get("Last-Event-ID"), replay=asked.get("replay") == "true")
        body = Following(ring, start, call_id=asked.get("call"), wait=asked.get("wait") != "false")
        response = TrioResponse(body, content_type="text/event-stream")
        response.timeout = None
        return response

    async def metrics() -> Response:
        await trio.lowlevel.checkpoint()
        return TrioResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    async def openapi() -> Response:
        await trio.lowlevel.checkpoint()
        return TrioResponse(document, content_type="application/json")

    app.add_url_rule("/v1/events", "events", events, methods=["GET"])
    app.add_url_rule("/metrics", "metrics", metrics, methods=["GET"])
    app.add_url_rule("/openapi.json", "openapi", openapi, methods=["GET"])


def _admission(gate: Gate, quiet: Quiet) -> Callable[[], Awaitable[Response | None]]:
    async def admit() -> Response | None:
        await trio.lowlevel.checkpoint()
        peer = cast("Peer | None", request.scope["state"].get("peer"))
        if not is_ours(peer, request.headers):
            quiet.warning("operator_refused", "foreign host")
            return problem(421, "this is for requests from this machine only")
        if is_foreign(request.headers):
            quiet.warning("operator_refused", "another site's page")
            return problem(403, "this is not for pages of other sites")
        who = gate.admit(peer, request.headers)
        if who is None:
            quiet.warning("operator_refused", "no token, or a wrong one")
            response = problem(401, "send the token of [operator] token as: Authorization: Bearer ...")
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        g.who, g.peer = who, peer
        return None

    return admit


def _view(endpoint: Endpoint, desk: Desk) -> Callable[..., Awaitable[Response]]:
    async def view(call_id: str = "") -> Response:
        wish = await _read(endpoint)
        if isinstance(wish, Response):
            return wish
        asked = Asked(who=g.who, call_id=call_id, wish=wish)
        try:
            given = await endpoint.handler(desk, asked)
        except CallwardenError as error:
            response: TrioResponse = of_ours(error)
        else:
            response = problem(404, "no such call in progress here") if given is None else _answer(given)
        if endpoint.acts:
            leave_trace(endpoint.name, g.who, g.peer, response.status_code, call_id)
        return response

    return view


async def _read(endpoint: Endpoint) -> Wish | Response | None:
    """Read the body as what the endpoint takes; or make the response that refuses it."""
    body = await request.get_data(cache=False, as_text=False, parse_form_data=False)
    if endpoint.takes is None:
        return None
    if not body:
        return problem(422, "a body is needed: a JSON object") if endpoint.required else None
    if request.mimetype != "application/json":
        return problem(415, "the body must be application/json")
    try:
        return msgspec.json.decode(body, type=endpoint.takes)
    except msgspec.ValidationError as error:
        return problem(422, str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return problem(400, "the body is not JSON")


def _answer(given: msgspec.Struct) -> TrioResponse:
    return TrioResponse(msgspec.json.encode(given), content_type="application/json")


async def _finish(response: Response) -> Response:
    """What every answer carries: it is for nobody else, and is what it says it is."""
    await trio.lowlevel.checkpoint()
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


async def _explain(error: HTTPException) -> Response:
    await trio.lowlevel.checkpoint()
    return of_http(error)


__all__ = ["Problem", "create_api"]
