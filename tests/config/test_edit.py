"""Editing the configuration: what is meant is there afterwards, and nothing else has changed, comments included."""

import difflib
import os
import tomllib
from pathlib import Path
from unittest.mock import patch

import pytest

from daemon.config import load
from daemon.config.edit import number_lines, write_number
from daemon.errors import SetupStopped
from tests.config.written import API_KEY, WEBHOOK_SECRET

SHIPPED = (Path(__file__).parents[2] / "config.toml").read_text()
NUMBER = "+4930555019"
NEW, OLD = "${file:/secrets/new}", "${file:/secrets/old}"


def changed(before: str, after: str) -> list[str]:
    """Lines taken away and added."""
    return [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[:2] in ("- ", "+ ")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(SHIPPED)
    return path


def test_a_new_number_in_the_shipped_file(path: Path) -> None:
    assert write_number(path, NUMBER, agent="support", carrier="twilio", add=[NEW])
    assert changed(SHIPPED, path.read_text()) == [
        "+ ",
        f'+ [numbers."{NUMBER}"]',
        '+ agent = "support"',
        '+ carrier = "twilio"',
        f'+ webhook_secrets = ["{NEW}"]',
    ]
    # It stands with the other numbers, and before the next heading.
    text = path.read_text()
    assert text.index('[numbers."+18005550199"]') < text.index(NUMBER) < text.index("# --- Your agents")


def test_it_is_a_configuration(path: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(WEBHOOK_SECRET)
    write_number(path, NUMBER, agent="support", carrier="twilio", add=[f"${{file:{secret}}}"])
    (tmp_path / "xai-webhook-secret").write_text(WEBHOOK_SECRET)
    config = load(path, env={"XAI_API_KEY": API_KEY, "CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert config.numbers[NUMBER].carrier == "twilio"
    assert len(config.numbers[NUMBER].webhook_secrets) == 1


def test_a_number_that_is_there_keeps_its_comments_and_columns(path: Path) -> None:
    write_number(path, "+18005550199", agent=None, carrier="plivo", add=["${file:/x}"])
    before, after = changed(SHIPPED, path.read_text())[::2], changed(SHIPPED, path.read_text())[1::2]
    assert [line.index("#") for line in before] == [line.index("#") for line in after]
    assert [line.partition("#")[2] for line in before] == [line.partition("#")[2] for line in after]
    entry = tomllib.loads(path.read_text())["numbers"]["+18005550199"]
    assert entry == {"agent": "support", "carrier": "plivo", "webhook_secrets": ["${file:/x}"], "overflow": []}


def test_a_rotation_and_its_end(path: Path) -> None:
    write_number(path, NUMBER, agent="support", carrier="", add=[OLD])
    first = path.read_text()
    write_number(path, NUMBER, agent=None, carrier="", add=[NEW])
    assert changed(first, path.read_text()) == [
        f'- webhook_secrets = ["{OLD}"]',
        f'+ webhook_secrets = ["{NEW}", "{OLD}"]',
    ]
    write_number(path, NUMBER, agent=None, carrier="", drop=[OLD])
    assert path.read_text() == first.replace(OLD, NEW)


def test_what_is_there_already_is_left_alone(path: Path) -> None:
    assert write_number(path, NUMBER, agent="support", carrier="byo", add=[NEW])
    before = path.stat().st_mtime_ns, path.read_text()
    assert not write_number(path, NUMBER, agent="support", carrier="byo", add=[NEW])
    assert (path.stat().st_mtime_ns, path.read_text()) == before


def test_a_dry_run(path: Path) -> None:
    assert write_number(path, NUMBER, agent="support", carrier="", add=[NEW], dry=True)
    assert path.read_text() == SHIPPED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment\n",
        '[platform.xai]\napi_key = "x"\n# the end',
        '[numbers]\n"+49" = { agent = "a" } # in line\n\n[b]\nc = 1\n',
        f'[numbers]\n"{NUMBER}".agent = "a" # dotted\n\n[b]\nc = 1\n',
        f'[numbers."{NUMBER}"]\nagent = "a"\n\n# about b\n[b]\nc = 1\n[numbers."+49"]\nagent = "z"\n',
        f'numbers."{NUMBER}" = {{ agent = "a" }}\n',
        '[numbers."+49"]\nagent = "a"\n[numbers."+49".deeper]\nx = 1\n[[list]]\ny = 2\n',
        '[numbers."+49"]\r\nagent = "a"\r\n\r\n# windows\r\n[b]\r\nc = 1\r\n',
    ],
)
def test_files_written_in_other_ways(tmp_path: Path, text: str) -> None:
    """It is edited as meant, or refused and left as it was; never anything else."""
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode())
    meant = tomllib.loads(text)
    entry = meant.setdefault("numbers", {}).setdefault(NUMBER, {})
    entry |= {"agent": "b", "webhook_secrets": [NEW]}
    refused = ""
    try:
        write_number(path, NUMBER, agent="b", carrier="", add=[NEW])
    except SetupStopped as stopped:
        refused = str(stopped)
    if refused:
        assert "paste the lines" in refused
        assert path.read_bytes() == text.encode()
        return
    after = path.read_bytes().decode()
    assert tomllib.loads(after) == meant
    comments = [line.partition("#")[2] for line in text.splitlines(keepends=True) if "#" in line]
    assert [comment for comment in comments if comment not in after] == []


@pytest.mark.parametrize(
    "text", ["numbers = 3\n", f'[numbers]\n"{NUMBER}" = 3\n', f'numbers."{NUMBER}".webhook_secrets = ""']
)
def test_files_that_are_wrong(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(SetupStopped, match=r"\[numbers\] is not made of tables"):
        write_number(path, NUMBER, agent="a", carrier="")


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(SetupStopped, match="can't be read"):
        write_number(tmp_path / "none", NUMBER, agent="a", carrier="")
    path = tmp_path / "config.toml"
    path.write_text("x =")
    with pytest.raises(SetupStopped, match="not valid TOML"):
        write_number(path, NUMBER, agent="a", carrier="")
    path.write_text("")
    full = patch("os.fsync", side_effect=OSError(28, "No space left on device"))
    with full, pytest.raises(SetupStopped, match="No space left"):
        write_number(path, NUMBER, agent="a", carrier="")
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.toml"]
    assert path.read_text() == ""


def test_rights_and_links_stay(tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    real.write_text("")
    real.chmod(0o640)
    link = tmp_path / "config.toml"
    link.symlink_to(real)
    write_number(link, NUMBER, agent="a", carrier="")
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert (real.stat().st_uid, real.stat().st_gid) == (os.geteuid(), os.getegid())
    assert "agent" in real.read_text()


def test_lines_to_paste() -> None:
    assert number_lines(NUMBER, agent="support", carrier="", references=[NEW]).splitlines() == [
        f'[numbers."{NUMBER}"]',
        'agent = "support"',
        f'webhook_secrets = ["{NEW}"]',
    ]
