"""Tools as an operator writes them: what goes together, and what does not."""

from pathlib import Path

import pytest

from daemon.config.tools import HttpTool, properties
from tests.config.written import MINIMAL, complaints, loaded

NAME = "config.toml: [tools.look_up]"
TYPES = '"http", "python", "web_search", "x_search", "file_search", "mcp"'
TOOL = """
[tools.look_up]
type = "http"
description = "Looks something up."
"""
URL = 'url = "https://api.example.com/{order}"\n'
ORDER = 'parameters = { order = "string" }\n'


def test_a_tool_and_an_agent_who_has_it(tmp_path: Path) -> None:
    config = loaded(tmp_path, MINIMAL + 'tools = ["hang_up", "look_up"]\n' + TOOL + URL + ORDER)
    assert config.agents["support"].tools == ("hang_up", "look_up")
    assert properties(config.tools["look_up"]) == {"order": {"type": "string"}}


@pytest.mark.parametrize(
    ("keys", "messages"),
    [
        (URL, [f'{NAME} url: there is no parameter "order"; add it to parameters']),
        (
            URL + 'parameters = { oder = "string" }\n',
            [
                f'{NAME} url: there is no parameter "order"; did you mean "oder"?',
                f"{NAME} parameters: oder is sent nowhere; put {{oder}} into url or body",
            ],
        ),
        (
            URL + 'parameters = { order = "string?" }\n',
            [f"{NAME} url: {{order}} is part of the path, so it must be required in parameters"],
        ),
        (
            URL + 'parameters = { order = { type = "array" } }\n',
            [f"{NAME} url: {{order}} is an object or an array, which can't stand in a URL"],
        ),
        (
            URL + 'parameters = { order = "string", note = "string" }\n',
            [f"{NAME} parameters: note is sent nowhere; put {{note}} into url or body"],
        ),
        (
            URL + ORDER + 'method = "POST"\nbody = { id = "{ordr}" }\n',
            [f'{NAME} body: there is no parameter "ordr"; did you mean "order"?'],
        ),
        (
            URL + ORDER + 'body = "json"\n',
            [f'{NAME} body: a GET request has no body; add method = "POST", or leave body out'],
        ),
        (
            URL + ORDER + "retries = 2\n",
            [f"{NAME} retries: only what is idempotent may be tried again; add idempotent = true"],
        ),
        (
            'url = "http://api.example.com/"\n',
            [f"{NAME} url: expected a URL that starts with https://; http:// is for hosts in allow_private"],
        ),
        (
            'url = "https://169.254.169.254/latest"\n',
            [f'{NAME} url: its host is not public; if that is meant, add allow_private = ["169.254.169.254"]'],
        ),
        (
            'url = "http://localhost:8080/"\n',
            [f'{NAME} url: its host is not public; if that is meant, add allow_private = ["localhost"]'],
        ),
        (
            'url = "https://[::1]/"\nallow_private = ["127.0.0.0/8"]\n',
            [f'{NAME} url: its host is not public; if that is meant, add allow_private = ["::1"]'],
        ),
        ("", [f'{NAME} url: missing; add url = "https://api.example.com/orders/{{order}}"']),
    ],
)
def test_what_does_not_go_together(tmp_path: Path, keys: str, messages: list[str]) -> None:
    assert complaints(tmp_path, MINIMAL + TOOL + keys) == messages


@pytest.mark.parametrize(
    "keys",
    [
        'url = "http://10.1.2.3/"\nallow_private = ["10.0.0.0/8"]\n',
        'url = "http://crm.internal/"\nallow_private = ["CRM.internal"]\n',
        'url = "http://localhost:80/"\nallow_private = ["127.0.0.1"]\n',
        'url = "https://crm.internal/"\n',
        'url = "https://a.example/?q={q}"\nparameters = { q = "string?" }\n',
        'url = "https://a.example/"\nmethod = "POST"\nparameters = { q = "string?" }\n',
        'url = "https://a.example/"\nmethod = "POST"\nbody = { q = "{q}" }\nparameters = { q = "string?" }\n',
        'url = "https://a.example/"\nidempotent = true\nretries = 2\n',
    ],
)
def test_what_goes_together(tmp_path: Path, keys: str) -> None:
    assert list(loaded(tmp_path, MINIMAL + TOOL + keys).tools) == ["look_up"]


@pytest.mark.parametrize(
    ("tables", "messages"),
    [
        ("[tools.look_up]\n", [f"{NAME} type: missing; there is: {TYPES}"]),
        ('[tools.look_up]\ntype = "htp"\n', [f'{NAME} type: there is no such type; did you mean "http"?']),
        ('[tools.look_up]\ntype = "carrier pigeon"\n', [f"{NAME} type: there is no such type; there is: {TYPES}"]),
        ("[tools.look_up]\ntype = 1\n", [f"{NAME} type: expected a string, got an integer"]),
        ("[tools]\nlook_up = 1\n", ["config.toml: [tools] look_up: expected a table, got an integer"]),
        ("tools = 1\n", ["config.toml: [agents.support] tools: expected an array, got an integer"]),
        (TOOL + URL + ORDER + "speed = 1\n", [f"{NAME} speed: unknown key"]),
        (TOOL + URL + 'parameters = { order = "text" }\n', None),
        (TOOL + URL + ORDER + 'headers = { X = "${env:NOPE}" }\n', None),
        (TOOL + URL + ORDER + 'headers = { X = "${nope}" }\n', None),
        (TOOL.replace("look_up", "hang_up") + URL + ORDER, None),
    ],
)
def test_tables_that_are_no_tools(tmp_path: Path, tables: str, messages: list[str] | None) -> None:
    told = complaints(tmp_path, MINIMAL + tables)
    assert told == messages or (messages is None and len(told) == 1)


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        ('["hang_up", "look_p"]', 'item 2: there is no tool "look_p"; did you mean "look_up"?'),
        ('["fly"]', 'item 1: there is no tool "fly"; there is: hang_up, transfer, collect_digits, look_up'),
    ],
)
def test_an_agent_with_a_tool_that_there_is_not(tmp_path: Path, tools: str, message: str) -> None:
    text = MINIMAL + f"tools = {tools}\n" + TOOL + URL + ORDER
    assert complaints(tmp_path, text) == [f"config.toml: [agents.support] tools: {message}"]


def test_headers_hold_secrets_that_nobody_sees(tmp_path: Path) -> None:
    header = 'headers = { Authorization = "Bearer ${env:XAI_API_KEY}" }\n'
    tool = loaded(tmp_path, MINIMAL + TOOL + URL + ORDER + header).tools["look_up"]
    assert isinstance(tool, HttpTool)
    assert tool.headers["Authorization"].reveal() == "Bearer xai-do-not-show-me"
    assert "xai" not in repr(tool)
