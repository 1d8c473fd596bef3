"""The demo's two faces; the demo itself runs as a process in tests/process."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from daemon.cli import demo as module
from daemon.cli.demo import Screen
from daemon.cli.main import main
from daemon.errors import StartError
from daemon.sandbox.demo import Outcome


def outcome(**changes: Any) -> Outcome:
    return Outcome(ready_seconds=0.4, pickup_seconds=0.008, receipt="hung_up", why="done", exit_code=0, **changes)


def played(monkeypatch: pytest.MonkeyPatch, result: Outcome | StartError) -> None:
    async def play(*arguments: object, **options: Any) -> Outcome:
        options["show"]({"at": 1.0, "call_id": "c", "entry": {"kind": "Claimed", "agent": "support"}})
        if isinstance(result, StartError):
            raise ExceptionGroup("", [result])
        return result

    monkeypatch.setattr(module, "run_demo", play)


def test_success(monkeypatch: pytest.MonkeyPatch) -> None:
    played(monkeypatch, outcome(events={"ping": 2, "audio": 9}))
    result = CliRunner().invoke(main, ["demo"])
    assert result.exit_code == 0
    assert "agent support answers" in result.output
    assert "8.0 ms" in result.output
    assert result.output.index("audio") < result.output.index("ping")
    assert "Every step happened." in result.output


def test_a_step_that_did_not_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    played(monkeypatch, outcome(missing=["receipt"]))
    result = CliRunner().invoke(main, ["demo"])
    assert result.exit_code == 1
    assert "did not happen: receipt" in result.output
    assert "Every step" not in result.output


def test_json(monkeypatch: pytest.MonkeyPatch) -> None:
    played(monkeypatch, outcome())
    result = CliRunner().invoke(main, ["demo", "--json"])
    record, closing = [json.loads(line) for line in result.output.splitlines()]
    assert record["entry"]["kind"] == "Claimed"
    assert closing["outcome"]["missing"] == []


def test_a_daemon_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    played(monkeypatch, StartError("the daemon ended with exit code 78"))
    result = CliRunner().invoke(main, ["demo"])
    assert result.exit_code == 1
    assert result.stderr == "callwarden: the daemon ended with exit code 78\n"


def test_outside_a_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "SHIPPED", tmp_path / "config.toml")
    result = CliRunner().invoke(main, ["demo"])
    assert result.exit_code == 69
    assert "make demo" in result.stderr


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ({"kind": "WebhookVerified", "caller": "+1", "called": "+2", "webhook_id": "m"}, "+1 calls +2"),
        ({"kind": "Said", "speaker": "caller", "text": "hello [bold]you[/]", "final": True}, "hello [bold]you[/]"),
        ({"kind": "KeyPressed", "digit": "4"}, "key      4"),
        ({"kind": "DigitsCollected", "digits": "42", "count": 2, "trigger": "idle"}, "42 (ended by idle)"),
        ({"kind": "KeyPressed", "digit": None}, "***"),
        ({"kind": "DigitsCollected", "digits": None, "count": 16, "trigger": "idle"}, "*** 16 keys"),
        ({"kind": "MenuChosen", "keys": "0", "action": "transfer"}, "0: transfer"),
        ({"kind": "MenuChosen", "keys": None, "action": "say"}, "***: say"),
        ({"kind": "TransferAsked", "destination": "desk"}, "it rings at desk"),
        ({"kind": "TransferFailed", "destination": "desk", "result": "rejected", "sip_status": 486}, "(SIP 486)"),
        (
            {"kind": "TransferFailed", "destination": "desk", "result": "timed_out", "sip_status": None},
            "desk: timed_out",
        ),
        ({"kind": "HangUpAsked", "reason": "done"}, "hang_up: done"),
        ({"kind": "Ended", "receipt": {"outcome": "lost", "reasons": ["a", "b"]}}, "lost: a > b"),
    ],
)
def test_lines(entry: dict[str, Any], line: str) -> None:
    stream = io.StringIO()
    Screen(Console(file=stream, width=100, highlight=False)).record({"at": 5.0, "entry": entry})
    assert line in stream.getvalue()
    assert "0.00 s" in stream.getvalue()


@pytest.mark.parametrize(
    "entry", [{"kind": "Said", "speaker": "agent", "text": "Hel", "final": False}, {"kind": "Greeted"}, {}]
)
def test_no_line_for_what_is_half_said(entry: dict[str, Any]) -> None:
    stream = io.StringIO()
    screen = Screen(Console(file=stream))
    before = stream.getvalue()
    screen.record({"at": 5.0, "entry": entry})
    assert stream.getvalue() == before
