import errno
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
import trio
import trio.testing
import trio_websocket
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope
from structlog.testing import capture_logs

from daemon.errors import StartError
from daemon.web.listen import open_listeners
from daemon.web.quiet import Quiet
from daemon.web.serve import DEFAULT_LIMITS, Server, ServerLimits, check_hypercorn
from tests.web.fakes import MemoryListener, ask, drain, hello, read_answer, say

GET = b"GET /%b HTTP/1.1\r\nHost: test\r\n\r\n"
Clock = trio.testing.MockClock


class House(MemoryListener):
    """A server without sockets, and the way to its door."""

    server: Server
    quiet: Quiet

    async def gone(self) -> None:
        """Wait until no connection is open."""
        for _ in range(10_000):
            if not self.server.connections:
                return
            await trio.sleep(0.01)
        raise AssertionError("there are still connections")


@asynccontextmanager
async def serving(
    app: ASGIFramework = hello, limits: ServerLimits = DEFAULT_LIMITS, *, websockets: bool = False
) -> AsyncIterator[House]:
    house = House()
    house.quiet = Quiet()
    house.server = Server(app, [house], limits, websockets=websockets, quiet=house.quiet)
    async with trio.open_nursery() as nursery:
        await nursery.start(house.server.run, name="server")
        yield house
        house.server.stop(grace=0, reason="the test is over")


@asynccontextmanager
async def takes(seconds: float) -> AsyncIterator[None]:
    start = trio.current_time()
    yield
    assert trio.current_time() - start == pytest.approx(seconds, abs=0.01)


def app_that(act: Callable[[ASGISendCallable], Awaitable[None]]) -> ASGIFramework:
    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await act(send)

    return app


async def wait_forever(send: ASGISendCallable) -> None:
    await trio.sleep_forever()


# What works


async def test_two_requests_on_one_connection(autojump_clock: Clock) -> None:
    async with serving() as house:
        stream = house.connect()
        for path in (b"one", b"two"):
            answer = await ask(stream, GET % path)
            assert (answer.status, answer.body) == (200, b"/" + path)
            assert "connection" not in answer.headers
            assert "server" not in answer.headers
        assert house.server.connections == 1


