import pytest
import trio
from trio.testing import memory_stream_pair

from daemon.platforms.xai.frames_filter import AudioFilter
from daemon.platforms.xai.stream import SiftedStream, WatchedStream


class Watch:
    """A watched stream, its other end, and how often its end was told."""

    def __init__(self) -> None:
        self.ours, self.theirs = memory_stream_pair()
        self.ends = 0
        self.stream = WatchedStream(self.ours, on_end=self._end)

    def _end(self) -> None:
        self.ends += 1


async def test_bytes_pass_through_both_ways() -> None:
    watch = Watch()
    await watch.stream.wait_send_all_might_not_block()
    await watch.stream.send_all(b"there")
    assert await watch.theirs.receive_some() == b"there"
    await watch.theirs.send_all(b"and back")
    assert await watch.stream.receive_some(3) == b"and"
    assert await watch.stream.receive_some() == b" back"
    assert watch.ends == 0


async def test_the_peer_closing_is_an_end() -> None:
    watch = Watch()
    await watch.theirs.aclose()
    assert await watch.stream.receive_some() == b""
    assert watch.ends == 1


async def test_a_broken_stream_is_an_end() -> None:
    watch = Watch()

    async def broken() -> None:
        await trio.lowlevel.checkpoint()
        raise trio.BrokenResourceError

    watch.ours.receive_stream.receive_some_hook = broken
    with pytest.raises(trio.BrokenResourceError):
        await watch.stream.receive_some()
    assert watch.ends == 1


async def test_a_peer_that_takes_nothing_any_more_is_an_end() -> None:
    watch = Watch()
    await watch.theirs.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await watch.stream.send_all(b"anyone there?")
    assert watch.ends == 1


async def test_our_closing_is_an_end_and_so_is_reading_after_it() -> None:
    watch = Watch()
    await watch.stream.aclose()
    assert watch.ends == 1
    with pytest.raises(trio.ClosedResourceError):
        await watch.stream.receive_some()
    assert watch.ends == 2
    assert await watch.theirs.receive_some() == b""


async def test_a_cancelled_read_is_no_end_and_loses_nothing(autojump_clock: trio.testing.MockClock) -> None:
    watch = Watch()
    with trio.move_on_after(1) as patience:
        await watch.stream.receive_some()
    assert patience.cancelled_caught
    assert watch.ends == 0
    await watch.theirs.send_all(b"late")
    assert await watch.stream.receive_some() == b"late"


# Without audio

HEAD = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
AUDIO = b"\x81\x2e" + b'{"type":"response.output_audio.delta","a":"AA"}'[:46]
PING = b"\x89\x01?"


class Sifted:
    """A sifted stream, its other end, and its filter."""

    def __init__(self) -> None:
        self.ours, self.theirs = memory_stream_pair()
        self.sieve = AudioFilter(1000)
        self.stream = SiftedStream(self.ours, self.sieve)


async def test_audio_is_no_reason_to_wake_anybody(autojump_clock: trio.testing.MockClock) -> None:
    sifted = Sifted()
    await sifted.theirs.send_all(HEAD)
    assert await sifted.stream.receive_some() == HEAD
    await sifted.theirs.send_all(AUDIO + AUDIO)
    with trio.move_on_after(1) as patience:
        await sifted.stream.receive_some()
    assert patience.cancelled_caught
    assert sifted.sieve.dropped == 2
    await sifted.theirs.send_all(AUDIO[:20])
    with trio.move_on_after(1) as patience:
        await sifted.stream.receive_some()
    assert patience.cancelled_caught
    await sifted.theirs.send_all(AUDIO[20:] + PING)
    assert await sifted.stream.receive_some() == PING
    assert sifted.sieve.dropped == 3


async def test_what_was_held_comes_out_at_the_end() -> None:
    sifted = Sifted()
    await sifted.theirs.send_all(HEAD + AUDIO[:20])
    assert await sifted.stream.receive_some() == HEAD
    await sifted.theirs.aclose()
    assert await sifted.stream.receive_some() == AUDIO[:20]
    assert await sifted.stream.receive_some() == b""
    assert await sifted.stream.receive_some() == b""


async def test_the_way_out_is_not_sifted() -> None:
    sifted = Sifted()
    await sifted.stream.wait_send_all_might_not_block()
    await sifted.stream.send_all(AUDIO)
    assert await sifted.theirs.receive_some() == AUDIO
    await sifted.stream.aclose()
    assert await sifted.theirs.receive_some() == b""
