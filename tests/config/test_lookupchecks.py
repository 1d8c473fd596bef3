"""What may be written of lookups, SIP headers and time zones, and what is said to the rest."""

from pathlib import Path

import pytest

from daemon.config.lookups import Lookup
from tests.config.written import ENV, MINIMAL, complaints, loaded

WHERE = "config.toml: [agents.support.lookup"


def table(lines: str) -> str:
    return f"{MINIMAL}[agents.support.lookup]\n{lines}\n"


def test_a_whole_lookup(tmp_path: Path) -> None:
    lookup = (
        loaded(
            tmp_path,
            table(
                """
            url = "https://crm.example.com/v1/callers/{caller}?line={called}&all=1"
            timeout = "2s"
            headers = { Authorization = "Bearer ${env:XAI_API_KEY}", Accept = "application/vnd.crm+json" }
            fields = { name = "/customer/name", vip = "/flags/0", a_b = "/a~1b~0c" }
            defaults = { name = "", vip = false }
            agent_field = "/agent"
            """
            ),
        )
        .agents["support"]
        .lookup
    )
    assert lookup.headers["Authorization"].reveal() == f"Bearer {ENV['XAI_API_KEY']}"
    assert ENV["XAI_API_KEY"] not in repr(lookup)
    assert lookup == Lookup(
        url="https://crm.example.com/v1/callers/{caller}?line={called}&all=1",
        timeout=2.0,
        headers=lookup.headers,
        fields={"name": "/customer/name", "vip": "/flags/0", "a_b": "/a~1b~0c"},
        defaults={"name": "", "vip": False},
        agent_field="/agent",
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://crm.example.com",
        "https://h:8443/{called}",
        "http://127.0.0.1:8/x?n={caller}",
        "http://[::1]/?a=b",
        "http://crm.internal/",
    ],
)
def test_urls(tmp_path: Path, url: str) -> None:
    allowed = 'allow_private = ["127.0.0.1", "::1", "crm.internal"]'
    assert loaded(tmp_path, table(f'url = "{url}"\n{allowed}')).agents["support"].lookup.url == url


HOST = "{caller} and {called} may stand in the path or in the query, never in the host"
BRACES = "braces stand only around caller and called, as in {caller}"
PLAIN = "expected a URL that starts with https://; http:// is for hosts in allow_private"
PRIVATE = 'its host is not public; if that is meant, add allow_private = ["10.0.0.1"]'
SHAPE = "expected a URL such as https://host/path, without query or fragment"
POINTER = 'expected a JSON Pointer such as "/customer/name"'
FIELD = "a field's name is a letter and then letters, digits and _, all lower case, at most 64"
HEADER = "a header's value is ASCII without line breaks, and without spaces around it"


