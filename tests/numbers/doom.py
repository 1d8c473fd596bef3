"""Death at a chosen step: a request before or after it is carried out, a file before or after it is in place."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from daemon.sandbox.rest import Answer, Asked, Fault, Front


class Killed(BaseException):
    """The process was killed; nothing of ours may catch this."""


class Doom:
    """Counts steps, and kills at one of them; 0 is never."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.steps = 0

    def step(self) -> None:
        """Take a step, maybe the last one."""
        self.steps += 1
        if self.steps == self.at:
            raise Killed

    def over(self, front: Front) -> Front:
        """A front that may die before a request gets there, and after it was carried out."""

        def doomed(asked: Asked) -> Answer | Fault:
            self.step()
            given = front(asked)
            self.step()
            return given

        return doomed

    @contextmanager
    def files(self) -> Iterator[None]:
        """While the block lasts, every file may be the last one that is put in place or taken away."""
        replace, unlink = os.replace, os.unlink

        def doomed_replace(source: Path, target: Path) -> None:
            self.step()
            replace(source, target)
            self.step()

        def doomed_unlink(path: Path) -> None:
            self.step()
            unlink(path)
            self.step()

        # The disk is not what is tested, and waiting for it is what takes time.
        with patch("os.replace", doomed_replace), patch("os.unlink", doomed_unlink), patch("os.fsync"):
            yield
