"""Unix signals: SIGTERM and SIGINT stop the daemon, politely first; others do what the app has in mind for them.

Owner of no nursery; runs as one task of the root. Before it has started, signals do what they always do, so opening
an address that takes for ever can be interrupted. After it has ended, while the ledger hears our last words, they do
nothing any more; `edges` sees to both. Imports Trio only.
"""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

import structlog
import trio

from daemon.operate.stop import Stop

_OURS = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


class Started(trio.TaskStatus[object]):
    """Notes that the daemon has started."""

    def __init__(self) -> None:
        self.yes = False

    def started(self, _value: object = None) -> None:
        """Take note."""
        self.yes = True


@contextmanager
def edges() -> Iterator[Started]:
    """Have signals that nobody listens to end us as long as the daemon has not started, and do nothing once it has.

    To be entered by whoever starts Trio, with the daemon's `task_status` being what this gives; afterwards, what is
    left is to exit.
    """
    status = Started()

    def act(number: int, _frame: FrameType | None) -> None:
        if not status.yes:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    before = {number: signal.signal(number, act) for number in _OURS}
    try:
        yield status
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if status.yes else handler)


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
