"""`callwarden rehearse`, as an operator and a CI system see it."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from daemon.cli.main import main
from tests.test_docs import ROOT

REHEARSALS = sorted((ROOT / "rehearsals").glob("*.toml"))
GOOD = '[[call]]\nname = "leaves at once"\nscript = [{ leaves = true }]\nexpect.outcome = "caller_left"\n'
BAD = '[[call]]\nname = "stays \\u001b[2J"\nexpect = { outcome = "caller_left", greeting = "Hi." }\n'


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XAI_API_KEY", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["rehearse", "--config", str(ROOT / "config.toml"), *arguments])


def test_what_is_shipped_passes() -> None:
    result = run(str(ROOT / "rehearsals"))
    assert result.exit_code == 0, result.output
    assert [line.split()[0] for line in result.output.splitlines() if line][:-1] == [str(path) for path in REHEARSALS]
    assert "F" not in "".join(line.split()[-1] for line in result.output.splitlines() if line.endswith("."))
    assert " passed: " in result.output


def test_those_of_the_example_pass() -> None:
    folder = ROOT / "examples" / "appointments"
    result = CliRunner().invoke(main, ["rehearse", "--config", str(folder / "config.toml"), str(folder / "rehearsals")])
    assert result.exit_code == 0, result.output
    assert "14 passed" in result.output


def test_what_fails_is_told_with_all_that_happened(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(GOOD + BAD)
    result = run(str(tmp_path / "a.toml"))
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0] == f"{tmp_path}/a.toml .F"
    at = lines.index(f"FAILED {tmp_path}/a.toml: stays \\x1b[2J")
    assert lines[at + 1] == "  expected outcome caller_left, got hung_up (silence 30s)"
    assert lines[at + 2] == "  expected the greeting 'Hi.', got 'Thank you for calling. How can I help?'"
    assert any(line.endswith("agent     Are you still there?") for line in lines[at:])
    assert lines[-1].startswith("1 failed, 1 passed: 1m ")
    assert "\x1b" not in result.output


def test_names(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(GOOD + BAD)
    (tmp_path / "b.toml").write_text(GOOD)
    result = run("-v", "-k", "LEAVES", str(tmp_path))
    assert result.exit_code == 0
    assert result.output.splitlines()[:2] == [
        f"{tmp_path}/a.toml: leaves at once passed",
        f"{tmp_path}/b.toml: leaves at once passed",
    ]
    assert "2 passed" in result.output
    result = run("-k", "nothing of it", str(tmp_path))
    assert result.exit_code == 2
    assert result.stderr == "callwarden: there is no call to rehearse\n"


def test_for_machines(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(GOOD + BAD)
    report = tmp_path / "report.xml"
    result = run("--json", "--junit", str(report), str(tmp_path / "a.toml"))
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert (told["passed"], told["failed"]) == (1, 1)
    assert [len(call["failures"]) for call in told["calls"]] == [0, 2]
    assert told["calls"][0]["receipt"]["outcome"] == "caller_left"
    assert told["calls"][0]["story"][-1]["entry"]["kind"] == "Ended"
    assert told["calls"][0]["sent"][0]["type"] == "session.update"
    root = ET.parse(report).getroot()
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    assert "Are you still there?" in (root.findtext(".//failure") or "")
    result = run("--junit", str(tmp_path / "no" / "report.xml"), str(tmp_path / "a.toml"))
    assert result.exit_code == 69
    assert f"--junit {tmp_path}/no/report.xml: No such file or directory; name a file" in result.stderr


def test_what_is_wrong_with_files_is_told_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('[[call]]\nname = "x"\nscrpt = []\n')
    (tmp_path / "b.toml").write_text("nonsense")
    (tmp_path / "c.toml").write_text(GOOD)
    result = run(str(tmp_path))
    assert result.exit_code == 78
    first, second = result.stderr.splitlines()
    assert first == f'{tmp_path}/a.toml: [call.1] scrpt: unknown key; did you mean "script"?'
    assert second.startswith(f"{tmp_path}/b.toml: not valid TOML: ")


def test_usage(tmp_path: Path) -> None:
    assert run().exit_code == 2
    assert run(str(tmp_path / "nowhere.toml")).exit_code == 2
    assert run(str(tmp_path)).exit_code == 2


def test_a_configuration_that_is_wrong(tmp_path: Path) -> None:
    result = run("--set", "agents.support.voise=ara", str(ROOT / "rehearsals"))
    assert result.exit_code == 78
    assert "voise" in result.stderr


def test_the_secrets_of_a_tool_that_is_really_run_are_needed(tmp_path: Path) -> None:
    tool = 'type = "http", description = "x", url = "https://one.test/", headers = { A = "${env:NO_TOKEN}" }'
    settings = ("--set", f"tools.find={{ {tool} }}", "--set", 'agents.support.tools=["hang_up", "find"]')
    (tmp_path / "a.toml").write_text(GOOD)
    assert run(*settings, str(tmp_path)).exit_code == 0
    (tmp_path / "b.toml").write_text(GOOD + "tools.find.real = true\n")
    result = run(*settings, str(tmp_path))
    assert result.exit_code == 78
    assert "environment variable NO_TOKEN is not set" in result.stderr


SHOP = '''
def find(order: str) -> str:
    """Finds an order.

    Args:
        order: Its number.
    """
    return f"order {order} is ready"
'''
USES_IT = """
[[call]]
name = "asks for an order"
script = [
  { caller = "Where is my order?" },
  { use = "find", arguments = { order = "42" } },
  { model = "Bye.", use = "hang_up" },
]
expect.sent = [{ item = { type = "function_call_output", output = "\\"OUTPUT\\"" } }]
"""


def test_a_python_tool_that_is_stubbed_and_one_that_is_really_run(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    tool = f'type = "python", file = "{tmp_path}/shop.py:find"'
    keys = (f"tools.find={{ {tool} }}", 'agents.support.tools=["hang_up", "find"]', "agents.support.greeting=")
    settings = [part for key in keys for part in ("--set", key)]
    (tmp_path / "stub.toml").write_text(USES_IT.replace("OUTPUT", "ready") + 'tools.find.answer = "ready"\n')
    result = run(*settings, str(tmp_path / "stub.toml"))
    assert result.exit_code == 0, result.output
    (tmp_path / "real.toml").write_text(USES_IT.replace("OUTPUT", "order 42 is ready") + "tools.find.real = true\n")
    result = run(*settings, str(tmp_path / "real.toml"))
    assert result.exit_code == 0, result.output


def test_a_tool_that_the_platform_runs_cannot_be_stubbed(tmp_path: Path) -> None:
    settings = ("--set", 'tools.find={ type = "web_search" }', "--set", 'agents.support.tools=["find"]')
    (tmp_path / "a.toml").write_text(GOOD + "tools.find.answer = 1\n")
    result = run(*settings, str(tmp_path / "a.toml"))
    assert result.exit_code == 78
    assert "[call.1.tools.find]: the platform runs this tool; have the model say what it found" in result.stderr


def test_the_example_of_the_documentation_passes(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "rehearse.md").read_text()
    (block,) = re.findall(r"^```toml\n(\[\[call\]\].*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "example.toml").write_text(block)
    tool = 'type = "http", description = "x", url = "https://one.test/{order}", parameters = { order = "string" }'
    keys = (f"tools.look_up_order={{ {tool} }}", 'agents.support.tools=["hang_up", "look_up_order"]')
    result = run(*[part for key in keys for part in ("--set", key)], str(tmp_path))
    assert result.exit_code == 0, result.output
