"""Silence, by no clock but that of whoever listens. Pure."""

import random

from daemon.ledger.vigil import Sign, Vigil


def sign(epoch: str, mark: float, lease: float = 10.0) -> Sign:
    return Sign(epoch=epoch, place="somewhere", lease=lease, mark=mark)


def silent(vigil: Vigil, now: float) -> list[str]:
    return [each.epoch for each in vigil.silent(now)]


def test_who_moves_lives() -> None:
    vigil = Vigil()
    for second in range(0, 100, 5):
        vigil.hear([sign("a", mark=second), sign("b", mark=0)], now=second)
        assert silent(vigil, second) == (["b"] if second > 10 else [])


def test_nobody_is_silent_before_a_whole_lease_was_listened_to() -> None:
    """Whatever the ledger says of times: hours of it may have passed while nobody listened."""
    vigil = Vigil()
    vigil.hear([sign("long dead", mark=-1_000_000.0)], now=50.0)
    assert silent(vigil, 50.0) == []
    assert silent(vigil, 60.0) == []
    assert silent(vigil, 60.1) == ["long dead"]


def test_nobody_is_silent_whom_we_could_not_hear() -> None:
    vigil = Vigil()
    vigil.hear([sign("a", mark=1.0)], now=0.0)
    vigil.forget()  # the database was away from 1 to 30, for everybody
    vigil.hear([sign("a", mark=1.0)], now=30.0)
    assert silent(vigil, 40.0) == []
    vigil.hear([sign("a", mark=2.0)], now=40.0)
    assert silent(vigil, 50.0) == []


def test_each_has_a_lease_of_its_own() -> None:
    vigil = Vigil()
    vigil.hear([sign("quick", 1.0, lease=2.0), sign("slow", 1.0, lease=60.0)], now=0.0)
    assert silent(vigil, 3.0) == ["quick"]
    assert silent(vigil, 61.0) == ["quick", "slow"]


def test_who_is_gone_is_forgotten() -> None:
    vigil = Vigil()
    vigil.hear([sign("a", 1.0)], now=0.0)
    assert list(vigil.epochs) == ["a"]
    vigil.hear([], now=20.0)
    assert list(vigil.epochs) == []
    assert silent(vigil, 100.0) == []


def test_clocks_that_jump_do_no_harm() -> None:
    """The marks are times of a clock that NTP pushes about; only that they move counts."""
    dice = random.Random(7)
    vigil, mark = Vigil(), 0.0
    for second in range(1000):
        mark += 1.0 + dice.choice([0, 0, 0, 3600.0, -3600.0])
        vigil.hear([sign("a", mark), sign("dead", mark=5.0)], now=second)
        assert silent(vigil, second) == (["dead"] if second > 10 else [])
