"""Destinations, the agents that may use them, and the keys that lead there: what goes together, and what does not."""

from pathlib import Path

import pytest

from daemon.config import HttpTool
from tests.config.written import MINIMAL, complaints, loaded

DESK = '[destinations.desk]\nuri = "tel:+14155550123"\n'
NIGHT = '[destinations.night]\nuri = "sip:night@pbx.example.net"\n'
HOURS = """
[tools.hours]
type = "http"
description = "Gives the opening hours."
url = "https://api.example.com/hours"
"""
PAY = """
[tools.pay]
type = "http"
description = "Takes a payment."
url = "https://api.example.com/pay"
method = "POST"
parameters = { card = "keypad", note = "string?" }
"""
AGENT = "config.toml: [agents.support]"
PLACE = "config.toml: [destinations.desk]"


def test_an_agent_that_may_transfer(tmp_path: Path) -> None:
    text = MINIMAL + 'tools = ["transfer"]\ntransfers = ["desk", "night"]\non_trouble = "transfer:night"\n'
    menu = '[agents.support.keypad.menu]\n"0" = "transfer:desk"\n"*9" = "hang_up"\n'
    config = loaded(tmp_path, text + menu + DESK + 'fallback = "night"\n' + NIGHT)
    assert config.agents["support"].transfers == ("desk", "night")
    assert config.destinations["desk"].fallback == "night"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ('tools = ["transfer"]\n', 'tools: "transfer" needs to know where to; add transfers = ["NAME"]'),
        ('transfers = ["desk"]\n', 'transfers: without "transfer" in tools, nobody can use them'),
        (
            'tools = ["transfer"]\ntransfers = ["desk", "dsek"]\n',
            'transfers: item 2: there is no destination "dsek"; did you mean "desk"?',
        ),
        ('on_trouble = "transfer:cellar"\n', 'on_trouble: there is no destination "cellar"; there is: desk'),
    ],
)
def test_transfers_that_lead_nowhere(tmp_path: Path, keys: str, message: str) -> None:
    assert complaints(tmp_path, MINIMAL + keys + DESK) == [f"{AGENT} {message}"]


@pytest.mark.parametrize(
    ("menu", "message"),
    [
        ('"0" = "transfer:dsek"', '0: there is no destination "dsek"; did you mean "desk"?'),
        ('"0" = "tool:hour"', '0: "hour" is no tool of this agent that a key can run; did you mean "hours"?'),
        ('"0" = "tool:hang_up"', '0: "hang_up" is no tool of this agent that a key can run; there is: hours, pay'),
        ('"0" = "tool:pay"', '0: a key gives no arguments, and "pay" needs card'),
        ('"1#" = "hang_up"', '"1#": "#" ends an entry, so it can\'t be part of a key; change terminator or the key'),
    ],
)
def test_keys_that_lead_nowhere(tmp_path: Path, menu: str, message: str) -> None:
    agent = MINIMAL + 'tools = ["hours", "pay", "collect_digits"]\n'
    text = f"{agent}[agents.support.keypad.menu]\n{menu}\n" + DESK + HOURS + PAY
    assert complaints(tmp_path, text) == [f"config.toml: [agents.support.keypad.menu] {message}"]


def test_a_key_runs_no_tool_of_the_platforms(tmp_path: Path) -> None:
    search = '[tools.search]\ntype = "web_search"\n'
    text = MINIMAL + 'tools = ["search"]\nkeypad.menu = { "2" = "tool:search" }\n' + search
    message = '2: the platform runs "search", when the model wants it; a key can run only tools of your own'
    assert complaints(tmp_path, text) == [f"config.toml: [agents.support.keypad.menu] {message}"]


