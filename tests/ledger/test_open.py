"""Opening the ledger: what an operator can get wrong, and what a broken disk or an absent database means at start."""

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import trio

from daemon.config.secrets import Secret
from daemon.errors import ConfigError, LedgerUnavailable, StartError
from daemon.ledger.engine import Engines, make_engines
from daemon.ledger.migrate import newest, prepare
from daemon.ledger.news import Adopted
from daemon.ledger.schema import calls
from tests.conftest import Logged
from tests.ledger.disk import small_disk
from tests.ledger.house import House, incoming, news_of, receipt, until
from tests.postgres import Postgres


@pytest.fixture
def new(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[str], House]]:
    """A house with a database that nobody has opened yet."""
    opened: list[Engines] = []

    def make(url: str) -> House:
        opened.append(make_engines(url))
        return House(opened[-1], tmp_path)

    yield make
    for engines in opened:
        engines.dispose()


@contextmanager
def refused(*words: str) -> Iterator[None]:
    """It does not start, and one line says why."""
    with pytest.raises(StartError) as caught:
        yield
    message = str(caught.value)
    assert "\n" not in message
    for each in words:
        assert each in message


async def test_everything_is_made_at_the_first_start(new: Callable[[str], House], tmp_path: Path) -> None:
    house = new(f"sqlite:///{tmp_path}/new/ledger.db")
    async with house.ledger(directory="") as opened:
        assert opened.orphans == ()
        assert await opened.ledger.claim(incoming("call-1"), "support")
        await opened.ledger.settle("call-1", receipt(), {})
        names = {file.name for file in (tmp_path / "new").iterdir()}
        epoch = opened.keeper._lease.epoch
        assert {"ledger.db", f"epoch-{epoch}.lock", f"spool-{epoch}.jsonl"} <= names
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["ledger.db"]


