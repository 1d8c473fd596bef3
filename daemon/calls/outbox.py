"""The outbox: frames that wait to be sent on a call, in order, over all the sockets the call may have.

Filled without waiting, emptied by the one writer. What a broken socket did not take goes back to the front and is sent
on the next one. Owned by the call; imports core, errors and Trio.
"""

from collections import deque

import trio

from daemon.core.frames import Frame, SessionUpdate
from daemon.errors import OutboxFull

# A conversation sends a few frames a minute; this many unsent ones mean that the line is dead and nobody noticed.
LIMIT = 256


class Outbox:
    """A call's unsent frames."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._filled = trio.Event()

    @property
    def waiting(self) -> int:
        """How many frames wait to be sent."""
        return len(self._frames)

    def put(self, frame: Frame) -> None:
        """Add a frame at the end. Errors: `OutboxFull`."""
        if len(self._frames) >= LIMIT:
            raise OutboxFull(f"{LIMIT} frames wait to be sent")
        self._frames.append(frame)
        self._filled.set()

    def put_first(self, frame: Frame) -> None:
        """Add a frame at the front, because it was not sent after all or must be sent before the others."""
        self._frames.appendleft(frame)
        self._filled.set()

    def restart(self, update: SessionUpdate) -> None:
        """Begin a new session: its configuration goes first, and those of earlier sessions are not sent any more."""
        self._frames = deque(frame for frame in self._frames if not isinstance(frame, SessionUpdate))
        self.put_first(update)

    async def take(self) -> Frame:
        """Wait for the next frame and take it. Cancelling is safe: no frame is lost."""
        while not self._frames:
            self._filled = trio.Event()
            await self._filled.wait()
        await trio.lowlevel.checkpoint_if_cancelled()
        return self._frames.popleft()
