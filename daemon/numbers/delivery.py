"""A test delivery: a signed event of a type nobody knows, by the same way as the platform's announcements.

It goes to the public URL, through DNS, TLS and whatever stands in front, and the running daemon answers it: 204 to what
is signed with a secret it knows, and 401 to anything else. No call comes of it. Used by the doctor; imports httpx,
standardwebhooks, Trio and config. Never follows a redirect: the platform would not either.
"""

import datetime
import enum
import json
import secrets
import socket
import ssl
from base64 import b64encode
from urllib.parse import urlsplit

import httpx
import trio
from standardwebhooks import Webhook

from daemon.config import Secret
from daemon.observe.clock import WallClock

TYPE = "callwarden.doctor"
"""Type of the event. The daemon ignores types it doesn't know, after it has checked who signed."""

_TIMEOUT = 15.0


class Reached(enum.Enum):
    """How far a delivery got."""

    ACCEPTED = "accepted"
    UNAUTHORIZED = "unauthorized"
    NO_NAME = "no such name"
    NO_ANSWER = "no answer"
    BAD_CERTIFICATE = "bad certificate"
    ELSEWHERE = "answered by something else"


async def deliver(url: str, secret: Secret | None, wall: WallClock) -> tuple[Reached, str]:
    """Send one test delivery, signed with the secret, or with one that nobody can know; gives what came of it.

    Raises nothing for what the network does.
    """
    signer = Webhook(secret.reveal() if secret else "whsec_" + b64encode(secrets.token_bytes(32)).decode())
    now, event_id = int(wall()), f"doctor_{secrets.token_hex(8)}"
    event = {"object": "event", "id": event_id, "type": TYPE, "created_at": now, "data": {}}
    body = json.dumps(event)
    headers = {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(now),
        "webhook-signature": signer.sign(event_id, datetime.datetime.fromtimestamp(now, tz=datetime.UTC), body),
    }
    with trio.move_on_after(2 * _TIMEOUT):
        return await _post(url, body, headers)
    return Reached.NO_ANSWER, "no whole answer in time"


async def _post(url: str, body: str, headers: dict[str, str]) -> tuple[Reached, str]:
    parts = urlsplit(url)
    try:
        await trio.socket.getaddrinfo(parts.hostname or "", parts.port or 443, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        return Reached.NO_NAME, f"{parts.hostname} does not resolve"
    try:
        async with httpx.AsyncClient(verify=ssl.create_default_context(), trust_env=False, timeout=_TIMEOUT) as client:
            response = await client.post(url, content=body, headers=headers)
    except httpx.HTTPError as error:
        return _failure(error)
    if response.status_code == 204:
        return Reached.ACCEPTED, ""
    if response.status_code == 401:
        return Reached.UNAUTHORIZED, ""
    return Reached.ELSEWHERE, f"HTTP {response.status_code}"


def _failure(error: httpx.HTTPError) -> tuple[Reached, str]:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return Reached.BAD_CERTIFICATE, getattr(cause, "verify_message", "") or cause.reason or "TLS failed"
        cause = cause.__cause__ or cause.__context__
    return Reached.NO_ANSWER, str(error) or type(error).__name__
