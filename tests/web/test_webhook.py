import json
import logging
import math

import pytest
import trio
import trio.testing
from quart.typing import TestClientProtocol as Client
from quart.wrappers import Response
from structlog.testing import capture_logs
from werkzeug.datastructures import Headers

from daemon.calls.admission import Verdict
from daemon.core.incoming import IncomingCall
from daemon.web.doorman import AT_ONCE
from daemon.web.quiet import Quiet
from daemon.web.serve import Server
from daemon.web.signature import SigningSecret
from tests.web.fakes import NOW, OTHER_SECRET, PATH, SECRET, FakeReception, MemoryListener, body, make_app, sign

OWN_NUMBER = "+14155550100"


def client(reception: FakeReception | None = None, *secrets: SigningSecret) -> Client:
    return make_app(reception or FakeReception(), *secrets).test_client()


async def post(to: Client, content: bytes, headers: dict[str, str] | None = None) -> Response:
    return await to.post(PATH, data=content, headers=sign(content) if headers is None else headers)


async def expect(response: Response, status: int, /, **fields: str) -> None:
    assert response.status_code == status
    assert response.content_type == "application/json"
    assert json.loads(await response.get_data()) == fields


async def test_a_signed_call_is_offered_and_claimed() -> None:
    reception = FakeReception()
    before = trio.current_time()
    await expect(await post(client(reception), body("call1")), 200, result="claimed")
    (incoming,) = reception.offered
    assert (incoming.call_id, incoming.webhook_id) == ("call1", "msg_1")
    assert before <= incoming.received_at <= trio.current_time()


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict.settled])
async def test_a_settled_delivery_is_over(verdict: Verdict) -> None:
    await expect(await post(client(FakeReception(verdict)), body()), 200, result=verdict.value)


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if not verdict.settled])
async def test_an_unsettled_delivery_is_to_be_tried_again(verdict: Verdict) -> None:
    response = await post(client(FakeReception(verdict)), body())
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    answer = json.loads(await response.get_data())
    assert answer["result"] == verdict.value
    assert answer["error"]


async def test_an_unknown_type_is_accepted_and_ignored() -> None:
    reception = FakeReception()
    response = await post(client(reception), b'{"type": "call.sneezed", "call_id": "!"}')
    assert response.status_code == 204
    assert await response.get_data() == b""
    assert reception.offered == []


GOOD = sign(body())


@pytest.mark.parametrize(
    ("content", "headers", "status", "error"),
    [
        pytest.param(body("other"), GOOD, 401, "unauthorized", id="bad signature"),
        pytest.param(body(), {}, 401, "unauthorized", id="no headers"),
        pytest.param(body(), GOOD | {"webhook-signature": "v1"}, 401, "unauthorized", id="malformed"),
        pytest.param(body(), GOOD | {"webhook-signature": "v1,\xff"}, 401, "unauthorized", id="not ASCII"),
        pytest.param(body(), sign(body(), at=NOW - 301), 401, "unauthorized", id="stale"),
        pytest.param(body(), sign(body(), secret=OTHER_SECRET), 401, "unauthorized", id="unknown secret"),
        pytest.param(b"\xff\xfe", sign(b"\xff\xfe"), 400, "the body is not UTF-8", id="not UTF-8"),
        pytest.param(b"hello", sign(b"hello"), 400, "the body is not an event", id="not JSON"),
        pytest.param(b"", sign(b""), 400, "the body is not an event", id="no body"),
        pytest.param(b"[" * 60_000, sign(b"[" * 60_000), 400, "the body is not an event", id="deep"),
        pytest.param(body("../x"), sign(body("../x")), 400, "the call id is not an id", id="bad call id"),
        pytest.param(b"x" * 65537, sign(b"x" * 65537), 413, "request entity too large", id="oversized"),
    ],
)
async def test_a_bad_delivery_is_answered_shortly(
    content: bytes, headers: dict[str, str], status: int, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    reception = FakeReception()
    with capture_logs() as lines:
        await expect(await post(client(reception), content, headers), status, error=error)
    assert reception.offered == []
    assert caplog.records == []
    assert all("exc_info" not in line and line["log_level"] != "error" for line in lines)


async def test_a_repeated_header_is_refused() -> None:
    reception = FakeReception()
    headers = Headers([*GOOD.items(), ("Webhook-Id", "msg_2")])
    connection = client(reception).request(PATH, method="POST", headers=headers)
    async with connection:
        await connection.send(body())
        await connection.send_complete()
    await expect(await connection.as_response(), 401, error="unauthorized")
    assert reception.offered == []


async def test_a_number_with_its_own_secret_takes_no_other() -> None:
    secrets = [SigningSecret(value=SECRET), SigningSecret(number=OWN_NUMBER, value=OTHER_SECRET)]
    reception = FakeReception()
    content = body(called=OWN_NUMBER)
    await expect(await post(client(reception, *secrets), content), 401, error="unauthorized")
    own = sign(content, secret=OTHER_SECRET)
    await expect(await post(client(reception, *secrets), content, own), 200, result="claimed")
    assert len(reception.offered) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PRI"])
async def test_only_post_delivers(method: str) -> None:
    connection = client().request(PATH, method=method)
    async with connection:
        await connection.send_complete()
    response = await connection.as_response()
    assert response.headers["Allow"] == "POST"
    assert response.status_code == 405
    if method != "HEAD":
        await expect(response, 405, error="method not allowed")


@pytest.mark.parametrize("path", ["/", "/nothing", "/static/x", "/livez/", "/%ff", "/%0d%0a", "*", "http://x/y"])
async def test_other_paths_are_not_found(path: str) -> None:
    await expect(await client().get(path), 404, error="not found")


@pytest.mark.parametrize("host", ["", "\xff", "a..b", "x" * 300])
async def test_no_host_header_matters(host: str) -> None:
    await expect(await client().get("/livez", headers={"Host": host}), 200, status="alive")


async def test_readiness_is_the_receptions() -> None:
    reception = FakeReception()
    await expect(await client(reception).get("/readyz"), 200, status="ready")
    reception.ready = False
    await expect(await client(reception).get("/readyz"), 503, status="draining")
    await expect(await client(reception).get("/livez"), 200, status="alive")
    assert reception.offered == []


async def test_a_body_that_does_not_come_is_timed_out(autojump_clock: trio.testing.MockClock) -> None:
    connection = client().request(PATH, method="POST", headers=GOOD)
    async with connection:
        await connection.send(b"{")
    await expect(await connection.as_response(), 408, error="request timeout")
    assert trio.current_time() == pytest.approx(10.0 + AT_ONCE)


async def test_a_body_without_a_length_is_counted() -> None:
    connection = client().request(PATH, method="POST", headers=GOOD)
    async with connection:
        for _ in range(5):
            await connection.send(b"x" * 20_000)
        await connection.send_complete()
    await expect(await connection.as_response(), 413, error="request entity too large")


async def test_a_sender_that_disconnects_does_not_take_the_call_with_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    reception, listener = FakeReception(None), MemoryListener()
    server = Server(make_app(reception), [listener])
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run, name="server")
        sender = listener.connect()
        head = "".join(f"{name}: {value}\r\n" for name, value in GOOD.items())
        await sender.send_all(f"POST {PATH} HTTP/1.1\r\nHost: a\r\n{head}".encode())
        await sender.send_all(b"Content-Length: %d\r\n\r\n%b" % (len(body()), body()))
        await trio.sleep(1)
        assert len(reception.offered) == 1
        await sender.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert server.connections == 0
        (offer,) = reception.offers
        offer.decide(Verdict.CLAIMED)
        assert await offer.verdict() is Verdict.CLAIMED
        server.stop(grace=0, reason="the test is over")