async def test_pipelined_requests_are_answered_in_turn(autojump_clock: Clock) -> None:
    async with serving() as house:
        stream = house.connect()
        await stream.send_all(
            GET % b"one" + GET % b"two" + b"GET /three HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        received = await drain(stream)
        assert [received.count(word) for word in (b"/one", b"/two", b"/three")] == [1, 1, 1]


@pytest.mark.parametrize(
    "request_", [b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"]
)
async def test_a_last_request_closes_at_once(request_: bytes, autojump_clock: Clock) -> None:
    async with serving() as house, takes(0):
        stream = house.connect()
        await stream.send_all(request_)
        assert b"200" in await drain(stream)
        # It is not for the client to decide whether the connection ends here, too.
        await trio.testing.wait_all_tasks_blocked()
        assert house.server.connections == 0


async def test_a_body_is_asked_for_and_read(autojump_clock: Clock) -> None:
    async with serving() as house:
        stream = house.connect()
        await stream.send_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 100 ")
        assert (await ask(stream, b"body")).status == 200


# Deadlines


async def test_a_silent_connection_is_cut(autojump_clock: Clock) -> None:
    async with serving() as house, takes(10):
        assert await drain(house.connect()) == b""
        await house.gone()
        assert house.quiet.totals["connection_timed_out", "head"] == 1


async def test_a_head_that_drips_in_is_cut_all_the_same(autojump_clock: Clock) -> None:
    async with serving() as house, trio.open_nursery() as nursery:
        stream = house.connect()

        async def drip() -> None:
            for byte in GET % b"" * 10:
                await stream.send_all(bytes([byte]))
                await trio.sleep(1)

        nursery.start_soon(drip, name="drip")
        async with takes(10):
            assert await drain(stream) == b""
        nursery.cancel_scope.cancel(reason="cut")


async def test_an_idle_connection_is_cut(autojump_clock: Clock) -> None:
    async with serving() as house:
        stream = house.connect()
        await ask(stream, GET % b"")
        async with takes(15):
            assert await drain(stream) == b""


async def test_dripping_does_not_extend_idleness(autojump_clock: Clock) -> None:
    async with serving() as house:
        stream = house.connect()
        await ask(stream, GET % b"")
        async with takes(15):
            for byte in b"GET /slowly":
                await stream.send_all(bytes([byte]))
                await trio.sleep(1)
            assert await drain(stream) == b""


async def test_a_slow_body_is_cut(autojump_clock: Clock) -> None:
    async with serving() as house, trio.open_nursery() as nursery:
        stream = house.connect()
        await stream.send_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")

        async def drip() -> None:
            while True:
                await trio.sleep(1)
                await stream.send_all(b"x")

        nursery.start_soon(drip, name="drip")
        async with takes(30):
            assert await drain(stream) == b""
        nursery.cancel_scope.cancel(reason="cut")


async def test_a_request_that_is_not_answered_is_cut(autojump_clock: Clock) -> None:
    async with serving(app_that(wait_forever)) as house:
        stream = house.connect()
        async with takes(30):
            await stream.send_all(GET % b"")
            assert await drain(stream) == b""
        await house.gone()
        assert house.quiet.totals["connection_timed_out", "request"] == 1


@pytest.mark.parametrize("pieces", [1, 5])
async def test_a_client_that_does_not_read_is_cut(pieces: int, autojump_clock: Clock) -> None:
    async def talk(send: ASGISendCallable) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(pieces):
            await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})

    async with serving(app_that(talk)) as house:
        stream = house.connect_slow()
        await stream.send_all(GET % b"")
        async with takes(10):
            await house.gone()
        with pytest.raises((trio.BrokenResourceError, trio.ClosedResourceError)):
            await stream.send_all(b"more")


async def test_an_app_that_goes_on_after_the_client_has_left_is_cut(autojump_clock: Clock) -> None:
    async with serving(app_that(wait_forever)) as house:
        stream = house.connect()
        await stream.send_all(GET % b"")
        await stream.aclose()
        async with takes(30):
            await house.gone()


async def test_the_client_leaves_in_the_middle_of_an_answer(autojump_clock: Clock) -> None:
    wrote = 0

    async def talk(send: ASGISendCallable) -> None:
        nonlocal wrote
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(10):
            await trio.sleep(1)
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            wrote += 1

    async with serving(app_that(talk)) as house:
        stream = house.connect()
        await stream.send_all(GET % b"")
        await trio.sleep(3.5)
        await stream.aclose()
        await house.gone()
        # The client is gone, its server side ends by itself; what is sent to it meanwhile is dropped.
        assert wrote == 10
        assert house.quiet.totals == {}


# The boundary


