"""The `config.toml` that is shipped: whole, true to the defaults, and fit to start with."""

import re
import tomllib
from pathlib import Path
from typing import Any, get_origin

import msgspec
import pytest

from daemon.config import (
    Agent,
    Config,
    Costs,
    Destination,
    HttpTool,
    Keypad,
    Number,
    PythonTool,
    Secret,
    Server,
    TurnDetection,
    XaiPlatform,
    load,
)
from daemon.config.ledger import Delivery, Ledger
from daemon.config.lookups import Lookup
from daemon.config.operator import Operator, Tracing
from daemon.config.records import Drain, Limits, Log, Recording, Recovery
from daemon.config.searches import FileSearch, Mcp, WebSearch, XSearch
from tests.config.written import API_KEY, WEBHOOK_SECRET

SHIPPED = Path(__file__).parents[2] / "config.toml"
TEXT = SHIPPED.read_text(encoding="utf-8")
RAW = tomllib.loads(TEXT)
NUMBER = "+18005550199"

TABLES: list[tuple[type[msgspec.Struct], tuple[str, ...]]] = [
    (Server, ("server",)),
    (XaiPlatform, ("platform", "xai")),
    (Number, ("numbers", NUMBER)),
    (Agent, ("agents", "support")),
    (TurnDetection, ("agents", "support", "turn_detection")),
    (Lookup, ("agents", "support", "lookup")),
    (Keypad, ("agents", "support", "keypad")),
    (Destination, ("destinations", "front_desk")),
    (Ledger, ("ledger",)),
    (Limits, ("limits",)),
    (Costs, ("costs",)),
    (Recovery, ("recovery",)),
    (Drain, ("drain",)),
    (Operator, ("operator",)),
    (Log, ("log",)),
    (Recording, ("recording",)),
    (Tracing, ("tracing",)),
]
# Required keys, and texts that are an example and no default.
EXAMPLES = {"api_key", "webhook_secrets", "agent", "instructions", "greeting", "uri"}
# Keys that stand there commented out: TOML cannot write "none", and nobody gives both instructions and a file.
COMMENTED = {
    "max_calls",
    "max_calls_per_caller_per_hour",
    "instructions_file",
    "threshold",
    "silence_duration",
    "prefix_padding",
    "idle_timeout",
    "password",
    "token",
    "max_transfers_per_hour",
}


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    names = ("xai-webhook-secret", "deliveries-secret", "ledger-password", "orders-token", "stock-room-token")
    for name in (*names, "operator-token"):
        (tmp_path / name).write_text(WEBHOOK_SECRET + "\n")
    return {"XAI_API_KEY": API_KEY, "CREDENTIALS_DIRECTORY": str(tmp_path)}


def raw(path: tuple[str, ...]) -> dict[str, Any]:
    table = RAW
    for key in path:
        table = table[key]
    return table


def value(record: object, path: tuple[str, ...]) -> object:
    for key in path:
        record = record[key] if isinstance(record, dict) else getattr(record, key)
    return record


def test_it_loads(env: dict[str, str]) -> None:
    config = load(SHIPPED, env=env)
    assert list(config.numbers) == [NUMBER]
    assert config.numbers[NUMBER].agent == "support"
    assert config.agents["support"].greeting == "Thank you for calling. How can I help?"
    assert config.platform.xai.api_key == Secret(API_KEY)
    assert config.platform.xai.webhook_secrets == (Secret(WEBHOOK_SECRET),)


@pytest.mark.parametrize(("record", "path"), TABLES)
def test_every_key_is_there_with_its_default(
    env: dict[str, str], record: type[msgspec.Struct], path: tuple[str, ...]
) -> None:
    loaded = value(load(SHIPPED, env=env), path)
    for field in msgspec.structs.fields(record):
        if field.name not in raw(path):
            assert field.name in COMMENTED
            assert re.search(rf"^# {field.name} = ", TEXT, re.MULTILINE)
        elif field.name not in EXAMPLES:
            assert not field.required
            factory = field.default_factory
            default = field.default if factory is msgspec.NODEFAULT else factory()
            assert getattr(loaded, field.name) == default, field.name


