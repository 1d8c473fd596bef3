"""One turn of the model, as the platform makes it: announced, spoken word by word, cut short or not, done.

Owned by the session, one at a time; sends through what it is given. Opens no nursery.
"""

from collections.abc import Awaitable, Callable

import trio

from daemon.sandbox.script import Reply, Script
from daemon.sandbox.speech import Frame, SpokenItem, Wire, function_call, response_created, response_done

Put = Callable[[Frame], Awaitable[None]]


class Turn:
    """A turn that is being made."""

    def __init__(self, wire: Wire, put: Put, script: Script, reply: Reply, *, interruptible: bool) -> None:
        self.said = ""
        """What was said of it; one that was cut off ends with a dash."""
        self.heard_for = 0.0
        """Seconds from its beginning until the caller has heard it; 0 if there is nothing to be heard."""
        self._wire = wire
        self._put = put
        self._script = script
        self._reply = reply
        self._interruptible = interruptible
        self._making = trio.CancelScope()

    def interrupt(self) -> None:
        """The caller speaks into it."""
        if self._interruptible:
            self._making.cancel(reason="the caller speaks")

    def stop(self) -> None:
        """The client does not want it any more."""
        self._making.cancel(reason="the client cancels the turn")

    async def make(self) -> None:
        """Make it, faster than it is heard."""
        reply, response_id = self._reply, self._wire.fresh("resp")
        await self._put(response_created(self._wire, response_id))
        item = SpokenItem(self._wire, response_id, reply.words) if reply.words.split() and not reply.failed else None
        began = False
        with self._making:
            if reply.lag:
                await trio.sleep(reply.lag)
            if item is not None:
                began = True
                await self._speak(item)
        status = "cancelled" if self._making.cancelled_caught else "failed" if reply.failed else "completed"
        if item is not None and began:
            self.said = reply.words if status == "completed" else f"{reply.words} -"
            for frame in item.closing(status):
                await self._put(frame)
        for place, use in enumerate(reply.uses if status == "completed" else (), start=1):
            for frame in function_call(self._wire, response_id, place, use.tool, use.arguments):
                await self._put(frame)
        words = len(reply.words.split())
        seconds = words * self._script.seconds_per_word
        self.heard_for = seconds + reply.lag if status == "completed" and item is not None else 0.0
        await self._put(response_done(self._wire, response_id, status, seconds, words))

    async def _speak(self, item: SpokenItem) -> None:
        for frame in item.opening():
            await self._put(frame)
        for sound, text in item.speaking():
            await self._put(sound)
            await self._put(text)
            await trio.sleep(self._script.seconds_per_word / self._script.haste)
