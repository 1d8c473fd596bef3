"""The one request to a server that may be anything: over real sockets, since httpx is part of what is tested."""

import gzip
import ssl
from contextlib import suppress

import httpx
import pytest
import trio
import trustme

from daemon.errors import LookupFailed, StartError
from daemon.lookup.fetching import LONGEST, open_fetch
from daemon.tools import checked_transport
from tests.lookup.servers import Behaviour, answers, says, serving


async def fetched(behave: Behaviour, path: str = "/callers/%2B1?a=b", **headers: str) -> tuple[bytes | None, bytes]:
    async with serving(behave) as (base, requests), open_fetch() as fetch:
        with trio.fail_after(5):
            return await fetch(base + path, headers), requests[0]


async def why_not(behave: Behaviour) -> str:
    async with serving(behave) as (base, _), open_fetch() as fetch:
        with trio.fail_after(5), pytest.raises(LookupFailed) as caught:
            await fetch(base, {})
    return str(caught.value)


async def test_an_answer() -> None:
    body, request = await fetched(answers(b'{"a": 1}'), Authorization="Bearer x")
    assert body == b'{"a": 1}'
    head, *lines = request.decode().lower().split("\r\n")
    assert head == "get /callers/%2b1?a=b http/1.1"
    assert {"authorization: bearer x", "accept: application/json", "accept-encoding: identity"} <= {*lines}
    assert any(line.startswith("user-agent: callwarden/") for line in lines)


@pytest.mark.parametrize("status", ["404 Not Found", "204 No Content", "410 Gone"])
async def test_a_server_that_does_not_know_the_caller(status: str) -> None:
    assert (await fetched(says(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())))[0] is None


@pytest.mark.parametrize("status", ["500 Oops", "503 Busy", "401 Who", "403 No", "429 Slow", "201 Made", "206 Part"])
async def test_a_status_that_is_no_answer(status: str) -> None:
    assert await why_not(answers(b"{}", status=status)) == f"HTTP {status[:3]}"


@pytest.mark.parametrize("target", ["/elsewhere", "http://169.254.169.254/latest/meta-data", "http://127.0.0.1:9/x"])
async def test_no_redirect_is_followed(target: str) -> None:
    async with serving(answers(b"", f"Location: {target}", status="302 Found")) as (base, requests):
        async with open_fetch() as fetch:
            with pytest.raises(LookupFailed, match=r"^HTTP 302$"):
                await fetch(base, {})
        assert len(requests) == 1


async def test_ten_megabytes_are_given_up_early() -> None:
    async def flood(stream: trio.SocketStream, _request: bytes) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n")
        for _ in range(160):
            await stream.send_all(b" " * 65_536)

    assert await why_not(flood) == f"the answer is longer than {LONGEST} bytes"


async def test_chunks_without_an_end_are_given_up_early() -> None:
    async def flood(stream: trio.SocketStream, _request: bytes) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(10_000):
            await stream.send_all(b"1000\r\n" + b" " * 4096 + b"\r\n")

    assert await why_not(flood) == f"the answer is longer than {LONGEST} bytes"


async def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    assert await why_not(answers(bomb, "Content-Encoding: gzip")) == (
        "the answer is compressed, which was not asked for"
    )


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "Server disconnected"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", "peer closed connection"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "illegal status line"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, ""),
    ],
)
async def test_what_is_no_http(answer: bytes, why: str) -> None:
    assert why in await why_not(says(answer))


@pytest.mark.parametrize("url", ["https://xn--/", "https://xn--a/", "https://" + "x" * 70_000, "https://a\x00/"])
async def test_what_is_no_url(url: str) -> None:
    async with open_fetch() as fetch:
        with pytest.raises(LookupFailed, match="the URL can't be used"):
            await fetch(url, {})


async def test_nobody_listens() -> None:
    async with open_fetch() as fetch:
        with pytest.raises(LookupFailed, match="all attempts to connect"):
            await fetch("http://127.0.0.1:1/", {})


async def test_without_certificates_to_trust_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(**_: object) -> ssl.SSLContext:
        raise ssl.SSLError("no start line")

    monkeypatch.setattr(ssl, "create_default_context", unreadable)
    with pytest.raises(StartError, match="cannot read certificates from the system"):
        async with open_fetch():
            pass


async def test_a_certificate_of_nobodys_is_refused() -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    serves, trusts = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    stranger.issue_cert("127.0.0.1").configure_cert(serves)
    authority.configure_trust(trusts)

    async def handle(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError, ssl.SSLError):
            await trio.SSLStream(stream, serves, server_side=True).do_handshake()

    async with trio.open_nursery() as nursery, open_fetch(httpx.AsyncHTTPTransport(verify=trusts)) as fetch:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        await nursery.start(trio.serve_listeners, handle, listeners)
        with pytest.raises(LookupFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await fetch(f"https://127.0.0.1:{listeners[0].socket.getsockname()[1]}/", {})
        nursery.cancel_scope.cancel()


async def test_one_callers_cookie_is_not_sent_for_another() -> None:
    async with serving(answers(b"{}", "Set-Cookie: session=ada; Path=/")) as (base, requests), open_fetch() as fetch:
        await fetch(base, {})
        await fetch(base, {})
    assert len(requests) == 2
    assert b"ookie" not in requests[1]


async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await fetched(answers(b"{}")))[0] == b"{}"


async def test_a_deadline_drops_a_slow_drip() -> None:
    async def drip(stream: trio.SocketStream, _request: bytes) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            await stream.send_all(b" ")
            await trio.sleep(0.01)

    async with serving(drip) as (base, _), open_fetch() as fetch:
        began = trio.current_time()
        with trio.move_on_after(0.1) as scope:
            await fetch(base, {})
        assert scope.cancelled_caught
        assert trio.current_time() - began < 1


async def test_a_server_that_is_not_public_is_for_those_who_mean_it() -> None:
    async with serving(answers(b"{}")) as (base, requests), open_fetch(checked_transport()) as fetch:
        with trio.fail_after(5):
            with pytest.raises(LookupFailed, match=r"^127.0.0.1 has no public address; if that is meant, add it to"):
                await fetch(base, {})
            assert requests == []
            assert await fetch(base, {}, ["127.0.0.1"]) == b"{}"
