"""Joining a call with patience: a fresh call may not be there yet, and the platform may have hiccups.

Owns no task and no nursery; the caller is ringing all the while, so everything here is bounded by one budget.
Imports platforms.base and errors.
"""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
import trio

from daemon.errors import CallNotFound, PlatformUnavailable
from daemon.platforms.base import Line, Platform

# A call that was announced a moment ago can be unknown to the platform's next machine for about as long.
_NOT_THERE_YET = (0.2, 0.5, 1.0)
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 2.0


@asynccontextmanager
async def join_patiently(platform: Platform, call_id: str, *, budget: float, rng: random.Random) -> AsyncIterator[Line]:
    """Join, trying again while that makes sense; `budget` is in seconds, all attempts and pauses together.

    Errors: `CallNotFound` when the call is not there after the last look; `PlatformUnavailable` when the budget is
    spent; `NotAuthorized` and `PlatformRefused` at once, because asking again would not change the answer.
    """
    async with AsyncExitStack() as stack:
        yield await _enter(stack, platform, call_id, budget=budget, rng=rng)


async def _enter(stack: AsyncExitStack, platform: Platform, call_id: str, *, budget: float, rng: random.Random) -> Line:
    give_up = trio.current_time() + budget
    looks = iter(_NOT_THERE_YET)
    pause = _FIRST_PAUSE
    while True:
        try:
            return await stack.enter_async_context(platform.join(call_id))
        except CallNotFound as gone:
            wait = next(looks, None)
            if wait is None:
                raise
            why: Exception = gone
        except PlatformUnavailable as trouble:
            # Half of it at random: many calls that met the same hiccup must not come back as one wave.
            wait = max(trouble.retry_after or 0.0, pause * (0.5 + rng.random() / 2))
            pause = min(2 * pause, _LONGEST_PAUSE)
            why = trouble
            if trio.current_time() + wait > give_up:
                raise
        structlog.get_logger().warning("join_failed", why=str(why), again_in=round(wait, 2))
        await trio.sleep(wait)