async def test_an_app_that_raises_is_a_500_and_one_line(
    autojump_clock: Clock, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async def fail(send: ASGISendCallable) -> None:
        await trio.lowlevel.checkpoint()
        raise ValueError("something secret")

    async with serving(app_that(fail)) as house:
        with capture_logs() as lines:
            for _ in range(5):
                assert (await ask(house.connect(), GET % b"")).status == 500
        (line,) = lines
        assert line["event"] == "application_failed"
        assert line["kind"].startswith("ValueError at test_serve.py:")
    assert caplog.records == []
    assert capfd.readouterr().err == ""


async def test_an_app_that_raises_in_the_middle_closes(autojump_clock: Clock) -> None:
    async def fail(send: ASGISendCallable) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ExceptionGroup("a group", [ValueError(), KeyError()])

    async with serving(app_that(fail)) as house:
        stream = house.connect()
        await stream.send_all(GET % b"")
        assert (await drain(stream)).endswith(b"half")


async def test_an_app_that_says_nothing_is_a_500(autojump_clock: Clock) -> None:
    async def nothing(send: ASGISendCallable) -> None:
        await trio.lowlevel.checkpoint()

    async with serving(app_that(nothing)) as house:
        assert (await ask(house.connect(), GET % b"")).status == 500


async def test_an_error_raised_while_being_cancelled_ends_one_connection(autojump_clock: Clock) -> None:
    async def fail_late(send: ASGISendCallable) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("in the clean-up")

    async with serving(app_that(fail_late)) as house:
        stream = house.connect()
        await stream.send_all(GET % b"")
        async with takes(30):
            assert await drain(stream) == b""
        assert await drain(house.connect()) == b""
        assert [key[0] for key in house.quiet.totals] == ["application_failed", *["connection_timed_out"] * 2]


class Explosive(MemoryListener):
    """Accepts a stream that fails in a way no stream should."""

    class Stream(trio.abc.Stream):
        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            raise ZeroDivisionError("words of a stranger")

        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            raise NotImplementedError

        async def wait_send_all_might_not_block(self) -> None:
            raise NotImplementedError

        async def aclose(self) -> None:
            await trio.lowlevel.checkpoint()

    def explode(self) -> None:
        self._put.send_nowait(self.Stream())


async def test_whatever_a_connection_raises_stays_in_it(autojump_clock: Clock) -> None:
    listener = Explosive()
    quiet = Quiet()
    server = Server(hello, [listener], quiet=quiet)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run, name="server")
        with capture_logs() as lines:
            for _ in range(50):
                listener.explode()
            await trio.testing.wait_all_tasks_blocked()
        assert (await ask(listener.connect(), GET % b"")).status == 200
        server.stop(grace=0, reason="the test is over")
    (line,) = lines
    assert line["event"] == "connection_failed"
    assert line["kind"].startswith("ZeroDivisionError at test_serve.py:")
    assert "stranger" not in str(line)
    assert quiet.totals["connection_failed", line["kind"]] == 50


# Requests that are refused before an application sees them


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(b"nonsense\r\n\r\n", 400, id="no HTTP"),
        pytest.param(b"GET http://test/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, id="absolute form"),
        pytest.param(b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400, id="authority form"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400, id="asterisk form"),
        pytest.param(b"GET ?x HTTP/1.1\r\nHost: a\r\n\r\n", 400, id="no path"),
        pytest.param(b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505, id="version"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            id="two lengths",
        ),
        pytest.param(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n", 413, id="too large"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99999\r\n\r\n",
            413,
            id="too large to be asked for",
        ),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 99_999, 431, id="endless head"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", 400, id="bad chunk"
        ),
    ],
)
async def test_a_request_that_is_refused(request_: bytes, status: int, autojump_clock: Clock) -> None:
    async with serving() as house:
        stream = house.connect()
        answer = await ask(stream, request_)
        assert answer.status == status
        assert answer.headers["connection"] == "close"
        assert answer.body.startswith(b'{"error": "')
        assert await drain(stream) == b""
        await stream.aclose()
        await house.gone()
        assert house.quiet.totals == {}


