"""The state directory of the set-up commands: private files that are whole or not there, one command at a time.

A file is written beside its place, forced to disk and moved over, so that a crash leaves the old one or the new one.
Owned by whoever sets something up; imports the standard library and errors. Blocking, and short.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from daemon.errors import SetupStopped

# Not the daemon's own: what root writes and believes must not lie where the daemon's user could change it.
_SYSTEM = Path("/var/lib/callwarden-setup")


def state_folder(env: Mapping[str, str]) -> Path:
    """Where state is kept: `$CALLWARDEN_STATE`, systemd's `$STATE_DIRECTORY`, the system's place for root, or home."""
    named = env.get("CALLWARDEN_STATE") or env.get("STATE_DIRECTORY", "").partition(":")[0]
    if named:
        return Path(named).absolute()
    if os.geteuid() == 0:
        return _SYSTEM
    home = env.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(home, "callwarden").absolute()


class Files:
    """Private files in one folder, made when first written to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where a file is, or would be."""
        return self.folder / name

    def read(self, name: str) -> bytes | None:
        """A file's content, or None if it is not there. Errors: `SetupStopped`."""
        try:
            return self.path(name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _stopped(self.path(name), error) from None

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole, readable by its owner only. Errors: `SetupStopped`; nothing has changed then."""
        write_private(self.path(name), content)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        try:
            for path in (_part(self.path(name)), self.path(name)):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise _stopped(self.path(name), error) from None

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Be the only command that works on something. Errors: `SetupStopped` if another one does."""
        path = self.path(f"{name}.lock")
        try:
            _make_folder(self.folder)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _stopped(path, error) from None
        try:
            if not _alone(descriptor):
                raise SetupStopped(f"another command is at work on {name}; wait for it to end")
            yield
        finally:
            os.close(descriptor)


def _alone(descriptor: int) -> bool:
    """Lock a file; tells whether nobody else has it. The lock goes with the descriptor, so also when we are killed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_private(path: Path, content: bytes) -> None:
    """Write a file whole, with mode 0600, over whatever is there. Errors: `SetupStopped`."""
    part = _part(path)
    try:
        _make_folder(path.parent)
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _stopped(path, error) from None


def _make_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _stopped(path: Path, error: OSError) -> SetupStopped:
    fix = "run this as a user who may, or name another folder in CALLWARDEN_STATE"
    return SetupStopped(f"{path}: {error.strerror}; {fix}")
