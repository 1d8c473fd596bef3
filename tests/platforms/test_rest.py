import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
import trio

from daemon.errors import NotAuthorized, PlatformRefused, PlatformUnavailable
from daemon.platforms.base import HangUpOutcome, ReferOutcome, ReferResult
from daemon.platforms.xai.rest import CallControl
from tests.platforms.contract import check, documented_statuses
from tests.platforms.fakes import (
    CALL,
    Door,
    Handler,
    answer,
    answering,
    loopback,
    read_request,
    reset,
    unused_port,
)

TEL = "tel:+14155550100"
BUSY = b'{"error": "transfer rejected by downstream: SIP 486 Busy Here"}'

Respond = Callable[[httpx.Request], httpx.Response]


class Rest:
    """Call control over a transport in memory that remembers what was asked."""

    def __init__(self, respond: Respond) -> None:
        self.requests: list[httpx.Request] = []
        self._respond = respond
        client = httpx.AsyncClient(base_url="https://rest.test", transport=httpx.MockTransport(self._answer))
        self.control = CallControl(client, hang_up_timeout=5, refer_timeout=90)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._respond(request)


def saying(status: int, body: bytes = b"{}", **headers: str) -> Respond:
    return lambda request: httpx.Response(status, content=body, headers=headers)


def raising(error: httpx.HTTPError) -> Respond:
    def respond(request: httpx.Request) -> httpx.Response:
        raise error

    return respond


