"""Draining: how the daemon stops taking calls, lets the live ones end, and ends the rest.

Used by `app.py` only. Owner of one nursery, for the wait; imports calls.supervisor, web.serve and operate. Bounded: the
deadline, then the clean-up of each call, which is bounded itself.
"""

from collections.abc import Awaitable, Callable
from functools import partial

import structlog
import trio

from daemon.calls.handover import hand_over
from daemon.calls.supervisor import Supervisor
from daemon.core.durations import format_duration
from daemon.operate.status import Vitals
from daemon.operate.stop import Stop
from daemon.operate.systemd import Notifier
from daemon.web.serve import Server

# Requests that are being answered when the server stops; verdicts take milliseconds.
SERVER_GRACE = 5.0
_INTERVAL = 5.0
# An extension outlasts so many intervals, in case one of them is missed.
_TIMES = 3
# For hanging up everybody after the deadline, which is bounded for each call.
_CLEANING_UP = 30.0

Heir = Callable[[], Awaitable[str]]
"""Says why a successor could not go on with the calls; nothing if it could."""


async def anybody() -> str:
    """Trust that a successor can."""
    await trio.lowlevel.checkpoint()
    return ""


async def lame_duck(supervisor: Supervisor, stop: Stop, notifier: Notifier) -> None:
    """Wait until the daemon is to stop, and nobody has called that off in time.

    Unready from the wish on, but still taking calls, so that a balancer finds out before anybody is refused.
    """
    log = structlog.get_logger()
    while True:
        await stop.draining.wait()
        config = supervisor.setting.config.drain
        log.info("drain", calls=supervisor.live, why=stop.reasons[0], deadline=format_duration(config.deadline))
        notifier.status(_left(supervisor))
        supervisor.leave_pool()
        if await stop.stands(config.lame_duck):
            return
        supervisor.rejoin_pool()
        log.info("drain_called_off", calls=supervisor.live)
        notifier.status(str(Vitals(stage="ready", calls=supervisor.live)))


async def drain(supervisor: Supervisor, server: Server, stop: Stop, notifier: Notifier, heir: Heir = anybody) -> bool:
    """Stop in steps, each ended early by a second wish to stop; tells whether the deadline had to end calls.

    1. No more calls; wait for those in progress.
    2. The deadline, or impatience: hang up the rest, and wait for their receipts.

    If a successor comes, calls are left to it instead, and whoever rings meanwhile waits at the door for it.
    """
    limit = supervisor.setting.config.drain.deadline
    stop.ends_at = trio.current_time() + limit
    # Only now: from this word on, systemd counts the time until we are gone, whatever it was asked for before.
    notifier.stopping(_left(supervisor))
    notifier.extend(_TIMES * _INTERVAL)
    server.stop(grace=SERVER_GRACE, reason="drain")
    # Whoever was let in by then is answered, and not turned away on the doorstep.
    with trio.move_on_after(SERVER_GRACE):
        await _unless(stop.forced.wait, server.over)
    supervisor.close()
    with trio.move_on_at(stop.ends_at) as patience:
        await _unless(stop.hurried, supervisor.idle)
        if stop.making_room:
            await _unless(stop.forced.wait, partial(_hand_over, supervisor, stop, heir))
    overdue = patience.cancelled_caught and not stop.forced.is_set()
    if supervisor.live:
        reasons = (f"drain deadline {format_duration(limit)}" if overdue else stop.reasons[-1], stop.reasons[0])
        structlog.get_logger().warning("hanging_up_all", calls=supervisor.live, why=" > ".join(reasons))
        supervisor.hang_up_all(*reasons)
        await supervisor.idle()
    return overdue


async def _hand_over(supervisor: Supervisor, stop: Stop, heir: Heir) -> None:
    """Leave the calls to a successor; where that is not to be, wait for their ends."""
    why = await heir() if supervisor.live else ""
    if why:
        # Callers would hear nothing until somebody has corrected it. As it is, only the doorbell waits.
        structlog.get_logger().error("hand_over_refused", why=why, fix="correct it; until then calls are waited for")
    else:
        structlog.get_logger().info("handing_over", calls=supervisor.live, why=stop.reasons[-1])
    budget = supervisor.setting.config.recovery.handover_budget
    if why or not await hand_over(supervisor, budget, stop.reasons[-1]):
        await supervisor.idle()


def _left(supervisor: Supervisor) -> str:
    return str(Vitals(stage="draining", calls=supervisor.live, leaving=True))


async def _unless(hurried: Callable[[], Awaitable[None]], done: Callable[[], Awaitable[None]]) -> None:
    """Wait for something, or until nobody has the patience for it any more."""
    async with trio.open_nursery() as waiting:

        async def impatience() -> None:
            await hurried()
            waiting.cancel_scope.cancel(reason="nobody waits for it any more")

        waiting.start_soon(impatience, name="drain: impatience")
        await done()
        waiting.cancel_scope.cancel(reason="done")


async def report(supervisor: Supervisor, stop: Stop, notifier: Notifier) -> None:
    """Tell the log, every few seconds of a drain until cancelled, how far we are, and systemd that it is worth waiting.

    Systemd is asked for patience only as long as a drain can take; what hangs longer than that is its to kill.
    """
    while True:
        await stop.draining.wait()
        config = supervisor.setting.config.drain
        patience = config.lame_duck + config.deadline + config.settle_timeout + _CLEANING_UP
        with trio.move_on_after(patience):
            while stop.draining.is_set():
                structlog.get_logger().info("draining", calls=supervisor.live)
                notifier.extend(_TIMES * _INTERVAL)
                await trio.sleep(_INTERVAL)
            continue  # it was called off
        await trio.sleep_forever()
