"""Draining: how the daemon stops taking calls, lets the live ones end, and ends the rest.

Used by `app.py` only. Owner of one nursery, for the wait; imports calls.supervisor, web.serve and operate. Bounded: the
deadline, then the clean-up of each call, which is bounded itself.
"""

import structlog
import trio

from daemon.calls.supervisor import Supervisor
from daemon.core.durations import format_duration
from daemon.operate.stop import Stop
from daemon.operate.systemd import Notifier
from daemon.web.serve import Server

# Requests that are being answered when the server stops; verdicts take milliseconds.
SERVER_GRACE = 5.0
_STATUS_INTERVAL = 5.0


async def lame_duck(supervisor: Supervisor, stop: Stop, notifier: Notifier) -> None:
    """Wait until the daemon is to stop, and nobody has called that off in time.

    Unready from the wish on, but still taking calls, so that a balancer finds out before anybody is refused.
    """
    log = structlog.get_logger()
    while True:
        await stop.draining.wait()
        config = supervisor.setting.config.drain
        log.info("drain", calls=supervisor.live, why=stop.reasons[0], deadline=format_duration(config.deadline))
        notifier.tell(STATUS=_left(supervisor))
        supervisor.leave_pool()
        if await stop.stands(config.lame_duck):
            return
        supervisor.rejoin_pool()
        log.info("drain_called_off", calls=supervisor.live)
        notifier.tell(STATUS=f"ready, {supervisor.live} calls")


async def drain(supervisor: Supervisor, server: Server, stop: Stop, notifier: Notifier) -> bool:
    """Stop in steps, each ended early by a second wish to stop; tells whether the deadline had to end calls.

    1. No more calls; wait for those in progress.
    2. The deadline, or impatience: hang up the rest, and wait for their receipts.
    """
    limit = supervisor.setting.config.drain.deadline
    # Only now: from this word on, systemd counts the time until we are gone.
    notifier.tell(STOPPING=1, STATUS=_left(supervisor))
    supervisor.close()
    server.stop(grace=SERVER_GRACE, reason="drain")
    stop.ends_at = trio.current_time() + limit
    with trio.move_on_at(stop.ends_at):
        await _calls_end_or(stop, supervisor)
    overdue = supervisor.live > 0 and not stop.forced.is_set()
    if supervisor.live:
        deadline = f"drain deadline {format_duration(limit)}"
        reasons = (deadline if overdue else stop.reasons[1], stop.reasons[0])
        structlog.get_logger().warning("hanging_up_all", calls=supervisor.live, why=" > ".join(reasons))
        supervisor.hang_up_all(*reasons)
        await supervisor.idle()
    return overdue


def _left(supervisor: Supervisor) -> str:
    return f"draining, {supervisor.live} {'call' if supervisor.live == 1 else 'calls'} left"


async def _calls_end_or(stop: Stop, supervisor: Supervisor) -> None:
    """Wait until the last call has ended or somebody loses patience."""
    async with trio.open_nursery() as waiting:

        async def impatience() -> None:
            await stop.forced.wait()
            waiting.cancel_scope.cancel(reason=stop.reasons[-1])

        waiting.start_soon(impatience, name="drain: impatience")
        await supervisor.idle()
        waiting.cancel_scope.cancel(reason="no calls left")


async def report(supervisor: Supervisor, stop: Stop, notifier: Notifier) -> None:
    """Tell the log and systemd, every few seconds of a drain until cancelled, how far we are, and that we are alive."""
    while True:
        await stop.draining.wait()
        extension = int(3 * _STATUS_INTERVAL * 1_000_000)
        structlog.get_logger().info("draining", calls=supervisor.live)
        notifier.tell(STATUS=_left(supervisor), EXTEND_TIMEOUT_USEC=extension)
        await trio.sleep(_STATUS_INTERVAL)
