"""Stopping, as a wish: asked for once it means drain, asked for again it means now; or make room, as a successor comes.

Owned by the app, set by whoever may stop the daemon. The second wish must come after the first was taken up: two
equal signals in quick succession arrive as one anyway. Imports Trio only.
"""

import trio


class Stop:
    """Whether, and how urgently, the daemon is to stop."""

    def __init__(self) -> None:
        self.draining = trio.Event()
        self.forced = trio.Event()
        self.making_room = False
        """Whether a successor comes, to whom the calls can be left."""
        self._hurried = trio.Event()
        self.reasons: list[str] = []
        """Who asked, in order."""

    def request(self, who: str) -> None:
        """Ask for a drain, or, when one is under way, for an end to all calls."""
        self.reasons.append(who)
        if self.draining.is_set():
            self.forced.set()
            self._hurried.set()
        self.draining.set()

    def make_room(self, who: str) -> None:
        """Ask for a hand-over to a successor, also in the middle of a drain; asked again, for an end to all calls."""
        if self.making_room:
            self.request(who)
            return
        self.reasons.append(who)
        self.making_room = True
        self.draining.set()
        self._hurried.set()

    async def hurried(self) -> None:
        """Wait until nobody waits for calls any more: they are to be left to a successor, or to be ended."""
        await self._hurried.wait()
