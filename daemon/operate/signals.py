"""Unix signals: SIGTERM and SIGINT stop the daemon, politely first; SIGQUIT makes room for a successor; SIGUSR1 pauses.

Owner of no nursery; runs as one task of the root. Before it has started, signals do what they always do, so opening
an address that takes for ever can be interrupted. Imports Trio only.
"""

import signal
from collections.abc import Callable

import structlog
import trio

from daemon.operate.stop import Stop


async def watch_signals(
    stop: Stop,
    toggle_pause: Callable[[], None],
    *,
    hands_over: bool = False,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Turn signals into wishes until cancelled. `hands_over`: whether calls are left to a successor, if one comes."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1) as signals:
        task_status.started()
        async for number in signals:
            name = signal.Signals(number).name
            structlog.get_logger().info("signal", name=name)
            if number == signal.SIGUSR1:
                toggle_pause()
            elif number == signal.SIGQUIT and hands_over:
                stop.make_room(name)
            else:
                stop.request(name)
