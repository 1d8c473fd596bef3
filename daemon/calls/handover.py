"""Handing over: letting go of every call between two turns, without hanging up, for the next daemon to go on with.

Whether a platform lets a call be joined again is its own affair, and not every one says. So, where there are several
calls, one is tried first: its socket is closed and opened anew. If that works, all are let go, each when nobody on it
speaks and no tool works, or when the time is up. If it doesn't, none is, and who asked has to wait for their ends.

Used by `drain.py`. Owns no task; imports this room's calls. Never hangs up, but on those who were only being told that
every line is busy.
"""

from collections.abc import Iterable
from typing import Protocol

import structlog
import trio

from daemon.calls.call import Call
from daemon.core.receipts import without_words

# Nothing tells when a talk pauses, and it is looked at for some seconds at the most.
_LOOK = 0.05

WHY = "hand-over"


class Desk(Protocol):
    """The supervisor, as a hand-over sees it."""

    def calls(self) -> Iterable[Call]:
        """The calls in progress."""
        ...


async def hand_over(desk: Desk, within: float, *reasons: str) -> bool:
    """Let go of every call within so many seconds, and wait until each is let go; False if they can't be.

    Cancelling leaves those that are not let go yet as they are.
    """
    deadline = trio.current_time() + within
    if len(list(desk.calls())) > 1 and not await _can_be_joined_again(desk, deadline):
        return False
    while any(desk.calls()):
        late = trio.current_time() >= deadline
        for call in desk.calls():
            if call.counted and (late or call.between_turns):
                call.hand_over(WHY, *reasons)
            elif late:
                call.hang_up(WHY, *reasons)
        await trio.sleep(_LOOK)
    return True


async def _can_be_joined_again(desk: Desk, deadline: float) -> bool:
    """Try it with one call: the first that pauses, or any, once half the time is over."""
    tried = None
    half = trio.current_time() + (deadline - trio.current_time()) / 2
    while tried is None:
        talking = [call for call in desk.calls() if call.counted and call.can_be_rejoined]
        paused = [call for call in talking if call.between_turns]
        if not paused and trio.current_time() < half:
            await trio.sleep(_LOOK)
        elif not talking:
            return True  # nobody to try it with, and nobody to lose by it
        else:
            tried = (paused or talking)[0]
    before = tried.line
    tried.rejoin()
    with trio.move_on_at(deadline):
        await tried.reached.wait()
    works = tried.line is not before
    log = structlog.get_logger()
    if not works:
        fix = "set [recovery] handover to drain, which is what happens now"
        why = ", ".join(without_words(tried.reasons)) or "no answer in time"
        log.error("hand_over_refused", call_id=tried.id, why=why, fix=fix)
    return works
