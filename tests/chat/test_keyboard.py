"""What is typed, from bytes to meaning."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from daemon.chat.keyboard import HINT, Keyboard, Keys, Quit, Slip, Typed, Words, read_line


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        ("  Where  is\tmy order? ", Words("Where is my order?")),
        ("/key 5", Keys("5")),
        ("/keys 4 2 #", Keys("42#")),
        ("/key", Slip("keys are 0-9, * and #, as in: /key 42#")),
        ("/key five", Slip("keys are 0-9, * and #, as in: /key 42#")),
        ("/quit", Quit()),
        ("/q", Quit()),
        ("/help", Slip(HINT)),
        ("   ", None),
    ],
)
def test_lines(line: str, typed: Typed | None) -> None:
    assert read_line(line) == typed


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)


async def test_a_pipe(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    keyboard = Keyboard(reading)
    os.write(writing, b"one\n\ntw")
    assert await keyboard.next() == Words("one")
    with trio.move_on_after(0.02) as impatient:
        await keyboard.next()
    assert impatient.cancelled_caught
    os.write(writing, "o, Grüße\xff\n/quit\nlast".encode("latin-1"))
    assert await keyboard.next() == Words("two, Gr\ufffd\ufffde\ufffd")
    assert await keyboard.next() == Quit()
    os.close(writing)
    assert await keyboard.next() == Words("last")
    assert [await keyboard.next() for _ in range(3)] == [Quit(at_once=False)] * 3


async def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "talk").write_text("one\ntwo\n")
    descriptor = os.open(tmp_path / "talk", os.O_RDONLY)
    keyboard = Keyboard(descriptor)
    assert [await keyboard.next() for _ in range(3)] == [Words("one"), Words("two"), Quit(at_once=False)]
    os.close(descriptor)


async def test_what_cannot_be_read_is_an_end() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    assert await Keyboard(reading).next() == Quit(at_once=False)
