import trio
from trio.testing import MockClock

from daemon.operate.status import Vitals, keep_telling
from daemon.operate.systemd import Notifier


def test_lines() -> None:
    assert str(Vitals(stage="ready", calls=0)) == "ready, 0 calls"
    assert str(Vitals(stage="paused", calls=1, owed=2)) == "paused, 1 call, 2 hang-ups owed"
    leaving = Vitals(stage="draining", calls=3, leaving=True, trouble=("ledger down: disk full",))
    assert str(leaving) == "draining, 3 calls left; ledger down: disk full"


class Told(Notifier):
    """Notes what is told."""

    def __init__(self) -> None:
        super().__init__("@nobody")
        self.lines: list[str | int] = []

    def _tell(self, patience: float = 0.0, /, **fields: str | int) -> None:
        self.lines.append(fields["STATUS"])
        super()._tell(**fields)


async def test_numbers_are_kept_up_to_date(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    notifier = Told()
    nursery.start_soon(keep_telling, notifier, lambda: Vitals(stage="ready", calls=int(trio.current_time() / 60)))
    await trio.sleep(150)
    assert notifier.lines == ["ready, 0 calls", "ready, 1 call", "ready, 2 calls"]
    nursery.cancel_scope.cancel()
