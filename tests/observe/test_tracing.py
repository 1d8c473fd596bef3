"""Tracing as the app opens it: nothing by default, one line without the extra, spans over the wire with it."""

import sys
from pathlib import Path

import msgspec
import pytest
import trio

from daemon.config import Drain
from daemon.config.operator import Tracing
from daemon.errors import StartError
from daemon.observe.feed import Watcher
from daemon.observe.tracing import open_tracing
from daemon.sandbox.script import Leave, Script, Wait
from tests.configured import configuration
from tests.live import kill, live_daemon


async def test_none() -> None:
    watchers: list[Watcher] = []
    async with open_tracing("", 1.0, "node", watchers.append) as traceparent:
        assert traceparent("c") is None
    assert watchers == []


async def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "daemon.observe.spans", None)
    with pytest.raises(StartError, match=r"\[tracing\] endpoint: OpenTelemetry is not installed .*callwarden\[otel\]"):
        async with open_tracing("http://127.0.0.1:4318/v1/traces", 1.0, "node", lambda watcher: None):
            pass


async def test_a_call_of_a_living_daemon(tmp_path: Path, nursery: trio.Nursery) -> None:
    bodies: list[bytes] = []

    async def collector(stream: trio.SocketStream) -> None:
        """Take one request and say yes, as far as an OTLP client minds."""
        received = b""
        while b"\r\n\r\n" not in received:
            received += await stream.receive_some(65536)
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += await stream.receive_some(65536)
        bodies.append(body)
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, collector, [listener])
    endpoint = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/v1/traces"
    config = msgspec.structs.replace(
        configuration(drain=Drain(deadline=5.0, lame_duck=0.0)), tracing=Tracing(endpoint=endpoint)
    )
    async with live_daemon(config, tmp_path) as live:
        call = await live.ring(Script(steps=(Wait(0.05), Leave()), seconds_per_word=0.01))
        await call.over.wait()
        kill()
    # What waited was sent before the end. The format is protobuf, in which names stand as they are.
    sent = b"".join(bodies)
    assert b"invoke_agent support" in sent
    assert call.id.encode() in sent
    nursery.cancel_scope.cancel()
