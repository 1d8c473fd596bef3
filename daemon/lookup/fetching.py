"""Fetching one small answer from a server of the operator's.

A client of its own, without the platform's key. It follows no redirect, ignores proxy variables, keeps no cookies (one
caller's must not be sent for another) and takes no compressed answer, which may grow beyond any limit. Every httpx
error is mapped here. `Fetch` is all that the rest of the room knows of it.
"""

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import Final, Protocol

import httpx
import trio

from daemon import __version__
from daemon.errors import AddressRefused, LookupFailed, StartError
from daemon.tools.connecting import ALLOWED

LONGEST: Final = 64 * 1024
"""Bytes of an answer beyond which it is given up."""
# Seconds without a byte; the deadline for all of it is shorter, and the caller's.
_SILENCE: Final = 15.0
# What stands for "we don't know this caller".
_UNKNOWN: Final = (204, 404, 410)


class Fetch(Protocol):
    """Asks one server, once."""

    async def __call__(self, url: str, headers: Mapping[str, str], allowed: Sequence[str] = ()) -> bytes | None:
        """GET a URL; gives the body, or None if the server knows of nothing there.

        `allowed` are places that may be connected to though they are not public.
        Has no time limit of its own. Cancelling drops the connection. Errors: `LookupFailed`.
        """
        ...


class HttpFetch:
    """Asks over HTTP; see `Fetch`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def __call__(self, url: str, headers: Mapping[str, str], allowed: Sequence[str] = ()) -> bytes | None:
        """GET a URL."""
        extensions = {ALLOWED: tuple(allowed)}
        try:
            async with self._client.stream("GET", url, headers=dict(headers), extensions=extensions) as response:
                if response.status_code in _UNKNOWN:
                    return None
                if response.status_code != 200:
                    raise LookupFailed(f"HTTP {response.status_code}")
                return await _read(response)
        except AddressRefused as error:
            raise LookupFailed(str(error)) from error
        except httpx.HTTPError as error:
            raise LookupFailed(_describe(error)) from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise LookupFailed("the URL can't be used") from error


async def _read(response: httpx.Response) -> bytes:
    """Read a body, as it is on the wire, as far as it may go."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise LookupFailed("the answer is compressed, which was not asked for")
    body = bytearray()
    with trio.CancelScope() as reading:
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > LONGEST:
                # Not just left: only so do all the generators within httpx get their end.
                reading.cancel(reason="the answer is too long")
    if len(body) > LONGEST:
        raise LookupFailed(f"the answer is longer than {LONGEST} bytes")
    return bytes(body)


@asynccontextmanager
async def open_fetch(transport: httpx.AsyncBaseTransport | None = None) -> AsyncIterator[Fetch]:
    """Open the client and keep it, and its connections, until the block is left.

    `transport` decides what is connected to, and how; by default it is whatever a URL says, over TLS with the system's
    authorities. Errors: `StartError` if there are no certificates to trust.
    """
    transport = transport or httpx.AsyncHTTPTransport(verify=_context(), trust_env=False)
    headers = {"User-Agent": f"callwarden/{__version__}", "Accept": "application/json", "Accept-Encoding": "identity"}
    async with httpx.AsyncClient(
        transport=transport, headers=headers, trust_env=False, follow_redirects=False, timeout=_SILENCE
    ) as client:
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        yield HttpFetch(client)


def _context() -> ssl.SSLContext:
    try:
        return ssl.create_default_context()
    except (OSError, ssl.SSLError) as error:
        raise StartError(f"cannot read certificates from the system: {error}") from error


def _describe(error: httpx.HTTPError) -> str:
    """The error in words; httpx leaves many of its messages empty and the reason further down."""
    cause: BaseException | None = error
    while isinstance(cause, Exception) and not str(cause):
        cause = cause.__cause__ or cause.__context__
    return str(cause) if isinstance(cause, Exception) else type(error).__name__
