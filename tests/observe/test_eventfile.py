import json
import os
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from daemon.core.journal import KeyPressed, Said
from daemon.errors import StartError
from daemon.observe import eventfile
from daemon.observe.eventfile import open_event_file
from daemon.observe.feed import Feed


async def test_everything_published_in_the_block_is_in_the_file(tmp_path: Path) -> None:
    feed = Feed(lambda: 5.0)
    async with open_event_file(str(tmp_path / "events"), feed):
        feed.publish("a", KeyPressed(digit="4"))
        feed.publish("a", Said(item_id="i", speaker="agent", text="Grüße", final=True))
    lines = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    assert lines == [
        {"at": 5.0, "call_id": "a", "entry": {"kind": "KeyPressed", "digit": "4"}},
        {
            "at": 5.0,
            "call_id": "a",
            "entry": {"kind": "Said", "item_id": "i", "speaker": "agent", "text": "Grüße", "final": True},
        },
    ]


async def test_without_a_path_nothing_is_watched() -> None:
    feed = Feed(lambda: 0.0)
    async with open_event_file(None, feed):
        feed.publish("a", KeyPressed(digit="4"))


async def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "events"
    with pytest.raises(StartError, match=f"--events {path}: No such file or directory"):
        async with open_event_file(str(path), Feed(lambda: 0.0)):
            pass


async def test_a_slow_reader_loses_lines_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventfile, "_QUEUE", 2)
    feed = Feed(lambda: 0.0)
    async with open_event_file(str(tmp_path / "events"), feed):
        for _ in range(5):
            feed.publish("a", KeyPressed(digit="4"))
    lines = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    assert len(lines) == 3
    assert {"lost": 3} in lines


async def test_a_reader_that_has_gone_does_no_harm() -> None:
    reading, writing = os.pipe()
    feed = Feed(lambda: 0.0)
    async with open_event_file(f"/dev/fd/{writing}", feed):
        os.close(reading)
        os.close(writing)
        feed.publish("a", KeyPressed(digit="4"))
        await trio.sleep(0.05)
        feed.publish("a", KeyPressed(digit="2"))


async def test_a_reader_that_has_stopped_reading_holds_up_nobody(autojump_clock: MockClock) -> None:
    reading, writing = os.pipe()
    feed = Feed(lambda: 0.0)
    async with open_event_file(f"/dev/fd/{writing}", feed):
        for _ in range(3000):
            feed.publish("a", Said(item_id="i", speaker="agent", text="word " * 20, final=True))
            await trio.lowlevel.checkpoint()
    assert trio.current_time() <= 2
    os.close(reading)
    os.close(writing)
