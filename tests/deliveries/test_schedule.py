import random

import pytest

from daemon.deliveries.schedule import LONGEST_WISH, PAUSES, pause_after

RNG = random.Random(1)


def test_the_schedule_of_the_standard() -> None:
    # Standard Webhooks 1.0.0: at once, then after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
    assert PAUSES == (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)


@pytest.mark.parametrize(("attempts", "pause"), list(enumerate(PAUSES, start=1)))
def test_about_so_long(attempts: int, pause: float) -> None:
    drawn = [pause_after(attempts, RNG) for _ in range(100)]
    assert all(some is not None and 0.9 * pause <= some <= 1.1 * pause for some in drawn)
    assert len(set(drawn)) > 90


def test_ten_attempts_and_no_more() -> None:
    assert pause_after(9, RNG) is not None
    assert pause_after(10, RNG) is None
    assert pause_after(10, RNG, wished=3600) is None


def test_an_endpoint_may_wish_for_more_time_but_not_for_less() -> None:
    wished = [pause_after(1, RNG, wished=100) or 0 for _ in range(100)]
    assert all(100 <= pause <= 110 for pause in wished)
    assert (pause_after(4, RNG, wished=1) or 0) >= 0.9 * 7200
    assert (pause_after(1, RNG, wished=1e12) or 0) <= 1.1 * LONGEST_WISH
