"""Templates are tried out at check: a call never meets one that can't be rendered."""

from pathlib import Path

import pytest

from tests.config.written import NUMBER, PLATFORM, complaints, loaded

LOOKUP = """
[agents.support.lookup]
url = "https://crm.example.com/callers/{caller}"
fields = { name = "/name", orders = "/orders", vip = "/vip" }
defaults = { orders = 0, vip = false }
"""


def written(instructions: str, more: str = "") -> str:
    return f"{PLATFORM}{NUMBER}[agents.support]\ninstructions = '''{instructions}'''\n{more}"


@pytest.mark.parametrize(
    "instructions",
    [
        "It is {{ time.weekday }}, {{ time }}. You are {{ agent }} on {{ called }}, for {{ caller }}.",
        "{% if anonymous %}Ask who calls.{% else %}{{ caller[-4:] }}{% endif %}",
        "{{ lookup.name or 'a new customer' }} {% if lookup.vip and lookup.orders > 3 %}!{% endif %}",
        "{{ sip.x_customer_id }} {{ sip.diversion }}",
        "Plain words, with { braces } and 100 % of nothing.",
    ],
)
def test_what_is_right_loads(tmp_path: Path, instructions: str) -> None:
    more = 'sip_headers = ["X-Customer-Id", "Diversion"]\ntimezone = "Europe/Berlin"\n' + LOOKUP
    assert loaded(tmp_path, written(instructions, more)).agents["support"].instructions == instructions


@pytest.mark.parametrize(
    ("instructions", "more", "message"),
    [
        ("a\n{{ calller }}", "", 'instructions: line 2: there is no "calller"; did you mean "caller"?'),
        ("{{ lookup.name }}", "", "instructions: line 1: there is no lookup; give its url and fields in a table"),
        ("{{ lookup.nam }}", LOOKUP, 'instructions: line 1: there is no "nam" in lookup; did you mean "name"?'),
        ("{{ sip.diversion }}", "", 'instructions: line 1: there is no "diversion" in sip'),
        ("{{ 10 / lookup.orders }}", LOOKUP, "instructions: line 1: division by zero"),
        ("{% if lookup.name > 3 %}{% endif %}", LOOKUP, "instructions: line 1: '>' not supported between"),
        ("{% if not anonymous %}{{ caller + 1 }}{% endif %}", "", "instructions: line 1: + is for numbers"),
        ("{{ ['a'] }}{{ 1 // time.hour }}", "", "instructions: line 1: integer division"),
        ("x", 'greeting = "Hi {{ nobody }}"', 'greeting: line 1: there is no "nobody"'),
        ("x", 'greeting_prompt = "{% if %}"', "greeting_prompt: line 1: Expected an expression"),
        (
            "x",
            'resumption = true\nredial = "5m"\nredial_greeting = "{{ x }}"',
            'redial_greeting: line 1: there is no "x"',
        ),
        ("{{ caller.__class__ }}", "", 'instructions: line 1: "caller" is a plain value'),
        ("{% include 'x' %}", "", "instructions: line 1: include is not possible"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, instructions: str, more: str, message: str) -> None:
    (line,) = complaints(tmp_path, written(instructions, more))
    assert line.startswith(f"config.toml: [agents.support] {message}")


def test_a_file_is_named_by_its_key(tmp_path: Path) -> None:
    (tmp_path / "support.md").write_text("# Help\n\n{{ calller }}\n")
    text = PLATFORM + NUMBER + '[agents.support]\ninstructions_file = "support.md"\n'
    assert complaints(tmp_path, text) == [
        'config.toml: [agents.support] instructions_file: line 3: there is no "calller"; did you mean "caller"?'
    ]


def test_what_an_abstract_agent_says_is_judged_where_it_is_inherited(tmp_path: Path) -> None:
    base = '[agents.base]\nabstract = true\ninstructions = "Help {{ lookup.name }}."\n'
    heir = '[agents.support]\nextends = "base"\n'
    assert loaded(tmp_path, PLATFORM + NUMBER + base + heir + LOOKUP).agents["support"].lookup.fields["name"] == "/name"
    (line,) = complaints(tmp_path, PLATFORM + NUMBER + base + heir)
    assert line == (
        "config.toml: [agents.base] instructions: line 1: there is no lookup; give its url and fields in a table "
        '[agents.NAME.lookup] (as agent "support" has it)'
    )


def test_other_mistakes_are_told_beside_it(tmp_path: Path) -> None:
    more = 'timezone = "Europe/Berlim"\nsip_headers = "Diversion"\nlookup = 1\n'
    lines = complaints(tmp_path, written("{{ nope }}", more))
    assert [line.removeprefix("config.toml: [agents.support] ").partition(":")[0] for line in lines] == [
        "instructions",
        "timezone",
        "sip_headers",
        "lookup",
    ]
