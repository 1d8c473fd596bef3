"""Power cuts, for SQLite: whatever of the write-ahead log was not synced yet is missing, or is anything at all.

The log is cut at a byte behind what was acknowledged last, and the ledger opened as after a restart.
"""

import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from daemon.core import journal
from daemon.core.effects import ToolUse
from daemon.core.journal import Record
from daemon.ledger.engine import make_engines
from daemon.ledger.migrate import prepare
from daemon.ledger.open import Parts
from daemon.ledger.schema import calls as calls_table
from tests.ledger.house import House, incoming, receipt

USE = ToolUse(id="use-1", name="pay", arguments='{"amount":12}')


class Acknowledged(msgspec.Struct, frozen=True):
    """What had been promised when the log was so long."""

    end: int
    claims: frozenset[str]
    receipts: frozenset[str]
    effects: frozenset[str]
    """Tools that may run, as somebody was told."""


class Machine:
    """A daemon's disk up to a power cut."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "ledger.db"
        self.promises: list[Acknowledged] = []
        self.images: list[tuple[bytes, bytes]] = []
        """Database and log after each promise."""
        self._claims: set[str] = set()
        self._receipts: set[str] = set()
        self._effects: set[str] = set()

    def promised(self, *, claim: str = "", receipt: str = "", effect: str = "") -> None:
        """Something was acknowledged just now."""
        self._claims |= {claim} - {""}
        self._receipts |= {receipt} - {""}
        self._effects |= {effect} - {""}
        database, log = self.file.read_bytes(), Path(f"{self.file}-wal").read_bytes()
        self.images.append((database, log))
        self.promises.append(
            Acknowledged(len(log), frozenset(self._claims), frozenset(self._receipts), frozenset(self._effects))
        )

    async def live(self, parts: Parts, calls: int) -> None:
        """Some calls, with what is told of them in between, which nobody promises."""
        ledger = parts.ledger
        for number in range(calls):
            call_id = f"call-{number}"
            assert await ledger.claim(incoming(call_id), "support")
            self.promised(claim=call_id)
            await ledger.joined(call_id)
            await parts.keeper._beat()
            for digit in range(5):
                parts.journal.watch(Record(at=1.0, call_id=call_id, entry=journal.KeyPressed(digit=str(digit))))
            await parts.journal.flush()
            assert await ledger.begin_effect(call_id, USE) is None
            self.promised(effect=call_id)
            await ledger.end_effect(call_id, "use-1", "paid")
            if number % 2:
                assert await ledger.settle(call_id, receipt(), {})
                self.promised(receipt=call_id)


class Restart:
    """Opens a disk as it was after a cut; changes nothing on it, so that the next cut can be made in the same log."""

    def __init__(self, folder: Path) -> None:
        # In memory where that is possible: only what SQLite reads matters here.
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else folder))
        self._file = self.folder / "after.db"
        self._log = self.folder / "after.db-wal"
        self._database: bytes | None = None

    def find(self, database: bytes, log: bytes | int) -> dict[str, set[str]]:
        """What is there; of the last log that was given whole, a length is enough."""
        if database is not self._database:
            self._file.write_bytes(database)
            self._database = database
        if isinstance(log, int):
            os.truncate(self._log, log)
        else:
            self._log.write_bytes(log)
        (self.folder / "after.db-shm").unlink(missing_ok=True)
        with closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)) as ledger:
            return {
                "claims": {row[0] for row in ledger.execute("SELECT call_id FROM calls")},
                "receipts": {row[0] for row in ledger.execute("SELECT call_id FROM calls WHERE outcome IS NOT NULL")},
                "effects": {row[0] for row in ledger.execute("SELECT call_id FROM effects")},
            }


@pytest.fixture
def restart(tmp_path: Path) -> Iterator[Restart]:
    restart = Restart(tmp_path)
    yield restart
    shutil.rmtree(restart.folder)


def kept(promise: Acknowledged, found: dict[str, set[str]]) -> bool:
    return (
        promise.claims <= found["claims"]
        and promise.receipts <= found["receipts"]
        and promise.effects <= found["effects"]
    )


def cuts(machine: Machine, step: int) -> Iterator[tuple[Acknowledged, int]]:
    """Lengths of the log, longest first, and what had been promised when it was no longer."""
    promises = machine.promises[::-1]
    for length in range(machine.promises[-1].end, machine.promises[0].end - 1, -step):
        yield next(promise for promise in promises if promise.end <= length), length


async def lived(folder: Path, calls: int) -> Machine:
    engines = make_engines(f"sqlite:///{folder}/ledger.db")
    prepare(engines)
    engines.dispose()
    house = House(engines, folder)
    machine = Machine(folder)
    with house.parts() as parts:
        await parts.keeper.open()
        await machine.live(parts, calls)
    return machine


async def test_the_log_is_cut_somewhere(tmp_path: Path, restart: Restart) -> None:
    machine = await lived(tmp_path, calls=6)
    database, log = machine.images[-1]
    dice = random.Random(1)
    for promise, cut in cuts(machine, step=977):
        found = restart.find(database, log[:cut])
        assert kept(promise, found), (promise, cut)
        assert found["claims"] <= machine.promises[-1].claims
        # The disk may have taken the length of the file, and not yet what is in it.
        for rest in (dice.randbytes(len(log) - cut), bytes(len(log) - cut)):
            assert kept(promise, restart.find(database, log[:cut] + rest)), (promise, cut)


async def test_the_log_begins_again_in_between(
    tmp_path: Path, restart: Restart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is copied into the database now and then, and written over from its beginning."""
    monkeypatch.setattr("daemon.ledger.engine._PRAGMAS", ("journal_mode=WAL", "wal_autocheckpoint=8"))
    machine = await lived(tmp_path, calls=12)
    ends = [promise.end for promise in machine.promises]
    assert len(set(ends)) < len(ends)  # it did
    for promise, (database, log) in zip(machine.promises, machine.images, strict=True):
        assert kept(promise, restart.find(database, log)), promise
    # From one image to the next: a part of the later log on the disk, over the earlier one.
    for number in range(len(machine.images) - 1):
        (database, log), (later, longer) = machine.images[number], machine.images[number + 1]
        if later == database:
            for cut in range(0, len(longer), 1511):
                found = restart.find(database, longer[:cut] + log[cut:])
                assert kept(machine.promises[number], found), (number, cut)


