import pytest
import trio

from daemon.errors import LedgerUnavailable
from daemon.ledger.failures import LedgerCorrupt, Unwritable
from daemon.ledger.health import Health
from tests.conftest import Logged


async def test_down_until_it_is_back(logged: Logged, autojump_clock: trio.testing.MockClock) -> None:
    health = Health()
    assert health.up
    changed = health.changed
    health.fail(LedgerUnavailable("the disk is full"))
    health.fail(LedgerUnavailable("the disk is full"))
    assert (health.up, health.why) == (False, "the disk is full")
    assert changed.is_set()
    assert [line["why"] for line in logged()] == ["the disk is full"]  # said once
    health.fail(LedgerUnavailable("it is locked"))
    assert len(logged()) == 2
    with trio.fail_after(1):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(health.changed.wait)
            await trio.testing.wait_all_tasks_blocked()
            health.recover()
    assert (health.up, health.why) == (True, "")


def test_corruption_is_remembered_until_it_is_back() -> None:
    health = Health()
    corrupt = LedgerCorrupt("malformed")
    health.fail(corrupt)
    health.fail(LedgerUnavailable("it is locked"))
    assert health.corrupt is corrupt
    health.recover()
    assert health.corrupt is None


def test_a_failure_of_what_began_before_it_came_back_is_none() -> None:
    health = Health()
    since = health.times
    health.fail(LedgerUnavailable("gone"), since)
    health.recover()
    health.fail(LedgerUnavailable("gone"), since)  # a thread that hung all the time
    assert health.up
    late = LedgerUnavailable("gone")
    health.fail(late, since)
    health.fail(late)  # nor is it one for whoever hears of it from the database
    assert health.up
    health.fail(LedgerUnavailable("gone"), health.times)
    assert not health.up


def test_what_it_does_not_take_is_no_outage(logged: Logged) -> None:
    health = Health()
    health.fail(Unwritable("value too long"))
    assert health.up
    assert [line["event"] for line in logged()] == ["ledger_did_not_take_it"]


@pytest.mark.parametrize("up", [True, False])
def test_begins_as_it_is_told(up: bool) -> None:
    assert Health(up=up).up is up
