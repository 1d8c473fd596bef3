import ssl

import pytest
import trio
import trustme

from daemon.platforms.xai.dialling import tcp_dial
from daemon.platforms.xai.ready_stream import ReadyStream
from daemon.platforms.xai.tls_stream import TlsStream
from tests.platforms.fakes import loopback


async def test_plain() -> None:
    async def greet(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"hello")

    async with loopback(greet) as door:
        dial = tcp_dial(f"ws://127.0.0.1:{door.port}/v1", ssl.create_default_context())
        async with await dial() as stream:
            assert isinstance(stream, ReadyStream)
            assert await stream.receive_some() == b"hello"


async def test_tls_sessions_are_resumed_from_call_to_call() -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)

    async def greet(stream: trio.abc.Stream) -> None:
        assert isinstance(stream, trio.SocketStream)
        secure = trio.SSLStream(stream, context, server_side=True)
        await secure.send_all(b"hello")
        await secure.aclose()

    resumed = []
    async with loopback(greet) as door:
        dial = tcp_dial(f"wss://127.0.0.1:{door.port}/v1", trust)
        for _ in range(3):
            async with await dial() as stream:
                assert isinstance(stream, TlsStream)
                assert await stream.receive_some() == b"hello"
                resumed.append(stream.resumed)
    assert resumed == [False, True, True]


async def test_a_failed_handshake_leaves_nothing_open() -> None:
    gone = trio.Event()

    async def handle(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"no TLS here")
        while await stream.receive_some():
            pass
        gone.set()

    async with loopback(handle) as door:
        with pytest.raises(trio.BrokenResourceError):
            await tcp_dial(f"wss://127.0.0.1:{door.port}/v1", ssl.create_default_context())()
        with trio.fail_after(2):
            await gone.wait()
