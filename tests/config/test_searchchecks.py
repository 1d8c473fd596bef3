"""Tools that the platform runs: every documented option, from `config.toml` to the wire, and none beyond its limits.

The list of options is the contract's own: one that is added to it fails these tests until somebody decides about it.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from daemon.calls.briefing import brief
from daemon.core.frames import SessionUpdate, encode
from tests.config.written import API_KEY, MINIMAL, complaints, loaded
from tests.contract import complaints as objections
from tests.contract import schema

DEFINITIONS: dict[str, Any] = schema("client-events")["$defs"]
PLACE = '{ country = "DE", city = "Bonn", region = "NRW", timezone = "Europe/Berlin" }'
ON_THE_WIRE = {"country": "DE", "city": "Bonn", "region": "NRW", "timezone": "Europe/Berlin"}
DOMAINS = [f"d{number}.example.com" for number in range(5)]
HANDLES = [f"user_{number}" for number in range(20)]
NEEDED = {
    "web_search": "",
    "x_search": "",
    "file_search": 'vector_store_ids = ["c1"]\n',
    "mcp": 'server_url = "https://mcp.example.com/mcp"\n',
}

# Type and option -> the line of the file, and what is on the wire then.
OPTIONS: dict[tuple[str, str], tuple[str, Any]] = {
    ("web_search", "allowed_domains"): (f"allowed_domains = {DOMAINS}", DOMAINS),
    ("web_search", "excluded_domains"): (f"excluded_domains = {DOMAINS}", DOMAINS),
    ("web_search", "enable_image_understanding"): ("enable_image_understanding = true", True),
    ("web_search", "location"): (f"location = {PLACE}", ON_THE_WIRE),
    ("web_search", "user_location"): (f"user_location = {PLACE}", ON_THE_WIRE),
    ("x_search", "allowed_x_handles"): (f"allowed_x_handles = {HANDLES}", HANDLES),
    ("x_search", "excluded_x_handles"): (f"excluded_x_handles = {HANDLES}", HANDLES),
    ("x_search", "from_date"): ('from_date = "2026-01-31"', "2026-01-31"),
    ("x_search", "to_date"): ("to_date = 2026-01-31", "2026-01-31"),
    ("x_search", "enable_image_understanding"): ("enable_image_understanding = true", True),
    ("x_search", "enable_video_understanding"): ("enable_video_understanding = true", True),
    ("file_search", "vector_store_ids"): ('vector_store_ids = ["c1", "c2"]', ["c1", "c2"]),
    ("file_search", "max_num_results"): ("max_num_results = 1", 1),
    ("mcp", "server_url"): ('server_url = "https://mcp.example.com/sse?v=1"', "https://mcp.example.com/sse?v=1"),
    ("mcp", "server_label"): ('server_label = "Stock_Room-1"', "Stock_Room-1"),
    ("mcp", "server_description"): ('server_description = "Parts."', "Parts."),
    ("mcp", "allowed_tools"): ('allowed_tools = ["part_lookup"]', ["part_lookup"]),
    ("mcp", "authorization"): ('authorization = "${env:XAI_API_KEY}"', API_KEY),
    ("mcp", "headers"): ('headers = { X-Key = "k ${env:XAI_API_KEY}", Accept = "*/*" }', None),
}
# The other side of each documented limit, and what has no limit but would be no use.
BEYOND: list[tuple[str, str, str]] = [
    ("web_search", f"allowed_domains = {[*DOMAINS, 'x.example.com']}", "allowed_domains: expected an array of at most"),
    ("web_search", f"excluded_domains = {[*DOMAINS, 'x.example.com']}", "excluded_domains: expected an array of at"),
    ("web_search", 'allowed_domains = ["https://example.com"]', "allowed_domains: item 1: expected a domain such as"),
    ("web_search", 'allowed_domains = ["example.com/news"]', "allowed_domains: item 1: expected a domain such as"),
    ("web_search", 'allowed_domains = ["a.com", "a.com"]', "allowed_domains: item 2 says the same as item 1"),
    (
        "web_search",
        'allowed_domains = ["a.com"]\nexcluded_domains = ["b.com"]',
        "excluded_domains: give either allowed_domains or excluded_domains, not both",
    ),
    ("web_search", 'location = { town = "Bonn" }', "town: unknown key"),
    ("web_search", 'location = "Bonn"', "location: expected a table, got a string"),
    ("web_search", 'filler = "One moment."', "filler: unknown key"),
    ("x_search", f"allowed_x_handles = {[*HANDLES, 'x']}", "allowed_x_handles: expected an array of at most 20 items"),
    ("x_search", 'excluded_x_handles = ["@xai"]', "excluded_x_handles: item 1: expected the name of an account"),
    (
        "x_search",
        'allowed_x_handles = ["a"]\nexcluded_x_handles = ["b"]',
        "excluded_x_handles: give either allowed_x_handles or excluded_x_handles, not both",
    ),
    ("x_search", 'from_date = "31.01.2026"', 'from_date: expected a day such as "2026-01-31"'),
    ("x_search", 'from_date = "2026-02-30"', 'from_date: expected a day such as "2026-01-31"'),
    ("x_search", 'from_date = "20260131"', 'from_date: expected a day such as "2026-01-31"'),
    ("x_search", "from_date = 2026-01-31T10:00:00", 'from_date: expected a day such as "2026-01-31"'),
    ("x_search", "from_date = 20260131", 'from_date: expected a day such as "2026-01-31"'),
    ("x_search", 'from_date = "2026-02-01"\nto_date = 2026-01-31', "to_date: is before from_date"),
    ("file_search", "max_num_results = 0", "max_num_results: expected a whole number of at least 1, got 0"),
    ("mcp", 'server_label = "a.b"', "server_label: a label is letters, digits, _ and -, without dots"),
    ("mcp", 'authorization = "xai-do-not-show-me"', "authorization: a secret is never written here itself"),
    ("mcp", 'headers = { "X Y" = "1" }', "X Y\": a header's name is 1 to 64 letters"),
    ("mcp", 'headers = { X = "a\\nb" }', "X: a header's value is ASCII without line breaks"),
]


def sent(folder: Path, kind: str, lines: str) -> dict[str, Any]:
    """The tool as it is sent; nothing that the platform would object to."""
    needed = "" if NEEDED[kind].split(" =")[0] in lines else NEEDED[kind]
    text = f'{MINIMAL}tools = ["it"]\n[tools.it]\ntype = "{kind}"\n{needed}{lines}\n'
    config = loaded(folder, text)
    agent = brief("support", config.agents["support"], config.tools)
    frame = json.loads(encode(SessionUpdate(session=agent.session)))
    assert objections("client-events", "session.update", frame) == []
    assert API_KEY not in repr(agent)
    assert agent.tools == {}  # none that we run
    (tool,) = frame["session"]["tools"]
    assert tool.pop("type") == kind
    return dict(tool)


def test_every_documented_option_is_there() -> None:
    assert {*OPTIONS} == {
        (kind, option) for kind in NEEDED for option in DEFINITIONS[f"_tool.{kind}"]["properties"] if option != "type"
    }
    kinds = [part["$ref"].rpartition(".")[2] for part in DEFINITIONS["_tool"]["oneOf"]]
    assert {*kinds} == {"function", *NEEDED}
    assert set(ON_THE_WIRE) == set(DEFINITIONS["_location"]["properties"])


@pytest.mark.parametrize(("kind", "option"), OPTIONS, ids=str)
def test_from_the_file_to_the_wire(tmp_path: Path, kind: str, option: str) -> None:
    lines, value = OPTIONS[kind, option]
    if option == "headers":
        value = {"X-Key": f"k {API_KEY}", "Accept": "*/*"}
    assert sent(tmp_path, kind, lines)[option] == value


@pytest.mark.parametrize("kind", NEEDED)
def test_nothing_is_sent_that_was_not_configured(tmp_path: Path, kind: str) -> None:
    expected: dict[str, Any] = {"file_search": {"vector_store_ids": ["c1"]}}
    expected["mcp"] = {"server_url": "https://mcp.example.com/mcp", "server_label": "it"}
    assert sent(tmp_path, kind, "") == expected.get(kind, {})


@pytest.mark.parametrize("kind", NEEDED)
def test_all_of_them_together(tmp_path: Path, kind: str) -> None:
    lines = [line for (of, option), (line, _) in OPTIONS.items() if of == kind and "excluded" not in option]
    assert {*sent(tmp_path, kind, "\n".join(lines))} == {
        option for of, option in OPTIONS if of == kind and "excluded" not in option
    }


@pytest.mark.parametrize(("kind", "lines", "message"), BEYOND, ids=lambda value: str(value)[:50])
def test_what_is_beyond_a_limit_gets_as_far_as_check(tmp_path: Path, kind: str, lines: str, message: str) -> None:
    (complaint,) = complaints(tmp_path, f'{MINIMAL}[tools.it]\ntype = "{kind}"\n{NEEDED[kind]}{lines}\n')
    assert complaint.startswith("config.toml: [tools.it")
    assert message in complaint


@pytest.mark.parametrize(
    ("kind", "lines", "message"),
    [
        ("file_search", "", 'vector_store_ids: missing; add vector_store_ids = ["collection_..."]'),
        ("file_search", "vector_store_ids = []", "vector_store_ids: expected an array of at least 1 item, got 0"),
        ("mcp", "", 'server_url: missing; add server_url = "https://mcp.example.com/mcp"'),
        ("mcp", 'server_url = "mcp.example.com"', "server_url: expected a URL such as"),
        ("mcp", 'server_url = "ftp://mcp.example.com"', "server_url: expected a URL such as"),
        ("mcp", 'server_url = "https://a:b@mcp.example.com"', "server_url: a URL may not carry a user name"),
        (
            "mcp",
            'server_url = "http://mcp.example.com"\nauthorization = "${env:XAI_API_KEY}"',
            "server_url: authorization and headers would be sent in the clear; use https://",
        ),
    ],
)
def test_what_is_needed(tmp_path: Path, kind: str, lines: str, message: str) -> None:
    (complaint,) = complaints(tmp_path, f'{MINIMAL}[tools.it]\ntype = "{kind}"\n{lines}\n')
    assert f"[tools.it] {message}" in complaint
