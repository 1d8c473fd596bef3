"""One attempt, on the wire: what is sent, who believes it, and what each kind of answer is taken for."""

from collections.abc import AsyncIterator

import httpx
import pytest
import trio
from standardwebhooks.webhooks import Webhook
from svix.webhooks import Webhook as SvixWebhook
from svix.webhooks import WebhookVerificationError
from trio.testing import MockClock

from daemon.deliveries import posting
from daemon.deliveries.posting import Answer, open_client, post, signed
from daemon.observe.clock import system_clock
from tests.deliveries.receivers import OTHER_SECRET, SECRET, Endpoint
from tests.platforms.fakes import Handler, answer, answering, loopback, read_request, reset, unused_port

PAYLOAD = '{"type":"call.ended","data":{"caller":"Zoë"}}'
ID = "msg_0123456789abcdef"
SIGNERS = (Webhook(SECRET),)


async def attempt(url: str, transport: httpx.AsyncBaseTransport | None = None) -> Answer:
    async with open_client(transport) as client:
        now = system_clock()
        return await post(client, url, PAYLOAD, signed(ID, PAYLOAD, SIGNERS, now), system_clock)


async def attempt_on(handler: Handler) -> Answer:
    async with loopback(handler) as door:
        return await attempt(f"http://127.0.0.1:{door.port}/calls")


def answering_with(status: int, **headers: str) -> httpx.MockTransport:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.MockTransport(lambda _request: httpx.Response(status, headers=fields))


async def test_the_request_and_its_signature_on_a_real_socket() -> None:
    endpoint = Endpoint()
    assert (await attempt_on(endpoint)).taken
    (got,) = endpoint.got
    assert got.url == "/calls"
    assert got.body == PAYLOAD.encode()
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"].startswith("callwarden/")
    assert "authorization" not in got.headers
    # Two implementations of the standard believe it, on their own clocks; none that has another secret.
    headers = dict(got.headers)
    assert Webhook(SECRET).verify(got.body, headers) == got.json
    SvixWebhook(SECRET).verify(got.body, headers)
    with pytest.raises(WebhookVerificationError):
        SvixWebhook(OTHER_SECRET).verify(got.body, headers)
    with pytest.raises(WebhookVerificationError):
        SvixWebhook(SECRET).verify(got.body + b" ", headers)


async def test_while_a_secret_is_replaced_either_is_believed() -> None:
    headers = signed(ID, PAYLOAD, (Webhook(OTHER_SECRET), Webhook(SECRET)), system_clock())
    for secret in (SECRET, OTHER_SECRET):
        SvixWebhook(secret).verify(PAYLOAD, headers)


def test_the_vector_of_the_standard() -> None:
    signer = Webhook("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", '{"test": 2432232314}', (signer,), 1614265330.9)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


async def test_one_connection_for_several_deliveries() -> None:
    endpoint = Endpoint(body=b"x" * 10_000)
    async with loopback(endpoint) as door, open_client() as client:
        for _ in range(3):
            headers = signed(ID, PAYLOAD, SIGNERS, system_clock())
            assert (await post(client, f"http://127.0.0.1:{door.port}/", PAYLOAD, headers, system_clock)).taken
        assert door.connections == 1
    assert len(endpoint.got) == 3


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_taken(status: int) -> None:
    assert await attempt("https://one.test/", answering_with(status)) == Answer(status=status, why="")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_a_failure_and_not_followed(status: int) -> None:
    elsewhere = Endpoint()
    async with loopback(elsewhere) as other:
        location = f"http://127.0.0.1:{other.port}/"
        failed = await attempt_on(answering(answer(status, location=location)))
        assert other.connections == 0
    assert failed.why == f"HTTP {status} (redirects are not followed)"
    assert not failed.taken


@pytest.mark.parametrize("status", [400, 401, 404, 500, 501, 503])
async def test_a_failure(status: int) -> None:
    failed = await attempt("https://one.test/", answering_with(status))
    assert failed == Answer(status=status, why=f"HTTP {status}")
    assert not any((failed.taken, failed.gone, failed.throttles))


async def test_gone() -> None:
    gone = await attempt("https://one.test/", answering_with(410))
    assert gone.gone
    assert not gone.taken


@pytest.mark.parametrize("status", [429, 502, 504])
async def test_a_wish_to_slow_down(status: int) -> None:
    assert (await attempt("https://one.test/", answering_with(status))).throttles
    wish = await attempt("https://one.test/", answering_with(status, retry_after="120"))
    assert (wish.throttles, wish.retry_after) == (True, 120)


async def test_unavailable_for_a_stated_time() -> None:
    assert (await attempt("https://one.test/", answering_with(503, retry_after="60"))).throttles


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("0", 0),
        ("90", 90),
        ("9" * 400, 999_999_999),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("٣", 0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0),
        ("Sun, 99 Foo 2026 25:61:61 GMT", 0),
    ],
)
async def test_retry_after(written: str, seconds: float) -> None:
    headers = [(b"retry-after", written.encode())]
    transport = httpx.MockTransport(lambda _request: httpx.Response(429, headers=headers))
    assert (await attempt("https://one.test/", transport)).retry_after == seconds


async def test_retry_after_as_a_date() -> None:
    wish = httpx.MockTransport(lambda _: httpx.Response(503, headers={"retry-after": "Tue, 24 Nov 2026 12:01:00 GMT"}))
    async with open_client(wish) as client:
        noon = 1_795_521_600.0
        answered = await post(client, "https://one.test/", PAYLOAD, {}, lambda: noon)
    assert answered.retry_after == 60


async def resetting(stream: trio.abc.Stream) -> None:
    await read_request(stream)
    await reset(stream)


async def test_no_answer_at_all() -> None:
    refused = await attempt(f"http://127.0.0.1:{unused_port()}/")
    assert refused.status is None
    assert "failed" in refused.why
    assert (await attempt_on(resetting)).why
    assert "SSH" in (await attempt_on(answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"))).why
    assert 0 < len((await attempt_on(answering(b"x" * 50_000 + b"\r\n\r\n"))).why) <= 200
    assert (await attempt_on(answering(b""))).why == "Server disconnected without sending a response."


async def test_an_endpoint_that_says_nothing(autojump_clock: MockClock) -> None:
    async def sleep(_request: httpx.Request) -> httpx.Response:
        await trio.sleep_forever()

    began = trio.current_time()
    silent = await attempt("https://one.test/", httpx.MockTransport(sleep))
    assert silent == Answer(why="no answer within 20 s")
    assert trio.current_time() - began == 20


async def test_an_answer_is_an_answer_whatever_its_body_is_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "_BODY_SECONDS", 0.05)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    with trio.fail_after(5):
        # Stops in the middle; closes in the middle; goes on and on.
        assert (await attempt_on(answering(head + b"x", stay=True))).taken
        assert (await attempt_on(answering(head + b"x"))).taken
        assert (await attempt_on(answering(head.replace(b"1000", b"1000000000") + b"x" * 300_000))).taken
        broken = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
        assert (await attempt_on(answering(broken))).taken


@pytest.mark.parametrize(
    "headers", [{}, {"content-length": "16385"}, {"content-length": "8", "content-encoding": "br"}]
)
async def test_a_long_body_is_not_read(headers: dict[str, str]) -> None:
    parts: list[bytes] = []

    class Body(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            parts.append(b"part")
            yield b"part"

    transport = httpx.MockTransport(lambda _request: httpx.Response(200, headers=headers, stream=Body()))
    assert (await attempt("https://one.test/", transport)).taken
    assert not parts


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{unused_port()}")
    assert (await attempt_on(Endpoint())).taken
