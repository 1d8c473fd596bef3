"""What `systemctl status` says of us: one line with live numbers.

    ready, 12 calls
    paused, 1 call, 2 hang-ups owed
    draining, 3 calls left; ledger down: database or disk is full

Runs as one task of the root. Imports Trio and this room; asks for the numbers, and never looks into a call.
"""

from collections.abc import Callable

import msgspec
import trio

from daemon.operate.systemd import Notifier

_EVERY = 2.0


class Vitals(msgspec.Struct, frozen=True, kw_only=True):
    """How we are, in a few numbers."""

    stage: str
    """What we are doing: `ready`, `paused`, `draining`, ..."""
    calls: int
    owed: int = 0
    """Hang-ups that the platform has not confirmed."""
    leaving: bool = False
    trouble: tuple[str, ...] = ()
    """What somebody should look after."""

    def __str__(self) -> str:
        """The line."""
        parts = [self.stage, f"{counted(self.calls, 'call')}{' left' if self.leaving else ''}"]
        if self.owed:
            parts.append(f"{counted(self.owed, 'hang-up')} owed")
        return "; ".join([", ".join(parts), *self.trouble])


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 call`, `2 calls`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


async def keep_telling(notifier: Notifier, vitals: Callable[[], Vitals]) -> None:
    """Tell systemd how we are whenever that has changed, until cancelled."""
    while True:
        notifier.status(str(vitals()))
        await trio.sleep(_EVERY)
