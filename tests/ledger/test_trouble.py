"""A ledger in trouble under live calls, on SQLite, with both settings of `on_failure`.

One line says what is wrong; nobody's call ends; what was acknowledged is there afterwards; and no restart is needed.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest
import trio

from daemon.core.effects import Effect, ToolUse
from daemon.errors import LedgerUnavailable
from daemon.ledger.engine import make_engines
from daemon.ledger.migrate import prepare
from daemon.ledger.open import OpenLedger
from daemon.ledger.schema import calls, effects
from tests.conftest import Logged
from tests.ledger.disk import Disk, small_disk
from tests.ledger.house import House, incoming, news_of, receipt, until

USE = ToolUse(id="use-1", name="pay", arguments="{}")


@contextmanager
def locked(disk: Disk) -> Iterator[None]:
    """Another program holds the database for longer than anybody waits."""
    with closing(sqlite3.connect(disk / "ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def corrupt(disk: Disk) -> Iterator[None]:
    """Somebody has written into the file."""
    size = (disk / "ledger.db").stat().st_size
    with (disk / "ledger.db").open("r+b") as file:
        file.write(b"no database " * (size // 12))
    with (disk / "ledger.db-wal").open("r+b") as file:
        file.write(b"\0" * (disk / "ledger.db-wal").stat().st_size)
    yield


@contextmanager
def removed(disk: Disk) -> Iterator[None]:
    """Somebody has tidied up."""
    for suffix in ("", "-wal", "-shm"):
        (disk / f"ledger.db{suffix}").unlink()
    yield


def full(disk: Disk) -> AbstractContextManager[None]:
    """Not a byte is free."""
    return disk.full()


Trouble = Callable[[Disk], AbstractContextManager[None]]
SAYS: dict[Trouble, str] = {
    full: "make room",
    locked: "locked",
    corrupt: "corrupt",
    removed: "replaced while it was open",
}


class Scene:
    """One daemon's ledger on a small disk."""

    def __init__(self, opened: OpenLedger, house: House, disk: Disk) -> None:
        self.opened, self.house, self.disk = opened, house, disk
        self.ledger = opened.ledger

    async def falls_into(self) -> None:
        """Let it find out."""
        self.opened.keeper.wake()
        await until(lambda: not self.opened.health.up)

    async def is_back(self) -> None:
        await until(lambda: self.opened.health.up, 10)

    def outcomes(self) -> dict[str, str | None]:
        return {row["call_id"]: row["outcome"] for row in self.house.rows(calls)}


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    monkeypatch.setattr("daemon.ledger.engine.BUSY_TIMEOUT", 0.1)
    with small_disk(tmp_path) as disk:
        yield disk


@asynccontextmanager
async def scene(disk: Disk, on_failure: str) -> AsyncIterator[Scene]:
    engines = make_engines(f"sqlite:///{disk}/ledger.db")
    house = House(engines, disk.folder)
    try:
        async with house.ledger(on_failure=on_failure, directory=str(disk), lease=2.0) as opened:
            yield Scene(opened, house, disk)
    finally:
        engines.dispose()


CASES = [
    (trouble, on_failure)
    for trouble in (full, locked, corrupt, removed)
    for on_failure in ("degrade", "refuse")
    if (trouble, on_failure) != (corrupt, "refuse")  # a test of its own
]


