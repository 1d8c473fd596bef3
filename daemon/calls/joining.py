"""Joining a call with patience: a fresh call may not be there yet, and the platform may have hiccups.

Owns no task and no nursery; the caller waits all the while, so no attempt is begun after the budget is spent. Imports
platforms.base and errors.
"""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial

import structlog
import trio

from daemon.errors import CallNotFound, PlatformError, PlatformUnavailable
from daemon.platforms.base import Line, Platform

# A call that was announced a moment ago can be unknown to the platform's next machine for about as long.
FRESH_CALL = (0.2, 0.5, 1.0)
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 2.0


class Patience:
    """How long to wait before the next attempt, and when to give up; over several sockets, if they keep breaking."""

    def __init__(self, *, budget: float, rng: random.Random, looks: tuple[float, ...] = ()) -> None:
        self.wait = 0.0
        """Seconds before the next attempt."""
        self.give_up_at = trio.current_time() + budget
        """After this, no further attempt is begun."""
        self._rng = rng
        self._looks = iter(looks)
        self._pause = _FIRST_PAUSE

    def again(self, error: PlatformError | None) -> bool:
        """Whether to try again after this error (None: it worked, and broke at once); sets `wait` if so.

        A call that is not there is looked for at fixed distances. An unavailable platform is asked again, later each
        time and as late as it wishes. Any other refusal would be the same the next time.
        """
        if isinstance(error, CallNotFound):
            look = next(self._looks, None)
            self.wait = look or 0.0
            return look is not None and trio.current_time() + self.wait <= self.give_up_at
        if error is not None and not isinstance(error, PlatformUnavailable):
            return False
        # Half of it at random: many calls that met the same hiccup must not come back as one wave.
        wished = error.retry_after if error is not None else None
        self.wait = max(wished or 0.0, self._pause * (0.5 + self._rng.random() / 2))
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        return trio.current_time() + self.wait <= self.give_up_at


@asynccontextmanager
async def join_patiently(
    platform: Platform, call_id: str, patience: Patience, ending: trio.Event, *, conversation_id: str | None = None
) -> AsyncIterator[Line | None]:
    """Join, trying again while there is patience; None if `ending` was set while we waited.

    Errors: `CallNotFound` when the call is not there after the last look; `PlatformUnavailable` when the budget is
    spent; `NotAuthorized` and `PlatformRefused` at once.
    """
    async with AsyncExitStack() as stack:
        yield await _enter(stack, partial(platform.join, call_id, conversation_id=conversation_id), patience, ending)


async def _enter(
    stack: AsyncExitStack,
    join: Callable[[], AbstractAsyncContextManager[Line]],
    patience: Patience,
    ending: trio.Event,
) -> Line | None:
    while True:
        if patience.wait:
            with trio.move_on_after(patience.wait):
                await ending.wait()
        if ending.is_set():
            return None
        try:
            return await stack.enter_async_context(join())
        except PlatformError as error:
            if not patience.again(error):
                raise
            structlog.get_logger().warning("join_failed", why=str(error), again_in=round(patience.wait, 2))
