"""What was spent before a restart, or by another node, counts: from the ledger, on both engines."""

import msgspec
import pytest
import trio

from daemon.calls.accounting import keep_account
from daemon.calls.budget import Budget
from daemon.calls.setting import Setting
from daemon.config import Config, Costs
from daemon.core import journal
from daemon.ledger.accounts import Account, account
from daemon.ledger.database import Database
from daemon.ledger.engine import Engines
from daemon.observe.clock import system_clock
from tests.calls.world import World
from tests.configured import CALLER, configuration
from tests.ledger.filled import Ledger

OTHER = "+14155550177"


def usage(cost: float) -> journal.Usage:
    return journal.Usage(turns=1, input_tokens=2, output_tokens=3, audio_seconds=1.0, billable_seconds=9.0, cost=cost)


@pytest.fixture
def ledger(engines: Engines) -> Ledger:
    """A call that two daemons went on with, a free one, and one of the day before yesterday."""
    ledger, now = Ledger(engines), system_clock()
    ledger.node()
    for call_id, caller in (("both", CALLER), ("free", OTHER), ("old", CALLER)):
        ledger.claim(call_id, caller=caller)
        ledger.end(call_id)
    ledger.happened("both", usage(0.5), usage(0.25), at=now - 600)
    ledger.happened("both", journal.CheckedIn(), at=now - 500)
    ledger.happened("free", usage(0.0), at=now - 600)
    ledger.happened("old", usage(7.0), at=now - 2 * 86_400)
    return ledger


def read(ledger: Ledger, *, spent: float, came: float) -> Account:
    return ledger.run(lambda connection: account(connection, spent=spent, came=came))


def test_what_the_ledger_knows(ledger: Ledger) -> None:
    known = read(ledger, spent=86_400, came=3600)
    assert [(call_id, cost) for call_id, _, cost in known.spent] == [("both", 0.75)]
    came = {(caller, call_id) for caller, call_id, _ in known.came}
    assert came == {(CALLER, "both"), (OTHER, "free"), (CALLER, "old")}


def test_what_is_of_no_interest_is_not_looked_for(ledger: Ledger) -> None:
    assert read(ledger, spent=0.0, came=0.0) == Account()


class Desk:
    """Somebody who has a setting."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting


def configured() -> Config:
    config = configuration()
    limits = msgspec.structs.replace(config.limits, max_calls_per_caller_per_hour=2)
    return msgspec.structs.replace(config, limits=limits, costs=Costs(per_minute=0.1, max_per_day=1.0))


async def test_a_daemon_knows_it_before_its_first_call(ledger: Ledger, nursery: trio.Nursery) -> None:
    database = Database(ledger.engines)
    setting = World(configured(), nursery).setting
    await nursery.start(keep_account, database, Desk(setting))
    assert setting.budget.spent(system_clock()) == 0.75
    ledger.happened("free", usage(0.5), at=system_clock())
    again = World(configured(), nursery).setting  # after a restart
    await nursery.start(keep_account, database, Desk(again))
    assert again.budget.spent(system_clock()) == 1.25
    nursery.cancel_scope.cancel(reason="the test is over")
    database.close()


async def test_a_ledger_that_is_down_keeps_nobody_from_starting(ledger: Ledger, nursery: trio.Nursery) -> None:
    database = Database(ledger.engines)
    database.close()
    setting = World(configuration(), nursery).setting
    await nursery.start(keep_account, database, Desk(setting))
    assert setting.budget.spent(system_clock()) == Budget().spent(0.0) == 0.0
    nursery.cancel_scope.cancel(reason="the test is over")