def test_no_record_is_left_out() -> None:
    listed = {record for record, _ in TABLES}

    def check(record: type[msgspec.Struct]) -> None:
        for field in msgspec.structs.fields(record):
            inner = field.type.__args__[-1] if get_origin(field.type) is dict else field.type
            if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                check(inner)
                assert inner in listed or inner.__name__ in (
                    "Platforms",
                    "HttpTool",
                    "PythonTool",
                    "WebSearch",
                    "XSearch",
                    "FileSearch",
                    "Mcp",
                )

    check(Config)


def test_what_is_commented_out_is_right_too(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "support.md").write_text("Help.")
    text = re.sub(r'^instructions = """.*?"""\n', "", TEXT, flags=re.MULTILINE | re.DOTALL)
    text, count = re.subn(r"^# (?=[a-z_]+ = )", "", text, flags=re.MULTILINE)
    assert count == len(COMMENTED)
    path = tmp_path / "config.toml"
    path.write_text(text)
    config = load(path, env=env)
    assert config.numbers[NUMBER].max_calls == 5
    agent = config.agents["support"]
    assert agent.instructions == "Help."
    assert None not in msgspec.structs.astuple(agent.turn_detection)


def test_the_examples_of_what_there_is_several_of_are_right_and_whole(env: dict[str, str], tmp_path: Path) -> None:
    text, count = re.subn(r"^#(?=[a-z\[])", "", TEXT, flags=re.MULTILINE)
    # For each its table, and for a tool its type.
    tools = (HttpTool, PythonTool, WebSearch, XSearch, FileSearch, Mcp)
    assert count == 1 + len(msgspec.structs.fields(Delivery)) + sum(len(msgspec.structs.fields(t)) + 2 for t in tools)
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/shop.py").write_text(
        'def opening_hours() -> str:\n    """Gives the hours."""\n    return "9-17"\n'
    )
    path = tmp_path / "config.toml"
    path.write_text(text)
    config = load(path, env=env)
    assert config.deliveries == (Delivery(url="https://example.com/calls", secret=Secret(WEBHOOK_SECRET)),)
    function = config.tools.pop("opening_hours")
    assert isinstance(function, PythonTool)
    assert function == PythonTool(file=function.loaded())
    assert function.loaded().call() == "9-17"
    assert config.tools.pop("web") == WebSearch()
    assert config.tools.pop("posts") == XSearch()
    assert config.tools.pop("manuals") == FileSearch(vector_store_ids=("collection_1",), max_num_results=10)
    assert config.tools.pop("stock_room") == Mcp(
        server_url="https://mcp.example.com/mcp",
        authorization=Secret(WEBHOOK_SECRET),
        headers={"X-Shop": Secret("7")},
    )
    assert config.tools == {
        "look_up_order": HttpTool(
            description="Looks up an order.",
            url="https://api.example.com/orders/{order}",
            parameters={
                "type": "object",
                "properties": {"order": {"type": "string"}},
                "required": ["order"],
                "additionalProperties": False,
            },
            headers={"Authorization": Secret(f"Bearer {WEBHOOK_SECRET}")},
        )
    }


def test_every_key_is_explained() -> None:
    # Left out is what has its explanation in the lines above it.
    for line in re.findall(r"^(?:# )?(?!agent = |instructions)[a-z_]+ = .*$", TEXT, re.MULTILINE):
        assert re.search(r"\S +# \S", line), line


def test_it_holds_no_secret() -> None:
    assert not re.search(r"whsec_[A-Za-z0-9]|xai-[A-Za-z0-9]{20}", TEXT)
    assert raw(("platform", "xai"))["api_key"] == "${env:XAI_API_KEY}"
    assert raw(("platform", "xai"))["webhook_secrets"] == ["${credential:xai-webhook-secret}"]
