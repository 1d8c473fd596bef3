import os
import signal

import pytest
import trio

from daemon.operate.signals import watch_signals
from daemon.operate.stop import Stop


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_and_another_one_forces(nursery: trio.Nursery, number: signal.Signals) -> None:
    stop = Stop()
    await nursery.start(watch_signals, stop, {})
    os.kill(os.getpid(), number)
    with trio.fail_after(5):
        await stop.draining.wait()
    assert not stop.forced.is_set()
    os.kill(os.getpid(), signal.SIGTERM)
    with trio.fail_after(5):
        await stop.forced.wait()
    assert stop.reasons == [number.name, "SIGTERM"]
    nursery.cancel_scope.cancel()


async def test_usr1_pauses_and_resumes(nursery: trio.Nursery) -> None:
    stop, toggled = Stop(), trio.Event()
    await nursery.start(watch_signals, stop, {signal.SIGUSR1: toggled.set})
    os.kill(os.getpid(), signal.SIGUSR1)
    with trio.fail_after(5):
        await toggled.wait()
    assert not stop.draining.is_set()
    nursery.cancel_scope.cancel()
