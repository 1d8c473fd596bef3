"""Recordings of calls, a file for each, for `callwarden replay`; only where an operator has named a folder for them.

Lines are taken without waiting and written in groups by a worker thread, so that no disk keeps a caller waiting. A
recording with a gap would be a lie: what can't be written ends it, and the log says so, once. Owner of one nursery,
for the task that writes and forgets. Imports core and errors.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
import trio

from daemon.core.commands import Command
from daemon.core.inputs import Input
from daemon.core.recording import Line, encode_line
from daemon.core.scribe import Scribe
from daemon.errors import StartError
from daemon.observe.clock import WallClock, system_clock

SUFFIX = ".jsonl"

_DELAY = 0.5
"""Seconds for which lines come together."""
MOST = 50_000
"""Lines that wait; a busy machine makes some thousand a second."""
_BETWEEN_VISITS = 3600.0
"""Seconds between looking for recordings that are to be forgotten."""
# Seconds to write what is left when the block ends.
_LAST_WORDS = 2.0


class Recording:
    """One call's recording, as the call sees it."""

    def __init__(self, recorder: "Recorder", call_id: str, meaning: str) -> None:
        self._recorder = recorder
        self.call_id = call_id
        self.broken = False
        """Whether a line was lost; then there are no more."""
        self.begun = False
        """Whether anything of it is in its file."""
        self._scribe = Scribe(meaning)

    def fed(
        self,
        given: Input,
        commands: Sequence[Command],
        now: float,
        deadline: float,
        *,
        hides_keys: bool,
        end_key: str,
    ) -> None:
        """Take what the conversation was given, without waiting; see `core.scribe.Scribe.fed`."""
        self.write(self._scribe.fed(given, commands, now, deadline, hides_keys=hides_keys, end_key=end_key))

    def closed(self, now: float, reasons: Sequence[str], outcome: str | None) -> None:
        """Take the end of the call, without waiting; see `core.scribe.Scribe.closed`."""
        self.write(self._scribe.closed(now, reasons, outcome))

    def write(self, line: Line) -> None:
        """Take a line without waiting. Never raises for what is in it."""
        if not self.broken:
            self._recorder.take(self, line)


class Recorder:
    """Takes the lines of all recordings, and writes them."""

    def __init__(self, folder: Path, *, keep: float, wall: WallClock = system_clock) -> None:
        self._folder = folder
        self._keep = keep
        self._wall = wall
        self._waiting: dict[Recording, list[bytes]] = {}
        self._count = 0
        self._came = trio.Event()
        self._closing = trio.Event()

    def open(self, call_id: str, *, meaning: str = "") -> Recording:
        """Begin a recording, or go on with the one of a daemon that is no more. Plain.

        `meaning` holds the keys from which something follows.
        """
        return Recording(self, call_id, meaning)

    def take(self, recording: Recording, line: Line) -> None:
        """Take a line without waiting."""
        try:
            text = encode_line(line)
        except (ValueError, TypeError, OverflowError) as error:
            self._give_up(recording, f"a line is no JSON: {error}")
            return
        if self._count >= MOST:
            self._give_up(recording, "the disk is too slow")
            return
        self._waiting.setdefault(recording, []).append(text)
        self._count += 1
        self._came.set()

    def close(self) -> None:
        """Let `run` end once it has written what was taken so far."""
        self._closing.set()
        self._came.set()

    async def run(self) -> None:
        """Write, and forget what is old, until closed."""
        next_visit = trio.current_time()
        while True:
            if trio.current_time() >= next_visit:
                await trio.to_thread.run_sync(_forget, self._folder, self._keep, self._wall(), abandon_on_cancel=True)
                next_visit = trio.current_time() + _BETWEEN_VISITS
            with trio.move_on_at(next_visit):
                await self._came.wait()
            # Some more may come, and then there is one visit to the disk for all of them.
            with trio.move_on_after(_DELAY):
                await self._closing.wait()
            await self.flush()
            if self._closing.is_set():
                return

    async def flush(self) -> None:
        """Write what has come so far. Cancelled, it is unknown what was written, so that is for the end only."""
        waiting, self._waiting = self._waiting, {}
        self._count, self._came = 0, trio.Event()
        for recording, lines in waiting.items():
            if recording.broken:
                continue
            path = self._folder / f"{recording.call_id}{SUFFIX}"
            append, recording.begun = _append if recording.begun else _begin, True
            try:
                await trio.to_thread.run_sync(append, path, b"".join(lines), abandon_on_cancel=True)
            except OSError as error:
                self._give_up(recording, f"{path}: {error.strerror}")

    def _give_up(self, recording: Recording, why: str) -> None:
        recording.broken = True
        structlog.get_logger().error("recording_given_up", call_id=recording.call_id, why=why)


@asynccontextmanager
async def open_recorder(directory: str, *, keep: float) -> AsyncIterator[Recorder | None]:
    """Record while the block lasts, and write what is left then, if that takes no longer than 2 s.

    None without a directory. `keep` is how many seconds a recording is kept; 0 is for ever. Errors: `StartError` if the
    directory can't be made or written to.
    """
    if not directory:
        yield None
        return
    folder = Path(directory)
    try:
        _prepare(folder)
    except OSError as error:
        fix = "name a folder that can be written"
        raise StartError(f"[recording] directory: {directory}: {error.strerror}; {fix}") from error
    recorder = Recorder(folder, keep=keep)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(recorder.run, name="recorder")
        yield recorder
        recorder.close()
        nursery.cancel_scope.deadline = trio.current_time() + _LAST_WORDS


def _prepare(folder: Path) -> None:
    """Make the folder, and see now that it can be written to."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    probe = folder / f".writable-{os.getpid()}"
    probe.write_bytes(b"")
    probe.unlink()


def _begin(path: Path, text: bytes) -> None:
    """Append to a file that may be of a daemon that was killed, with half a line at its end."""
    try:
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            torn = file.read(1) != b"\n"
    except OSError:
        torn = False  # there is none, or nothing in it
    _append(path, b"\n" + text if torn else text)


def _append(path: Path, text: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        file.write(text)


def _forget(folder: Path, keep: float, now: float) -> None:
    """Delete the recordings that nobody has written to for so long. One that can't be deleted is met again."""
    if not keep:
        return
    oldest = now - keep
    for path in folder.glob(f"*{SUFFIX}"):
        try:
            if path.stat().st_mtime < oldest:
                path.unlink()
        except OSError as error:
            structlog.get_logger().warning("recording_not_forgotten", path=str(path), why=error.strerror)
