"""State directories, and who lives in them. Other processes are real ones."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemon.errors import StartError
from daemon.ledger.place import Place
from tests.conftest import Logged
from tests.ledger.disk import small_disk

_LIVES = """
import sys
from pathlib import Path
from daemon.ledger.place import Place
lock = Place(Path(sys.argv[1])).alive(sys.argv[2])
print("alive", flush=True)
sys.stdin.read()
"""


@contextmanager
def process(folder: Path, epoch: str) -> Iterator[subprocess.Popen[str]]:
    """A daemon that lives in a directory."""
    command = [sys.executable, "-c", _LIVES, str(folder), epoch]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            assert running.stdout.readline() == "alive\n"
            yield running
        finally:
            running.kill()


def test_whoever_is_killed_is_dead_at_once(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with process(tmp_path, "other") as other:
        assert place.may_live("other")
        assert place.others_live()
        assert not place.is_dead("other", place.id)
        other.kill()
        other.wait()
        assert place.is_dead("other", place.id)
        assert not place.may_live("other")
        assert not place.others_live()
    place.bury("other")
    place.bury("other")
    assert list(tmp_path.iterdir()) == []


def test_we_are_alive_and_then_not(tmp_path: Path) -> None:
    place = Place(tmp_path)
    lock = place.alive("ours")
    assert not place.is_dead("ours", place.id)
    assert not place.others_live("ours")
    assert place.others_live("another of ours")
    lock.let_go(ended=False)
    assert place.is_dead("ours", place.id)  # its file says so
    lock = place.alive("next")
    lock.let_go(ended=True)
    lock.let_go(ended=True)
    assert not place.is_dead("next", place.id)  # there is no telling, and no need to
    place.clean("kept")
    assert list(tmp_path.iterdir()) == []


def test_what_is_still_needed_is_not_cleaned_away(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.alive("dead").let_go(ended=False)
    held = place.alive("ours")
    place.clean("dead")
    assert place.is_dead("dead", place.id)
    place.clean()
    assert [file.name for file in tmp_path.iterdir()] == ["epoch-ours.lock"]
    held.let_go(ended=True)


def test_a_lock_that_is_not_there_proves_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert not place.is_dead("cleaned away by somebody", place.id)


def test_a_copy_of_the_directory_is_another_place(tmp_path: Path) -> None:
    """As in the image of a machine: the original lives elsewhere, and its lock is not held here."""
    original = Place(tmp_path / "original")
    lock = original.alive("original")
    shutil.copytree(tmp_path / "original", tmp_path / "copy")
    copy = Place(tmp_path / "copy")
    assert copy.id != original.id
    assert not copy.is_dead("original", original.id)
    assert Place(tmp_path / "original").id == original.id
    lock.let_go(ended=True)


def test_another_boot_is_another_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Place(tmp_path)
    assert not before.is_of_earlier_boot(before.id)
    boot = tmp_path / "boot_id"
    boot.write_text("another boot\n")
    monkeypatch.setattr("daemon.ledger.place._BOOT", boot)
    after = Place(tmp_path)
    assert after.id != before.id
    assert after.is_of_earlier_boot(before.id)
    boot.unlink()
    assert Place(tmp_path).boot == "unknown"


def test_a_directory_is_made_for_us_alone(tmp_path: Path) -> None:
    place = Place(tmp_path / "a" / "b")
    assert place.folder.stat().st_mode & 0o777 == 0o700


def test_a_directory_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError) as caught:
        Place(tmp_path / "file" / "folder")
    assert str(caught.value) == (
        f"[ledger] directory: {tmp_path}/file/folder: Not a directory; name a directory that can be written"
    )


def test_a_directory_that_may_not_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o500)
    script = "import sys; from pathlib import Path; from daemon.ledger.place import Place; Place(Path(sys.argv[1]))"
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(parent.stat().st_mode | 0o011)
    if as_nobody and not shutil.which("setpriv"):
        pytest.skip("root may write everywhere")
    # Root may read our interpreter where nobody else may, so nobody only tries what the place would.
    tried = subprocess.run(
        [*as_nobody, sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=False, cwd="/"
    )
    if "Permission denied; name a directory" not in tried.stderr:
        pytest.skip(f"nobody can't run our interpreter: {tried.stderr[-200:]}")
    assert f"StartError: [ledger] directory: {folder}: Permission denied" in tried.stderr


def test_a_full_or_broken_disk_is_no_reason_not_to_live(tmp_path: Path, logged: Logged) -> None:
    with small_disk(tmp_path, "64k") as disk:
        with disk.read_only():
            lock = Place(disk.folder).alive("ours")
        assert [(line["event"], line["why"]) for line in logged()] == [("no_lock", "Read-only file system")]
        lock.let_go(ended=True)
        assert list(disk.folder.iterdir()) == []
