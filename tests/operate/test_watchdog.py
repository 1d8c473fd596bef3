from pathlib import Path

import msgspec
import trio
from trio.testing import MockClock

from daemon.errors import LedgerUnavailable
from daemon.ledger.open import open_ledger
from daemon.operate.systemd import Notifier
from daemon.operate.watchdog import Watchdog
from tests.configured import configuration
from tests.conftest import Logged


class Recorder(Notifier):
    """Notes when the watchdog is fed."""

    def __init__(self, watchdog: float) -> None:
        super().__init__("", watchdog=watchdog)
        self.fed: list[float] = []

    def alive(self) -> None:
        self.fed.append(trio.current_time())


async def test_it_is_fed_three_times_within_its_patience(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    notifier = Recorder(30.0)
    watchdog = Watchdog(notifier, {"loop": trio.lowlevel.checkpoint})
    nursery.start_soon(watchdog.feed)
    await trio.sleep(35)
    assert notifier.fed == [0, 10, 20, 30]
    assert watchdog.age == 5
    nursery.cancel_scope.cancel()


async def test_it_starves_while_one_heartbeat_stays_out(
    autojump_clock: MockClock, nursery: trio.Nursery, logged: Logged
) -> None:
    notifier, stuck = Recorder(30.0), trio.Event()
    nursery.start_soon(Watchdog(notifier, {"calls": trio.lowlevel.checkpoint, "ledger": stuck.wait}).feed)
    await trio.sleep(25)
    assert notifier.fed == []
    assert [(line["event"], line["of"]) for line in logged()] == [("heartbeat_late", "ledger")] * 2
    stuck.set()
    await trio.sleep(1)
    assert notifier.fed == [25]
    nursery.cancel_scope.cancel()


async def test_a_slow_heartbeat_is_a_heartbeat(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    async def slow() -> None:
        await trio.sleep(7)

    notifier = Recorder(30.0)
    nursery.start_soon(Watchdog(notifier, {"ledger": slow}).feed)
    await trio.sleep(60)
    assert notifier.fed == [7, 24, 41, 58]
    nursery.cancel_scope.cancel()


async def test_nobody_watches(autojump_clock: MockClock) -> None:
    watchdog = Watchdog(Recorder(0.0), {"loop": trio.sleep_forever})
    await watchdog.feed()
    assert watchdog.age is None


async def test_a_ledger_that_is_down_by_its_own_word_still_turns(tmp_path: Path) -> None:
    ledger = msgspec.structs.replace(configuration().ledger, url=f"sqlite:///{tmp_path}/ledger.db")
    config = msgspec.structs.replace(configuration(), ledger=ledger)
    async with open_ledger(config, lambda _: None) as opened:
        with trio.fail_after(5):
            await opened.keeper.turn()
            opened.health.fail(LedgerUnavailable("disk full"))
            await opened.keeper.turn()
            assert not opened.health.up
