"""The state directory: private, whole or not there, and one command at a time."""

import os
from pathlib import Path
from unittest.mock import patch

import pytest

from daemon.errors import SetupStopped
from daemon.numbers.files import Files, state_folder, write_private


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert state_folder({"CALLWARDEN_STATE": "/here", "STATE_DIRECTORY": "/there"}) == Path("/here")
    assert state_folder({"STATE_DIRECTORY": "/there:/and/there"}) == Path("/there")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert state_folder({}) == Path("/var/lib/callwarden-setup")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_folder({}) == tmp_path / ".local/state/callwarden"
    assert state_folder({"XDG_STATE_HOME": "/x"}) == Path("/x/callwarden")


def test_files_are_private_and_whole(tmp_path: Path) -> None:
    files = Files(tmp_path / "deep" / "numbers")
    assert files.read("a") is None
    files.write("a", b"one")
    files.write("a", b"two")
    assert files.read("a") == b"two"
    assert files.path("a").stat().st_mode & 0o777 == 0o600
    assert files.folder.stat().st_mode & 0o777 == 0o700
    files.remove("a")
    files.remove("a")
    assert list(files.folder.iterdir()) == []


def test_a_full_disk_leaves_the_old_content(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.write("a", b"old")
    full = patch("os.fsync", side_effect=OSError(28, "No space left on device"))
    with full, pytest.raises(SetupStopped, match=r"/a: No space left on device; .*CALLWARDEN_STATE"):
        files.write("a", b"new")
    assert files.read("a") == b"old"
    files.write("a", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_stands_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    blocked = Files(tmp_path / "file")
    with pytest.raises(SetupStopped, match="File exists"):
        blocked.write("a", b"")
    with pytest.raises(SetupStopped, match="Not a directory"):
        blocked.read("a")
    with pytest.raises(SetupStopped, match="Not a directory"):
        blocked.remove("a")
    with pytest.raises(SetupStopped), blocked.locked("a"):
        pass


def test_a_link_that_somebody_has_put_there_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / ".a.part").symlink_to(victim)
    write_private(tmp_path / "a", b"secret")
    assert victim.read_text() == "precious"


def test_one_at_a_time(tmp_path: Path) -> None:
    files = Files(tmp_path)
    with files.locked("+1800"):
        with (
            pytest.raises(SetupStopped, match=r"another command is at work on \+1800"),
            Files(tmp_path).locked("+1800"),
        ):
            pass
        with files.locked("+1801"):
            pass
    with files.locked("+1800"):
        pass
