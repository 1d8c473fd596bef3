"""Phone numbers at xAI over REST: register one, list them, take one off again.

Owns the HTTP client it opens. Facts: SIP guide ("Register the phone number") and what was seen live: answers come in
camelCase, other code expects snake_case, so both are read; the signing secret is given once, in the answer to a
registration, and can't be read back; there is no rotation but to delete and register anew. Every httpx error is mapped
here. Never logs or repeats a body: it may hold the secret, and the request the SIP password.
"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec
import trio

from daemon.config import Secret
from daemon.core.redaction import masked
from daemon.errors import (
    NotAuthorized,
    PlatformError,
    PlatformProtocolError,
    PlatformRefused,
    PlatformUnavailable,
)
from daemon.platforms.xai import tls_context
from daemon.platforms.xai.refusals import refusal

SIP_HOST = "sip.voice.x.ai"
"""Where a carrier sends calls, unless a registration's answer names another host."""

_PATH = "/v2/phone-numbers"
_TIMEOUT = 20.0
# A peer that sends a byte now and then would keep a request alive for ever.
_WHOLE_TIMEOUT = 60.0
_CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")

T = TypeVar("T")


class SipAuth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the platform knows that a call comes from your carrier: by address, or by digest. One of the two."""

    allowed_addresses: tuple[str, ...] = ()
    """CIDR ranges of the carrier's SIP signalling."""
    auth_username: str = ""


class PhoneNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A number as the platform tells of it; of what it leaves out, nothing is known."""

    phone_number_id: str = ""
    phone_number: str = ""
    name: str = ""
    origin: str = ""
    agent_id: str | None = None
    """A console agent that is bound to the number; calls then do not come to us."""
    sip_host: str = SIP_HOST
    update_time: str | None = None


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform's answer to a registration says."""

    number: PhoneNumber
    secret: Secret
    """Signs what is announced for this number; shown once, by this answer."""


class PhoneNumbers:
    """The requests about numbers; one attempt each. Errors: every `PlatformError`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def listed(self) -> list[PhoneNumber]:
        """All numbers of the account."""
        answer = _snake(_decode(await self._request("GET", _PATH)))
        entries = answer.get("phone_numbers", []) if isinstance(answer, dict) else None
        return _convert(entries, list[PhoneNumber])

    async def find(self, number: str) -> PhoneNumber | None:
        """The one with this number, if it is registered."""
        found = [entry for entry in await self.listed() if entry.phone_number == number]
        if len(found) > 1:
            raise PlatformProtocolError(f"the platform lists {number} {len(found)} times")
        return found[0] if found else None

    async def create(
        self, *, number: str, name: str, webhook_url: str, webhook_name: str, sip: SipAuth, password: Secret | None
    ) -> bytes:
        """Register a number; gives the raw answer, which the caller keeps before reading it with `read_registration`.

        Cancelled or failed with `PlatformUnavailable`, it may have been carried out all the same: the number is then
        listed, and its secret lost.
        """
        auth: dict[str, object] = msgspec.to_builtins(sip)
        hidden = []
        if password is not None:
            auth["auth_password"] = password.reveal()
            hidden = [password.reveal()]
        body = {
            "origin": "byo_trunk",
            "name": name,
            "phone_number": number,
            "webhook": {"name": webhook_name, "url": webhook_url},
            "sip_auth": auth,
        }
        return await self._request("POST", _PATH, body, hidden)

    async def delete(self, number_id: str) -> None:
        """Take a number off; one that is not there is as good as taken off."""
        try:
            await self._request("DELETE", f"{_PATH}/{quote(number_id, safe='')}")
        except PlatformRefused as refused:
            if refused.status not in (404, 410):
                raise

    async def _request(self, method: str, path: str, body: object = None, hidden: list[str] | None = None) -> bytes:
        response = None
        with trio.move_on_after(_WHOLE_TIMEOUT):
            try:
                response = await self._client.request(method, path, json=body)
            except httpx.HTTPError as error:
                raise PlatformUnavailable(f"{method} {path}: {_describe(error)}") from None
        if response is None:
            raise PlatformUnavailable(f"{method} {path}: no whole answer within {_WHOLE_TIMEOUT:g} s")
        if response.is_success:
            return response.content
        raise _refusal(response, hidden or [])


@asynccontextmanager
async def open_numbers(*, base_url: str, api_key: Secret, ca_file: str = "") -> AsyncIterator[PhoneNumbers]:
    """Open the client and keep it until the block is left. The key goes to this host only: no redirect, no proxy."""
    async with httpx.AsyncClient(
        base_url=base_url,
        headers={"Authorization": f"Bearer {api_key.reveal()}"},
        verify=tls_context(ca_file),
        trust_env=False,
        timeout=_TIMEOUT,
    ) as client:
        yield PhoneNumbers(client)


def read_registration(raw: bytes) -> Registration:
    """Read the answer to a registration, in either casing.

    Errors: `PlatformProtocolError` if there is no secret in it; its message repeats nothing of the answer.
    """
    answer = _snake(_decode(raw))
    if not isinstance(answer, dict):
        raise PlatformProtocolError("the answer to the registration is no JSON object")
    try:
        number = _convert(answer.get("phone_number", {}), PhoneNumber)
    except PlatformProtocolError:
        number = PhoneNumber()  # it can be listed again; the secret can't
    secret = _secret(answer)
    if secret is None:
        raise PlatformProtocolError("the answer to the registration holds no signing secret")
    return Registration(number=number, secret=Secret(secret))


def _secret(answer: dict[str, Any]) -> str | None:
    """The secret at its documented place, or else whatever is called a secret: it is shown only once."""
    webhook = answer.get("webhook")
    documented = webhook.get("dispatch_signing_secret") if isinstance(webhook, dict) else None
    if isinstance(documented, str) and documented:
        return documented
    called_so = list(_secrets_in(answer))
    likely = [text for text in called_so if text.startswith("whsec_")]
    return next(iter(likely or called_so), None)


def _secrets_in(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if "secret" in str(key).lower() and isinstance(inner, str) and inner:
                yield inner
            yield from _secrets_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets_in(inner)


def _snake(value: object) -> object:
    if isinstance(value, dict):
        return {_CAMEL.sub(r"_\1", str(key)).lower(): _snake(inner) for key, inner in value.items()}
    return [_snake(inner) for inner in value] if isinstance(value, list) else value


def _decode(raw: bytes) -> object:
    try:
        decoded: object = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise PlatformProtocolError("the platform's answer is not JSON") from None
    return decoded


def _convert(value: object, kind: type[T]) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        # Without the cause, which may repeat what was found.
        raise PlatformProtocolError("the platform's answer does not tell of phone numbers") from None


def _refusal(response: httpx.Response, hidden: list[str]) -> PlatformError:
    """The error; 404 and 409 speak of a number here, not of a call."""
    error = refusal(response.status_code, response.headers, response.content)
    if not isinstance(error, PlatformRefused):
        return PlatformUnavailable(masked(str(error), hidden), retry_after=getattr(error, "retry_after", None))
    kind = NotAuthorized if isinstance(error, NotAuthorized) else PlatformRefused
    return kind(error.status, masked(error.code, hidden), masked(error.detail, hidden))


def _describe(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__
