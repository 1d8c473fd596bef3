"""The long run at the size of a test, and the instruments it judges by."""

import sys
from pathlib import Path
from random import Random

import pytest

from tests.soak.callers import script
from tests.soak.judging import GROWTH, broken, growth, summary
from tests.soak.run import Life, soak
from tests.soak.watching import Sample, slope


@pytest.mark.exhaustive
async def test_twenty_seconds_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = await soak(tmp_path, seconds=20, rate=4.0, seed=1)
    told = summary(run)
    with capsys.disabled():
        sys.stdout.write(f"\n{told}\n")
    assert broken(run) == []
    assert len(run.lives) > 3  # on a busy machine, restarts take their time
    assert len(run.receipts) > 40
    assert sum(count for kind, count in run.faults.items() if kind.startswith("connection")) > 5


def life(leak: float, seconds: int = 300) -> Life:
    """A process that has five calls a second, of which each leaves something behind, and whose memory is restless."""
    dice = Random(5)
    made = Life(1, 0.0)
    made.samples = [
        Sample(
            at=float(second),
            resident=int(100_000 + leak * second * 5 + dice.choice((0, 0, 0, 400, 3000))),
            descriptors=20,
            kinds={},
            tasks=20,
            calls=10,
            debts=0,
            served=second * 5,
        )
        for second in range(seconds)
    ]
    return made


def test_a_leak_is_seen_and_restlessness_is_not() -> None:
    flat, leaking = growth(life(0.0)), growth(life(4.0))
    assert flat is not None
    assert leaking is not None
    assert abs(flat) < GROWTH / 2
    assert leaking == pytest.approx(4.0, abs=1.0)
    assert growth(life(4.0, seconds=60)) is None


def test_the_slope_is_not_moved_by_peaks() -> None:
    points = [(float(n), 2.0 * n + (1000.0 if n % 10 == 0 else 0.0)) for n in range(100)]
    assert slope(points) == pytest.approx(2.0, abs=0.1)
    assert slope([]) == slope([(1.0, 5.0)]) == 0.0


def test_every_kind_of_call_comes() -> None:
    dice = Random(1)
    assert len({script(dice)[0] for _ in range(300)}) == 10
