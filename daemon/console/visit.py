"""One request to the console, read: who asks, for what; and what its page is made from.

Owned by the console's application. Imports Quart's request, the desk, the ring and this room. Never trusts a field of a
form or of an address: they are text of bounded length, and nothing more.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import parse_qsl

from quart import Response, abort, request

from daemon.console.archive import Archive
from daemon.console.notes import Notes
from daemon.console.pages import Pages, html
from daemon.console.sessions import Sessions, Visitor
from daemon.observe.clock import WallClock
from daemon.operate.desk import Desk
from daemon.operate.events import Ring
from daemon.web.peers import Peer
from daemon.web.quiet import Quiet

_MOST_FIELDS = 32
_FORM = "application/x-www-form-urlencoded"
COOKIE = "callwarden"
NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What all pages are made from."""

    desk: Desk
    archive: Archive
    ring: Ring
    sessions: Sessions
    pages: Pages
    notes: Notes
    quiet: Quiet
    wall: WallClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request of somebody who may."""

    house: House
    visitor: Visitor
    call_id: str = ""
    """Of the path."""

    @property
    def asked(self) -> Mapping[str, str]:
        """What stands behind the question mark, each name once."""
        return request.args

    @property
    def part(self) -> str:
        """Which part of the page is wanted, if not all of it."""
        return request.args.get("part", "")

    def page(self, name: str, *, title: str, status: int = 200, values: Mapping[str, object] = NOTHING) -> Response:
        """A whole page, with everything around it."""
        around = {
            "title": title,
            "here": request.path,
            "node": self.house.desk.status(),
            "note": self.house.notes.get(request.args.get("note", "")),
            "visitor": self.visitor,
        }
        return html(self.house.pages.text(name, **around, **values), status)

    def fragment(self, name: str, /, **values: object) -> Response:
        """A part of a page."""
        return html(self.house.pages.text(name, **values))


View = Callable[[Visit], Awaitable[Response]]


def peer() -> Peer | None:
    """The process that asks, on the control socket."""
    found = request.scope["state"].get("peer")
    return found if isinstance(found, Peer) else None


def secure() -> bool:
    """Whether a proxy in front of us says that the browser came over TLS."""
    return request.headers.get("X-Forwarded-Proto", "") == "https"


async def form() -> dict[str, str]:
    """The fields of a form. What is none is answered with 415 or 400. Cancelling is safe."""
    body = await request.get_data(cache=False, as_text=False, parse_form_data=False)
    if request.mimetype != _FORM:
        abort(415)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        abort(400)
