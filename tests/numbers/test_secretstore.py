"""Where signing secrets go: a private file, or one that systemd-creds encrypts."""

import os
from pathlib import Path

import pytest

from daemon.config import Secret
from daemon.errors import SetupStopped
from daemon.numbers.record import SecretPlace
from daemon.numbers.secretstore import check_place, free_generation, keep_secret, read_secret

SECRET = Secret("whsec_do-not-show-me")

# Reverses what it is given, and puts the name in front; it may only do so for the name it was encrypted under.
FAKE = """#!/bin/sh
[ -n "$FAIL" ] && { echo "no such key" >&2; exit 1; }
case "$1" in
  encrypt) echo "$2"; rev ;;
  decrypt) read -r name; [ "$name" = "$2" ] || exit 1; rev ;;
esac
"""


@pytest.fixture
def systemd_creds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "systemd-creds"
    program.parent.mkdir()
    program.write_text(FAKE)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"bin"}


async def test_a_file(tmp_path: Path) -> None:
    place = SecretPlace(path=str(tmp_path / "s" / "secret"))
    await check_place(place)
    assert names(tmp_path / "s") == set()
    assert await read_secret(place) is None
    await keep_secret(place, SECRET)
    await keep_secret(place, SECRET)
    assert (tmp_path / "s" / "secret").stat().st_mode & 0o777 == 0o600
    assert await read_secret(place) == SECRET
    with pytest.raises(SetupStopped, match="there already"):
        await check_place(place)
    assert (place.reference, place.unit_line) == (f"${{file:{tmp_path}/s/secret}}", "")


def test_places_of_later_secrets() -> None:
    plain = SecretPlace(path="/s/+1800.whsec", credential="hook")
    assert plain.numbered(1) == plain
    assert plain.numbered(3) == SecretPlace(path="/s/+1800-3.whsec", credential="hook-3")
    assert plain.unit_line == "LoadCredential=hook:/s/+1800.whsec"
    encrypted = SecretPlace(path="/s/hook", credential="hook", encrypted=True)
    assert encrypted.numbered(2) == SecretPlace(path="/s/hook-2", credential="hook-2", encrypted=True)
    assert encrypted.reference == "${credential:hook}"
    assert encrypted.unit_line == "LoadCredentialEncrypted=hook:/s/hook"


def test_the_next_free_place(tmp_path: Path) -> None:
    place = SecretPlace(path=str(tmp_path / "a.whsec"))
    assert free_generation(place) == 1
    (tmp_path / "a.whsec").touch()
    (tmp_path / "a-2.whsec").symlink_to("nowhere")
    assert free_generation(place) == 3


async def test_an_encrypted_credential(tmp_path: Path, systemd_creds: None) -> None:
    place = SecretPlace(path=str(tmp_path / "hook"), credential="hook", encrypted=True)
    await check_place(place)
    assert names(tmp_path) == set()
    await keep_secret(place, SECRET)
    kept = (tmp_path / "hook").read_text()
    assert kept.startswith("--name=hook\n")
    assert SECRET.reveal() not in kept
    assert await read_secret(place) == SECRET


async def test_systemd_creds_that_fails(tmp_path: Path, systemd_creds: None, monkeypatch: pytest.MonkeyPatch) -> None:
    place = SecretPlace(path=str(tmp_path / "hook"), credential="hook", encrypted=True)
    monkeypatch.setenv("FAIL", "1")
    with pytest.raises(SetupStopped, match=r"encrypt failed \(no such key\); .*--secret-file"):
        await check_place(place)
    assert names(tmp_path) == set()
    assert await read_secret(place) is None


async def test_no_systemd_creds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    place = SecretPlace(path=str(tmp_path / "hook"), credential="hook", encrypted=True)
    with pytest.raises(SetupStopped, match="not installed"):
        await check_place(place)
