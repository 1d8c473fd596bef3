"""The console's application: which page is where, who may see it, and what every answer carries.

Owned by `operating.py`, which serves it beside the API. A request that is not for this machine, or that another site's
page makes, is refused; but for the login, every page is for those who may operate; what changes something needs the
proof that stands in our own forms. Imports web's plain application, the ring and this room. Never lets a request's
words into a log.
"""

import hmac
from collections.abc import Awaitable, Callable
from functools import partial
from typing import cast

import trio
from quart import Response, abort, g, request
from quart_trio import QuartTrio
from quart_trio.wrappers import TrioResponse
from werkzeug.exceptions import HTTPException

from daemon.console.acting import DEEDS, Deed, act, ask, see_other
from daemon.console.archive import Archive
from daemon.console.charts import charts
from daemon.console.door import login, logout, see_login, sorry
from daemon.console.history import history
from daemon.console.looking import Board, call, live, node, tree
from daemon.console.notes import Notes
from daemon.console.pages import Pages
from daemon.console.sessions import Sessions, Visitor
from daemon.console.visit import COOKIE, House, View, Visit, form, peer
from daemon.ledger.database import Database
from daemon.observe.clock import WallClock, system_clock
from daemon.operate.access import Gate, is_foreign, is_ours
from daemon.operate.desk import Desk
from daemon.operate.events import Following, Ring
from daemon.web.plain import plain_app
from daemon.web.quiet import Quiet

MAX_BODY = 16 * 1024
_BODY_TIMEOUT = 10.0
_OPEN = ("/login", "/static/")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What every answer carries: nothing but our own files runs, is shown, framed, sent or kept."""


def create_console(
    desk: Desk, database: Database, ring: Ring, gate: Gate, quiet: Quiet, wall: WallClock = system_clock
) -> QuartTrio:
    """Make the application."""
    house = House(
        desk=desk,
        archive=Archive(database),
        ring=ring,
        sessions=Sessions(gate),
        pages=Pages(),
        notes=Notes(),
        quiet=quiet,
        wall=wall,
    )
    app = plain_app(__name__, max_body=MAX_BODY, body_timeout=_BODY_TIMEOUT, quiet=quiet)
    app.before_request(_admission(house))
    app.after_request(_finish)
    app.register_error_handler(HTTPException, partial(_explain, house))
    _add_doors(app, house)
    views: dict[str, View] = {
        "/": partial(live, board=Board()),
        "/calls/<call_id:call_id>": call,
        "/history": history,
        "/charts": charts,
        "/node": node,
        "/tree": tree,
        "/events": _events,
    }
    for path, view in views.items():
        app.add_url_rule(path, path, _seen(house, view), methods=["GET"])
    for deed in DEEDS:
        app.add_url_rule(deed.path, f"ask {deed.verb}", _seen(house, partial(ask, deed)), methods=["GET"])
        app.add_url_rule(deed.path, deed.verb, _done(house, deed), methods=["POST"])
    return app


def _add_doors(app: QuartTrio, house: House) -> None:
    """Route what needs no session, and the end of one."""

    async def file(name: str) -> Response:
        await trio.lowlevel.checkpoint()
        content, kind = house.pages.files.get(name, (b"", ""))
        return TrioResponse(content, content_type=kind) if kind else abort(404)

    async def leave() -> Response:
        _check_proof(await form())
        return await logout(_visit(house))

    app.add_url_rule("/static/<name>", "static", file, methods=["GET"])
    app.add_url_rule("/login", "see login", partial(see_login, house), methods=["GET"])
    app.add_url_rule("/login", "login", partial(login, house), methods=["POST"])
    app.add_url_rule("/logout", "logout", leave, methods=["POST"])


def _admission(house: House) -> Callable[[], Awaitable[Response | None]]:
    async def admit() -> Response | None:
        await house.pages.load()
        if not is_ours(peer(), request.headers):
            house.quiet.warning("operator_refused", "foreign host")
            abort(421)
        # A link on another site may lead here; nothing else of theirs may.
        link = request.method == "GET" and request.headers.get("Sec-Fetch-Mode", "") == "navigate"
        if is_foreign(request.headers) and not link:
            house.quiet.warning("operator_refused", "another site's page")
            abort(403)
        if request.path.startswith(_OPEN):
            return None
        visitor = house.sessions.visitor(peer(), request.cookies.get(COOKIE, ""))
        if visitor is None:
            if request.path == "/events" or "part" in request.args or request.method != "GET":
                abort(401)
            return see_other("/login")
        g.visitor = visitor
        return None

    return admit


def _visit(house: House, call_id: str = "") -> Visit:
    return Visit(house=house, visitor=cast("Visitor", g.visitor), call_id=call_id)


def _seen(house: House, view: View) -> Callable[..., Awaitable[Response]]:
    async def handler(call_id: str = "") -> Response:
        visit = _visit(house, call_id)
        if visit.part == "pulse":
            await trio.lowlevel.checkpoint()
            return visit.fragment("_pulse", node=house.desk.status())
        return await view(visit)

    return handler


def _done(house: House, deed: Deed) -> Callable[..., Awaitable[Response]]:
    async def handler(call_id: str = "") -> Response:
        fields = await form()
        _check_proof(fields)
        return await act(deed, _visit(house, call_id), fields)

    return handler


def _check_proof(fields: dict[str, str]) -> None:
    """Refuse a form that is not one of ours."""
    visitor = cast("Visitor", g.visitor)
    if not hmac.compare_digest(fields.get("proof", "").encode(), visitor.proof.encode()):
        abort(403)


async def _events(visit: Visit) -> Response:
    """What happens in calls, as the API has it, for as long as the session lasts."""
    await trio.lowlevel.checkpoint()
    start = visit.house.ring.start(request.headers.get("Last-Event-ID"), replay=False)
    body = Following(visit.house.ring, start, call_id=visit.asked.get("call"), welcome=visit.visitor.welcome)
    response = TrioResponse(body, content_type="text/event-stream")
    response.timeout = None
    return response


async def _finish(response: Response) -> Response:
    await trio.lowlevel.checkpoint()
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


async def _explain(house: House, error: HTTPException) -> Response:
    await trio.lowlevel.checkpoint()
    return sorry(house, _visit(house) if "visitor" in g else None, error)
