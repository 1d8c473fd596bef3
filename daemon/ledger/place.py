"""The state directory: whose lives in it are over is told by locks, which the kernel lets go when a process dies.

So a daemon that was killed and starts again need not wait for the lease of its earlier epoch to expire. A copy of the
directory is another place once its id is; epochs of other places are judged by their lease only. Imports the standard
library and errors.
"""

import fcntl
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon.errors import StartError


class Place:
    """A directory of our own on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.id = self._identify()
        except OSError as error:
            fix = "name a directory that can be written"
            raise StartError(f"[ledger] directory: {folder}: {error.strerror}; {fix}") from error

    def _identify(self) -> str:
        file = self.folder / "place"
        try:
            known = file.read_text().strip()
        except FileNotFoundError:
            known = ""
        if known:
            return known
        # Two may start at once: whoever links first has named the place.
        fresh = self.folder / f"place.{uuid.uuid4().hex}"
        fresh.write_text(uuid.uuid4().hex)
        try:
            if file.exists():
                file.unlink()  # it was empty: the disk was full when it was written
            os.link(fresh, file)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
        return file.read_text().strip()

    @contextmanager
    def alive(self, epoch: str) -> Iterator[None]:
        """Be known to be alive while the block lasts. Errors: `StartError`."""
        file = self._lock_of(epoch)
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartError(f"[ledger] directory: {file}: {error.strerror}; make room there") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            file.unlink(missing_ok=True)
            os.close(descriptor)

    def dead(self, epochs: Iterable[str]) -> list[str]:
        """Those epochs of this place whose process is no more."""
        return [epoch for epoch in epochs if not self._lives(epoch)]

    def _lives(self, epoch: str) -> bool:
        try:
            descriptor = os.open(self._lock_of(epoch), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError:
            return True  # can't be told; its lease will
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def bury(self, epoch: str) -> None:
        """Remove what a dead epoch has left here."""
        self._lock_of(epoch).unlink(missing_ok=True)

    def _lock_of(self, epoch: str) -> Path:
        return self.folder / f"epoch-{epoch}.lock"
