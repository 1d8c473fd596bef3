"""When a delivery is tried again. Pure but for the dice, which are passed in; imports the standard library only."""

import random
from typing import Final

PAUSES: Final = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Seconds after each failed attempt, as Standard Webhooks 1.0.0 suggests; the last one is the end of it."""

LONGEST_WISH: Final = 86_400.0
"""Seconds of a `Retry-After` beyond which it is not heeded."""

_JITTER: Final = 0.1


def pause_after(attempts: int, rng: random.Random, wished: float = 0.0) -> float | None:
    """Seconds until the next attempt when so many have failed; None when there is to be none.

    `wished` is what the endpoint asked for. Up to a tenth is added or, but for a wish, taken away at random, so that
    what failed together does not come back together.
    """
    if attempts > len(PAUSES):
        return None
    pause = PAUSES[attempts - 1] * rng.uniform(1 - _JITTER, 1 + _JITTER)
    return max(pause, min(wished, LONGEST_WISH) * rng.uniform(1, 1 + _JITTER))
