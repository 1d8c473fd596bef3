"""What an operator sees at the command line, and the exit codes their scripts see."""

import json
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemon.cli.main import main
from tests.configured import API_KEY, SIGNING_SECRET

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The secrets that the shipped configuration refers to."""
    (tmp_path / "xai-webhook-secret").write_text(SIGNING_SECRET + "\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("XAI_API_KEY", API_KEY)
    monkeypatch.setenv("CALLWARDEN_STATE", str(tmp_path / "state"))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def ledger_in(folder: Path) -> tuple[str, str]:
    return "--set", f"ledger.url=sqlite:///{folder}/ledger.db"


SHIPPED = ("--config", str(ROOT / "config.toml"))


def test_check_the_shipped_file(credentials: Path) -> None:
    result = run("check", *SHIPPED)
    assert result.exit_code == 0
    assert "+18005550199 is answered by support" in result.output


def test_check_as_json(credentials: Path) -> None:
    result = run("check", *SHIPPED, "--json")
    routes = {"+18005550199": "support"}
    assert json.loads(result.output) == {"ok": True, "routes": routes, "agents": ["support"], "warnings": []}


def test_check_warns_of_transfers_that_will_not_work(credentials: Path) -> None:
    plivo = ("--set", 'numbers."+18005550199".carrier=plivo')
    result = run("check", *SHIPPED, *plivo)
    assert result.exit_code == 0
    assert "warning: [destinations.front_desk] uri: Plivo transfers to no tel: address" in result.stderr
    (warning,) = json.loads(run("check", *SHIPPED, *plivo, "--json").output)["warnings"]
    assert warning["where"] == "[destinations.front_desk] uri"


def test_check_tells_every_problem_on_a_line_of_its_own(credentials: Path) -> None:
    result = run("check", *SHIPPED, "--set", "server.bnd=x", "--set", 'numbers."+18005550199".agent=supprot')
    assert result.exit_code == 78
    lines = result.stderr.splitlines()
    assert len(lines) == 2
    assert any("bnd" in line and "bind" in line for line in lines)
    assert any("supprot" in line and "support" in line for line in lines)


def test_check_problems_as_json(credentials: Path) -> None:
    result = run("check", *SHIPPED, "--json", "--set", "limits.max_calls=0")
    assert result.exit_code == 78
    said = json.loads(result.stdout)
    assert said["ok"] is False
    assert "max_calls" in said["problems"][0]["where"]


def test_missing_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XAI_API_KEY", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    result = run("check", *SHIPPED)
    assert result.exit_code == 78
    assert "XAI_API_KEY" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", ["run", "check"])
def test_missing_file(command: str, tmp_path: Path) -> None:
    result = run(command, "--config", str(tmp_path / "nowhere.toml"))
    assert result.exit_code == 78
    assert "nowhere.toml" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_default_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, credentials: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert "/etc/callwarden/config.toml" in run("check").stderr
    (tmp_path / "config.toml").write_text((ROOT / "config.toml").read_text())
    assert run("check").exit_code == 0
    monkeypatch.setenv("CALLWARDEN_CONFIG", str(tmp_path / "other.toml"))
    assert "other.toml" in run("check").stderr


def test_wrong_usage() -> None:
    assert run("run", "--nonsense").exit_code == 2
    assert run("dance").exit_code == 2


def test_help_and_version() -> None:
    assert "drain" in run("--help").output or "Answer phone calls" in run("--help").output
    for command in ("run", "check", "demo"):
        assert run(command, "--help").exit_code == 0
    assert run("--version").output.startswith("callwarden, version ")


def test_address_that_is_taken(credentials: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        result = run("run", *SHIPPED, "--set", f'server.bind=["{bind}"]', *ledger_in(credentials))
    assert result.exit_code == 69
    assert bind in result.stderr
    assert "[server] bind" in result.stderr
    assert "Traceback" not in result.output


def test_events_file_that_cannot_be_written(credentials: Path) -> None:
    result = run(
        "run", *SHIPPED, "--set", 'server.bind=["127.0.0.1:0"]', "--events", "/nowhere/events", *ledger_in(credentials)
    )
    assert result.exit_code == 69
    assert "--events /nowhere/events" in result.stderr


def test_a_ledger_in_a_folder_that_cannot_be(credentials: Path) -> None:
    (credentials / "file").write_text("not a folder")
    result = run("run", *SHIPPED, "--set", f"ledger.url=sqlite:///{credentials}/file/ledger.db")
    assert result.exit_code == 69
    assert "[ledger]" in result.stderr
    assert "Traceback" not in result.output


def test_a_ledger_of_a_newer_version(credentials: Path) -> None:
    with closing(sqlite3.connect(credentials / "ledger.db")) as database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES ('9999')")
        database.commit()
    result = run("run", *SHIPPED, *ledger_in(credentials))
    assert result.exit_code == 78
    assert "newer version of Callwarden" in result.stderr
    assert "Traceback" not in result.output
