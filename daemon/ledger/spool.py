"""The spool: what is owed to the ledger while it can't be written, on the disk where there is room, else in the log.

One file for each epoch, a line of JSON for each operation, synced before anybody is told that it is kept. A line that a
crash cut short was never acknowledged, so it is passed over. Imports Trio, msgspec and this room; never talks to the
database.
"""

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import msgspec
import structlog
import trio

from daemon.ledger.operations import Operation
from daemon.ledger.place import Place


class Spool:
    """Operations that wait, in order."""

    def __init__(self, place: Place, epoch: str) -> None:
        self._file = _file(place, epoch)
        self._waiting: deque[Operation] = deque()
        self._written = trio.Lock()

    def __len__(self) -> int:
        """How many operations wait."""
        return len(self._waiting)

    @property
    def first(self) -> Operation | None:
        """What is to be carried out next."""
        return self._waiting[0] if self._waiting else None

    def done(self) -> None:
        """Forget the first operation, which was carried out."""
        self._waiting.popleft()

    async def put(self, operation: Operation) -> None:
        """Keep an operation. Where the disk fails too, it stays in memory, and the log has it for the operator."""
        self._waiting.append(operation)
        line = msgspec.json.encode(operation) + b"\n"
        async with self._written:
            try:
                await trio.to_thread.run_sync(_append, self._file, line)
            except OSError as error:
                _log_instead(f"{self._file}: {error.strerror}", line)

    async def clear(self) -> None:
        """Remove the file, all of which was carried out."""
        async with self._written:
            if not self._waiting:
                await trio.to_thread.run_sync(_remove, self._file)


def left_behind(place: Place, living: str) -> list[tuple[Path, list[Operation]]]:
    """What earlier epochs of this place still owe, oldest file first; `living` is ours."""
    files = [file for file in place.folder.glob("spool-*.jsonl") if file != _file(place, living)]
    dead = [file for file in files if place.dead([file.stem.removeprefix("spool-")])]
    return [(file, list(_read(file))) for file in sorted(dead, key=lambda file: file.stat().st_mtime)]


def _file(place: Place, epoch: str) -> Path:
    return place.folder / f"spool-{epoch}.jsonl"


def _append(file: Path, line: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        end = os.lseek(descriptor, 0, os.SEEK_END)
        if os.write(descriptor, line) < len(line):
            os.ftruncate(descriptor, end)  # or the next line would be glued to this half
            raise OSError(None, "no room for a whole line")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(file: Path) -> None:
    file.unlink(missing_ok=True)


def _read(file: Path) -> Iterator[Operation]:
    for line in file.read_bytes().splitlines():
        try:
            yield msgspec.json.decode(line, type=Operation)
        except msgspec.DecodeError as error:
            structlog.get_logger().error("spool_line_unreadable", file=str(file), why=str(error))


def _log_instead(why: str, line: bytes) -> None:
    structlog.get_logger().error("spooled_to_log", why=why, operation=line.decode().rstrip())
