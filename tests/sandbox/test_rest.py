"""The REST stand-ins' ground: faults that are like real ones, in memory and on a socket, to the same client."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest
import trio

from daemon.sandbox.rest import MAX_BODY, Answer, Asked, Fault, Scripted, open_rest, transport


def desk(asked: Asked) -> Answer:
    return Answer(200, {"method": asked.method, "path": asked.path, "query": asked.query, "form": asked.form})


@asynccontextmanager
async def in_memory(scripted: Scripted) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url="http://stand.in", transport=transport(scripted)) as client:
        yield client


@asynccontextmanager
async def on_a_socket(scripted: Scripted) -> AsyncIterator[httpx.AsyncClient]:
    async with open_rest(scripted) as base, httpx.AsyncClient(base_url=base, trust_env=False, timeout=0.2) as client:
        yield client


Opened = Callable[[Scripted], AbstractAsyncContextManager[httpx.AsyncClient]]

both = pytest.mark.parametrize("opened", [in_memory, on_a_socket])


@both
async def test_requests_and_answers(opened: Opened) -> None:
    scripted = Scripted(desk)
    async with opened(scripted) as client:
        for _ in range(2):  # the second one on the same connection
            answer = await client.post("/a%2Fb/", params={"filter[x]": "+1"}, data={"SipUrl": "sip:+1@h;t=tls"})
            assert answer.json() == {
                "method": "POST",
                "path": "/a%2Fb/",
                "query": [["filter[x]", "+1"]],
                "form": {"SipUrl": "sip:+1@h;t=tls"},
            }
    assert [asked.headers["content-type"] for asked in scripted.asked] == ["application/x-www-form-urlencoded"] * 2


@both
async def test_faults(opened: Opened) -> None:
    carried_out: list[str] = []

    def counting(asked: Asked) -> Answer:
        carried_out.append(asked.path)
        return Answer(204)

    scripted = Scripted(counting)
    scripted.faults = [Fault.TIMEOUT, Fault.CUT, Fault.CUT_AFTER, Answer(429, headers={"retry-after": "3"}), None]
    async with opened(scripted) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/timeout")
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/cut")
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/cut-after")
        refused = await client.get("/refused")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "3")
        assert (await client.get("/done")).status_code == 204
    assert carried_out == ["/timeout", "/cut-after", "/done"]
    assert len(scripted.asked) == 5


def test_bodies_that_are_no_json() -> None:
    assert Asked(method="POST", path="/", body=b"{").json == {}
    assert Asked(method="POST", path="/", body=b"[1]").json == {}
    assert Asked(method="POST", path="/").json == {}


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab"])
async def test_a_client_that_does_it_wrong_ends_its_own_connection_only(sent: bytes) -> None:
    async with open_rest(Scripted(desk)) as base:
        port = int(base.rpartition(":")[2])
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(sent)
            await stream.send_eof()
            with trio.fail_after(5):
                assert await stream.receive_some() == b""
        async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
            assert (await client.get("/")).status_code == 200
            with pytest.raises(httpx.HTTPError):
                await client.post("/", content=b"x" * (MAX_BODY + 1))
