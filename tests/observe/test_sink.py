"""A log that nobody reads keeps nobody waiting."""

import os
import threading
import time

import pytest

from daemon.observe import sink as sink_module
from daemon.observe.sink import Sink


def lost(count: int) -> bytes:
    return b"lost %d\n" % count


def test_lines_come_out_in_order_and_all_at_the_end() -> None:
    written: list[bytes] = []
    with Sink(written.append, lost) as sink:
        for number in range(1000):
            sink.put(b"%d" % number)
    assert written == [b"%d" % number for number in range(1000)]
    assert sink.dropped == 0


def test_lines_are_written_a_moment_later_and_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink_module, "GATHER", 1.0)
    written: list[bytes] = []
    with Sink(written.append, lost, together=3) as sink:
        end = time.perf_counter() + 10
        while not sink._sleeping and time.perf_counter() < end:
            time.sleep(0.001)
        for line in (b"a", b"b", b"c", b"d"):
            sink.put(line)
        while len(written) < 2 and time.perf_counter() < end:
            time.sleep(0.001)
        assert written == [b"abc", b"d"]
        sink.put(b"e")
    assert written == [b"abc", b"d", b"e"]


def test_a_pipe_that_nobody_reads() -> None:
    reading, writing = os.pipe()
    began = time.perf_counter()

    def write(line: bytes) -> None:
        os.write(writing, line)

    with Sink(write, lost, limit=100) as sink:
        for _ in range(10_000):
            sink.put(b"x" * 1000)
        # As fast as memory: had anything waited for the pipe, this would never end.
        assert time.perf_counter() - began < 2
        assert sink.dropped >= 9_000
        received = b""
        while b"lost" not in received:
            received = os.read(reading, 1_000_000)
        drain = threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(reading, 1_000_000), b"")])
        drain.start()
    os.close(writing)
    drain.join(5)
    os.close(reading)


def test_errors_of_the_stream_are_counted_and_nothing_else() -> None:
    def broken(line: bytes) -> None:
        raise BrokenPipeError

    with Sink(broken, lost) as sink:
        sink.put(b"x")
        sink.put(b"y")
    assert sink.dropped == 2


def test_the_end_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink_module, "LAST_WORDS", 0.1)
    release = threading.Event()
    began = time.perf_counter()

    def wait(line: bytes) -> None:
        release.wait(10)

    with Sink(wait, lost) as sink:
        sink.put(b"x")
    assert time.perf_counter() - began < 2
    release.set()