async def test_a_chunked_body_that_grows_too_large_is_refused(autojump_clock: Clock) -> None:
    async with serving() as house:
        stream = house.connect()
        await stream.send_all(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(65):
            await stream.send_all(b"400\r\n" + b"x" * 0x400 + b"\r\n")
        assert (await read_answer(stream)).status == 413
        await stream.aclose()
        await house.gone()


@pytest.mark.parametrize("rest", [b"Content-Length: 99999\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nbad chunk\r\n"])
async def test_a_refused_client_that_goes_on_sending_is_cut_after_a_second(rest: bytes, autojump_clock: Clock) -> None:
    async with serving() as house:
        client = house.connect_slow()
        await client.send_all(b"POST / HTTP/1.1\r\nHost: a\r\n" + rest)
        assert (await read_answer(client)).status in {400, 413}
        async with takes(1):
            while house.server.connections:
                await client.send_all(b"x" * 100)
                await trio.sleep(0.005)
        with pytest.raises(trio.BrokenResourceError):
            await client.send_all(b"x")


async def test_an_answer_without_reading_the_body_closes(autojump_clock: Clock) -> None:
    async def hurry(send: ASGISendCallable) -> None:
        await say(send, b"done")

    async with serving(app_that(hurry)) as house:
        stream = house.connect()
        await stream.send_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n")
        assert (await drain(stream)).endswith(b"done")


async def test_an_app_that_ends_does_not_block_the_reader(autojump_clock: Clock) -> None:
    """Thirty pieces are more than its inbox holds."""

    async def leave(send: ASGISendCallable) -> None:
        await trio.sleep(1)

    async with serving(app_that(leave)) as house, takes(1):
        stream = house.connect()
        await stream.send_all(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(30):
            await stream.send_all(b"1\r\nx\r\n")
            await trio.testing.wait_all_tasks_blocked()
        assert b"500" in await drain(stream)


async def test_a_refusal_and_an_answer_do_not_cross(autojump_clock: Clock) -> None:
    async def late(send: ASGISendCallable) -> None:
        await trio.sleep(1)
        await say(send, b"late")

    async with serving(app_that(late)) as house:
        stream = house.connect_slow()
        await stream.send_all(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nbad chunk\r\n"
        )
        await trio.sleep(2)
        assert (await read_answer(stream)).status == 400
        await stream.aclose()
        await house.gone()
        assert house.quiet.totals == {}


# Capacity


async def test_over_capacity_the_oldest_silent_one_goes_at_once(autojump_clock: Clock) -> None:
    async with serving(limits=ServerLimits(max_connections=2)) as house:
        streams = [house.connect() for _ in range(3)]
        await trio.testing.wait_all_tasks_blocked()
        async with takes(0):
            assert await drain(streams[0]) == b""
        assert house.quiet.totals["connection_displaced", "too many connections"] == 1
        for stream in streams[1:]:
            assert (await ask(stream, GET % b"")).status == 200
        await streams[1].aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert (await ask(house.connect(), GET % b"")).status == 200


async def test_running_out_of_descriptors_is_survived_and_told_quietly(
    autojump_clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as house:
        with capture_logs() as lines:
            for _ in range(20):
                house.fail(OSError(errno.EMFILE, "too many open files"))
            assert (await ask(house.connect(), GET % b"")).status == 200
        assert [line["event"] for line in lines] == ["accept_failed"]
    assert caplog.records == []
    assert logging.getLogger("trio.serve_listeners").filters == []


async def test_a_listener_that_fails_otherwise_ends_the_server() -> None:
    listener = MemoryListener()
    listener.fail(OSError(errno.EBADF, "closed under us"))
    with pytest.RaisesGroup(OSError, flatten_subgroups=True):
        await Server(hello, [listener]).run()


# The end


async def test_requests_in_progress_are_answered_and_idle_connections_dropped(autojump_clock: Clock) -> None:
    async def slow(send: ASGISendCallable) -> None:
        await trio.sleep(3)
        await say(send, b"late")

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await (slow(send) if scope["type"] == "http" and scope["path"] == "/slow" else hello(scope, receive, send))

    async with serving(app) as house, takes(3):
        idle, busy, fresh = house.connect(), house.connect(), house.connect()
        await ask(idle, GET % b"")
        await busy.send_all(GET % b"slow")
        await trio.testing.wait_all_tasks_blocked()
        house.server.stop(grace=20, reason="test")
        async with takes(0):
            assert await drain(idle) == b""
            assert (await ask(fresh, GET % b"")).headers["connection"] == "close"
            assert await drain(fresh) == b""
        answer = await read_answer(busy)
        assert (answer.body, answer.headers["connection"]) == (b"late", "close")
        assert await drain(busy) == b""
        await house.gone()


async def test_a_pipelined_request_that_comes_too_late_delays_nothing(autojump_clock: Clock) -> None:
    async def slow(send: ASGISendCallable) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await trio.sleep(3)
        await send({"type": "http.response.body", "body": b"late", "more_body": False})

    async with serving(app_that(slow)) as house, takes(3):
        stream = house.connect()
        await stream.send_all(GET % b"one" + GET % b"two")
        await trio.testing.wait_all_tasks_blocked()
        house.server.stop(grace=20, reason="test")
        assert (await read_answer(stream)).body == b"late"
        assert await drain(stream) == b""
        await house.gone()


async def test_nobody_is_accepted_any_more(autojump_clock: Clock) -> None:
    async with serving(app_that(wait_forever)) as house:
        await house.connect().send_all(GET % b"")
        await trio.testing.wait_all_tasks_blocked()
        house.server.stop(grace=5, reason="test")
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BrokenResourceError):
            house.connect()


async def test_a_silent_newcomer_delays_the_end_by_a_second_at_most(autojump_clock: Clock) -> None:
    async with takes(1), serving() as house:
        house.connect()
        await trio.testing.wait_all_tasks_blocked()
        house.connect()  # accepted, but not yet looked at when the end comes
        house.server.stop(grace=20, reason="test")
        await house.gone()


async def test_what_outlasts_the_grace_is_cut(autojump_clock: Clock) -> None:
    async with takes(2), serving(app_that(wait_forever)) as house:
        stream = house.connect()
        await stream.send_all(GET % b"")
        await trio.testing.wait_all_tasks_blocked()
        house.server.stop(grace=2, reason="test")
        assert await drain(stream) == b""
        await house.gone()
        assert house.quiet.totals["connections_cut", "at the end of the grace"] == 1


async def test_even_in_the_middle_of_a_send(autojump_clock: Clock) -> None:
    async def talk(send: ASGISendCallable) -> None:
        await say(send, b"x" * 1000)

    async with serving(app_that(talk)) as house:
        stream = house.connect_slow()
        await stream.send_all(GET % b"")
        await trio.testing.wait_all_tasks_blocked()
        async with takes(2):
            house.server.stop(grace=2, reason="test")
            await house.gone()


async def test_a_shorter_grace_counts(autojump_clock: Clock) -> None:
    async with serving(app_that(wait_forever)) as house:
        stream = house.connect()
        await stream.send_all(GET % b"")
        async with takes(2):
            house.server.stop(grace=math.inf, reason="test")
            await trio.sleep(1)
            house.server.stop(grace=1, reason="test")
            house.server.stop(grace=9, reason="test")
            assert await drain(stream) == b""


async def test_cancelling_a_server_ends_it(autojump_clock: Clock) -> None:
    listener = MemoryListener()
    server = Server(app_that(wait_forever), [listener])
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run, name="server")
        stream = listener.connect()
        await stream.send_all(GET % b"")
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel(reason="test")
    assert server.connections == 0


async def test_stopped_before_it_runs(autojump_clock: Clock) -> None:
    server = Server(hello, [MemoryListener()])
    server.stop(grace=5, reason="test")
    async with takes(0):
        await server.run()


# WebSockets


async def echo(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    if scope["type"] != "websocket":
        await hello(scope, receive, send)
        return
    await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            return
        if event["type"] == "websocket.receive":
            await send({"type": "websocket.send", "bytes": None, "text": event["text"]})


UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: %b\r\n\r\n"
)


async def test_an_upgrade_is_a_plain_request_in_public(autojump_clock: Clock) -> None:
    async with serving(echo) as house:
        stream = house.connect()
        for _ in range(2):
            answer = await ask(stream, UPGRADE % b"13")
            assert (answer.status, answer.body) == (200, b"/ws")


@pytest.mark.parametrize("websockets", [False, True])
async def test_http2_is_never_spoken(websockets: bool, autojump_clock: Clock) -> None:
    async with serving(echo, websockets=websockets) as house:
        request = (
            b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
        )
        assert (await ask(house.connect(), request)).body == b"/x"
        assert (await ask(house.connect(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")).status == 505


async def test_a_websocket_outlives_every_deadline_but_not_its_client(autojump_clock: Clock) -> None:
    async with serving(echo, websockets=True) as house, trio.open_nursery() as nursery:
        stream = cast("trio.SocketStream", house.connect())  # as far as the library looks at it
        connection = await trio_websocket.wrap_client_stream(nursery, stream, "test", "/")
        for word in ("one", "two"):
            await trio.sleep(1000)
            await connection.send_message(word)
            assert await connection.get_message() == word
        await connection.aclose()
        async with takes(0):
            await trio.testing.wait_all_tasks_blocked()
            assert house.server.connections == 0


async def test_a_websocket_that_is_dropped_tells_its_app(autojump_clock: Clock) -> None:
    async with serving(echo, websockets=True) as house:
        stream = house.connect()
        await stream.send_all(UPGRADE % b"13")
        assert b" 101 " in await stream.receive_some()
        await trio.sleep(100)
        await stream.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert house.server.connections == 0


async def test_a_websocket_app_that_does_not_listen_is_cut_once_its_client_has_left(
    autojump_clock: Clock,
) -> None:
    async def deaf(send: ASGISendCallable) -> None:
        await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        await trio.sleep_forever()

    async with serving(app_that(deaf), websockets=True) as house:
        stream = house.connect()
        await stream.send_all(UPGRADE % b"13")
        await stream.receive_some()
        await trio.sleep(100)
        await stream.aclose()
        async with takes(30):
            await house.gone()


async def test_an_invalid_handshake_is_refused_and_closed(autojump_clock: Clock) -> None:
    async with serving(echo, websockets=True) as house:
        stream = house.connect()
        await stream.send_all(UPGRADE % b"12")
        async with takes(0):
            assert (await drain(stream)).startswith(b"HTTP/1.1 400 ")


async def test_the_end_of_a_server_with_websockets(autojump_clock: Clock) -> None:
    async with takes(2), serving(echo, websockets=True) as house:
        stream = house.connect()
        await stream.send_all(UPGRADE % b"13")
        await stream.receive_some()
        house.server.stop(grace=2, reason="test")
        assert await drain(stream) == b""


# Sockets


async def tell_addresses(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    if scope["type"] == "http":
        await say(send, repr((scope["client"], scope["server"])).encode())


async def test_applications_are_told_addresses(tmp_path: Path) -> None:
    listeners = await open_listeners(["127.0.0.1:0", f"unix:{tmp_path}/s"])
    host, port = listeners[0].socket.getsockname()
    server = Server(tell_addresses, listeners)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run, name="server")
        async with await trio.open_tcp_stream(host, port) as stream:
            ours = stream.socket.getsockname()
            assert (await ask(stream, GET % b"")).body == repr((ours, (host, port))).encode()
        async with await trio.open_unix_socket(tmp_path / "s") as stream:
            assert (await ask(stream, GET % b"")).body == b"(None, None)"
        server.stop(grace=1, reason="the test is over")


async def test_a_client_that_was_gone_before_it_was_accepted() -> None:
    (listener,) = await open_listeners(["127.0.0.1:0"])
    address = listener.socket.getsockname()
    stream = await trio.open_tcp_stream(*address)
    stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
    await stream.aclose()
    quiet = Quiet()
    server = Server(hello, [listener], quiet=quiet)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run, name="server")
        async with await trio.open_tcp_stream(*address) as other:
            assert (await ask(other, GET % b"")).status == 200
        server.stop(grace=1, reason="the test is over")
    assert quiet.totals == {}


# The library underneath


def test_another_hypercorn_is_not_built_upon() -> None:
    with pytest.raises(StartError, match=r"hypercorn 0.19.1 is installed.*pip install 'hypercorn==0.18.\*'"):
        check_hypercorn(lambda name: "0.19.1")
