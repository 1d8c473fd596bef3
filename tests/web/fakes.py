"""Stand-ins for what surrounds the web room: a supervisor, a sender that signs, listeners without sockets."""

import base64
import datetime
import json
import math
from collections.abc import Callable
from pathlib import Path

import h11
import msgspec
import trio
import trio.testing
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope
from quart_trio import QuartTrio
from standardwebhooks.webhooks import Webhook

from daemon.calls.admission import Offer, Verdict
from daemon.core.incoming import IncomingCall
from daemon.errors import WebhookRefused
from daemon.web.ingress import create_app
from daemon.web.quiet import Quiet
from daemon.web.signature import SigningSecret, Verifier

NOW = 1_800_000_000
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_" + base64.b64encode(b"another secret, 24 bytes").decode()
PATH = "/xai/sip-webhook"


class FakeReception:
    """Takes every call, and gives the verdict it was told to give; None keeps the sender waiting."""

    def __init__(self, verdict: Verdict | None = Verdict.CLAIMED) -> None:
        self.ready = True
        self.verdict = verdict
        self.offered: list[IncomingCall] = []
        self.offers: list[Offer] = []

    def offer(self, incoming: IncomingCall) -> Offer:
        self.offered.append(incoming)
        offer = Offer() if self.verdict is None else Offer.decided(self.verdict)
        self.offers.append(offer)
        return offer


class Delivery(msgspec.Struct, tag_field="type", tag="call.incoming"):
    call_id: str
    called: str | None = None


def read_webhook(body: bytes, webhook_id: str, received_at: float) -> IncomingCall | None:
    """A reader in the manner of a platform's: strict about what it knows, indifferent to what it does not."""
    try:
        kind = msgspec.json.decode(body, type=dict[str, object]).get("type")
        if kind != "call.incoming":
            return None
        delivery = msgspec.json.decode(body, type=Delivery)
    except (msgspec.MsgspecError, RecursionError):
        raise WebhookRefused(400, "bad_body", "the body is not an event") from None
    if not delivery.call_id.isalnum():
        raise WebhookRefused(400, "bad_call_id", "the call id is not an id")
    return IncomingCall(
        call_id=delivery.call_id,
        webhook_id=webhook_id,
        called=delivery.called,
        caller=None,
        created_at=None,
        received_at=received_at,
    )


def body(call_id: str = "call1", **fields: str) -> bytes:
    return json.dumps({"type": "call.incoming", "call_id": call_id, **fields}).encode()


def sign(content: bytes, *, secret: str = SECRET, webhook_id: str = "msg_1", at: int = NOW) -> dict[str, str]:
    moment = datetime.datetime.fromtimestamp(at, tz=datetime.UTC)
    # As for any other text; what is not text can't be signed over, and gets a signature that is not looked at.
    text = content.decode("utf-8", "replace")
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(at),
        "webhook-signature": Webhook(secret).sign(webhook_id, moment, text),
    }


def make_app(
    reception: FakeReception,
    *secrets: SigningSecret,
    quiet: Quiet | None = None,
    read: Callable[[bytes, str, float], IncomingCall | None] = read_webhook,
) -> QuartTrio:
    verifier = Verifier(secrets or (SigningSecret(value=SECRET),), wall=lambda: float(NOW))
    return create_app(reception=reception, verifier=verifier, read_webhook=read, webhook_path=PATH, quiet=quiet)


class MemoryListener(trio.abc.Listener[trio.abc.Stream]):
    """A listener whose clients are in this process."""

    def __init__(self) -> None:
        self._put, self._get = trio.open_memory_channel[trio.abc.Stream | OSError](math.inf)

    def connect(self) -> trio.abc.Stream:
        client, server = trio.testing.memory_stream_pair()
        self._put.send_nowait(server)
        return client

    def connect_slow(self) -> trio.abc.Stream:
        """A connection on which nothing can be sent that is not being read."""
        client, server = trio.testing.lockstep_stream_pair()
        self._put.send_nowait(server)
        return client

    def fail(self, error: OSError) -> None:
        self._put.send_nowait(error)

    async def accept(self) -> trio.abc.Stream:
        accepted = await self._get.receive()
        if isinstance(accepted, OSError):
            raise accepted
        return accepted

    async def aclose(self) -> None:
        self._get.close()
        await trio.lowlevel.checkpoint()


def descriptors() -> int:
    """How many file descriptors this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class Answer(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: bytes


async def ask(stream: trio.abc.Stream, request: bytes) -> Answer:
    """Send a request and wait for the whole answer, leaving the connection open."""
    await stream.send_all(request)
    return await read_answer(stream)


async def read_answer(stream: trio.abc.Stream) -> Answer:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "test")]))
    connection.send(h11.EndOfMessage())
    answer = Answer(0, {}, b"")
    while True:
        event = connection.next_event()
        match event:
            case h11.NEED_DATA:
                connection.receive_data(bytes(await stream.receive_some()))
            case h11.Response():
                answer.status = event.status_code
                answer.headers = {name.decode(): value.decode() for name, value in event.headers}
            case h11.Data():
                answer.body += bytes(event.data)
            case h11.EndOfMessage():
                return answer


async def drain(stream: trio.abc.Stream) -> bytes:
    """Read until the other side has closed, however it did."""
    received = bytearray()
    while True:
        try:
            data = await stream.receive_some()
        except trio.BrokenResourceError:
            return bytes(received)
        if not data:
            return bytes(received)
        received += data


async def hello(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """An application that reads its request and says hello."""
    if scope["type"] != "http":
        raise AssertionError("only HTTP is expected")
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return
        if event["type"] == "http.request" and not event["more_body"]:
            break
    await say(send, scope["path"].encode())


async def say(send: ASGISendCallable, text: bytes) -> None:
    length = (b"content-length", str(len(text)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": text, "more_body": False})
