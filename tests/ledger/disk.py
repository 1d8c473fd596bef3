"""Small disks that a test can fill, or make read-only. Only root can mount one; for others such tests are skipped."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


class Disk:
    """A folder that is a disk of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return str(self.folder)

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    @contextmanager
    def full(self) -> Iterator[None]:
        """Not a byte is free while the block lasts."""
        ballast = self.folder / "ballast"
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            for block in (65536, 4096, 1):
                with suppress(OSError):
                    while file.write(b"x" * block) == block:
                        pass
        yield
        ballast.unlink()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Nothing can be written while the block lasts; nothing may be open for writing when it begins."""
        self.remount("ro")
        yield
        self.remount("rw")

    def remount(self, how: str) -> None:
        """Make it read-only, `ro`, or not, `rw`."""
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.folder)], check=True)


@contextmanager
def small_disk(folder: Path, size: str = "2m") -> Iterator[Disk]:
    """Mount a disk while the block lasts."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    place = folder / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode()}")
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
