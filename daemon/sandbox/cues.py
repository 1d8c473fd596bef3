"""Cues: which turn of the model comes next in a script, and which steps of the caller wait for it.

One for each session; owned by it. Imports Trio and the script's records.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
import trio

from daemon.sandbox.script import IDLE_REPLY, Reply, Script

Answer = Callable[[dict[str, Any] | None], Reply]
"""Gives a turn of the model that no script gives, after the last item that the client created."""


def idle(_: dict[str, Any] | None) -> Reply:
    """Say that the model is listening."""
    return IDLE_REPLY


class Cues:
    """How far a script has come."""

    def __init__(self, script: Script, answer: Answer = idle) -> None:
        self.made_up = 0
        """Turns that the script did not give."""
        self._script = script
        self._answer = answer
        self._replies = deque(script.replies)
        self._taken: list[Reply] = []
        self._begun = 0
        self._changed = trio.Event()

    def take(self, last: dict[str, Any] | None) -> Reply:
        """The model's next turn; when the script gives no more, it is made up."""
        if not self._replies:
            self.made_up += 1
            return self._answer(last)
        self._taken.append(self._replies.popleft())
        return self._taken[-1]

    def begins(self, reply: Reply) -> None:
        """A turn begins to be heard."""
        if any(reply is each for each in self._taken):
            self._begun += 1
            self._changed.set()
            self._changed = trio.Event()

    async def come(self, step: int) -> None:
        """Wait until every turn has begun that stands before a step, counted from 0 in the script of this session."""
        before = self._script.cues[step] if step < len(self._script.cues) else 0
        while self._begun < before:
            await self._changed.wait()

    def left(self, step: int) -> Script:
        """What a later session has yet to play, from this step on."""
        taken = len(self._taken)
        cues = tuple(max(0, before - taken) for before in self._script.cues[step:])
        return msgspec.structs.replace(
            self._script, steps=self._script.steps[step:], replies=tuple(self._replies), cues=cues
        )
