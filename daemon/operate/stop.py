"""Stopping, as a wish: asked for once it means drain, asked for again it means now; and it can be called off at first.

Owned by the app, set by whoever may stop the daemon. The second wish must come after the first was taken up: two
equal signals in quick succession arrive as one anyway. Imports Trio only.
"""

import trio


class Stop:
    """Whether, and how urgently, the daemon is to stop."""

    def __init__(self) -> None:
        self.draining = trio.Event()
        """Set while the daemon is to stop; another event after that was called off."""
        self.forced = trio.Event()
        self.reasons: list[str] = []
        """Who asked, in order."""
        self.closed = False
        """Whether it is too late to call it off."""
        self.ends_at: float | None = None
        """When calls that are left are hung up, in seconds of the monotonic clock; None while that is open."""
        self._decided = trio.Event()

    def request(self, who: str) -> None:
        """Ask for a drain, or, when one is under way, for an end to all calls."""
        if self.draining.is_set():
            self.force(who)
        else:
            self.drain(who)

    def drain(self, who: str) -> bool:
        """Ask for a drain; False if one is under way already."""
        if self.draining.is_set():
            return False
        self.reasons.append(who)
        self.draining.set()
        return True

    def force(self, who: str) -> None:
        """Ask for an end to all calls, now."""
        self.reasons.append(who)
        if not self.draining.is_set():
            self.reasons.append(who)  # it is the reason for both
            self.draining.set()
        self.forced.set()
        self._decided.set()

    def call_off(self) -> bool:
        """Take a drain back; False if there is none, or it is too late."""
        if not self.draining.is_set() or self.closed or self.forced.is_set():
            return False
        self.draining = trio.Event()
        self.reasons.clear()
        self._decided.set()
        return True

    async def stands(self, seconds: float) -> bool:
        """Wait this long, or until somebody loses patience; False if the drain is called off meanwhile.

        Afterwards it can't be called off any more.
        """
        draining = self.draining
        with trio.move_on_after(seconds):
            await self._decided.wait()
        if draining is not self.draining:
            self._decided = trio.Event()
            return False
        self.closed = True
        return True
