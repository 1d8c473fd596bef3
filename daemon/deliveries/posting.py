"""One attempt at one delivery: signed, posted, and the answer judged as Standard Webhooks 1.0.0 says.

Owned by the sender, which opens the client once. Every httpx error is mapped here. Never follows a redirect, reads a
proxy variable, or carries the platform's key; never keeps or logs a body, nor a URL, which may hold a token.
"""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import msgspec
import trio
from standardwebhooks.webhooks import Webhook

from daemon import __version__
from daemon.observe.clock import WallClock

TIMEOUT = 20.0
"""Seconds for one attempt, from opening the connection to the status of the answer; the standard says 15 to 30."""

# An answer's body says nothing to us. It is read, in so many seconds, if it is that short: that keeps the connection.
_BODY = 16 * 1024
_BODY_SECONDS = 2.0
# Characters of an error that are kept.
_WORDS = 200
# By the standard: 429, 502 and 504 ask to slow down. A 503 that says for how long means the same.
_THROTTLES = (429, 502, 504)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one attempt."""

    status: int | None = None
    """The HTTP status; None if there was no answer."""
    why: str
    """What went wrong, in a few words; empty if nothing did."""
    retry_after: float = 0.0
    """Seconds after which the endpoint wants to be asked again; 0 if it did not say."""

    @property
    def taken(self) -> bool:
        """Whether the delivery has arrived."""
        return not self.why

    @property
    def gone(self) -> bool:
        """Whether the endpoint wants nothing any more, ever."""
        return self.status == 410

    @property
    def throttles(self) -> bool:
        """Whether the endpoint, and not only this delivery, is to be left in peace for a while."""
        return self.status in _THROTTLES or (self.status == 503 and self.retry_after > 0)


@asynccontextmanager
async def open_client(transport: httpx.AsyncBaseTransport | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """Open the client for all endpoints and keep it until the block is left; a test brings a transport of its own."""
    async with httpx.AsyncClient(
        headers={
            "User-Agent": f"callwarden/{__version__}",
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
        },
        verify=True if transport else ssl.create_default_context(),
        trust_env=False,
        follow_redirects=False,
        timeout=TIMEOUT,
        # How much goes to one endpoint at once is the sender's business; none may wait for another here.
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        transport=transport,
    ) as client:
        yield client


def signed(webhook_id: str, payload: str, signers: Sequence[Webhook], at: float) -> dict[str, str]:
    """The headers that prove who sent a payload, and when: `at` is the Unix time of this attempt.

    With several signers there are several signatures, of which the receiver needs to know one.
    """
    moment = datetime.fromtimestamp(int(at), tz=UTC)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at)),
        "webhook-signature": " ".join(signer.sign(webhook_id, moment, payload) for signer in signers),
    }


async def post(client: httpx.AsyncClient, url: str, payload: str, headers: dict[str, str], wall: WallClock) -> Answer:
    """Make one attempt. Raises nothing; cancelling leaves it unknown whether the endpoint has the delivery."""
    answer = None
    with trio.move_on_after(TIMEOUT):
        try:
            async with client.stream("POST", url, content=payload.encode(), headers=headers) as response:
                answer = _judge(response, wall())
                with trio.move_on_after(_BODY_SECONDS):
                    await _skim(response)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return answer or Answer(why=_describe(error))
    return answer or Answer(why=f"no answer within {TIMEOUT:g} s")


async def _skim(response: httpx.Response) -> None:
    """Read the body if it is short and states so, and as it comes: unpacked, a little can be a lot."""
    length = response.headers.get("content-length", "0" if response.status_code == 204 else "")
    short = length.isascii() and length.isdigit() and int(length[:9]) <= _BODY
    if short and "content-encoding" not in response.headers:
        await response.aread()


def _judge(response: httpx.Response, now: float) -> Answer:
    if response.is_success:
        return Answer(status=response.status_code, why="")
    retry_after = _seconds(response.headers.get("retry-after", ""), now)
    what = " (redirects are not followed)" if response.is_redirect else ""
    return Answer(status=response.status_code, why=f"HTTP {response.status_code}{what}", retry_after=retry_after)


def _seconds(written: str, now: float) -> float:
    """Read a `Retry-After`, in either of its two forms (RFC 9110, 10.2.3); 0 if it is neither."""
    if written.isascii() and written.isdigit():
        return float(written[:9])
    try:
        return max(parsedate_to_datetime(written).timestamp() - now, 0.0)
    except (ValueError, OverflowError):
        return 0.0


def _describe(error: Exception) -> str:
    """The error in words; httpx leaves many of its messages empty and the reason (a bad certificate) further down."""
    cause: BaseException | None = error
    while isinstance(cause, Exception) and not str(cause):
        cause = cause.__cause__ or cause.__context__
    # It may quote what the other side sent.
    return str(cause)[:_WORDS] if isinstance(cause, Exception) else type(error).__name__
