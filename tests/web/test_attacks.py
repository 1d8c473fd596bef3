"""What strangers can send, over real sockets, while a call is in progress in the same process."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import h2.connection
import pytest
import trio
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope
from structlog.testing import capture_logs

from daemon.calls.admission import Verdict
from daemon.web.listen import open_listeners
from daemon.web.serve import DEFAULT_LIMITS, PER_ROUND, Server, ServerLimits
from tests.web.fakes import PATH, FakeReception, ask, body, descriptors, drain, make_app, say, sign

LIVEZ = b"GET /livez HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
UPGRADE = (
    b"GET /xai HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
)
H2C = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"


class Siege:
    """A server under attack, and the call that must not notice."""

    def __init__(self, server: Server, port: int) -> None:
        self.server = server
        self.port = port
        self.beats = 0

    async def call(self) -> None:
        while True:
            await trio.sleep(0.001)
            self.beats += 1

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    async def attack(self, data: bytes, *, patience: float = 0.03) -> bytes:
        """Send, give it a moment to work, and leave; returns the answer."""
        received = b""
        async with await self.connect() as stream:
            try:
                await stream.send_all(data)
                with trio.move_on_after(patience):
                    received = await stream.receive_some()
            except trio.BrokenResourceError:
                return received
        return received

    async def check(self) -> None:
        """Show that the server answers, the call goes on, and no connection is left."""
        before = self.beats
        with trio.fail_after(2):
            async with await self.connect() as stream:
                assert (await ask(stream, LIVEZ)).body == b'{"status":"alive"}'
            await self.settled()
        await trio.sleep(0.01)
        assert self.beats > before

    async def settled(self) -> None:
        for _ in range(1000):
            if not self.server.connections:
                return
            await trio.sleep(0.001)
        raise AssertionError(f"{self.server.connections} connections are left")


@asynccontextmanager
async def besieged(
    app: ASGIFramework | None = None, limits: ServerLimits = DEFAULT_LIMITS, *, websockets: bool = False
) -> AsyncIterator[Siege]:
    listeners = await open_listeners(["127.0.0.1:0"])
    server = Server(app or make_app(FakeReception()), listeners, limits, websockets=websockets)
    siege = Siege(server, listeners[0].socket.getsockname()[1])
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(siege.call, name="live call")
            await nursery.start(server.run, name="server")
            yield siege
            server.stop(grace=0.2, reason="the test is over")
            await siege.settled()
            nursery.cancel_scope.cancel(reason="the test is over")


def http2_with_a_bad_path() -> bytes:
    connection = h2.connection.H2Connection()
    connection.initiate_connection()
    pseudo = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/\xff")]
    connection.send_headers(1, pseudo, end_stream=True)
    return connection.data_to_send()


VECTORS = {
    "byte in Sec-WebSocket-Protocol": UPGRADE + b"Connection: Upgrade\r\nSec-WebSocket-Protocol: \xff\r\n\r\n",
    "byte in Sec-WebSocket-Extensions": UPGRADE + b"Connection: Upgrade\r\nSec-WebSocket-Extensions: \xff\r\n\r\n",
    "byte in Connection": UPGRADE + b"Connection: Upgrade, \xff\r\n\r\n",
    "bytes after an upgrade": UPGRADE + b"Connection: Upgrade\r\n\r\n" + b"\x81\x05hello" * 3,
    "upgrade with a body": UPGRADE + b"Connection: Upgrade\r\nContent-Length: 5\r\n\r\nhello",
    "upgrade with a chunked body": UPGRADE
    + b"Connection: Upgrade\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "h2c, settings not base64": H2C + b"HTTP2-Settings: !!!\r\n\r\n",
    "h2c, settings too short": H2C + b"HTTP2-Settings: QQ\r\n\r\n",
    "h2c, settings not ASCII": H2C + b"http2-settings: \xff\r\n\r\n",
    "h2c, no settings": H2C + b"\r\n",
    "HTTP/2 with a byte in :path": http2_with_a_bad_path(),
    "HTTP/2 preface and nonsense": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100,
    "byte in Host": b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n",
    "Host with empty labels": b"GET /livez HTTP/1.1\r\nHost: a..b\r\n\r\n",
    "Host with half a bracket": b"GET /livez HTTP/1.1\r\nHost: [::1\r\n\r\n",
    "target with half a bracket": b"GET http://[::1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "target without a path": b"GET ?a=b HTTP/1.1\r\nHost: a\r\n\r\n",
    "percent-encoded nonsense": b"GET /%ff%00%0d%0a?%ff HTTP/1.1\r\nHost: a\r\n\r\n",
    "two slashes": b"POST //xai//sip-webhook HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "a very long length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1" + b"0" * 30 + b"\r\n\r\n",
    "a negative length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "length and chunks": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a bad chunk": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX",
    "a bad content type": b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Type: \xff;;=\r\nContent-Length: 1\r\n\r\nx"
    % PATH.encode(),
    "headers of bytes": b"POST %b HTTP/1.1\r\nHost: a\r\nwebhook-id: \xff\r\nwebhook-timestamp: \xff\r\n"
    b"webhook-signature: v1,\xff\r\nCookie: \xff=\xfe\r\nX-Forwarded-For: \xff\r\nContent-Length: 0\r\n\r\n"
    % PATH.encode(),
    "nothing": b"",
    "only a NUL": b"\x00",
    "a TLS hello": bytes.fromhex("16030100c8010000c40303") + b"\xaa" * 60,
}


@pytest.mark.parametrize("websockets", [False, True], ids=["public", "with WebSockets"])
@pytest.mark.parametrize("vector", VECTORS)
async def test_vector(
    vector: str, websockets: bool, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async with besieged(websockets=websockets) as siege:
        with capture_logs() as lines:
            answer = await siege.attack(VECTORS[vector])
            await siege.check()
    assert not answer.startswith((b"HTTP/1.1 1", b"HTTP/1.1 3"))  # no upgrade, no redirect
    if not websockets:
        assert not answer.startswith(b"HTTP/1.1 5") or answer.startswith(b"HTTP/1.1 505")
        assert [line for line in lines if line["event"] != "webhook_refused"] == []
    assert all("exc_info" not in line for line in lines)
    assert caplog.records == []
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("last", [b"Connection: close", b"Connection: keep-alive", b"X: y"])
async def test_two_hundred_requests_leave_nothing_open(last: bytes) -> None:
    async with besieged() as siege:
        before = descriptors()
        for _ in range(200):
            async with await siege.connect() as stream:
                await stream.send_all(b"GET /livez HTTP/1.1\r\nHost: a\r\n" + last + b"\r\n\r\n")
                await stream.receive_some()
        await siege.settled()
        assert descriptors() == before
        await siege.check()


async def test_connections_end_though_clients_keep_them() -> None:
    async with besieged() as siege:
        streams = [await siege.connect() for _ in range(20)]
        for number, stream in enumerate(streams):
            await stream.send_all(b"GET /livez HTTP/1.0\r\n\r\n" if number % 2 else LIVEZ)
            assert b"alive" in await drain(stream)
        await siege.settled()
        for stream in streams:
            await stream.aclose()
        await siege.check()


@pytest.mark.parametrize("reads", [False, True])
async def test_the_stop_does_not_wait_for_a_client_that_stopped_reading(reads: bool) -> None:
    async def flood(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": bytes(2**20), "more_body": True})

    async with besieged(flood) as siege, await siege.connect() as stream:
        await stream.send_all(LIVEZ)
        for _ in range(100 if reads else 1):
            await stream.receive_some()
        await trio.sleep(0.05)
        start = trio.current_time()
        siege.server.stop(grace=0.2, reason="SIGTERM")
        await siege.settled()
        assert trio.current_time() - start < 2  # not the ten seconds of a send


async def test_an_early_refusal_reaches_a_client_that_is_still_sending() -> None:
    """Closing at once would reset the connection, and the answer with it."""
    async with besieged() as siege:
        async with await siege.connect() as stream:
            await stream.send_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
            with trio.move_on_after(0.3):
                while True:
                    await stream.send_all(bytes(10_000))
                    await trio.lowlevel.checkpoint()
            assert b"413" in await stream.receive_some()
        await siege.check()


async def test_a_flood_of_connections_is_capped() -> None:
    async with besieged(limits=ServerLimits(max_connections=50)) as siege:
        streams = [await siege.connect() for _ in range(100)]
        await trio.sleep(0.02)
        assert siege.server.connections == 50
        for stream in streams:
            await trio.aclose_forcefully(stream)
        await siege.settled()
        await siege.check()


SLOW = {
    "silence": b"",
    "half a head": b"POST /xai/sip-webhook HTTP/1.1\r\nHost: a\r\nX-",
    "half a body": b"POST /xai/sip-webhook HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n{",
    "half a chunk": b"POST /xai/sip-webhook HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
    "idleness": b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("slow", SLOW)
async def test_slow_clients_shut_everybody_else_out(slow: str) -> None:
    """As many as there may be, and more: who has something to say is heard all the same."""
    async with besieged(limits=ServerLimits(max_connections=20)) as siege:
        streams = [await siege.connect() for _ in range(40)]
        for stream in streams:
            with suppress(trio.BrokenResourceError):
                await stream.send_all(SLOW[slow])
        await trio.sleep(0.05)
        assert siege.server.connections == 20
        for _ in range(30):
            async with await siege.connect() as stream:
                assert (await ask(stream, LIVEZ)).status == 200
        assert siege.server.connections <= 20
        for stream in streams:
            await trio.aclose_forcefully(stream)
        await siege.check()


async def test_a_crowd_made_calls_wait_for_all_of_it() -> None:
    """In each round of the loop a few are heard, so whoever is in between waits for a few."""
    heard = 0
    most = [0]

    async def count(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        nonlocal heard
        heard += 1
        await say(send, b"{}")

    async def call() -> None:
        while True:
            before = heard
            await trio.lowlevel.checkpoint()
            most.append(heard - before)

    async with besieged(count) as siege:
        streams = [await siege.connect() for _ in range(100)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, name="another live call")
            for number, stream in enumerate(streams):
                nursery.start_soon(stream.send_all, LIVEZ, name=f"one of a crowd {number}")
            for stream in streams:
                assert await stream.receive_some()
                await trio.aclose_forcefully(stream)
            nursery.cancel_scope.cancel(reason="everybody was heard")
    assert heard == 100
    assert max(most) <= PER_ROUND


async def test_who_is_being_answered_makes_no_room() -> None:
    reception = FakeReception(verdict=None)
    content = body()
    head = "".join(f"{name}: {value}\r\n" for name, value in sign(content).items())
    request = f"POST {PATH} HTTP/1.1\r\nHost: a\r\n{head}Content-Length: {len(content)}\r\n\r\n".encode() + content
    async with besieged(make_app(reception), limits=ServerLimits(max_connections=3)) as siege:
        streams = [await siege.connect() for _ in range(3)]
        for stream in streams:
            await stream.send_all(request)
        for _ in range(1000):
            if len(reception.offers) == 3:
                break
            await trio.sleep(0.005)
        assert await siege.attack(LIVEZ, patience=1.0) == b""
        for offer in reception.offers:
            offer.decide(Verdict.CLAIMED)
        for stream in streams:
            assert b"HTTP/1.1 200" in await stream.receive_some()
            await trio.aclose_forcefully(stream)
        await siege.check()


async def test_clients_that_reset() -> None:
    linger_nothing = bytes([1, 0, 0, 0, 0, 0, 0, 0])
    async with besieged() as siege:
        for data in (b"", b"GET", LIVEZ, VECTORS["upgrade with a body"], b"POST / HTTP/1.1\r\nHost: a\r\n"):
            for _ in range(10):
                stream = await siege.connect()
                stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, linger_nothing)
                await stream.send_all(data)
                await stream.aclose()
        await siege.settled()
        await siege.check()


def mutate(seed: random.Random, data: bytes) -> bytes:
    result = bytearray(data)
    for _ in range(seed.randint(1, 8)):
        place = seed.randrange(len(result) + 1)
        match seed.randrange(5):
            case 0:
                result[place : place + 1] = bytes([seed.randrange(256)])
            case 1:
                del result[place : place + seed.randint(1, 20)]
            case 2:
                result[place:place] = seed.randbytes(seed.randint(1, 20))
            case 3:
                result[place:place] = result[seed.randrange(len(result) + 1) :][:40]
            case _:
                result[place:place] = seed.choice(
                    [b"\r\n", b"Upgrade: websocket\r\n", b"Transfer-Encoding: chunked\r\n", b"\xff", b"Host: b\r\n"]
                )
    return bytes(result)


@pytest.mark.parametrize("websockets", [False, True], ids=["public", "with WebSockets"])
async def test_five_hundred_mutants(websockets: bool) -> None:
    seed = random.Random(225)
    head = "".join(f"{name}: {value}\r\n" for name, value in sign(body()).items()).encode()
    good = b"POST %b HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n%b" % (PATH.encode(), head, len(body()), body())
    corpus = [good, LIVEZ, *VECTORS.values()]
    mutants = [mutate(seed, seed.choice(corpus)) for _ in range(500)]

    async def send_some(siege: Siege) -> None:
        while mutants:
            await siege.attack(mutants.pop(), patience=0.01)

    async with besieged(websockets=websockets) as siege:
        with capture_logs() as lines, trio.move_on_after(12):
            async with trio.open_nursery() as nursery:
                for number in range(20):
                    nursery.start_soon(send_some, siege, name=f"mutants {number}")
        await siege.check()
    assert len(lines) < 50  # kinds, not connections
    assert len(mutants) < 250  # on a slow machine
