"""The recorder: a file for each call, whole or given up, and forgotten in time."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs

from daemon.core.inputs import Started, ToolDone, Woken
from daemon.core.recording import Closed, Fed, Line, decode_line
from daemon.errors import StartError
from daemon.observe import recorder as module
from daemon.observe.recorder import Recorder, open_recorder

LINE = Fed(now=1.0, given=Started())


def lines(folder: Path, call_id: str = "c") -> list[Line]:
    return [decode_line(row) for row in (folder / f"{call_id}.jsonl").read_bytes().splitlines()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what a thread does."""
    for _ in range(500):
        if condition():
            return
        await trio.sleep(0.01)
    raise AssertionError("it did not happen within 5 s")


async def test_all_that_was_taken_is_in_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "of" / "recordings"
    async with open_recorder(str(folder), keep=0) as recorder:
        assert recorder is not None
        one, other = recorder.open("c"), recorder.open("d")
        for place in range(100):
            one.write(Fed(now=float(place), given=Woken()))
        other.write(LINE)
        one.write(Closed(now=200.0, reasons=("done",), outcome="hung_up"))
    assert [line.now for line in lines(folder)] == [*map(float, range(100)), 200.0]
    assert lines(folder, "d") == [LINE]
    assert (folder / "c.jsonl").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert names(folder) == ["c.jsonl", "d.jsonl"]


async def test_without_a_folder_nothing_is_recorded() -> None:
    async with open_recorder("", keep=5.0) as recorder:
        assert recorder is None


async def test_lines_are_written_while_calls_go_on(tmp_path: Path) -> None:
    async with open_recorder(str(tmp_path), keep=0) as recorder:
        assert recorder is not None
        recorder.open("c").write(LINE)
        await until(lambda: (tmp_path / "c.jsonl").exists())


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match=r"^\[recording\] directory: .*/file/x: Not a directory; name a folder"):
        async with open_recorder(str(tmp_path / "file" / "x"), keep=0):
            pass


async def test_the_half_line_of_a_daemon_that_was_killed_stays_alone(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_bytes(b'{"line":"fed","no')
    (tmp_path / "d.jsonl").write_bytes(b"")
    recorder = Recorder(tmp_path, keep=0)
    for call_id in "cd":
        recording = recorder.open(call_id)
        for _ in range(2):
            recording.write(LINE)
            await recorder.flush()
    torn, *rest = (tmp_path / "c.jsonl").read_bytes().splitlines()
    assert torn == b'{"line":"fed","no'
    assert [decode_line(row) for row in rest] == [LINE, LINE]
    assert lines(tmp_path, "d") == [LINE, LINE]


async def test_a_recording_that_cannot_be_written_is_given_up_and_the_others_are_not(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").mkdir()
    recorder = Recorder(tmp_path, keep=0)
    bad, good = recorder.open("c"), recorder.open("d")
    with capture_logs() as logs:
        for _ in range(3):
            bad.write(LINE)
            good.write(LINE)
            await recorder.flush()
    assert [log["event"] for log in logs] == ["recording_given_up"]
    assert logs[0]["call_id"] == "c"
    assert "Is a directory" in logs[0]["why"]
    assert len(lines(tmp_path, "d")) == 3


async def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").symlink_to(tmp_path / "elsewhere")
    recorder = Recorder(tmp_path, keep=0)
    recording = recorder.open("c")
    recording.write(LINE)
    with capture_logs():
        await recorder.flush()
    assert recording.broken
    assert not (tmp_path / "elsewhere").exists()


async def test_too_many_lines_that_wait_end_a_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    recorder = Recorder(tmp_path, keep=0)
    recording = recorder.open("c")
    with capture_logs() as logs:
        for _ in range(5):
            recording.write(LINE)
    assert [log["why"] for log in logs] == ["the disk is too slow"]
    await recorder.flush()
    assert not (tmp_path / "c.jsonl").exists()


async def test_what_is_no_text_ends_a_recording_and_no_call(tmp_path: Path) -> None:
    recording = Recorder(tmp_path, keep=0).open("c")
    with capture_logs() as logs:
        recording.write(Fed(now=1.0, given=ToolDone(use_id="u", output="\ud800")))
        recording.write(LINE)
    assert recording.broken
    assert len(logs) == 1


async def test_old_recordings_are_forgotten_and_nothing_else(tmp_path: Path) -> None:
    for name in ("old.jsonl", "new.jsonl", "old.txt"):
        (tmp_path / name).write_text("")
    for name in ("old.jsonl", "old.txt"):
        os.utime(tmp_path / name, (1000.0, 1000.0))
    async with open_recorder(str(tmp_path), keep=3600.0):
        await until(lambda: not (tmp_path / "old.jsonl").exists())
    assert names(tmp_path) == ["new.jsonl", "old.txt"]


async def test_one_that_cannot_be_forgotten_is_named(tmp_path: Path) -> None:
    (tmp_path / "old.jsonl").mkdir()
    os.utime(tmp_path / "old.jsonl", (1000.0, 1000.0))
    with capture_logs() as logs:
        async with open_recorder(str(tmp_path), keep=3600.0):
            pass
    assert [log["event"] for log in logs] == ["recording_not_forgotten"]
