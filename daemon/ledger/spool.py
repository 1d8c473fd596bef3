"""The spool: what is owed to the ledger while it can't be written, on the disk where there is room, else in the log.

One file for each epoch, a line of JSON for each operation, synced before anybody is told that it is kept. Room for the
first of them is taken when the ledger is opened, because it is a full disk for which the spool is there; that room is
filled with zeros. A line that a crash cut short was never acknowledged, so it is passed over. Imports Trio, msgspec and
this room; never talks to the database.
"""

import errno
import fcntl
import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog
import trio

from daemon.core.redaction import short_number
from daemon.ledger.operations import Begun, Claimed, Ended, Operation, Settled
from daemon.ledger.place import Place
from daemon.ledger.text import as_json

ROOM = 512 * 1024
"""Bytes that are taken in advance: some thousand operations, which are a hundred calls."""


class Spool:
    """Operations that wait, in order."""

    def __init__(self, place: Place, epoch: str) -> None:
        self._file = _file(place, epoch)
        self._waiting: deque[Operation] = deque()
        self._end = 0
        """Where in the file the next line goes."""
        self._written = trio.Lock()

    def __len__(self) -> int:
        """How many operations wait."""
        return len(self._waiting)

    @property
    def waiting(self) -> Sequence[Operation]:
        """What is to be carried out, in order."""
        return self._waiting

    def done(self, some: Sequence[Operation]) -> None:
        """Forget the first operations, which were carried out."""
        for operation in some:
            # One may have been withdrawn meanwhile.
            if self._waiting and self._waiting[0] is operation:
                self._waiting.popleft()

    def withdraw(self, operation: Operation) -> None:
        """Forget an operation that was not acknowledged to anybody, if it still waits."""
        with suppress(ValueError):
            self._waiting.remove(operation)

    async def put(self, operation: Operation) -> None:
        """Keep an operation. It waits from the first moment on; when this returns, a crash doesn't lose it either.

        Where the disk fails too, it stays in memory, and the log has it for the operator, without people's words.
        """
        self._waiting.append(operation)
        line = as_json(operation).encode() + b"\n"
        async with self._written:
            try:
                await trio.to_thread.run_sync(_append, self._file, line, self._end)
            except OSError as error:
                _log_instead(f"{self._file}: {error.strerror}", operation)
            else:
                self._end += len(line)

    async def clear(self) -> None:
        """Empty the file, all of which was carried out, and take room for the next trouble."""
        async with self._written:
            if not self._waiting:
                await trio.to_thread.run_sync(_begin, self._file)
                self._end = 0

    async def remove(self) -> None:
        """Remove the file if nothing in it is owed, because the epoch ends."""
        async with self._written:
            if not self._waiting:
                await trio.to_thread.run_sync(_remove, self._file)


class Remains:
    """What an earlier epoch still owes; nobody else is given it until it is let go."""

    def __init__(self, file: Path, descriptor: int) -> None:
        self.file = file
        self._descriptor = descriptor
        self.written_at = os.fstat(descriptor).st_mtime
        self.owed = list(_read(file))

    def remove(self) -> None:
        """Forget it: all of it was carried out."""
        _remove(self.file)

    def let_go(self) -> None:
        """Let others look after it."""
        os.close(self._descriptor)


def left_behind(place: Place, *ours: str) -> list[Remains]:
    """What earlier epochs of this place still owe, oldest first. Blocks; an unreadable file is left where it is."""
    found = []
    for file in place.folder.glob("spool-*.jsonl"):
        epoch = file.stem.removeprefix("spool-")
        if epoch in ours or place.may_live(epoch):
            continue
        with suppress(OSError):
            descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                found.append(Remains(file, descriptor))
            except OSError:
                os.close(descriptor)
    return sorted(found, key=lambda each: each.written_at)


def _file(place: Place, epoch: str) -> Path:
    return place.folder / f"spool-{epoch}.jsonl"


def _begin(file: Path) -> None:
    """Make an empty file with room in it, as far as there is any."""
    fresh = file.with_suffix(".new")
    try:
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, ROOM)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        fresh.rename(file)
        _sync_folder(file)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        structlog.get_logger().warning("no_room_to_spool", file=str(file), why=error.strerror)
        _remove(file)


def _append(file: Path, line: bytes, end: int) -> None:
    new = not file.exists()
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        written = os.pwrite(descriptor, line, end)
        if written < len(line):
            # Or the next line would be glued to this half.
            os.pwrite(descriptor, b"\0" * written, end)
            raise OSError(errno.ENOSPC, "no room for a whole line")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if new:
        _sync_folder(file)


def _sync_folder(file: Path) -> None:
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove(file: Path) -> None:
    with suppress(OSError):
        file.unlink(missing_ok=True)


def _read(file: Path) -> Iterator[Operation]:
    for line in file.read_bytes().splitlines():
        if not (line := line.strip(b"\0")):
            continue
        try:
            yield msgspec.json.decode(line, type=Operation)
        except msgspec.DecodeError as error:
            structlog.get_logger().error("spool_line_unreadable", file=str(file), why=str(error))


def _log_instead(why: str, operation: Operation) -> None:
    structlog.get_logger().error("spooled_to_log", why=why, operation=msgspec.to_builtins(_discreet(operation)))


def _discreet(operation: Operation) -> Operation:
    """The same without what may not be in a log."""
    match operation:
        case Claimed(claim=claim) | Settled(claim=claim) if claim is not None:
            incoming = msgspec.structs.replace(
                claim.incoming, called=short_number(claim.incoming.called), caller=short_number(claim.incoming.caller)
            )
            return msgspec.structs.replace(operation, claim=msgspec.structs.replace(claim, incoming=incoming))
        case Begun(use=use):
            return msgspec.structs.replace(operation, use=msgspec.structs.replace(use, arguments=""))
        case Ended():
            return msgspec.structs.replace(operation, output="")
        case _:
            return operation