@pytest.mark.parametrize(("trouble", "on_failure"), CASES)
async def test_trouble(disk: Disk, trouble: Trouble, on_failure: str, logged: Logged) -> None:
    async with scene(disk, on_failure) as here:
        ledger = here.ledger
        for call_id in ("stays", "leaves"):
            assert await ledger.claim(incoming(call_id), "support")
            await ledger.joined(call_id)
        with trouble(disk):
            if on_failure == "degrade":
                # Whoever finds out first is answered all the same.
                assert await ledger.claim(incoming("late"), "support")
                assert ledger.claims
            elif trouble is not removed:
                with pytest.raises(LedgerUnavailable, match=SAYS[trouble]):
                    await ledger.claim(incoming("late"), "support")
                assert not ledger.claims
            assert await ledger.begin_effect("stays", USE) is None
            assert await ledger.begin_effect("stays", USE) == Effect(use=USE)
            await ledger.end_effect("stays", "use-1", "paid")
            assert await ledger.ours("leaves")
            assert await ledger.settle("leaves", receipt(), {})
        await here.is_back()
        if on_failure == "refuse":
            assert await ledger.claim(incoming("late"), "support")
        await until(lambda: set(here.outcomes()) == {"stays", "leaves", "late"})
        assert here.outcomes() == {"stays": None, "leaves": "caller_left", "late": None}
        assert here.house.one(effects)["output"] == "paid"
        assert here.house.one(calls, call_id="stays")["joined_at"] is not None
        for call_id in ("stays", "late"):
            assert await ledger.settle(call_id, receipt("hung_up"), {})
        assert news_of(here.opened) == []
    said = [line for line in logged() if line["event"] == "ledger_down"]
    assert SAYS[trouble] in said[0]["why"]
    assert [line["event"] for line in logged()].count("ledger_back") == 1
    assert "Traceback" not in str(logged())


async def test_a_corrupt_file_is_not_touched_when_calls_may_be_refused(disk: Disk) -> None:
    async with scene(disk, "refuse") as here:
        assert await here.ledger.claim(incoming("stays"), "support")
        with closing(sqlite3.connect(disk / "ledger.db")) as other:
            other.execute("VACUUM INTO ?", (str(disk / "backup.db"),))
        assert await here.ledger.claim(incoming("after the backup"), "support")
        with corrupt(disk):
            await here.falls_into()
            for _ in range(2):
                with pytest.raises(LedgerUnavailable, match="the file is corrupt: move it away or restore a backup"):
                    await here.ledger.claim(incoming("late"), "support")
                await trio.sleep(0.5)
            assert await here.ledger.settle("stays", receipt(), {})
            assert not list(disk.folder.glob("*.corrupt*"))
        for suffix in ("-wal", "-shm"):
            (disk / f"ledger.db{suffix}").unlink(missing_ok=True)
        (disk / "backup.db").rename(disk / "ledger.db")
        await here.is_back()
        # What came after the backup is remembered by whoever serves it.
        await until(lambda: here.outcomes() == {"stays": "caller_left", "after the backup": None})
        assert await here.ledger.claim(incoming("late"), "support")


async def test_what_was_moved_away_can_be_looked_into(disk: Disk) -> None:
    async with scene(disk, "degrade") as here:
        assert await here.ledger.claim(incoming("before"), "support")
        assert await here.ledger.settle("before", receipt(), {})
        assert await here.ledger.claim(incoming("stays"), "support")
        with corrupt(disk):
            await here.falls_into()
            assert await here.ledger.claim(incoming("late"), "support")
        await here.is_back()
        await until(lambda: set(here.outcomes()) == {"stays", "late"})
        assert (disk / "ledger.db.corrupt-1").exists()
        assert not await here.ledger.claim(incoming("stays"), "support")


async def test_a_daemon_that_dies_in_trouble_has_spooled_what_it_owes(disk: Disk) -> None:
    """The disk is full, and then the daemon is killed; the next one writes what the first has promised."""
    engines = make_engines(f"sqlite:///{disk}/ledger.db")
    prepare(engines)
    house = House(engines, disk.folder)
    with house.parts(on_failure="degrade", directory=str(disk)) as first:
        await first.keeper.open()
        assert await first.ledger.claim(incoming("before"), "support")
        with disk.full():
            for number in range(50):
                assert await first.ledger.claim(incoming(f"call-{number}"), "support")
                await first.ledger.joined(f"call-{number}")
            assert await first.ledger.settle("before", receipt(), {})
            for number in range(25):
                assert await first.ledger.settle(f"call-{number}", receipt("hung_up"), {})
    async with house.ledger(on_failure="degrade", directory=str(disk)) as second:
        outcomes = {row["call_id"]: row["outcome"] for row in house.rows(calls)}
        assert outcomes == {
            "before": "caller_left",
            **{f"call-{number}": "hung_up" if number < 25 else None for number in range(50)},
        }
        assert len(second.orphans) == 25
        assert all(orphan.joined for orphan in second.orphans)
    engines.dispose()
