"""The journal in the ledger: what happens in calls, written in groups, behind everything that somebody waits for.

Records are taken without waiting. They are written when enough have come together or a moment has passed, and kept, up
to a bound, while the ledger is down. Owned by the durable ledger, in whose nursery it runs. Imports Trio, SQLAlchemy,
core and this room.
"""

from collections import deque
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Any

import msgspec
import structlog
import trio
from sqlalchemy import Connection, insert

from daemon.core import journal
from daemon.errors import LedgerUnavailable
from daemon.ledger.database import Database
from daemon.ledger.health import Health
from daemon.ledger.inserting import insert_or_update
from daemon.ledger.schema import entries, turns

DELAY = 2.0
"""Seconds for which records come together; what a power cut may cost, at most. Of words in the making, of which there
are five in this time, one is written."""
_GROUP = 500
# Seconds for writing a group. Nobody waits for it, and one that is given up and written after all is there twice.
_LIMIT = 30.0
# A busy machine makes some hundred a second; so many wait only when the ledger is down for long.
_MOST = 50_000


class JournalWriter:
    """Watches the feed, and writes it down."""

    def __init__(self, database: Database, health: Health, *, transcripts: bool) -> None:
        self._database = database
        self._health = health
        self._transcripts = transcripts
        self._waiting: deque[journal.Record] = deque()
        self._came = trio.Event()
        self._writing = trio.Lock()
        self.lost = 0
        """Records that were dropped, because too many waited."""

    def watch(self, record: journal.Record) -> None:
        """Take a record; a watcher for the feed."""
        if not self._transcripts and isinstance(record.entry, journal.Said):
            return
        if len(self._waiting) >= _MOST:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(record)
        self._came.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._came.wait()
            if len(self._waiting) < _GROUP:
                await trio.sleep(DELAY)
            if self._health.up:
                await self.flush()
            else:
                await self._health.changed.wait()

    async def flush(self) -> None:
        """Write what has come so far, while the ledger works."""
        async with self._writing:
            while self._waiting and self._health.up:
                group = list(islice(self._waiting, _GROUP))
                try:
                    await self._database.write(partial(_write, group=group), lazy=True, limit=_LIMIT)
                except LedgerUnavailable as error:
                    self._health.fail(error)
                    return
                self._forget(group)
            self._came = trio.Event()
            if self._waiting:
                self._came.set()

    def _forget(self, group: Sequence[journal.Record]) -> None:
        # Some may have been dropped from the front while the group was written.
        for record in group:
            if self._waiting and self._waiting[0] is record:
                self._waiting.popleft()
        if self.lost:
            structlog.get_logger().error("journal_lost_records", count=self.lost, why="the ledger was down for long")
            self.lost = 0


def _write(connection: Connection, group: Sequence[journal.Record]) -> None:
    """Write a group. Of words in the making only the latest; they replace one another anyway."""
    words: dict[tuple[str, str, str], dict[str, Any]] = {}
    rows = []
    for record in group:
        match record.entry:
            case journal.Said() as said:
                key = (record.call_id, said.item_id, said.speaker)
                values = {"at": record.at, "words": said.text.replace("\0", "\ufffd"), "final": said.final}
                words[key] = {"call_id": key[0], "item_id": key[1], "speaker": key[2], **values}
            case entry:
                text = msgspec.json.encode(entry).decode()
                rows.append({"call_id": record.call_id, "at": record.at, "entry": text})
    if rows:
        connection.execute(insert(entries), rows)
    if words:
        insert_or_update(connection, turns, ("call_id", "item_id", "speaker"), list(words.values()))
