"""Unix signals: SIGTERM and SIGINT stop the daemon, politely first; others do what the app has in mind for them.

Owner of no nursery; runs as one task of the root. Before it has started, signals do what they always do, so opening
an address that takes for ever can be interrupted. Imports Trio only.
"""

import signal
from collections.abc import Callable, Mapping

import structlog
import trio

from daemon.operate.stop import Stop


async def watch_signals(
    stop: Stop,
    others: Mapping[signal.Signals, Callable[[], object]],
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Turn signals into wishes until cancelled; `others` holds a plain function for each signal beside the two."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, *others) as signals:
        task_status.started()
        async for number in signals:
            name = signal.Signals(number).name
            structlog.get_logger().info("signal", name=name)
            act = others.get(signal.Signals(number))
            if act is None:
                stop.request(name)
            else:
                act()
