"""Corrupt files are put aside, and nothing else is."""

from pathlib import Path

import pytest

from daemon.errors import LedgerUnavailable
from daemon.ledger.engine import Engines, file_id, make_engines
from daemon.ledger.failures import LedgerCorrupt
from daemon.ledger.place import Place
from daemon.ledger.quarantine import move_away
from tests.conftest import Logged
from tests.ledger.test_place import process


@pytest.fixture
def engines(tmp_path: Path) -> Engines:
    file = tmp_path / "ledger.db"
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).write_text(f"nonsense{suffix}")
    return make_engines(f"sqlite:///{file}")


def corrupt(engines: Engines) -> LedgerCorrupt:
    error = LedgerCorrupt(f"{engines.where}: the file is corrupt")
    error.file = file_id(engines.file or "")
    return error


def test_it_goes_with_its_other_files(engines: Engines, tmp_path: Path, logged: Logged) -> None:
    for number in (1, 2):
        move_away(corrupt(engines), engines, Place(tmp_path), ())
        assert logged()[-1]["to"] == f"{tmp_path}/ledger.db.corrupt-{number}"
        (tmp_path / "ledger.db").write_text("nonsense again")
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "ledger.db",
        "ledger.db.corrupt-1",
        "ledger.db.corrupt-1-shm",
        "ledger.db.corrupt-1-wal",
        "ledger.db.corrupt-2",
    ]
    assert (tmp_path / "ledger.db.corrupt-1-wal").read_text() == "nonsense-wal"


def test_another_file_is_left_alone(engines: Engines, tmp_path: Path) -> None:
    """Somebody else was quicker, or an operator has put a backup there."""
    error = corrupt(engines)
    (tmp_path / "ledger.db").rename(tmp_path / "moved")
    (tmp_path / "ledger.db").write_text("a good one")
    move_away(error, engines, Place(tmp_path), ())
    assert (tmp_path / "ledger.db").read_text() == "a good one"


def test_not_while_another_daemon_has_it_open(engines: Engines, tmp_path: Path) -> None:
    place = Place(tmp_path)
    ours = place.alive("ours")
    with process(tmp_path, "another") as other:
        with pytest.raises(LedgerUnavailable, match=r"it is moved away once no other daemon in .* has it open"):
            move_away(corrupt(engines), engines, place, ("ours",))
        assert (tmp_path / "ledger.db").exists()
        other.kill()
        other.wait()
        move_away(corrupt(engines), engines, place, ("ours",))
    assert not (tmp_path / "ledger.db").exists()
    ours.let_go(ended=True)


def test_it_can_not_be_moved(engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: Path, _target: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(LedgerUnavailable, match="it can't be moved: Operation not permitted"):
        move_away(corrupt(engines), engines, Place(tmp_path), ())


def test_postgresql_has_no_file(tmp_path: Path) -> None:
    engines = make_engines("postgresql://ada@db.example.net/calls")
    move_away(LedgerCorrupt("never"), engines, Place(tmp_path), ())
