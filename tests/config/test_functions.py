"""Python tools as an operator writes them: loaded with the file, and each mistake a line."""

from pathlib import Path

import pytest

from daemon.config import PythonTool, load
from daemon.config.tools import description_of, parameters_of
from tests.config.written import ENV, MINIMAL, complaints, loaded

NAME = "config.toml: [tools.hours]"
TOOL = '\n[tools.hours]\ntype = "python"\n'
CODE = '''
def hours(day: str) -> str:
    """Gives the opening hours."""
    return "9-17"

def silent() -> str:
    return ""

def unhinted(day): ...
'''


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/shop.py").write_text(CODE)
    return tmp_path


def test_a_function_in_a_file(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    tool = loaded(shop, MINIMAL + TOOL + 'file = "tools/shop.py:hours"\n').tools["hours"]
    assert isinstance(tool, PythonTool)
    assert tool.loaded().call("Monday") == "9-17"
    assert description_of(tool) == "Gives the opening hours."
    assert parameters_of(tool)["properties"] == {"day": {"type": "string"}}


def test_a_function_by_import_path_and_other_words_for_it(tmp_path: Path) -> None:
    text = MINIMAL + TOOL + 'function = "shlex:quote"\ndescription = "Quotes."\n'
    assert complaints(tmp_path, text) == [f'{NAME} function: its parameter "s" has no type hint']
    text = MINIMAL + TOOL + 'function = "daemon.core.durations:format_duration"\ndescription = "Says how long."\n'
    tool = loaded(tmp_path, text).tools["hours"]
    assert isinstance(tool, PythonTool)
    assert description_of(tool) == "Says how long."


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("", 'function: missing; add function = "package.module:name" or file = "tools/orders.py:name"'),
        ('file = "a.py:b"\nfunction = "a:b"\n', "file: give either function or file, not both"),
        ("file = 1\n", 'file: expected "folder/file.py:name"'),
        ("function = 1\n", 'function: expected "package.module:name"'),
        ('function = "a"\n', 'function: expected "package.module:name"'),
        ('function = "json:x"\n', 'function: there is no "x" in json'),
        ('file = "tools/shop.py:unhinted"\n', 'file: its parameter "day" has no type hint'),
        (
            'file = "tools/shop.py:silent"\n',
            "file: the function has no docstring to tell the model what it does; write one, or add description",
        ),
        ('file = "tools/shop.py:hours"\ntimeout = "3m"\n', "timeout: expected a duration above 0s, got 3m"),
        ('file = "tools/shop.py:hours"\nurl = "x"\n', "url: unknown key"),
    ],
)
def test_mistakes(shop: Path, keys: str, message: str) -> None:
    (complaint,) = complaints(shop, MINIMAL + TOOL + keys)
    assert complaint.startswith(f"{NAME} {message}"[:70])


def test_whoever_needs_no_tools_does_not_import_them(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(MINIMAL + TOOL + 'file = "no/such.py:hours"\n')
    tool = load(path, env=ENV, secrets_of=("ledger",)).tools["hours"]
    assert isinstance(tool, PythonTool)
    with pytest.raises(AssertionError):
        tool.loaded()
