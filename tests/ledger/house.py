"""Ledgers for tests: several that share one database, each in a state directory of its own, as on several machines.

They are put together as the daemon does it. An `open` one lives by itself; one that is only put together does nothing
but what the test says, so that a test can be a node that is frozen, slow or dead.
"""

import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import trio
from sqlalchemy import Connection, Select, Table, TextClause, select, text

from daemon.config import Config
from daemon.config.ledger import Delivery, Ledger
from daemon.config.secrets import Secret
from daemon.core.incoming import IncomingCall
from daemon.core.receipts import Receipt
from daemon.ledger.engine import Engines
from daemon.ledger.news import News
from daemon.ledger.open import OpenLedger, Parts, assemble, open_ledger
from daemon.observe.clock import system_clock
from daemon.observe.feed import Watcher
from tests.configured import CALLED, CALLER, SIGNING_SECRET, configuration

T = TypeVar("T")

LEASE = 0.4
HEARD = "https://example.com/calls"


def incoming(call_id: str, webhook_id: str = "") -> IncomingCall:
    """A call that is announced."""
    return IncomingCall(
        call_id=call_id,
        webhook_id=webhook_id or f"msg-{call_id}",
        called=CALLED,
        caller=CALLER,
        created_at=1_790_000_000.5,
        received_at=0.0,
    )


def receipt(outcome: Any = "caller_left", *reasons: str, seconds: float = 12.5) -> Receipt:
    """How a call ended."""
    return Receipt(outcome=outcome, reasons=reasons or ("the caller hung up",), joined=True, seconds=seconds)


class House:
    """One database, and the ledgers that use it."""

    def __init__(self, engines: Engines, folder: Path) -> None:
        self.engines = engines
        self.url = engines.durable.url.set(drivername=engines.durable.dialect.name).render_as_string(
            hide_password=False
        )
        self.folder = folder
        self.feed: list[Watcher] = []

    def config(self, node: str = "a", **changes: Any) -> Config:
        """The configuration of a node; changes are to `[ledger]`."""
        table = {"url": self.url, "directory": str(self.folder / node), "node": node, "lease": LEASE}
        heard = Delivery(url=HEARD, secret=Secret(SIGNING_SECRET), events=("call.claimed", "call.ended"))
        return msgspec.structs.replace(configuration(), ledger=Ledger(**{**table, **changes}), deliveries=(heard,))

    @asynccontextmanager
    async def ledger(self, node: str = "a", **changes: Any) -> AsyncIterator[OpenLedger]:
        """A ledger that lives while the block lasts, and ends in good order."""
        async with open_ledger(self.config(node, **changes), self.feed.append) as opened:
            yield opened

    @contextmanager
    def parts(self, node: str = "a", **changes: Any) -> Iterator[Parts]:
        """A ledger that does nothing by itself, and dies without a word at the end of the block."""
        parts = assemble(self.config(node, **changes), system_clock)
        try:
            yield parts
        finally:
            parts.lease.close()
            parts.database.close()

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do something in the database, past every ledger."""
        with self.engines.durable.begin() as connection:
            return work(connection)

    def execute(self, statement: str) -> None:
        """Do something that nobody but an operator does."""
        self.run(lambda connection: connection.execute(text(statement)))

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """Nobody else can write into the database."""
        with self.engines.durable.begin() as connection:
            if self.engines.file is None:
                connection.execute(text("LOCK TABLE epochs, calls, effects, entries, writers IN EXCLUSIVE MODE"))
            yield

    def rows(self, wanted: Table | Select[Any] | TextClause) -> list[dict[str, Any]]:
        """What is in the database."""
        statement = select(wanted) if isinstance(wanted, Table) else wanted
        return self.run(lambda connection: [dict(row) for row in connection.execute(statement).mappings()])

    def one(self, wanted: Table, **where: Any) -> dict[str, Any]:
        """The only row that has these values."""
        (row,) = self.rows(select(wanted).filter_by(**where))
        return row


async def until(what: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until something holds."""
    give_up_at = trio.current_time() + seconds
    while not what():
        if trio.current_time() > give_up_at:
            raise AssertionError(f"not within {seconds:g} s")
        await trio.sleep(0.005)


def news_of(ledger: OpenLedger | Parts) -> list[News]:
    """What the ledger has to tell by now."""
    told = []
    while ledger.keeper.news.statistics().current_buffer_used:
        told.append(ledger.keeper.news.receive_nowait())
    return told


def names(prefix: str, count: int) -> Iterator[str]:
    """Ids for calls."""
    return (f"{prefix}-{number}" for number in itertools.islice(itertools.count(), count))


def load(text: str | None) -> Any:
    """Read a column that holds JSON."""
    return None if text is None else json.loads(text)
