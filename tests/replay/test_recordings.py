"""Finding recordings, and reading them, whole or torn."""

from pathlib import Path

import pytest

from daemon.core.inputs import Started, Woken
from daemon.core.recording import Closed, Fed, Line, Opened, encode_line
from daemon.errors import StartError
from daemon.replay.recordings import find, parse, read

OPENED = Opened(now=1.0, format=1, build="0.1.0", call_id="c", agent="support", called=None, caller=None, at=5.0)
STARTED, WOKEN = Fed(now=1.0, given=Started()), Fed(now=2.0, given=Woken())
CLOSED = Closed(now=3.0, reasons=("done",), outcome="hung_up")
LINES: tuple[Line, ...] = (OPENED, STARTED, WOKEN, CLOSED)
TEXT = b"".join(map(encode_line, LINES))


def test_a_whole_one() -> None:
    (take,) = parse(TEXT, "c")
    assert (take.opened, take.fed, take.closed) == (OPENED, (STARTED, WOKEN), CLOSED)


def test_one_that_a_second_daemon_went_on_with() -> None:
    first, second = parse(encode_line(OPENED) + encode_line(STARTED) + TEXT, "c")
    assert (first.fed, first.closed) == ((STARTED,), None)
    assert second.closed == CLOSED


@pytest.mark.parametrize("length", range(len(encode_line(OPENED)) + 1, len(TEXT), 40))
def test_one_that_breaks_off_anywhere(length: int) -> None:
    (take,) = parse(TEXT[:length], "c")
    assert take.closed is None
    whole = parse(TEXT[:length] + b"\n" + TEXT, "c")
    assert whole[-1].closed == CLOSED


def test_one_that_is_broken_in_the_middle() -> None:
    with pytest.raises(StartError, match=r"^c, line 2: "):
        parse(encode_line(OPENED) + b"nonsense\n" + encode_line(CLOSED), "c")


@pytest.mark.parametrize("text", [b"", b"\n\n", b"nonsense", encode_line(CLOSED)])
def test_what_is_none(text: bytes) -> None:
    with pytest.raises(StartError, match=r"^c is no recording of a call$"):
        parse(text, "c")


def test_one_of_another_format() -> None:
    with pytest.raises(StartError, match=r"^c was written in format 2 of recordings, and this is a build for 1$"):
        parse(TEXT.replace(b'"format":1', b'"format":2'), "c")


def test_finding(tmp_path: Path) -> None:
    for name in ("5a9d-1", "5a9d-12", "7b"):
        (tmp_path / f"{name}.jsonl").write_bytes(TEXT)
    folder = str(tmp_path)
    assert [path.stem for path in find(folder, "7")] == ["7b"]
    assert [path.stem for path in find(folder, "5a9d")] == ["5a9d-1", "5a9d-12"]
    assert [path.stem for path in find(folder, "5a9d-1")] == ["5a9d-1"]  # a whole id is itself only
    assert find(folder, str(tmp_path / "7b.jsonl")) == [tmp_path / "7b.jsonl"]
    assert find(folder, "../7b") == find(folder, "8") == find("", "7b") == []
    assert len(read(tmp_path / "7b.jsonl")) == 1
    with pytest.raises(StartError, match=r"cannot read .*: No such file or directory"):
        read(tmp_path / "8.jsonl")
