"""The journal in the ledger: what happens in calls, written in groups, behind everything that somebody waits for.

Records are taken without waiting. They are written when enough have come together or a moment has passed, and kept, up
to a bound, while the ledger is down. A group whose answer was lost is not written twice: each group moves a mark, in
the same transaction. Owned by the durable ledger, in whose nursery it runs. Imports Trio, SQLAlchemy, core and this
room.
"""

import uuid
from collections import deque
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Any

import msgspec
import structlog
import trio
from sqlalchemy import Connection, insert, select, update

from daemon.core import journal
from daemon.errors import LedgerUnavailable
from daemon.ledger.database import Database
from daemon.ledger.failures import Unwritable
from daemon.ledger.health import Health
from daemon.ledger.inserting import insert_new, insert_or_update
from daemon.ledger.schema import DbNow, entries, turns, writers
from daemon.ledger.text import as_json, key

DELAY = 1.0
"""Seconds for which records come together; what a crash may cost, at most, but for words in the making."""
MAKING = 5.0
"""Seconds for which words may be in the making before they are written as they stand. Most are final by then, and a
row that is written again for every breath costs more than all else that is written of a call that talks."""
GROUP = 250
"""Records in a transaction; SQLite's claims wait for one at the most."""
# Seconds for writing a group; nobody waits for it.
_LIMIT = 30.0
MOST = 50_000
"""Records that wait; a busy machine makes some hundred a second, so this many wait only when the ledger is down."""


class Group(msgspec.Struct, frozen=True):
    """Records that are written together."""

    writer: str
    first: int
    """How many this writer had written before."""
    records: tuple[journal.Record, ...]


class JournalWriter:
    """Watches the feed, and writes it down."""

    def __init__(self, database: Database, health: Health, *, transcripts: bool) -> None:
        self._database = database
        self._health = health
        self._transcripts = transcripts
        self._name = uuid.uuid4().hex
        self._waiting: deque[journal.Record] = deque()
        self._making: dict[tuple[str, str, str], journal.Record] = {}
        """The latest words in the making, by call, item and speaker."""
        self._gone = 0
        """How many came before the first that waits."""
        self._came = trio.Event()
        self._writing = trio.Lock()
        self.lost = 0
        """Records that were dropped, because too many waited, and of which nobody was told yet."""

    def __len__(self) -> int:
        """How many records wait."""
        return len(self._waiting)

    def watch(self, record: journal.Record) -> None:
        """Take a record; a watcher for the feed."""
        match record.entry:
            case journal.Said() if not self._transcripts:
                return
            case journal.Said(item_id=item_id, speaker=speaker, final=final):
                self._making[record.call_id, item_id, speaker] = record
                if final:
                    # Whatever began before it is to stand before it, and final or not, is over.
                    self._take_as_they_stand(record.call_id)
                return
            case journal.Ended():
                self._take_as_they_stand(record.call_id)
            case journal.HangUpAsked() if not self._transcripts:
                record = msgspec.structs.replace(
                    record, entry=journal.HangUpAsked(reason="")
                )  # it retells what was said
            case _:
                pass
        self._take(record)

    def _take(self, record: journal.Record) -> None:
        if len(self._waiting) >= MOST:
            self._drop(1)
            self.lost += 1
        self._waiting.append(record)
        self._came.set()

    def _take_as_they_stand(self, call_id: str | None = None) -> None:
        """Take words that may not be final, of one call or of all, in the order in which they began."""
        for turn in [turn for turn in self._making if call_id in (None, turn[0])]:
            self._take(self._making.pop(turn))

    async def write_down(self) -> None:
        """Write what comes, until cancelled."""
        look = trio.current_time() + MAKING
        while True:
            with trio.move_on_at(look):
                await self._came.wait()
            if trio.current_time() >= look:
                self._take_as_they_stand()
                look = trio.current_time() + MAKING
            if len(self._waiting) < GROUP:
                await trio.sleep(DELAY)
            if self._health.up:
                await self._write_all()
            else:
                await self._health.changed.wait()

    async def flush(self) -> None:
        """Write what has come so far, while the ledger works."""
        self._take_as_they_stand()
        await self._write_all()

    async def _write_all(self) -> None:
        async with self._writing:
            while self._waiting and self._health.up:
                group = Group(self._name, self._gone, tuple(islice(self._waiting, GROUP)))
                try:
                    await self._write(group)
                except LedgerUnavailable:
                    return
                # Some may have been dropped from the front meanwhile.
                self._drop(group.first + len(group.records) - self._gone)
                self._confess()
            if not self._waiting:
                self._came = trio.Event()

    async def _write(self, group: Group) -> None:
        try:
            await self._database.write(partial(write, group=group), lazy=True, limit=_LIMIT)
        except Unwritable:
            if len(group.records) == 1:
                self.lost += 1
                return
            for number, record in enumerate(group.records, group.first):
                await self._write(Group(group.writer, number, (record,)))

    def _drop(self, count: int) -> None:
        for _ in range(count):
            self._waiting.popleft()
            self._gone += 1

    def _confess(self) -> None:
        if self.lost:
            structlog.get_logger().error("journal_lost_records", count=self.lost)
            self.lost = 0


def write(connection: Connection, group: Group) -> None:
    """Write a group, as far as it is not written yet."""
    records = group.records[_written(connection, group) - group.first :]
    rows, words = _sorted(records)
    if rows:
        connection.execute(insert(entries), rows)
    if words:
        insert_or_update(connection, turns, ("call_id", "item_id", "speaker"), words)


def _written(connection: Connection, group: Group) -> int:
    """Move the writer's mark to the end of the group; gives where it was, within the group."""
    end = group.first + len(group.records)
    mine = writers.c.writer == group.writer
    moved = update(writers).where(mine, writers.c.written <= group.first).values(written=end, at=DbNow())
    if connection.execute(moved).rowcount == 1:
        return group.first
    # The first group, or one that was tried before. A transaction of ours that is still under way is waited for.
    if insert_new(connection, writers, {"writer": group.writer, "written": end, "at": DbNow()}):
        return group.first
    was: int = connection.execute(select(writers.c.written).where(mine).with_for_update()).scalar_one()
    connection.execute(update(writers).where(mine).values(written=max(was, end), at=DbNow()))
    return min(max(was, group.first), end)


def _sorted(records: Sequence[journal.Record]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of entries, and of words; of words in the making only the latest, as they replace one another anyway."""
    words: dict[tuple[str, str, str], dict[str, Any]] = {}
    rows = []
    for record in records:
        match record.entry:
            case journal.Said() as said:
                turn = (record.call_id, key(said.item_id), said.speaker)
                values = {"at": record.at, "words": said.text, "final": said.final}
                words[turn] = {"call_id": turn[0], "item_id": turn[1], "speaker": turn[2], **values}
            case entry:
                rows.append({"call_id": record.call_id, "at": record.at, "entry": as_json(entry)})
    return rows, list(words.values())
