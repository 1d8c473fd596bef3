"""How many transfers agents may try, and when an hour is over."""

import trio
from trio.testing import MockClock

from daemon.calls.quota import TransferQuota
from daemon.config import Destination, Limits

DESK = Destination(uri="tel:+14155550123")


async def test_so_many_in_a_call() -> None:
    quota = TransferQuota()
    assert quota.refuse("desk", DESK, Limits(max_transfers_per_call=2), 1) == ""
    assert quota.refuse("desk", DESK, Limits(max_transfers_per_call=2), 2) == "over 2 transfers in one call"


async def test_so_many_in_an_hour(mock_clock: MockClock) -> None:
    quota, limits = TransferQuota(), Limits(max_transfers_per_hour=2)
    quota.count("desk")
    mock_clock.jump(1800)
    assert quota.refuse("desk", DESK, limits, 0) == ""
    quota.count("night")
    assert quota.refuse("desk", DESK, limits, 0) == "over 2 transfers in an hour"
    mock_clock.jump(1799)
    assert quota.refuse("desk", DESK, limits, 0) == "over 2 transfers in an hour"
    mock_clock.jump(1)
    assert quota.refuse("desk", DESK, limits, 0) == ""


async def test_so_many_to_one_destination(mock_clock: MockClock) -> None:
    quota, once = TransferQuota(), Destination(uri="tel:+14155550123", max_transfers_per_hour=1)
    quota.count("desk")
    assert quota.refuse("desk", once, Limits(), 0) == "over 1 transfers to it in an hour"
    assert quota.refuse("night", once, Limits(), 0) == ""
    assert quota.refuse("desk", DESK, Limits(), 0) == ""
    mock_clock.jump(3600)
    assert quota.refuse("desk", once, Limits(), 0) == ""
    await trio.lowlevel.checkpoint()
