"""Stopping, as a wish: asked for once it means drain, asked for again it means now; and it can be called off at first.

Asked to make room, it means that a successor comes, to whom the calls can be left.

Owned by the app, set by whoever may stop the daemon. The second wish must come after the first was taken up: two
equal signals in quick succession arrive as one anyway. Imports Trio only.
"""

import trio


class Stop:
    """Whether, and how urgently, the daemon is to stop.

    `managed`: signals come from a service manager. It kills what has not ended in time, so that what they ask for can't
    be called off.
    """

    def __init__(self, *, managed: bool = False) -> None:
        self._managed = managed
        self._final = False
        self.draining = trio.Event()
        """Set while the daemon is to stop; another event after that was called off."""
        self.forced = trio.Event()
        self.making_room = False
        """Whether a successor comes, to whom the calls can be left."""
        self._hurried = trio.Event()
        self.reasons: list[str] = []
        """Who asked, in order."""
        self.closed = False
        """Whether it is too late to call it off."""
        self.ends_at: float | None = None
        """When calls that are left are hung up, in seconds of the monotonic clock; None while that is open."""
        self._decided = trio.Event()

    def request(self, who: str) -> None:
        """Ask by a signal for a drain, or, when one is under way, for an end to all calls."""
        self._final = self._final or self._managed
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
        self._hurried.set()
        self._decided.set()

    def make_room(self, who: str) -> None:
        """Ask for a hand-over to a successor, also in the middle of a drain; asked again, for an end to all calls."""
        if self.making_room:
            self.force(who)
            return
        self.reasons.append(who)
        self.making_room = True
        self.draining.set()
        self._hurried.set()
        self._decided.set()

    async def hurried(self) -> None:
        """Wait until nobody waits for calls any more: they are to be left to a successor, or to be ended."""
        await self._hurried.wait()

    def call_off(self) -> bool:
        """Take a drain back; False if there is none, or it is too late."""
        if not self.draining.is_set() or self.closed or self.forced.is_set() or self.making_room or self._final:
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
