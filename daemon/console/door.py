"""Coming in and going: the token is shown once, in a form, and a cookie stands for it from then on.

Imports this room. Whoever comes over the control socket is in already.
"""

import trio
from quart import Response, request
from werkzeug.exceptions import HTTPException

from daemon.console.acting import see_other
from daemon.console.pages import html
from daemon.console.sessions import LIFETIME
from daemon.console.visit import COOKIE, House, Visit, form, peer, secure


def show_login(house: House, why: str = "", status: int = 200) -> Response:
    """The form that asks for the token."""
    return html(house.pages.text("login", title="Log in", visitor=None, why=why), status)


async def see_login(house: House) -> Response:
    """The same, for those who need it."""
    await trio.lowlevel.checkpoint()
    if house.sessions.visitor(peer(), request.cookies.get(COOKIE, "")) is not None:
        return see_other("/")
    return show_login(house)


async def login(house: House) -> Response:
    """Begin a session, if that is the token."""
    fields = await form()
    if wait := house.sessions.wait():
        house.quiet.warning("operator_refused", "too many wrong tokens in the console")
        response = show_login(house, f"Too many wrong tokens. Try again in {wait:.0f} seconds.", 429)
        response.headers["Retry-After"] = f"{wait:.0f}"
        return response
    cookie = house.sessions.open(fields.get("token", "").strip())
    if cookie is None:
        house.quiet.warning("operator_refused", "a wrong token in the console")
        return show_login(house, "That is not the token of [operator] token.", 401)
    response = see_other("/")
    response.set_cookie(
        COOKIE, cookie, max_age=int(LIFETIME), httponly=True, samesite="Strict", secure=secure(), path="/"
    )
    return response


async def logout(visit: Visit) -> Response:
    """End the session, and whatever follows the events by it."""
    await trio.lowlevel.checkpoint()
    visit.house.sessions.close(request.cookies.get(COOKIE, ""))
    response = see_other("/login")
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="Strict", secure=secure())
    return response


def sorry(house: House, visit: Visit | None, error: HTTPException) -> Response:
    """What the framework, or we, refuse, as a page."""
    status = error.code or 500
    what = {
        400: ("That was not understood", "The request was not as the console's own pages make it."),
        403: ("Not done", "The form was too old, or not from here. Go back, reload the page, and try again."),
        404: ("Nothing here", "There is no such page, or no such call (any more)."),
        421: ("Not for here", "This is for requests from this machine only: localhost, or an SSH tunnel."),
    }.get(status, (error.name, "Something went wrong; the log may have more."))
    if visit is None:
        return html(house.pages.text("sorry", title=what[0], visitor=None, what=what[0], why=what[1]), status)
    return visit.page("sorry", title=what[0], status=status, values={"what": what[0], "why": what[1]})