@pytest.mark.parametrize(
    ("lines", "where", "what"),
    [
        ('url = "https://{caller}.example.com/"', "] url", HOST),
        ('url = "https://example.com:{called}/"', "] url", HOST),
        ('url = "{caller}"', "] url", HOST),
        ('url = "https://example.com/{name}"', "] url", BRACES),
        ('url = "https://example.com/{{caller}}"', "] url", BRACES),
        ('url = "https://example.com/{caller"', "] url", BRACES),
        ('url = "http://crm.example.com/{caller}"', "] url", PLAIN),
        ('url = "https://10.0.0.1/{caller}"', "] url", PRIVATE),
        ('url = "https://u:p@example.com/"', "] url", "a URL may not carry a user name or password"),
        ('url = "https://example.com/#x"', "] url", SHAPE),
        ('url = "https://example.com/a b"', "] url", SHAPE),
        ('url = "https://example.com/\\n"', "] url", SHAPE),
        ('url = "https:///x"', "] url", SHAPE),
        ('url = "https://-crm-.example.com/"', "] url", "expected a host name or an IP address after ://"),
        ('url = "https://1.2.3/"', "] url", "expected a host name or an IP address after ://"),
        ('url = "file:///etc/passwd"', "] url", SHAPE),
        ('url = "ftp://h/x"', "] url", "expected a URL that starts with https://"),
        ('url = "https://h/?a=b#c"', "] url", "a query is visible ASCII, without a fragment after it"),
        ('timeout = "20s"', "] timeout", "expected a duration from 100ms to 10s, got 20s"),
        ('timeout = "0s"', "] timeout", "expected a duration from 100ms to 10s, got 0s"),
        ('headers = { "X Y" = "1" }', ".headers] X Y", "a header's name is 1 to 64 letters, digits and - _ . without"),
        ('headers = { Host = "h" }', ".headers] Host", "this header is set by Callwarden"),
        ('headers = { A = "x\\r\\nB: y" }', ".headers] A", HEADER),
        ('headers = { A = " x" }', ".headers] A", HEADER),
        ('headers = { A = "Bearer ${env:NOPE}" }', ".headers] A", "environment variable NOPE is not set"),
        ('headers = { A = "Bearer ${NOPE}" }', ".headers] A", "expected a reference to a secret after ${"),
        ("headers = { A = 1 }", ".headers] A", "expected a string, got an integer"),
        ('url = "https://h/"\nfields = { name = "name" }', ".fields] name", POINTER),
        ('url = "https://h/"\nfields = { name = "" }', ".fields] name", POINTER),
        ('url = "https://h/"\nfields = { name = "/a~2" }', ".fields] name", POINTER),
        ('url = "https://h/"\nfields = { Name = "/a" }', ".fields] Name", FIELD),
        ('url = "https://h/"\nfields = { _x = "/a" }', ".fields] _x", FIELD),
        ('url = "https://h/"\nfields = { __class__ = "/a" }', ".fields] __class__", FIELD),
        ('fields = { name = "/a" }', "] url", 'missing; add url = "https://crm.example.com/callers/{caller}"'),
        ('agent_field = "/a"', "] url", 'missing; add url = "https://crm.example.com/callers/{caller}"'),
        ('url = "https://h/"\nagent_field = "a"', "] agent_field", POINTER),
        ('defaults = { name = "x" }', ".defaults] name", 'there is no field "name"'),
        (
            'url = "https://h/"\nfields = { name = "/a" }\ndefaults = { nam = "x" }',
            ".defaults] nam",
            'there is no field "nam"; did you mean "name"?',
        ),
        (
            f'url = "https://h/"\nfields = {{ name = "/a" }}\ndefaults = {{ name = "{"x" * 501}" }}',
            ".defaults] name",
            "a text has at most 500 characters; this one has 501",
        ),
        (
            'url = "https://h/"\nfields = { name = "/a" }\ndefaults = { name = [1] }',
            ".defaults] name",
            "expected a string, a number, or true or false",
        ),
        (
            'url = "https://h/"\nfields = { name = "/a" }\ndefaults = { name = nan }',
            ".defaults] name",
            "expected a string, a number, or true or false",
        ),
        ("timeuot = 1", "] timeuot", 'unknown key; did you mean "timeout"?'),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, lines: str, where: str, what: str) -> None:
    (line,) = complaints(tmp_path, table(lines))
    assert line.replace('"X Y"', "X Y").startswith(f"{WHERE}{where}: {what}")


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        (
            'sip_headers = ["X Y"]',
            "sip_headers: item 1: a SIP header's name is a letter and then letters, digits and -",
        ),
        ('sip_headers = ["9x"]', "sip_headers: item 1: a SIP header's name is a letter"),
        ('sip_headers = ["From"]', "sip_headers: item 1: the number in this header is known to every template already"),
        ('sip_headers = ["X-A", "x-a"]', "sip_headers: item 2 is the same header as one before it"),
        (f"sip_headers = {[f'X-{n}' for n in range(9)]}", "sip_headers: expected an array of at most 8 items, got 9"),
        ('timezone = "CEST"', "timezone: there is no such time zone on this machine"),
        ('timezone = "../passwd"', "timezone: there is no such time zone on this machine"),
        ('redial = "31m"', "redial: expected a duration from 0s to 30m, got 31m"),
        ('redial = "soon"', "redial: expected a duration such as"),
        ('redial = "10m"', "redial: needs resumption = true, or the platform keeps no conversation to go on with"),
        ('redial_greeting = "Hi again."', 'redial_greeting: is never said without redial; add redial = "30m"'),
        ('voice = "e v e"', 'voice: the name of a voice, such as "eve", or the id of a custom one has no spaces'),
        ('replace = { " " = "x" }', 'replace] " ": expected a word or a phrase'),
        ('replace = { ACME = "a", acme = "b" }', 'replace: "acme" and "ACME" are the same phrase to the platform'),
        ('model = "grok-voice"', 'model: expected "", "grok-voice-latest", "grok-voice-think-fast-2.0" or'),
    ],
)
def test_other_keys_of_an_agent(tmp_path: Path, lines: str, what: str) -> None:
    expected = f"config.toml: [agents.support{'.' if what.startswith('replace]') else '] '}{what}"
    got = complaints(tmp_path, f"{MINIMAL}{lines}\n")
    assert any(line.startswith(expected) for line in got), got