@pytest.mark.exhaustive
async def test_the_log_is_cut_at_every_byte(tmp_path: Path, restart: Restart) -> None:
    machine = await lived(tmp_path, calls=2)
    database, log = machine.images[-1]
    restart.find(database, log)
    for promise, cut in cuts(machine, step=1):
        assert kept(promise, restart.find(database, cut)), (promise, cut)


async def test_what_is_opened_afterwards_is_a_ledger(tmp_path: Path) -> None:
    """Through the daemon's own way in: it migrates nothing, adopts what is owed and goes on."""
    machine = await lived(tmp_path, calls=4)
    database, log = machine.images[-1]
    folder = tmp_path / "restarted"
    folder.mkdir()
    (folder / "ledger.db").write_bytes(database)
    (folder / "ledger.db-wal").write_bytes(log[: machine.promises[-2].end + 100])
    house = House(make_engines(f"sqlite:///{folder}/ledger.db"), folder)
    async with house.ledger("b") as opened:
        owed = machine.promises[-2].claims - machine.promises[-2].receipts
        found = {orphan.incoming.call_id for orphan in opened.orphans}
        assert found <= {*machine.promises[-1].claims}
        # The dead daemon's directory is not here, so it is waited for; what is owed is in the ledger.
        assert owed <= {row["call_id"] for row in house.rows(calls_table) if row["outcome"] is None}
        assert await opened.ledger.claim(incoming("new"), "support")
    house.engines.dispose()
