import json
import ssl
from pathlib import Path

import httpx
import pytest
import trio
import trustme

from daemon.config import Secret, XaiPlatform
from daemon.errors import NotAuthorized, PlatformRefused, StartError
from daemon.platforms.base import HangUpOutcome, Platform, ReferOutcome, ReferResult
from daemon.platforms.xai import Xai, open_platform, tls_context
from daemon.platforms.xai.webhooks import INCOMING
from daemon.sandbox.memory import MemorySandbox
from daemon.sandbox.script import Leave, Script, Wait
from daemon.sandbox.switchboard import Switchboard
from tests.platforms.fakes import CALL, KEY, answer, configured, loopback, read_head

TEL = "tel:+14155550100"


class Server:
    """An HTTP server that gives the same answer to everything and keeps what it was asked."""

    def __init__(self, response: bytes) -> None:
        self.heads: list[bytes] = []
        self._response = response

    async def serve(self, stream: trio.abc.Stream) -> None:
        while head := await read_head(stream):
            self.heads.append(head)
            await stream.send_all(self._response)


def at(port: int, scheme: str = "http", **changes: object) -> XaiPlatform:
    return configured(base_url=f"{scheme}://127.0.0.1:{port}", **changes)


async def test_requests_go_to_the_base_url_with_the_key() -> None:
    server = Server(answer(200, b"{}"))
    async with loopback(server.serve) as door, open_platform(at(door.port)) as platform:
        assert await platform.hang_up(CALL) is HangUpOutcome.HUNG_UP
        assert await platform.hang_up(CALL) is HangUpOutcome.HUNG_UP
        port, connections = door.port, door.connections
    lines = server.heads[0].split(b"\r\n")
    assert lines[0] == f"POST /v1/realtime/calls/{CALL}/hangup HTTP/1.1".encode()
    assert f"Authorization: Bearer {KEY}".encode() in lines
    assert f"Host: 127.0.0.1:{port}".encode() in lines
    assert len(server.heads) == 2
    assert connections == 1


async def test_the_client_is_closed_with_the_block() -> None:
    server = Server(answer(200, b"{}"))
    ended = trio.Event()

    async def serve(stream: trio.abc.Stream) -> None:
        await server.serve(stream)
        ended.set()

    async with loopback(serve) as door:
        async with open_platform(at(door.port)) as platform:
            await platform.hang_up(CALL)
            assert not ended.is_set()
        with trio.fail_after(1):
            await ended.wait()
        with pytest.raises(RuntimeError, match="closed"):
            await platform.hang_up(CALL)


async def test_a_redirect_does_not_get_the_key() -> None:
    thief = Server(answer(200, b"{}"))
    async with loopback(thief.serve) as elsewhere:
        server = Server(answer(307, b"", Location=f"http://127.0.0.1:{elsewhere.port}/"))
        async with loopback(server.serve) as door, open_platform(at(door.port)) as platform:
            with pytest.raises(PlatformRefused, match="HTTP 307"):
                await platform.hang_up(CALL)
            assert (await platform.refer(CALL, TEL)).result is ReferResult.FAILED
    assert thief.heads == []


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
async def test_a_proxy_in_the_environment_does_not_get_the_key(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    thief, server = Server(answer(200, b"{}")), Server(answer(401, b"{}"))
    async with loopback(thief.serve) as elsewhere, loopback(server.serve) as door:
        monkeypatch.setenv(variable, f"http://127.0.0.1:{elsewhere.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        async with open_platform(at(door.port)) as platform:
            with pytest.raises(NotAuthorized):
                await platform.hang_up(CALL)
    assert thief.heads == []
    assert len(server.heads) == 1


async def test_a_ca_file_is_trusted_for_rest(tmp_path: Path) -> None:
    authority, server = trustme.CA(), Server(answer(200, b"{}"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    async def serve(stream: trio.abc.Stream) -> None:
        assert isinstance(stream, trio.SocketStream)
        await server.serve(trio.SSLStream(stream, context, server_side=True, https_compatible=True))

    async with loopback(serve) as door:
        async with open_platform(at(door.port, "https", ca_file=str(tmp_path / "ca.pem"))) as platform:
            assert await platform.hang_up(CALL) is HangUpOutcome.HUNG_UP
        async with open_platform(at(door.port, "https")) as platform:
            said = await platform.refer(CALL, TEL)
    assert said.result is ReferResult.FAILED
    assert "CERTIFICATE_VERIFY_FAILED" in said.detail
    assert len(server.heads) == 1


async def test_a_missing_ca_file(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pem")
    with pytest.raises(StartError, match=r"cannot read certificates from .*missing\.pem: .*No such file"):
        async with open_platform(configured(ca_file=missing)):
            raise AssertionError


async def test_a_ca_file_without_certificates(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    with pytest.raises(StartError, match=r"cannot read certificates from .*ca\.pem"):
        async with open_platform(configured(ca_file=str(tmp_path / "ca.pem"))):
            raise AssertionError


def test_certificates_are_verified() -> None:
    context = tls_context("")
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_webhook_is_read() -> None:
    body = json.dumps({"type": INCOMING, "data": {"call_id": CALL}}).encode()

    async def dial() -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        raise AssertionError

    incoming = Xai(configured(), httpx.AsyncClient(trust_env=False), dial).read_webhook(body, "msg-1", 3.0)
    assert incoming is not None
    assert (incoming.call_id, incoming.webhook_id, incoming.received_at) == (CALL, "msg-1", 3.0)


@pytest.mark.usefixtures("both_ways")
async def test_one_call_on_the_sandbox(autojump_clock: trio.testing.MockClock) -> None:
    switchboard = Switchboard(KEY)
    async with trio.open_nursery() as nursery:
        sandbox = MemorySandbox(switchboard, nursery)
        async with sandbox.client(KEY) as client:
            platform: Platform = Xai(configured(), client, sandbox.dial)
            call = switchboard.place(Script(steps=(Wait(1000),)))
            async with platform.join(call.id) as line:
                kinds = [type(await anext(aiter(line))).__name__ for _ in range(2)]
                assert kinds == ["SessionCreated", "ConversationCreated"]
                busy = switchboard.place(Script())
                busy.refer_status = 502
                said = await platform.refer(busy.id, TEL)
                assert said == ReferOutcome(
                    ReferResult.REJECTED, 486, "transfer rejected by downstream: SIP 486 Busy Here"
                )
                assert await platform.hang_up(call.id) is HangUpOutcome.HUNG_UP
                assert [event async for event in line] == []
                assert line.end is not None
                assert not line.end.lost
            assert await platform.hang_up(call.id) is HangUpOutcome.ALREADY_OVER


@pytest.mark.usefixtures("both_ways")
async def test_a_caller_of_the_sandbox_leaves(autojump_clock: trio.testing.MockClock) -> None:
    switchboard = Switchboard(KEY)
    async with trio.open_nursery() as nursery:
        sandbox = MemorySandbox(switchboard, nursery)
        async with sandbox.client(KEY) as client:
            call = switchboard.place(Script(steps=(Wait(3), Leave())))
            async with Xai(configured(), client, sandbox.dial).join(call.id) as line:
                assert len([event async for event in line]) == 2
                assert line.end is not None
                assert not line.end.lost
    assert call.ended_by == "caller"


def test_the_key_is_not_shown() -> None:
    assert KEY not in repr(configured())
    assert Secret(KEY).reveal() == KEY