def test_a_key_runs_no_function_that_needs_arguments(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text('def near(day: str) -> str:\n    """Finds a day."""\n    return day\n')
    near = '[tools.near]\ntype = "python"\nfile = "shop.py:near"\n'
    text = MINIMAL + 'tools = ["near"]\nkeypad.menu = { "2" = "tool:near" }\n' + near
    message = '2: a key gives no arguments, and "near" needs day'
    assert complaints(tmp_path, text) == [f"config.toml: [agents.support.keypad.menu] {message}"]


def test_keys_that_are_longer_than_an_entry(tmp_path: Path) -> None:
    text = MINIMAL + '[agents.support.keypad]\nmax_digits = 2\nmenu = { "123" = "hang_up" }\n'
    message = "123: an entry has at most 2 keys here (max_digits)"
    assert complaints(tmp_path, text) == [f"config.toml: [agents.support.keypad.menu] {message}"]


def test_a_tool_that_takes_what_callers_type_needs_somebody_to_ask_them(tmp_path: Path) -> None:
    message = 'tools: "pay" takes what callers type, so "collect_digits" is needed too'
    assert complaints(tmp_path, MINIMAL + 'tools = ["pay"]\n' + PAY) == [f"{AGENT} {message}"]
    config = loaded(tmp_path, MINIMAL + 'tools = ["pay", "collect_digits"]\n' + PAY)
    pay = config.tools["pay"]
    assert isinstance(pay, HttpTool)
    schema = pay.parameters
    assert schema["properties"]["card"] == {
        "type": "string",
        "format": "keypad",
        "pattern": "^entry-[0-9]{1,9}$",
        "description": "The reference that collect_digits gave, such as entry-1; never the digits themselves.",
    }
    assert schema["required"] == ["card"]


@pytest.mark.parametrize(
    ("keys", "messages"),
    [
        (
            'uri = "tel:+19005551234"\n',
            ['uri: this is a premium-rate number; if that is meant, add allow = ["premium_rate"]'],
        ),
        ('uri = "tel:+18005550199"\n', ["uri: this number is one of [numbers], so the call would come back here"]),
        (
            'uri = "sip:+18005550199@sip.voice.x.ai;transport=tls"\n',
            ["uri: this number is one of [numbers], so the call would come back here"],
        ),
        (
            'uri = "tel:+14155550123"\nfallback = "nigth"\n',
            ['fallback: there is no destination "nigth"; did you mean "night"?'],
        ),
        ('uri = "tel:+14155550123"\nfallback = "desk"\n', ["fallback: leads round in a circle: desk > desk"]),
        (
            'uri = "tel:+14155550123"\nallow = ["premium"]\n',
            [
                'allow: item 1: expected "premium_rate", "shared_cost", "personal", "satellite", "caribbean", '
                '"emergency", "short" or "unknown"; did you mean "premium_rate"?'
            ],
        ),
        ('uri = "tel:+14155550123"\nmax_transfers_per_hour = 0\n', None),
    ],
)
def test_destinations_that_can_not_be(tmp_path: Path, keys: str, messages: list[str] | None) -> None:
    told = complaints(tmp_path, MINIMAL + "[destinations.desk]\n" + keys + NIGHT)
    assert told == [f"{PLACE} {message}" for message in messages or []] or (messages is None and len(told) == 1)


def test_a_circle_of_several_is_told_of_each(tmp_path: Path) -> None:
    text = MINIMAL + DESK + 'fallback = "night"\n' + NIGHT + 'fallback = "desk"\n'
    assert len(complaints(tmp_path, text)) == 2
    text = MINIMAL + DESK + 'fallback = "night"\n' + NIGHT + 'fallback = "cellar"\n'
    assert complaints(tmp_path, text) == [
        'config.toml: [destinations.night] fallback: there is no destination "cellar"; there is: desk, night'
    ]


def test_what_is_meant_is_allowed(tmp_path: Path) -> None:
    place = '[destinations.hotline]\nuri = "tel:+19005551234"\nallow = ["premium_rate"]\n'
    assert loaded(tmp_path, MINIMAL + place).destinations["hotline"].allow == ("premium_rate",)


def test_what_has_the_wrong_type_is_passed_over(tmp_path: Path) -> None:
    text = MINIMAL + 'transfers = "desk"\nkeypad = 1\ntools = 2\n' + "[destinations]\ndesk = 1\n"
    assert len(complaints(tmp_path, text)) == 4


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            "max_per_call = 2.5",
            "max_per_call: is never reached without a price; add per_minute = 0.05, or what yours is",
        ),
        ("max_per_day = 1", "max_per_day: is never reached without a price; add per_minute = 0.05, or what yours is"),
        ('on_max_per_call = "transfer:cellar"', 'on_max_per_call: there is no destination "cellar"; there is: desk'),
        ('on_max_per_call = ""', 'on_max_per_call: expected "transfer:DESTINATION" or "hang_up"'),
        (
            'on_max_per_call = "say:no"',
            'on_max_per_call: expected "transfer:DESTINATION" or "hang_up"',
        ),
        ("per_minute = -1", "per_minute: expected a number of at least 0, got -1"),
    ],
)
def test_costs_that_make_no_sense(tmp_path: Path, keys: str, message: str) -> None:
    (found,) = complaints(tmp_path, f"{MINIMAL}{DESK}[costs]\n{keys}\n")
    assert found.startswith(f"config.toml: [costs] {message}")


def test_costs_that_do(tmp_path: Path) -> None:
    keys = 'per_minute = 0.05\nmax_per_call = 2\nmax_per_day = 100.5\non_max_per_call = "transfer:desk"\n'
    costs = loaded(tmp_path, f"{MINIMAL}{DESK}[costs]\n{keys}").costs
    assert (costs.per_minute, costs.max_per_call, costs.max_per_day) == (0.05, 2.0, 100.5)
