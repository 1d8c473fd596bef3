"""systemd's watchdog is fed while the loop turns, and only then."""

import os
import socket
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from daemon.operate.systemd import Notifier
from daemon.operate.watchdog import Watchdog

MINE = str(os.getpid())


async def test_it_is_fed_three_times_in_its_time(
    tmp_path: Path, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        watchdog = Watchdog(Notifier(str(tmp_path / "notify")), {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": MINE})
        nursery.start_soon(watchdog.feed)
        await trio.sleep(5)
        assert watchdog.age == 5
        await trio.sleep(90)
        assert [systemd.recv(100) for _ in range(10)] == [b"WATCHDOG=1"] * 10
        with pytest.raises(BlockingIOError):
            systemd.recv(100)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "env",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}],
)
async def test_none(env: dict[str, str]) -> None:
    watchdog = Watchdog(Notifier(""), env)
    await watchdog.feed()
    assert (watchdog.limit, watchdog.age) == (None, None)
