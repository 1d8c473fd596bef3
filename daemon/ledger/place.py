"""The state directory: whose lives in it are over is told by locks, which the kernel lets go when a process dies.

So a daemon that was killed and starts again need not wait until its earlier epoch has been silent for long enough.
Which directory it is says this boot of this machine and the number of the directory on its disk, so that a copy of it,
on a clone of the machine too, is another place. Epochs of other places are judged by what they do, in `vigil.py`.
Imports the standard library and errors.
"""

import errno
import fcntl
import os
from pathlib import Path

import structlog

from daemon.errors import StartError

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Place:
    """A directory of our own on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.stat()
        except OSError as error:
            raise self._unusable(error) from error
        # A disk that is read-only is in trouble, and that is for `[ledger] on_failure`; this is a mistake.
        if not os.access(folder, os.W_OK | os.X_OK) and not os.statvfs(folder).f_flag & os.ST_RDONLY:
            raise self._unusable(PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
        self.boot = _boot()
        self.id = f"{self.boot}/{found.st_dev:x}/{found.st_ino:x}"

    def _unusable(self, error: OSError) -> StartError:
        return StartError(f"[ledger] directory: {self.folder}: {error.strerror}; name a directory that can be written")

    def alive(self, epoch: str) -> "Alive":
        """Be known to be alive from now on; where the disk doesn't let us, only our lease will tell others."""
        file = self._lock_of(epoch)
        descriptor = None
        try:
            # It has its name once it is locked, so that nobody ever finds it free.
            fresh = file.with_suffix(".new")
            descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fresh.rename(file)
        except OSError as error:
            structlog.get_logger().warning("no_lock", file=str(file), why=error.strerror, then="only our lease counts")
        return Alive(file, descriptor)

    def is_dead(self, epoch: str, place: str) -> bool:
        """Whether an epoch's process is known to be no more. False also if that can't be told from here."""
        return place == self.id and self._locked(epoch) is False

    def may_live(self, epoch: str) -> bool:
        """Whether an epoch may have a process in this place."""
        return self._locked(epoch) is True

    def is_of_earlier_boot(self, place: str) -> bool:
        """Whether this machine was started anew since an epoch lived in that place, or it was another machine."""
        return place.partition("/")[0] != self.boot

    def others_live(self, *ours: str) -> bool:
        """Whether another daemon lives in this directory too."""
        return any(self._locked(epoch) for epoch in self._locks() if epoch not in ours)

    def clean(self, *living: str) -> None:
        """Remove locks that tell nobody anything any more: free ones of epochs that are over."""
        for epoch in self._locks():
            if epoch not in living and self._locked(epoch) is False:
                self.bury(epoch)

    def _locks(self) -> list[str]:
        return [file.stem.removeprefix("epoch-") for file in self.folder.glob("epoch-*.lock")]

    def _locked(self, epoch: str) -> bool | None:
        """Whether somebody has an epoch's lock; None if it is not there, which proves nothing."""
        try:
            descriptor = os.open(self._lock_of(epoch), os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def bury(self, epoch: str) -> None:
        """Remove the lock of an epoch whose calls were taken over."""
        try:
            self._lock_of(epoch).unlink(missing_ok=True)
        except OSError as error:
            structlog.get_logger().warning("lock_not_removed", epoch=epoch, why=error.strerror)

    def _lock_of(self, epoch: str) -> Path:
        return self.folder / f"epoch-{epoch}.lock"


class Alive:
    """The lock of an epoch of ours."""

    def __init__(self, file: Path, descriptor: int | None) -> None:
        self._file = file
        self._descriptor = descriptor

    def let_go(self, *, ended: bool) -> None:
        """Give up the lock. Unless the ledger knows that the epoch has ended, its file stays to say that it is free."""
        if self._descriptor is not None:
            if ended:
                self._file.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None


def _boot() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return "unknown"
