"""Looking into the ledger from outside: what is there is read, and nothing is made."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text

from daemon.config import Ledger as Table
from daemon.errors import CallwardenError, ConfigError, LedgerUnavailable, StartError
from daemon.ledger.engine import Engines
from daemon.ledger.schema import entries
from daemon.ledger.visiting import visiting
from tests.databases import at_version, open_engines

ROW = {"call_id": "call-1", "at": 1.0, "entry": "{}"}


def refused(url: str, kind: type[CallwardenError]) -> str:
    with pytest.raises(kind) as caught, visiting(Table(url=url)):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_reading_and_writing(engines: Engines, ledger_url: str) -> None:
    count = select(func.count()).select_from(entries)
    with visiting(Table(url=ledger_url)) as visit:
        visit.write(lambda c: c.execute(insert(entries).values(ROW)))
        assert visit.read(lambda c: c.execute(count).scalar_one()) == 1


def test_what_fails_is_rolled_back(engines: Engines, ledger_url: str) -> None:
    count = select(func.count()).select_from(entries)
    with visiting(Table(url=ledger_url)) as visit:
        with pytest.raises(LedgerUnavailable):
            visit.write(lambda c: (c.execute(insert(entries).values(ROW)), c.execute(text("SELECT nonsense"))))
        assert visit.read(lambda c: c.execute(count).scalar_one()) == 0


def test_no_file_is_made(tmp_path: Path) -> None:
    assert "there is no ledger yet" in refused(f"sqlite:///{tmp_path}/ledger.db", LedgerUnavailable)
    assert "there is no ledger yet" in refused(f"sqlite:///{tmp_path}/nowhere/ledger.db", LedgerUnavailable)
    (tmp_path / "empty.db").touch()
    assert "there is no ledger yet" in refused(f"sqlite:///{tmp_path}/empty.db", LedgerUnavailable)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.db"]


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("certainly no database, but long enough to be read as one " * 100)
    assert "corrupt" in refused(f"sqlite:///{tmp_path}/ledger.db", LedgerUnavailable)
    (tmp_path / "file").write_text("x")
    assert refused(f"sqlite:///{tmp_path}/file/ledger.db", LedgerUnavailable)


def test_no_tables(database: Callable[..., str]) -> None:
    assert "callwarden ledger migrate" in refused(database(empty=True), LedgerUnavailable)


def test_other_versions(engines: Engines, ledger_url: str) -> None:
    with at_version(engines, "9999"):
        assert "newer version" in refused(ledger_url, ConfigError)
        with visiting(Table(url=ledger_url), any_version=True) as visit:
            assert visit.read(lambda c: c.execute(select(1)).scalar_one()) == 1


def test_an_older_version(engines: Engines, ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.ledger.visiting.newest", lambda: "0002")
    assert "older version" in refused(ledger_url, StartError)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be somebody who owns nothing here."""
    us = os.geteuid()
    if us == 0:
        os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(us)


def test_without_permission() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open_engines(f"sqlite:///{folder}/ledger.db"):
            pass
        # Ours alone; everybody's to read, which is not enough; in a folder nobody may look into.
        for of_file, of_folder in ((0o000, 0o755), (0o444, 0o755), (0o666, 0o000)):
            (folder / "ledger.db").chmod(of_file)
            folder.chmod(of_folder)
            with as_nobody():
                words = refused(f"sqlite:///{folder}/ledger.db", LedgerUnavailable)
            folder.chmod(0o755)
            assert "run this as the user that the daemon runs as" in words
        assert [path.name for path in folder.iterdir()] == ["ledger.db"]


def test_a_server_that_is_not_there() -> None:
    words = refused("postgresql://nobody@127.0.0.1:1/nothing", LedgerUnavailable)
    assert "can't be reached" in words


def test_a_writer_in_the_middle_of_its_work_is_not_waited_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    count = select(func.count()).select_from(entries)
    with open_engines(url) as engines, engines.durable.begin() as daemon:
        daemon.execute(insert(entries).values(ROW))
        with visiting(Table(url=url)) as visit:
            assert visit.read(lambda c: c.execute(count).scalar_one()) == 0