def broken(content: bytes, webhook_id: str, received_at: float) -> IncomingCall | None:
    raise ZeroDivisionError(content)


def broken_twice(content: bytes, webhook_id: str, received_at: float) -> IncomingCall | None:
    try:
        return broken(content, webhook_id, received_at)
    except ZeroDivisionError as error:
        raise ExceptionGroup("two", [error, ValueError(content)]) from None


@pytest.mark.parametrize("read", [broken, broken_twice])
async def test_our_own_bug_is_a_short_500_and_one_line(
    read: object, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    app = make_app(FakeReception(), read=broken if read is broken else broken_twice)
    app.testing = True  # in which Quart would let errors out
    with capture_logs() as lines:
        for _ in range(3):
            await expect(await post(app.test_client(), body()), 500, error="internal server error")
    assert lines[0]["event"] == "request_failed"
    assert lines[0]["kind"].startswith("ZeroDivisionError at test_webhook.py:")
    assert len(lines) == (1 if read is broken else 2)
    assert caplog.records == []
    assert capfd.readouterr().err == ""


def test_what_quart_says_without_an_error_is_named_by_its_place() -> None:
    app = make_app(FakeReception(), quiet=Quiet(clock=lambda: 0.0))
    with capture_logs() as lines:
        app.logger.error("quoting %s", "a stranger")
    assert [line["event"] for line in lines] == ["request_failed"]
    assert "stranger" not in str(lines)


async def test_refusals_are_logged_once_per_reason_and_without_a_word_of_the_senders() -> None:
    quiet = Quiet()
    app = make_app(FakeReception(), quiet=quiet)
    with capture_logs() as lines:
        for _ in range(20):
            await post(app.test_client(), b"tell nobody", GOOD | {"webhook-id": "nobody"})
            await post(app.test_client(), b"tell nobody", {})
    assert [(line["event"], line["kind"], line["status"]) for line in lines] == [
        ("webhook_refused", "bad_signature", 401),
        ("webhook_refused", "missing_header", 401),
    ]
    assert quiet.totals["webhook_refused", "missing_header"] == 20
    assert "nobody" not in str(lines)


async def test_nothing_of_quart_starts_a_thread_or_prints() -> None:
    app = make_app(FakeReception())
    assert not app.logger.propagate or app.logger.parent is None
    assert logging.getLogger(app.name).handlers == []
    async with app.app_context():
        assert math.isfinite(app.config["BODY_TIMEOUT"])