@asynccontextmanager
async def on(port: int, *, hang_up: float = 5, refer: float = 5) -> AsyncIterator[CallControl]:
    """Call control over a real socket."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield CallControl(client, hang_up_timeout=hang_up, refer_timeout=refer)


@asynccontextmanager
async def serving(handler: Handler, *, hang_up: float = 5, refer: float = 5) -> AsyncIterator[tuple[CallControl, Door]]:
    async with loopback(handler) as door, on(door.port, hang_up=hang_up, refer=refer) as control:
        yield control, door


async def silent(stream: trio.abc.Stream) -> None:
    await read_request(stream)
    await trio.sleep_forever()


async def resetting(stream: trio.abc.Stream) -> None:
    await read_request(stream)
    await reset(stream)


# Hanging up


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_success_has_hung_up(status: int) -> None:
    rest = Rest(saying(status, b""))
    assert await rest.control.hang_up(CALL) is HangUpOutcome.HUNG_UP


@pytest.mark.parametrize("status", [404, 409, 410])
async def test_a_call_that_is_not_there_is_over(status: int) -> None:
    rest = Rest(saying(status, b'{"code": "Not found", "error": "no SIP participant"}'))
    assert await rest.control.hang_up(CALL) is HangUpOutcome.ALREADY_OVER


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, PlatformRefused),
        (401, NotAuthorized),
        (403, NotAuthorized),
        (422, PlatformRefused),
        (302, PlatformRefused),
    ],
)
async def test_a_definite_refusal_to_hang_up(status: int, kind: type[PlatformRefused]) -> None:
    rest = Rest(saying(status, b'{"code": "Nope", "error": "because"}', location="https://elsewhere.test/"))
    with pytest.raises(PlatformRefused) as caught:
        await rest.control.hang_up(CALL)
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.code, caught.value.detail) == (status, "Nope", "because")
    assert len(rest.requests) == 1


@pytest.mark.parametrize(
    ("respond", "retry_after", "message"),
    [
        (saying(429, b"", **{"Retry-After": "3"}), 3.0, "HTTP 429"),
        (saying(429, b'{"code": "Slow", "error": "down"}'), None, "HTTP 429: Slow: down"),
        (saying(500, b"<html>"), None, "HTTP 500"),
        (saying(502, BUSY), None, "HTTP 502: transfer rejected by downstream: SIP 486 Busy Here"),
        (saying(503, b"", **{"retry-after": "soon"}), None, "HTTP 503"),
        (raising(httpx.ConnectError("All connection attempts failed")), None, "All connection attempts failed"),
        (raising(httpx.ConnectTimeout("")), None, "ConnectTimeout"),
        (raising(httpx.ReadTimeout("")), None, "ReadTimeout"),
        (raising(httpx.ReadError("")), None, "ReadError"),
        (raising(httpx.WriteError("")), None, "WriteError"),
        (raising(httpx.RemoteProtocolError("Server disconnected")), None, "Server disconnected"),
        (raising(httpx.DecodingError("bad gzip")), None, "bad gzip"),
    ],
)
async def test_worth_another_try(respond: Respond, retry_after: float | None, message: str) -> None:
    rest = Rest(respond)
    with pytest.raises(PlatformUnavailable) as caught:
        await rest.control.hang_up(CALL)
    assert caught.value.retry_after == retry_after
    assert str(caught.value) == message


async def test_the_request_to_hang_up() -> None:
    rest = Rest(saying(200))
    await rest.control.hang_up(CALL)
    (request,) = rest.requests
    assert (request.method, request.url.path) == ("POST", f"/v1/realtime/calls/{CALL}/hangup")
    assert request.content == b""


@pytest.mark.parametrize(
    ("call_id", "quoted"),
    [("../../v2/phone-numbers", b"..%2F..%2Fv2%2Fphone-numbers"), ("a?b#c d", b"a%3Fb%23c%20d"), ("é", b"%C3%A9")],
)
async def test_an_id_cannot_leave_its_place_in_the_path(call_id: str, quoted: bytes) -> None:
    rest = Rest(saying(200))
    await rest.control.hang_up(call_id)
    await rest.control.refer(call_id, TEL)
    paths = [request.url.raw_path for request in rest.requests]
    assert paths == [b"/v1/realtime/calls/%s/%s" % (quoted, verb) for verb in (b"hangup", b"refer")]


# Transferring


def outcome(result: ReferResult, detail: str = "", sip_status: int | None = None) -> ReferOutcome:
    return ReferOutcome(result, sip_status=sip_status, detail=detail)


REFERS = [
    (200, b"{}", outcome(ReferResult.ANSWERED)),
    (400, b'{"error": "no URI"}', outcome(ReferResult.BAD_TARGET, "no URI")),
    (404, b'{"code": "Not found", "error": "no one"}', outcome(ReferResult.NO_CALL, "no one")),
    (500, b'{"error": "internal"}', outcome(ReferResult.FAILED, "internal")),
    (502, BUSY, outcome(ReferResult.REJECTED, "transfer rejected by downstream: SIP 486 Busy Here", 486)),
    (504, b'{"error": "timed out"}', outcome(ReferResult.TIMED_OUT, "timed out")),
]


def test_every_documented_status_of_refer_is_in_the_table() -> None:
    assert {str(status) for status, _, _ in REFERS} == documented_statuses("call.refer")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        *REFERS,
        (502, b'{"error": "transfer rejected by downstream: SIP 403 Forbidden"}', None),
        (401, b"", outcome(ReferResult.FAILED)),
        (403, b"[]", outcome(ReferResult.FAILED)),
        (429, b"\xff", outcome(ReferResult.FAILED)),
        (503, b'{"error": "\xff"}', outcome(ReferResult.FAILED)),
        (302, b"", outcome(ReferResult.FAILED)),
    ],
)
async def test_what_became_of_a_transfer(status: int, body: bytes, expected: ReferOutcome | None) -> None:
    rest = Rest(saying(status, body, location="https://elsewhere.test/"))
    said = await rest.control.refer(CALL, TEL)
    if expected is None:
        expected = outcome(ReferResult.REJECTED, "transfer rejected by downstream: SIP 403 Forbidden", 403)
    assert said == expected
    assert len(rest.requests) == 1


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("SIP 486", 486),
        ("got SIP 603 Decline, then SIP 480", 603),
        ("SIP 700 Odd", None),
        ("SIP 4860", None),
        ("GOSSIP 486", None),
        ("SIP/2.0 486 Busy Here", None),
        ("no number at all", None),
    ],
)
async def test_the_sip_status_in_the_words(words: str, status: int | None) -> None:
    rest = Rest(saying(502, json.dumps({"error": words}).encode()))
    assert await rest.control.refer(CALL, TEL) == outcome(ReferResult.REJECTED, words, status)


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (httpx.ConnectError("refused"), ReferResult.FAILED),
        (httpx.ConnectTimeout("refused"), ReferResult.FAILED),
        (httpx.ReadTimeout("refused"), ReferResult.UNKNOWN),
        (httpx.ReadError("refused"), ReferResult.UNKNOWN),
        (httpx.WriteTimeout("refused"), ReferResult.UNKNOWN),
        (httpx.WriteError("refused"), ReferResult.UNKNOWN),
        (httpx.RemoteProtocolError("refused"), ReferResult.UNKNOWN),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.value,
)
async def test_only_what_was_never_sent_has_surely_failed(error: httpx.HTTPError, result: ReferResult) -> None:
    rest = Rest(raising(error))
    assert await rest.control.refer(CALL, TEL) == outcome(result, "refused")


@pytest.mark.parametrize("target", [TEL, "sip:duty@pbx.example.org;transport=tls", 'sip:"\\é"@x.example'])
async def test_the_request_to_transfer(target: str) -> None:
    rest = Rest(saying(200))
    await rest.control.refer(CALL, target)
    (request,) = rest.requests
    assert (request.method, request.url.path) == ("POST", f"/v1/realtime/calls/{CALL}/refer")
    assert request.headers["content-type"] == "application/json"
    body = json.loads(request.content)
    check("call.refer.request", body)
    assert body == {"target_uri": target}


async def test_a_transfer_may_ring_longer_than_a_connection_may_take() -> None:
    rest = Rest(saying(200))
    await rest.control.refer(CALL, TEL)
    await rest.control.hang_up(CALL)
    refer, hang_up = (request.extensions["timeout"] for request in rest.requests)
    assert refer == {"connect": 5, "read": 90, "write": 5, "pool": 5}
    assert set(hang_up.values()) == {5}


# On real sockets


async def test_nobody_listens() -> None:
    async with on(unused_port()) as control:
        with pytest.raises(PlatformUnavailable) as caught:
            await control.hang_up(CALL)
        said = await control.refer(CALL, TEL)
    assert str(caught.value)
    assert said.result is ReferResult.FAILED
    assert said.detail


async def test_no_answer_in_time() -> None:
    async with serving(silent, hang_up=0.05, refer=0.05) as (control, door):
        with pytest.raises(PlatformUnavailable, match="ReadTimeout"):
            await control.hang_up(CALL)
        assert await control.refer(CALL, TEL) == outcome(ReferResult.UNKNOWN, "ReadTimeout")
    assert door.connections == 2


@pytest.mark.parametrize("handler", [resetting, answering(b""), answering(b"garbage\r\n\r\n")])
async def test_no_answer_that_makes_sense(handler: Handler) -> None:
    async with serving(handler) as (control, _):
        with pytest.raises(PlatformUnavailable) as caught:
            await control.hang_up(CALL)
        said = await control.refer(CALL, TEL)
    assert str(caught.value)
    assert said.result is ReferResult.UNKNOWN
    assert said.detail


async def test_an_answer_cut_short() -> None:
    async with serving(answering(answer(200, b'{"a": 1}')[:-3])) as (control, _):
        with pytest.raises(PlatformUnavailable):
            await control.hang_up(CALL)
        assert (await control.refer(CALL, TEL)).result is ReferResult.UNKNOWN


async def test_a_request_may_be_cancelled() -> None:
    async with serving(silent) as (control, _):
        with trio.move_on_after(0.05) as patience:
            await control.refer(CALL, TEL)
    assert patience.cancelled_caught
