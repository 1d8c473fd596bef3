"""Paying a call's debt: however its scope was left, the caller's leg is down, or we say loudly that it may not be.

Used by `attending.py` in its clean-up, under a timed shield. Imports platforms.base, core, errors and the setting;
knows nothing of calls' insides.
"""

import structlog
import trio

from daemon.calls.setting import Setting
from daemon.core.receipts import Outcome
from daemon.errors import PlatformError
from daemon.platforms.base import HangUpOutcome, LineEnd


async def pay(setting: Setting, call_id: str) -> Outcome | None:
    """Hang up, unless the call is another node's now; None if the platform did not confirm it.

    The time limit is the caller's, and so is the shield.
    """
    if not await setting.ledger.ours(call_id):
        return "handed_over"
    try:
        outcome = await setting.platform.hang_up(call_id)
    except PlatformError as error:
        structlog.get_logger().warning("hang_up_failed", why=str(error))
        return None
    return "hung_up" if outcome is HangUpOutcome.HUNG_UP else "caller_left"


def causes(end: LineEnd | None, error: BaseException | None) -> tuple[str, ...]:
    """Why a call ended that nobody decided to end: an error on its way out, or what became of its line."""
    if error is None:
        return (end.why,) if end else ("unknown",)
    bug = _innermost(error)
    return ("the daemon stops",) if bug is None else (f"error in Callwarden: {type(bug).__name__}",)


def _innermost(error: BaseException | None) -> BaseException | None:
    """The error behind the groups and cancellations it caused, or None if it is nothing but cancellation."""
    while isinstance(error, BaseExceptionGroup):
        _, error = error.split(trio.Cancelled)
        error = error and error.exceptions[0]
    return None if isinstance(error, trio.Cancelled) else error
