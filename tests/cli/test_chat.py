"""`callwarden chat` with a pipe for a terminal: what is typed goes in, a readable talk comes out."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemon.chat import leg
from daemon.cli.main import main
from tests.test_docs import ROOT

SHIPPED = ("--config", str(ROOT / "config.toml"), "--set", "agents.support.goodbye_margin=0s")


def run(monkeypatch: pytest.MonkeyPatch, text: str, *arguments: str) -> Result:
    """Chat, with this text for what is typed."""
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    monkeypatch.delenv("XAI_API_KEY", raising=False)
    monkeypatch.setattr(leg, "SETTLED", 0.1)
    with os.fdopen(reading) as stream:
        monkeypatch.setattr("daemon.cli.chat.standard_input", lambda: stream)
        return CliRunner().invoke(main, ["chat", *SHIPPED, *arguments])


def test_a_talk(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, "hello there\nbye\n", "--sandbox")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        "agent    Thank you for calling. How can I help?",
        "you      hello there",
        "agent    You said: hello there",
        "you      bye",
        "agent    Goodbye.",
        "hang up  the caller said goodbye",
        "over     hung_up: hang_up by the model: the caller said goodbye",
    ]


def test_keys_tools_that_are_not_there_and_slips(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, "/key 42#\n/hello\nuse nothing\n/quit", "--sandbox", "--agent", "support")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line for line in lines if line.startswith("key")] == ["key      4", "key      2", "key      #"]
    assert "entry    42" in lines
    assert "         type to talk; /key 42# presses keys; /quit hangs up" in lines
    assert lines[-1] == "over     caller_left: you hung up"


def test_sensitive_keys_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = ("--set", "agents.support.keypad.sensitive=true")
    result = run(monkeypatch, "/key 12#\n", "--sandbox", *setting)
    assert "key      ?" in result.output
    assert "entry    2 keys" in result.output


def test_what_the_agent_says_can_do_nothing_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, "", "--sandbox", "--set", 'agents.support.greeting="[bold]\\u001b[2J"')
    assert "agent    [bold]\\x1b[2J" in result.output


def test_without_a_key_or_an_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, "")
    assert result.exit_code == 78
    assert result.stderr == "config.toml: [platform.xai] api_key: environment variable XAI_API_KEY is not set\n"
    result = run(monkeypatch, "", "--sandbox", "--agent", "sales")
    assert result.exit_code == 2
    assert result.stderr == "callwarden: there is no agent 'sales'; there is: support\n"


def test_several_agents(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, "", "--sandbox", "--set", 'agents.sales={ instructions = "Sell." }')
    assert result.exit_code == 2
    assert "say which agent to talk to, with --agent; there is: support, sales" in result.stderr


def test_a_platform_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ("platform.xai.websocket_url=ws://127.0.0.1:9/v1", "platform.xai.join_budget=50ms")
    monkeypatch.setenv("KEY", "abc")
    arguments = [part for each in (*settings, "platform.xai.api_key=${env:KEY}") for part in ("--set", each)]
    result = run(monkeypatch, "", *arguments)
    assert result.exit_code == 69
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("callwarden: could not join: cannot connect to 127.0.0.1:9:")


def test_a_tool_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        'def find(order: str) -> str:\n    """Finds."""\n    return f"{order} is ready"\n'
    )
    tool = f'tools.find={{ type = "python", file = "{tmp_path}/shop.py:find" }}'
    settings = ("--set", tool, "--set", 'agents.support.tools=["find"]')
    result = run(monkeypatch, 'use find {"order": "42"}\n', "--sandbox", *settings)
    lines = result.output.splitlines()
    assert 'tool     find {"order": "42"}' in lines
    assert 'gave     "42 is ready"' in lines
    assert 'agent    The tool gave "42 is ready"' in lines


KEYS = (
    'tools=["hang_up", "transfer", "collect_digits"]',
    'transfers=["front_desk"]',
    'keypad.menu={ "0" = "transfer:front_desk", "1" = "say:We open at nine." }',
)
CALLS = tuple(part for key in KEYS for part in ("--set", f"agents.support.{key}"))


def test_a_transfer_is_shown_and_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, 'use transfer {"destination": "front_desk"}\n', "--sandbox", *CALLS)
    lines = result.output.splitlines()
    assert "transfer to front_desk (tel:+18005550123); here nobody is called" in lines
    assert lines[-1] == "over     transferred: transfer to front_desk > transfer by the model"


def test_a_transfer_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, 'use transfer {"destination": "front_desk"}\n', "--sandbox", "--busy", *CALLS)
    lines = result.output.splitlines()
    assert "call     transfer failed: destination front_desk, result rejected" in lines
    assert lines[-1] == "over     caller_left: you hung up"


def test_a_menu(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, "/key 1\n/key 0\n", "--sandbox", *CALLS)
    lines = result.output.splitlines()
    assert "call     menu chosen: keys 1, action say" in lines
    assert "agent    We open at nine." in lines
    assert "transfer to front_desk (tel:+18005550123); here nobody is called" in lines
