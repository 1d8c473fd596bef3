import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from daemon.platforms.xai.ready_stream import ReadyStream
from tests.platforms.fakes import reset


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[ReadyStream, trio.SocketStream]]:
    """A stream over a real TCP connection, and its other end."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        ours = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
        theirs = await listener.accept()
        async with ReadyStream(ours) as stream, theirs:
            yield stream, theirs


async def test_bytes_pass_both_ways() -> None:
    async with connected() as (stream, theirs):
        await stream.wait_send_all_might_not_block()
        await stream.send_all(b"there")
        assert await theirs.receive_some() == b"there"
        await theirs.send_all(b"and back")
        assert await stream.receive_some(3) == b"and"
        assert await stream.receive_some() == b" back"


async def test_it_waits_until_there_is_something() -> None:
    got: list[bytes] = []

    async def read() -> None:
        got.append(await stream.receive_some())

    async with connected() as (stream, theirs), trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        assert got == []
        await theirs.send_all(b"now")
    assert got == [b"now"]


async def test_the_end() -> None:
    async with connected() as (stream, theirs):
        await theirs.send_all(b"last")
        await theirs.send_eof()
        assert await stream.receive_some() == b"last"
        assert await stream.receive_some() == b""
        assert await stream.receive_some() == b""


async def test_a_reset() -> None:
    async with connected() as (stream, theirs):
        await stream.send_all(b"unread")
        await reset(theirs)
        with pytest.raises(trio.BrokenResourceError, match="Connection reset"):
            await stream.receive_some()


async def test_closed_before_and_while_reading() -> None:
    async def read() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await stream.receive_some()

    async with connected() as (stream, _):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            await stream.aclose()
        await read()


async def test_closed_between_the_news_and_the_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of the socket may be another file's by then."""

    async def wait_and_close(descriptor: int) -> None:
        await wait_readable(descriptor)
        await stream.aclose()
        os.dup2(other.fileno(), descriptor)

    wait_readable = trio.lowlevel.wait_readable
    monkeypatch.setattr(trio.lowlevel, "wait_readable", wait_and_close)
    other, far = socket.socketpair()
    far.send(b"somebody else's")
    async with connected() as (stream, theirs):
        descriptor = stream._descriptor
        await theirs.send_all(b"ours")
        with pytest.raises(trio.ClosedResourceError):
            await stream.receive_some()
        os.close(descriptor)
        assert other.recv(100) == b"somebody else's"
    other.close()
    far.close()


async def test_a_false_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(descriptor: int) -> None:
        await trio.lowlevel.checkpoint()
        monkeypatch.setattr(trio.lowlevel, "wait_readable", wait_readable)

    wait_readable = trio.lowlevel.wait_readable
    monkeypatch.setattr(trio.lowlevel, "wait_readable", at_once)
    async with connected() as (stream, theirs), trio.open_nursery() as nursery:
        nursery.start_soon(theirs.send_all, b"late")
        assert await stream.receive_some() == b"late"


async def test_a_cancelled_read_loses_nothing() -> None:
    async with connected() as (stream, theirs):
        with trio.move_on_after(0.01) as patience:
            await stream.receive_some()
        assert patience.cancelled_caught
        await theirs.send_all(b"still here")
        assert await stream.receive_some() == b"still here"


async def test_two_readers_are_one_too_many() -> None:
    async with connected() as (stream, _), trio.open_nursery() as nursery:
        nursery.start_soon(stream.receive_some)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await stream.receive_some()
        nursery.cancel_scope.cancel()
