"""`callwarden replay`, as an operator sees it."""

import json
from pathlib import Path
from typing import Any

import pytest
import trio
from click.testing import CliRunner, Result
from trio.testing import MockClock

from daemon.cli.main import main
from daemon.config import load
from daemon.core.inputs import Started
from daemon.core.recording import Fed, Opened, encode_line
from daemon.sandbox.demo import DEMO
from tests.replay.test_play import recorded
from tests.test_docs import ROOT

SHIPPED = ROOT / "config.toml"
CALL_ID = "5a9d0000-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def recording() -> bytes:
    """The demo's call, with the shipped configuration."""
    config = load(
        SHIPPED, ["platform.xai.api_key=${env:KEY}"], env={"KEY": "test-key"}, secrets_of=["platform.xai.api_key"]
    )
    text: bytes = trio.run(recorded, config, DEMO, clock=MockClock(autojump_threshold=0))
    return text


@pytest.fixture
def folder(tmp_path: Path, recording: bytes) -> Path:
    (tmp_path / f"{CALL_ID}.jsonl").write_bytes(recording)
    return tmp_path


def run(folder: Path, call: str, *arguments: str) -> Result:
    directory = ("--set", f"recording.directory={folder}")
    return CliRunner().invoke(main, ["replay", call, "--config", str(SHIPPED), *directory, *arguments])


def test_the_same(folder: Path) -> None:
    result = run(folder, "5a9d")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].startswith(f"call {CALL_ID}: agent support, recorded by ")
    assert lines[1].startswith("     0.00 s  send session.update")
    assert lines[2] == "     0.00 s  say exactly: Thank you for calling. How can I help?"
    assert "hang up: hang_up by the model: the caller needs nothing more" in lines[-3]
    assert lines[-2].startswith("The call ended here: hung_up (hang_up by the model")
    assert lines[-1] == "Everything would be the same."


def test_another_greeting(folder: Path) -> None:
    result = run(folder, "5a9d", "--set", "agents.support.greeting=Good morning.")
    assert result.exit_code == 1
    marked = [line for line in result.output.splitlines() if line[:1] in "+-~"]
    assert marked == ["~    0.00 s  say exactly: Good morning."]
    assert (
        "      frame.item.content.0.text: Thank you for calling. How can I help? -> Good morning."
        in result.output.splitlines()
    )
    assert result.output.splitlines()[-1] == "1 different"


def test_other_instructions_are_shown_as_lines(folder: Path) -> None:
    words = '"""Be brief.\\nBe kind.\\n"""'
    result = run(folder, "5a9d", "--set", f"agents.support.instructions={words}")
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert "      frame.session.instructions:" in lines
    assert "        +Be kind." in lines


def test_json(folder: Path) -> None:
    same: dict[str, Any] = json.loads(run(folder, "5a9d", "--json").output)
    assert same["same"] is True
    assert same["call_id"] == CALL_ID
    assert [take["complete"] for take in same["conversations"]] == [True]
    other = json.loads(run(folder, "5a9d", "--json", "--set", "agents.support.greeting=Hi.").output)
    assert other["same"] is False
    ((difference,),) = [take["differences"] for take in other["conversations"]]
    assert difference["kind"] == "changed"
    assert difference["changes"] == [
        {"path": "frame.item.content.0.text", "then": "Thank you for calling. How can I help?", "now": "Hi."}
    ]


def test_which_one(folder: Path, recording: bytes) -> None:
    (folder / "5a9d-other.jsonl").write_bytes(recording)
    result = run(folder, "5a9d")
    assert result.exit_code == 2
    assert result.stderr == f"callwarden: '5a9d' may be any of 5a9d-other, {CALL_ID}\n"
    result = run(folder, "99")
    assert result.exit_code == 2
    assert result.stderr == f"callwarden: there is no recording '99' in {folder}\n"
    result = CliRunner().invoke(main, ["replay", "99", "--config", str(SHIPPED)])
    assert "because [recording] directory names no folder; name the file itself" in result.stderr


def test_an_agent_that_is_gone(folder: Path, tmp_path: Path) -> None:
    opened = Opened(now=1.0, format=1, build="0.0.9", call_id="c", agent="sales", called="+1", caller=None, at=5.0)
    (folder / "c.jsonl").write_bytes(encode_line(opened) + encode_line(Fed(now=1.0, given=Started())))
    result = run(folder, "c")
    assert result.exit_code == 2
    assert "there is no agent 'sales' any more; name another one with --agent; there is: support" in result.stderr
    result = run(folder, "c", "--agent", "support")
    assert result.exit_code == 1
    assert "recorded by 0.0.9" in result.output
    assert "note: a call to +1 is answered by nobody now" in result.output
    assert "The recording breaks off here." in result.output


def test_what_is_no_recording(folder: Path) -> None:
    (folder / "x.jsonl").write_text("nonsense")
    result = run(folder, "x")
    assert result.exit_code == 69
    assert result.stderr == f"callwarden: {folder}/x.jsonl is no recording of a call\n"


def test_a_configuration_that_is_wrong(folder: Path) -> None:
    result = run(folder, "5a9d", "--set", "agents.support.voise=ara")
    assert result.exit_code == 78
    assert "voise" in result.stderr


def test_nothing_that_was_said_can_do_anything_to_a_terminal(folder: Path) -> None:
    result = run(folder, "5a9d", "--set", 'agents.support.greeting="\\u001b[2J"')
    assert "\x1b" not in result.output
    assert "\\x1b[2J" in result.output
