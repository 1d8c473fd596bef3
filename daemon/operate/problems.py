"""Errors as operators' programs get them: one shape for all, RFC 9457's problem details.

Used by the API; imports msgspec, Quart's response and errors. What is told is for operators: it names keys and causes,
and never a secret.
"""

import http

import msgspec
from quart_trio.wrappers import TrioResponse
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from daemon.errors import CallwardenError, ConfigError, NoSuchDestination, NotNow

MEDIA_TYPE = "application/problem+json"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with a configuration."""

    where: str
    """File, table and key."""
    what: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was not fulfilled (RFC 9457; its type is always `about:blank`)."""

    title: str
    """The status in words."""
    status: int
    detail: str = ""
    """What was wrong, in a sentence."""
    problems: tuple[Place, ...] = ()
    """All that is wrong with the configuration, where that was the reason."""


def problem(status: int, detail: str = "", problems: tuple[Place, ...] = ()) -> TrioResponse:
    """Make a response that says what went wrong."""
    body = Problem(title=http.HTTPStatus(status).phrase, status=status, detail=detail, problems=problems)
    return TrioResponse(msgspec.json.encode(body), status=status, content_type=MEDIA_TYPE)


def of_ours(error: CallwardenError) -> TrioResponse:
    """The same for an error of a handler."""
    match error:
        case ConfigError():
            places = tuple(Place(where=each.where, what=each.what) for each in error.problems)
            return problem(422, "the configuration can't be used; the one before goes on", places)
        case NotNow():
            return problem(409, str(error))
        case NoSuchDestination():
            return problem(404, str(error))
        case _:
            return problem(500)


def of_http(error: HTTPException) -> TrioResponse:
    """The same for what the framework refuses: not found, too large, too slow, or failed inside."""
    response = problem(error.code or 500)
    if isinstance(error, MethodNotAllowed) and error.valid_methods is not None:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response