async def test_a_directory_that_can_not_be_made(new: Callable[[str], House], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    house = new(f"sqlite:///{tmp_path}/ledger.db")
    with refused(f"[ledger] directory: {tmp_path}/file/a: Not a directory; name a directory that can be written"):
        async with house.ledger(directory=str(tmp_path / "file" / "a")):
            pass


async def test_a_newer_ledger(house: House) -> None:
    house.execute("UPDATE alembic_version SET version_num = '9999'")
    try:
        for on_failure in ("refuse", "degrade"):
            with pytest.raises(ConfigError, match="was made by a newer version of Callwarden; install that version"):
                async with house.ledger(on_failure=on_failure):
                    pass
    finally:
        house.execute(f"UPDATE alembic_version SET version_num = '{newest()}'")


async def test_a_full_disk_at_the_start(new: Callable[[str], House], tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk:
        house = new(f"sqlite:///{disk}/ledger.db")
        with disk.full(), refused("[ledger] url: sqlite:///", "make room"):
            async with house.ledger(on_failure="refuse", directory=str(disk)):
                pass
        with disk.full():
            async with house.ledger(on_failure="degrade", directory=str(disk)) as opened:
                assert await opened.ledger.claim(incoming("call-1"), "support")
                await opened.ledger.settle("call-1", receipt(), {})
                (disk / "ballast").unlink()
                await until(lambda: opened.health.up)
                (disk / "ballast").touch()
                assert house.one(calls)["outcome"] == "caller_left"
                assert opened.orphans == ()


async def test_a_read_only_disk_at_the_start(new: Callable[[str], House], tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk:
        house = new(f"sqlite:///{disk}/ledger.db")
        with disk.read_only():
            with refused("[ledger] url: sqlite:///", "file system writable"):
                async with house.ledger(on_failure="refuse", directory=str(disk)):
                    pass
            async with house.ledger(on_failure="degrade", directory=str(disk)) as opened:
                assert await opened.ledger.claim(incoming("call-1"), "support")
                assert not opened.health.up
                assert opened.ledger.claims
                disk.remount("rw")
                await until(lambda: opened.health.up)
                assert house.one(calls)["outcome"] is None
                house.engines.dispose()


async def test_a_locked_file_at_the_start(
    new: Callable[[str], House], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.ledger.engine.BUSY_TIMEOUT", 0.1)
    house = new(f"sqlite:///{tmp_path}/ledger.db")
    prepare(house.engines)
    with house.parts("a") as before:  # somebody's call, from before
        await before.keeper.open()
        await before.ledger.claim(incoming("former"), "support")
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with refused("another program holds it locked: find it with `fuser`"):
            async with house.ledger(on_failure="refuse"):
                pass
        async with house.ledger(on_failure="degrade") as opened:
            assert opened.orphans == ()
            assert await opened.ledger.claim(incoming("call-1"), "support")
            other.execute("ROLLBACK")
            await until(lambda: opened.health.up)
            (news,) = news_of(opened)
            assert isinstance(news, Adopted)
            assert [orphan.incoming.call_id for orphan in news.orphans] == ["former"]
    assert {row["call_id"] for row in house.rows(calls)} == {"former", "call-1"}


@pytest.mark.parametrize("damage", ["header", "inside"])
async def test_a_corrupt_file_at_the_start(
    new: Callable[[str], House], tmp_path: Path, damage: str, logged: Logged
) -> None:
    house = new(f"sqlite:///{tmp_path}/ledger.db")
    prepare(house.engines)
    house.engines.dispose()
    content = bytearray((tmp_path / "ledger.db").read_bytes())
    content[4096 if damage == "inside" else 0 :] = os.urandom(len(content) - (4096 if damage == "inside" else 0))
    (tmp_path / "ledger.db").write_bytes(content)
    with refused("the file is corrupt: move it away or restore a backup"):
        async with house.ledger(on_failure="refuse"):
            pass
    assert (tmp_path / "ledger.db").read_bytes() == content
    async with house.ledger(on_failure="degrade") as opened:
        assert opened.health.up
        assert await opened.ledger.claim(incoming("call-1"), "support")
    assert (tmp_path / "ledger.db.corrupt-1").read_bytes() == content
    assert "ledger_moved_away" in [line["event"] for line in logged()]
    assert "Traceback" not in str(logged())


async def test_postgresql_is_away_at_the_start(house: House, postgres: Postgres) -> None:
    if house.engines.file:
        pytest.skip("PostgreSQL only")
    house.engines.dispose()
    postgres.stop(signal.SIGQUIT)
    try:
        with refused(
            "[ledger] url: postgresql://", "it can't be reached: is it running, and does [ledger] url name it?"
        ):
            async with house.ledger(on_failure="auto"):
                pass
        async with house.ledger(on_failure="degrade") as opened:
            assert await opened.ledger.claim(incoming("call-1"), "support")
            postgres.start()
            await until(lambda: opened.health.up, 10)
            assert house.one(calls)["outcome"] is None
    finally:
        if postgres.process is None:
            postgres.start()


async def test_a_wrong_password(new: Callable[[str], House], postgres: Postgres) -> None:
    house = new(postgres.url_of("postgres", host="127.0.0.1"))
    with refused("[ledger] url: postgresql://callwarden@127.0.0.1", "it refuses user or password"):
        async with house.ledger(password=Secret("wrong")):
            pass


async def test_the_end_is_short_whatever_happens(house: House) -> None:
    """A database that does not answer at the end is left to itself, and what is owed is left in the spool."""
    async with house.ledger() as opened:
        await opened.ledger.claim(incoming("call-1"), "support")
        opened.health.fail(LedgerUnavailable("down"))
        await opened.ledger.settle("call-1", receipt(), {})
        began = trio.current_time()
    assert trio.current_time() - began < 1.0
    async with house.ledger() as opened:
        assert opened.orphans == ()
    assert house.one(calls)["outcome"] == "caller_left"


async def test_a_bug_elsewhere_ends_it_well(house: House) -> None:
    with pytest.RaisesGroup(RuntimeError):
        async with house.ledger() as opened:
            await opened.ledger.claim(incoming("call-1"), "support")
            raise RuntimeError("a bug")
    async with house.ledger() as opened:
        assert [orphan.incoming.call_id for orphan in opened.orphans] == ["call-1"]
