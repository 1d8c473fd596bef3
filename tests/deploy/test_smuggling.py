"""Requests that a proxy and the daemon could understand differently: nobody gets a second one past the proxy.

Each form is sent through the shipped proxy files to our own server; what arrives there is one delivery or none, and no
request for what the proxy lets nobody ask for.
"""

from pathlib import Path

import pytest
import trio

from tests.deploy.backend import Backend, open_backends
from tests.deploy.proxies import PROXIES, Proxy, need, open_proxy
from tests.web.fakes import drain

pytestmark = pytest.mark.exhaustive
WEBHOOK = b"POST /xai/sip-webhook HTTP/1.1\r\nHost: localhost\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(SMUGGLED)
CHUNKED = b"Transfer-Encoding: chunked\r\n"

FORMS = {
    "length, then chunks": WEBHOOK + LENGTH + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED,
    "chunks, then length": WEBHOOK + CHUNKED + b"Content-Length: 4\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "two lengths": WEBHOOK + b"Content-Length: 0\r\n" + LENGTH + b"\r\n" + SMUGGLED,
    "a list of lengths": WEBHOOK + b"Content-Length: 0, %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
    "a length with a plus": WEBHOOK + b"Content-Length: +0\r\n\r\n" + SMUGGLED,
    "chunks in disguise": WEBHOOK + b"Content-Length: 0\r\nTransfer-Encoding: xchunked\r\n\r\n" + SMUGGLED,
    "chunks twice": WEBHOOK + CHUNKED + b"Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
    "chunks after a tab": WEBHOOK + b"Content-Length: 0\r\nTransfer-Encoding:\tchunked\r\n\r\n" + SMUGGLED,
    "a space before the colon": WEBHOOK + b"Content-Length: 0\r\nTransfer-Encoding : chunked\r\n\r\n" + SMUGGLED,
    "a folded line": WEBHOOK + b"Content-Length: 0\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n" + SMUGGLED,
    "bare line feeds": (WEBHOOK + b"Content-Length: 0\r\nX: y\n\n").replace(b"\r\n", b"\n") + SMUGGLED,
    "a bare carriage return": WEBHOOK + b"Content-Length: 0\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n" + SMUGGLED,
    "a chunk that lies": WEBHOOK + CHUNKED + b"\r\n1\r\nxx\r\n0\r\n\r\n" + SMUGGLED,
    "a chunk with bare line feeds": WEBHOOK + CHUNKED + b"\r\n1\nx\n0\n\n" + SMUGGLED,
    "an extension with a line feed": WEBHOOK + CHUNKED + b"\r\n1;a=\nx\r\nx\r\n0\r\n\r\n" + SMUGGLED,
    "a trailer that is a length": WEBHOOK + CHUNKED + b"\r\n0\r\nContent-Length: 9\r\n\r\n" + SMUGGLED,
    "HTTP/1.0 with chunks": WEBHOOK.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED,
    "an upgrade": WEBHOOK + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
    "a length that Connection names": WEBHOOK + b"Connection: Content-Length\r\n" + LENGTH + b"\r\n" + SMUGGLED,
    "a NUL in a value": WEBHOOK + b"Content-Length: 0\r\nX: a\0b\r\n\r\n" + SMUGGLED,
    "HTTP/2 from the start": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" + SMUGGLED,
}


async def send(proxy: Proxy, data: bytes) -> bytes:
    """Send, and read for as long as something comes."""
    stream = await proxy.stream()
    answer = b""
    try:
        await stream.send_all(data)
        with trio.move_on_after(0.3):
            answer = await drain(stream)
    except trio.BrokenResourceError:
        return answer
    finally:
        await trio.aclose_forcefully(stream)
    return answer


@pytest.mark.parametrize("name", PROXIES)
async def test_nothing_gets_past_the_proxy(name: str, tmp_path: Path) -> None:
    need(name)
    async with (
        open_backends() as backends,
        open_proxy(name, tmp_path / name, [each.address for each in backends]) as proxy,
    ):
        await trio.sleep(1.5)  # for the first look at the nodes
        for form, data in FORMS.items():
            for backend in backends:
                backend.requests.clear()
            await send(proxy, data)
            assert_one_delivery(backends, form)


def assert_one_delivery(backends: list[Backend], form: str) -> None:
    """At most one delivery, perhaps tried twice, and nothing else."""
    arrived = [(method, path) for backend in backends for method, path, _, _ in backend.requests]
    assert {*arrived} <= {("POST", "/xai/sip-webhook")}, (form, arrived)
    assert len(arrived) <= 1, (form, arrived)
