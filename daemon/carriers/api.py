"""A carrier's REST API on the wire: asks, changes, and named errors, in which no secret of ours is ever repeated.

Owns the HTTP client it opens. Credentials go to the configured hosts only: no redirects, no proxies from the
environment. Errors: `CarrierUnavailable`, `CarrierRefused`; every httpx error is mapped here. One attempt each.
"""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

import httpx
import msgspec
import trio

from daemon.carriers.base import Ask, Change
from daemon.config import Secret
from daemon.core.redaction import masked
from daemon.errors import CarrierError, CarrierRefused, CarrierUnavailable

_TIMEOUT = 20.0
_WHOLE_TIMEOUT = 60.0
_LONGEST_DETAIL = 300


class Manners(Protocol):
    """How one carrier's API wants to be spoken to."""

    def url(self, path: str) -> str:
        """The whole URL of a path."""
        ...

    def authenticate(self) -> httpx.Auth | Mapping[str, str]:
        """Basic credentials, or headers."""
        ...

    @property
    def json(self) -> bool:
        """Whether bodies are JSON; else they are form fields, in which httpx encodes what must be."""
        ...

    def explain(self, status: int, said: object, path: str) -> str:
        """What an error body says, and a hint where one is known. `said` is decoded JSON, or None."""
        ...

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What must not be repeated."""
        ...


class CarrierApi:
    """Asks and changes."""

    def __init__(self, client: httpx.AsyncClient, manners: Manners, hidden: tuple[Secret, ...] = ()) -> None:
        self._client = client
        self._manners = manners
        self._hidden = [secret.reveal() for secret in (*manners.secrets, *hidden)]

    async def ask(self, ask: Ask) -> object:
        """The decoded answer; None where it may miss and does."""
        try:
            content = await self._request("GET", ask.path, query=ask.query)
        except CarrierRefused as refused:
            if ask.may_miss and refused.status == 404:
                return None
            raise
        return _decode(content)

    async def change(self, change: Change) -> object:
        """Carry out a change; gives the decoded answer, None if there is no body. Never repeats it."""
        try:
            content = await self._request(change.method, change.path, body=change.body or None)
        except CarrierRefused as refused:
            if change.unmakes and refused.status in (404, 410):
                return None
            raise
        return _decode(content) if content.strip() else None

    async def _request(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> bytes:
        url, json = self._manners.url(path), self._manners.json
        where = f"{method} {path}"
        response = None
        with trio.move_on_after(_WHOLE_TIMEOUT):
            try:
                response = await self._client.request(
                    method, url, params=query or None, json=body if json else None, data=None if json else body
                )
            except httpx.HTTPError as error:
                raise CarrierUnavailable(f"{where}: {str(error) or type(error).__name__}") from None
        if response is None:
            raise CarrierUnavailable(f"{where}: no whole answer within {_WHOLE_TIMEOUT:g} s")
        if response.is_success:
            return response.content
        raise self._error(response, path, where)

    def _error(self, response: httpx.Response, path: str, where: str) -> CarrierError:
        status = response.status_code
        try:
            said = msgspec.json.decode(response.content)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            said = None
        detail = masked(self._manners.explain(status, said, path), self._hidden)[:_LONGEST_DETAIL]
        message = f"{where}: HTTP {status}{': ' if detail else ''}{detail}"
        if status == 429 or status >= 500:
            wait = response.headers.get("retry-after", "")
            return CarrierUnavailable(message, retry_after=float(wait) if wait.isdecimal() else None)
        return CarrierRefused(status, message)


@asynccontextmanager
async def open_api(manners: Manners, hidden: tuple[Secret, ...] = ()) -> AsyncIterator[CarrierApi]:
    """Open the client and keep it until the block is left. `hidden` are further secrets that go into bodies."""
    credentials = manners.authenticate()
    auth = credentials if isinstance(credentials, httpx.Auth) else None
    headers = None if isinstance(credentials, httpx.Auth) else credentials
    async with httpx.AsyncClient(
        auth=auth, headers=headers, verify=ssl.create_default_context(), trust_env=False, timeout=_TIMEOUT
    ) as client:
        yield CarrierApi(client, manners, hidden)


def _decode(content: bytes) -> object:
    try:
        decoded: object = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise CarrierRefused(200, "the carrier's answer is not JSON") from None
    return decoded
