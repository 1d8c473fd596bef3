"""Who was on the line a moment ago, and who has a call by now: in memory and in a database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from sqlalchemy import Connection, event, text
from trio.testing import MockClock

from daemon.config.ledger import Ledger
from daemon.core.incoming import IncomingCall, PastCall
from daemon.core.receipts import Receipt
from daemon.errors import LedgerUnavailable
from daemon.ledger import base, redial
from daemon.ledger.database import Database
from daemon.ledger.engine import make_engines
from daemon.ledger.memory import MemoryLedger
from daemon.ledger.migrate import prepare
from daemon.ledger.open import OpenLedger, open_ledger
from daemon.ledger.redial import last_call
from tests.configured import CALLED, CALLER, configuration

OTHER = "+14155550111"
HALF_AN_HOUR = 1800.0


def call(call_id: str, caller: str | None = CALLER, called: str | None = CALLED) -> IncomingCall:
    return IncomingCall(
        call_id=call_id, webhook_id=f"msg-{call_id}", called=called, caller=caller, created_at=None, received_at=0.0
    )


async def had(ledger: base.Ledger, incoming: IncomingCall, agent: str = "support", *, joined: bool = True) -> None:
    """A call, from its claim to its receipt."""
    assert await ledger.claim(incoming, agent)
    if joined:
        await ledger.joined(incoming.call_id)
    receipt = Receipt(outcome="caller_left", reasons=("closed with 1000",), joined=joined, seconds=1.0)
    await ledger.settle(incoming.call_id, receipt, {})


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[OpenLedger]:
    table = Ledger(url=f"sqlite:///{folder}/ledger.db")
    async with open_ledger(msgspec.structs.replace(configuration(), ledger=table), lambda watcher: None) as ledger:
        yield ledger


@pytest.fixture(params=["memory", "sqlite"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[base.Ledger]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    async with opened(tmp_path) as durable:
        yield durable.ledger


async def test_the_latest_call_of_the_same_caller_to_the_same_number(ledger: base.Ledger) -> None:
    await had(ledger, call("c1"))
    await had(ledger, call("c2"), "vip")
    await had(ledger, call("c3", caller=OTHER))
    await had(ledger, call("c4", called=OTHER))
    await had(ledger, call("c5", caller=None))
    await had(ledger, call("c6"), joined=False)  # nobody talked, so there is nothing to go on with
    assert await ledger.claim(call("c7"), "support")  # still in progress
    assert await ledger.last_call(CALLER, CALLED, within=HALF_AN_HOUR) == PastCall("c2", "vip")
    assert await ledger.last_call(OTHER, CALLED, within=HALF_AN_HOUR) == PastCall("c3", "support")
    assert await ledger.last_call(OTHER, OTHER, within=HALF_AN_HOUR) is None


async def test_the_agent_is_the_one_that_had_the_call_in_the_end(ledger: base.Ledger) -> None:
    assert await ledger.claim(call("c1"), "support")
    await ledger.joined("c1")
    await ledger.assign("c1", "vip")
    await ledger.settle("c1", Receipt(outcome="hung_up", reasons=("x",), joined=True, seconds=1.0), {})
    assert await ledger.last_call(CALLER, CALLED, within=HALF_AN_HOUR) == PastCall("c1", "vip")
    await ledger.assign("unheard-of", "vip")


async def test_half_an_hour_is_over(autojump_clock: MockClock) -> None:
    ledger = MemoryLedger()
    await had(ledger, call("c1"))
    await trio.sleep(HALF_AN_HOUR - 1)
    assert await ledger.last_call(CALLER, CALLED, within=HALF_AN_HOUR) == PastCall("c1", "support")
    await trio.sleep(2)
    assert await ledger.last_call(CALLER, CALLED, within=HALF_AN_HOUR) is None


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("ended_at = ended_at - 1799", True),
        ("ended_at = ended_at - 1801", False),
        ("ended_at = ended_at - 1799, claimed_at = claimed_at - 9000", True),
        ("ended_at = NULL", False),
    ],
)
async def test_half_an_hour_by_the_databases_clock(tmp_path: Path, change: str, found: bool) -> None:
    async with opened(tmp_path) as durable:
        await had(durable.ledger, call("c1"))
        await durable.database.write(lambda connection: connection.execute(text(f"UPDATE calls SET {change}")))
        past = await durable.ledger.last_call(CALLER, CALLED, within=HALF_AN_HOUR)
        assert past == (PastCall("c1", "support") if found else None)


def test_the_question_is_answered_by_the_index_on_time(tmp_path: Path) -> None:
    engines = make_engines(f"sqlite:///{tmp_path}/ledger.db")
    prepare(engines)
    plans: list[str] = []

    def explain(connection: Connection, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.startswith("SELECT calls"):
            plans.append(str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()))

    event.listen(engines.durable, "before_cursor_execute", explain)
    with engines.durable.connect() as connection, connection.begin():
        assert last_call(connection, CALLER, CALLED, HALF_AN_HOUR) is None
    engines.dispose()
    assert len(plans) == 1
    assert "USING INDEX calls_by_time" in plans[0]


async def test_a_crash_leaves_the_agent_that_had_the_call(tmp_path: Path) -> None:
    async with opened(tmp_path) as durable:
        assert await durable.ledger.claim(call("c1"), "support")
        await durable.ledger.assign("c1", "vip")
        assert durable.ledger.held["c1"].claim.agent == "vip"
    async with opened(tmp_path) as again:
        (orphan,) = again.orphans
        assert orphan.agent == "vip"


async def test_a_ledger_that_is_down_knows_of_no_earlier_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path) as durable:
        await had(durable.ledger, call("c1"))

        async def slow(self: Database, work: object, *, limit: float = 5.0) -> None:
            await trio.sleep(limit)

        monkeypatch.setattr(Database, "read", slow)
        monkeypatch.setattr(redial, "PATIENCE", 0.05)
        assert await durable.ledger.last_call(CALLER, CALLED, within=HALF_AN_HOUR) is None
        assert durable.health.up  # whether it is down is for others to find out
        durable.health.fail(LedgerUnavailable("down"))
        assert await durable.ledger.last_call(CALLER, CALLED, within=HALF_AN_HOUR) is None
