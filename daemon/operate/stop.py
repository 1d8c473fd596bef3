"""Stopping, as a wish: asked for once it means drain, asked for again it means now.

Owned by the app, set by whoever may stop the daemon. The second wish must come after the first was taken up: two
equal signals in quick succession arrive as one anyway. Imports Trio only.
"""

import trio


class Stop:
    """Whether, and how urgently, the daemon is to stop."""

    def __init__(self) -> None:
        self.draining = trio.Event()
        self.forced = trio.Event()
        self.reasons: list[str] = []
        """Who asked, in order."""

    def request(self, who: str) -> None:
        """Ask for a drain, or, when one is under way, for an end to all calls."""
        self.reasons.append(who)
        (self.forced if self.draining.is_set() else self.draining).set()

    async def wait_forced(self, seconds: float) -> None:
        """Wait this long, or until somebody loses patience."""
        with trio.move_on_after(seconds):
            await self.forced.wait()
