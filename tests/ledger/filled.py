"""A ledger with something in it, written by the ledger's own statements."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, insert, update

from daemon.core import journal
from daemon.core.effects import ToolUse
from daemon.core.incoming import IncomingCall
from daemon.core.receipts import Outcome, Receipt
from daemon.ledger import claims, effects, epochs
from daemon.ledger.claims import Claim
from daemon.ledger.engine import Engines
from daemon.ledger.operations import Claimed, Settled, carry_out
from daemon.ledger.outbox import Endpoint
from daemon.ledger.schema import calls, deliveries, entries, turns
from tests.configured import CALLED, CALLER

T = TypeVar("T")

EPOCH = "epoch-1"
SAID_AT = 1_790_000_000.0


class Ledger:
    """A database, to be written to and read from a transaction at a time."""

    def __init__(self, engines: Engines, *urls: str, events: tuple[str, ...] = ("call.ended",)) -> None:
        self.engines = engines
        self.endpoints = tuple(Endpoint(url=url, events=events) for url in urls)

    def run(self, work: Callable[[Connection], T]) -> T:
        with self.engines.lazy.begin() as connection:  # nothing here need survive a power cut
            return work(connection)

    def node(self, name: str = "alpha", epoch: str = EPOCH, lease: float = 3600.0) -> None:
        """A daemon begins."""
        self.run(lambda c: epochs.register(c, epoch, name, f"place of {name}", "1.2.3", lease))

    def claim(self, call_id: str, *, agent: str = "support", epoch: str = EPOCH, caller: str = CALLER) -> None:
        """A call comes."""
        incoming = IncomingCall(
            call_id=call_id,
            webhook_id=f"msg-{call_id}",
            called=CALLED,
            caller=caller,
            created_at=SAID_AT,
            received_at=0.0,
        )
        claimed = Claimed(claim=Claim(attempt=f"attempt {call_id}", epoch=epoch, incoming=incoming, agent=agent))
        assert self.run(lambda c: carry_out(c, claimed, self.endpoints))
        self.run(lambda c: claims.joined(c, call_id, epoch))

    def end(self, call_id: str, outcome: Outcome = "caller_left", *reasons: str, epoch: str = EPOCH) -> None:
        """A call ends."""
        receipt = Receipt(outcome=outcome, reasons=reasons or ("the caller hung up",), joined=True, seconds=12.3456)
        done = Settled(call_id=call_id, epoch=epoch, receipt=receipt, events={"ping": 3})
        assert self.run(lambda c: carry_out(c, done, self.endpoints))

    def happened(self, call_id: str, *what: journal.Entry, at: float = SAID_AT) -> None:
        """Things happen in a call, a second apart."""
        for second, entry in enumerate(what):
            text = msgspec.json.encode(entry).decode()
            statement = insert(entries).values(call_id=call_id, at=at + second, entry=text)
            self.run(partial(Connection.execute, statement=statement))

    def said(self, call_id: str, speaker: str, words: str, *, final: bool = True, at: float = SAID_AT) -> int:
        """Somebody says something; gives the turn's id."""
        turn = {"call_id": call_id, "item_id": words[:20], "speaker": speaker, "words": words, "final": final, "at": at}
        made = self.run(lambda c: c.execute(insert(turns).values(turn).returning(turns.c.id)).scalar_one())
        return int(made)

    def used(self, call_id: str, use_id: str, name: str, output: str | None) -> None:
        """A tool is used."""
        self.run(lambda c: effects.begin(c, call_id, ToolUse(id=use_id, name=name, arguments='{"order":"A-1"}')))
        if output is not None:
            self.run(lambda c: effects.end(c, call_id, use_id, output))

    def delivery(self, **where: Any) -> dict[str, Any]:
        """The only delivery, or the one that has these values."""
        wanted = deliveries.select().filter_by(**where)
        return dict(self.run(lambda c: c.execute(wanted).mappings().one()))

    def pass_time(self, seconds: float) -> None:
        """As if so many seconds had passed for everything that was written down."""
        times = {deliveries: ("made_at", "due_at"), calls: ("claimed_at", "ended_at")}
        for table, names in times.items():
            earlier = update(table).values({name: table.c[name] - seconds for name in names})
            self.run(partial(Connection.execute, statement=earlier))
