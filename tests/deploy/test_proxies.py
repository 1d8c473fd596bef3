"""What the shipped proxy files let through, and what they don't."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
import trio

from tests.deploy.backend import Backend, open_backends
from tests.deploy.proxies import PROXIES, Proxy, need, open_proxy

pytestmark = pytest.mark.exhaustive
WEBHOOK = "/xai/sip-webhook"


@pytest.fixture(params=PROXIES)
def name(request: pytest.FixtureRequest) -> str:
    need(request.param)
    return str(request.param)


@asynccontextmanager
async def standing(name: str, folder: Path) -> AsyncIterator[tuple[Proxy, list[Backend], httpx.AsyncClient]]:
    """A proxy before two nodes that are ready, and somebody out there."""
    async with (
        open_backends() as backends,
        open_proxy(name, folder / name, [each.address for each in backends]) as proxy,
        proxy.client() as client,
    ):
        await trio.sleep(1.5)  # for the first look at the nodes
        yield proxy, backends, client


async def test_only_the_webhook_gets_through(name: str, tmp_path: Path) -> None:
    async with standing(name, tmp_path) as (_, backends, client):
        answer = await client.post(WEBHOOK, content=b'{"a": 1}', headers={"webhook-id": "msg_1"})
        assert answer.status_code == 200
        for path in ("/", "/livez", "/readyz", "/metrics", "/v1/status", f"{WEBHOOK}/", f"/x/..{WEBHOOK}x"):
            assert (await client.post(path, content=b"{}")).status_code == 404, path
        assert (await client.get(WEBHOOK)).status_code in {403, 404, 405}
        assert (await client.get("/readyz")).status_code == 404
    ((method, path, headers, length),) = [each for backend in backends for each in backend.requests]
    assert (method, path, length, headers["webhook-id"]) == ("POST", WEBHOOK, 8, "msg_1")
    assert headers["x-forwarded-for"].endswith("127.0.0.1")


async def test_a_body_that_is_too_large_is_turned_away(name: str, tmp_path: Path) -> None:
    async with standing(name, tmp_path) as (proxy, backends, client):
        assert (await client.post(WEBHOOK, content=b"x" * 60_000)).status_code == 200
        for framing, piece in (
            ("Content-Length: 163840", b"x" * 4096),
            ("Transfer-Encoding: chunked", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
        ):
            stream = await proxy.stream()
            with suppress(trio.BrokenResourceError):  # cut off while it is still sending
                await stream.send_all(f"POST {WEBHOOK} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n".encode())
                for _ in range(40):
                    await stream.send_all(piece)
                await stream.send_all(b"0\r\n\r\n")
                with trio.move_on_after(5):
                    assert (await stream.receive_some(100)).split(b" ")[1] in {b"413", b"502"}, framing
            await trio.aclose_forcefully(stream)
    lengths = [length for backend in backends for *_, length in backend.requests]
    assert lengths == [60_000]


async def test_nobody_can_ask_for_an_upgrade(name: str, tmp_path: Path) -> None:
    async with standing(name, tmp_path) as (proxy, backends, _):
        for lines in (
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n",
        ):
            stream = await proxy.stream()
            head = f"POST {WEBHOOK} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n{lines}\r\n{{}}"
            await stream.send_all(head.encode())
            with trio.move_on_after(5):
                assert b"101" not in (await stream.receive_some(100)).split(b"\r\n")[0]
            await trio.aclose_forcefully(stream)
    passed = [headers for backend in backends for _, _, headers, _ in backend.requests]
    assert passed
    for headers in passed:
        assert not {"upgrade", "http2-settings"} & headers.keys(), headers


async def test_a_node_that_is_not_there_costs_nobody_anything(name: str, tmp_path: Path) -> None:
    async with open_backends(1) as backends:
        nodes = [backends[0].address, "127.0.0.1:9"]
        async with open_proxy(name, tmp_path / name, nodes) as proxy, proxy.client() as client:
            for _ in range(10):
                assert (await client.post(WEBHOOK, content=b"{}")).status_code == 200


async def test_a_node_that_refuses_sends_the_delivery_elsewhere(name: str, tmp_path: Path) -> None:
    async with standing(name, tmp_path) as (_, backends, client):
        backends[0].refuses = True
        answers = [(await client.post(WEBHOOK, content=b"{}")).status_code for _ in range(10)]
    assert answers == [200] * 10 if name != "caddy" else set(answers) == {200, 503}
    assert len(backends[1].requests) >= 5


async def test_a_node_that_turns_unready_gets_no_more_deliveries(name: str, tmp_path: Path) -> None:
    if name == "nginx":
        pytest.skip("skipped: nginx's free edition asks nobody whether they are ready")
    async with standing(name, tmp_path) as (_, backends, client):
        backends[0].ready = False
        await trio.sleep(2.5)
        before = len(backends[0].requests)
        for _ in range(10):
            assert (await client.post(WEBHOOK, content=b"{}")).status_code == 200
        assert len(backends[0].requests) == before
        backends[0].ready = True
        await trio.sleep(2.5)
        for _ in range(10):
            await client.post(WEBHOOK, content=b"{}")
        assert len(backends[0].requests) > before


FLOOD = 2500


async def test_a_flood_from_one_address_is_turned_away(name: str, tmp_path: Path) -> None:
    if name == "caddy":
        pytest.skip("skipped: Caddy counts nobody's requests without a plugin")
    statuses: Counter[int] = Counter()
    async with standing(name, tmp_path) as (proxy, backends, client):

        async def flood() -> None:
            while statuses.total() < FLOOD:
                statuses[(await client.post(WEBHOOK, content=b"{}")).status_code] += 1

        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(flood)
        elsewhere = httpx.AsyncHTTPTransport(verify=proxy.context, local_address="127.0.0.2")
        async with httpx.AsyncClient(base_url=proxy.url, transport=elsewhere) as platform:
            assert (await platform.post(WEBHOOK, content=b"{}")).status_code == 200
    assert statuses.keys() == {200, 429}
    assert statuses[200] >= 1000  # a hundred callers in a second are welcome, and so are some more
    assert statuses[429] > 100
    assert sum(len(backend.requests) for backend in backends) == statuses[200] + 1
