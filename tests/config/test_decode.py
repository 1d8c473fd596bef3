"""Tables to records: every wrong key gets its message, and all messages come together."""

from pathlib import Path

import msgspec
import pytest

from daemon.config import Server
from daemon.config.decode import Decoder
from daemon.config.report import Report
from tests.config.written import AGENT, API_KEY, MINIMAL, NUMBER, PLATFORM, complaints, loaded

XAI = "config.toml: [platform.xai]"
SUPPORT = "config.toml: [agents.support]"
DURATION = 'expected a duration such as "2.5s", "500ms", "10m", "1h" or "90d"'
REFERENCE = '"${env:NAME}", "${file:/path}" or "${credential:NAME}"'

# In MINIMAL the table [agents.support] comes last, so a bare key added at the end belongs to it.
WRONG = [
    # Types, by what they should have been.
    ("voice = 1", "[agents.support] voice", "expected a string, got an integer"),
    ("voice = true", "[agents.support] voice", "expected a string, got a boolean"),
    ("voice = 1.5", "[agents.support] voice", "expected a string, got a decimal number"),
    ("voice = []", "[agents.support] voice", "expected a string, got an array"),
    ("voice = {}", "[agents.support] voice", "expected a string, got a table"),
    ("voice = 2024-02-03", "[agents.support] voice", "expected a string, got a date"),
    ("voice = 2024-02-03T04:05:06Z", "[agents.support] voice", "expected a string, got a date"),
    ("voice = 04:05:06", "[agents.support] voice", "expected a string, got a time"),
    ('resumption = "yes"', "[agents.support] resumption", "expected true or false, got a string"),
    ("resumption = 1", "[agents.support] resumption", "expected true or false, got an integer"),
    ('speed = "fast"', "[agents.support] speed", "expected a number from 0.7 to 1.5, got a string"),
    ("speed = true", "[agents.support] speed", "expected a number from 0.7 to 1.5, got a boolean"),
    ("max_duration = 30", "[agents.support] max_duration", f"{DURATION}, got an integer"),
    ("max_duration = true", "[agents.support] max_duration", f"{DURATION}, got a boolean"),
    ('max_duration = "half an hour"', "[agents.support] max_duration", DURATION),
    ('tools = "hang_up"', "[agents.support] tools", "expected an array, got a string"),
    ('replace = "ACME"', "[agents.support] replace", "expected a table, got a string"),
    ('keypad = "on"', "[agents.support] keypad", "expected a table, got a string"),
    ("[log]\ntranscripts = 0", "[log] transcripts", "expected true or false, got an integer"),
    (
        "[limits]\nmax_calls = 2.0",
        "[limits] max_calls",
        "expected a whole number of at least 1, got a decimal number",
    ),
    ("[limits]\nmax_calls = true", "[limits] max_calls", "expected a whole number of at least 1, got a boolean"),
    (
        "[server]\nmax_body = true",
        "[server] max_body",
        'expected a size such as "64KiB", "4MiB" or a whole number of bytes, got a boolean',
    ),
    # Ranges and lengths.
    ('voice = ""', "[agents.support] voice", "expected a string of at least 1 character, got 0 characters"),
    ("speed = 1.6", "[agents.support] speed", "expected a number from 0.7 to 1.5, got 1.6"),
    ("speed = 0", "[agents.support] speed", "expected a number from 0.7 to 1.5, got 0"),
    ("speed = nan", "[agents.support] speed", "expected a number from 0.7 to 1.5, got nan"),
    ('max_duration = "0s"', "[agents.support] max_duration", "expected a duration above 0s, got 0s"),
    ("[limits]\nmax_calls = 0", "[limits] max_calls", "expected a whole number of at least 1, got 0"),
    ("[server]\nmax_body = 0", "[server] max_body", "expected a size of at least 1B, got 0B"),
    ("[server]\nbind = []", "[server] bind", "expected an array of at least 1 item, got 0"),
    (f"keyterms = {['x'] * 101}", "[agents.support] keyterms", "expected an array of at most 100 items, got 101"),
    (
        f'keyterms = ["a", "{"x" * 51}"]',
        "[agents.support] keyterms",
        "item 2: expected a string of 1 to 50 characters, got 51 characters",
    ),
    (
        "[agents.support.turn_detection]\nthreshold = 0.95",
        "[agents.support.turn_detection] threshold",
        "expected a number from 0.1 to 0.9, got 0.95",
    ),
    (
        '[agents.support.turn_detection]\nsilence_duration = "11s"',
        "[agents.support.turn_detection] silence_duration",
        "expected a duration from 0s to 10s, got 11s",
    ),
    (
        '[agents.support.turn_detection]\nprefix_padding = "10001ms"',
        "[agents.support.turn_detection] prefix_padding",
        "expected a duration from 0s to 10s, got 10.001s",
    ),
    (
        "[agents.support.keypad]\nmax_digits = 129",
        "[agents.support.keypad] max_digits",
        "expected a whole number from 1 to 128, got 129",
    ),
    # Choices.
    ('reasoning = "hihg"', "[agents.support] reasoning", 'expected "", "high" or "none"; did you mean "high"?'),
    ('[log]\nlevel = "loud"', "[log] level", 'expected "debug", "info", "warning" or "error"'),
    ("[log]\nformat = 3", "[log] format", 'expected "auto", "json" or "console", got an integer'),
    # Rules of single values.
    (
        'language = "es"',
        "[agents.support] language",
        'the platform wants a region with this language, such as "es-ES" or "es-MX"',
    ),
    ('tools = ["hangup"]', "[agents.support] tools", 'item 1: there is no tool "hangup"; did you mean "hang_up"?'),
    ('tools = ["hang_up", "hang_up"]', "[agents.support] tools", "item 2 says the same as item 1"),
    (
        '[agents.support.keypad]\nterminator = "x"',
        "[agents.support.keypad] terminator",
        'expected one key of 0-9, * or #, or "" for none',
    ),
    ('[server]\nbind = ["[::1]:1", "[::1]:1"]', "[server] bind", "item 2 says the same as item 1"),
    ("[replace]", "[replace]", "unknown table"),
    # Keys that nobody knows.
    ('voise = "eve"', "[agents.support] voise", 'unknown key; did you mean "voice"?'),
    ("zzz = 1", "[agents.support] zzz", "unknown key"),
    ("[agents.support.keypda]", "[agents.support.keypda]", 'unknown table; did you mean "keypad"?'),
    ("[sever]", "[sever]", 'unknown table; did you mean "server"?'),
    ("[platform.openai]", "[platform.openai]", "unknown table"),
    # Keys of tables, and values in a table of strings.
    (
        '[agents.Sales]\ninstructions = "Sell."',
        "[agents.Sales]",
        "an agent's name is 1 to 64 of the characters a-z, 0-9, _ and -",
    ),
    (
        '[numbers."+1 800 555 0198"]\nagent = "support"',
        '[numbers."+1 800 555 0198"]',
        'phone numbers are written without spaces or punctuation; write "+18005550198"',
    ),
    ("[agents.support.replace]\nACME = 1", "[agents.support.replace] ACME", "expected a string, got an integer"),
    # Secrets.
    (
        '[numbers."+18005550198"]\nagent = "support"\nwebhook_secrets = [1]',
        '[numbers."+18005550198"] webhook_secrets',
        f"item 1: expected a reference to a secret: {REFERENCE}, got an integer",
    ),
]


@pytest.mark.parametrize(("text", "where", "what"), WRONG)
def test_every_wrong_key_gets_its_message(tmp_path: Path, text: str, where: str, what: str) -> None:
    assert complaints(tmp_path, f"{MINIMAL}{text}\n") == [f"config.toml: {where}: {what}"]


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = PLATFORM + NUMBER + AGENT + 'voice = 1\nspeed = 9\nkeyterms = [1, "ok", ""]\n[log]\nlevel = "x"\n[lgo]\n'
    assert complaints(tmp_path, text) == [
        'config.toml: [lgo]: unknown table; did you mean "log"?',
        f"{SUPPORT} voice: expected a string, got an integer",
        f"{SUPPORT} keyterms: item 1: expected a string, got an integer",
        f"{SUPPORT} keyterms: item 3: expected a string of 1 to 50 characters, got 0 characters",
        f"{SUPPORT} speed: expected a number from 0.7 to 1.5, got 9",
        'config.toml: [log] level: expected "debug", "info", "warning" or "error"',
    ]


def test_required_keys_name_the_line_to_add(tmp_path: Path) -> None:
    text = '[numbers."+18005550199"]\n' + AGENT
    assert complaints(tmp_path, text) == [
        "config.toml: [platform.xai] webhook_secrets: missing, and +18005550199 has none of its own; "
        'add webhook_secrets = ["${credential:xai-webhook-secret}"]',
        'config.toml: [platform.xai] api_key: missing; add api_key = "${env:XAI_API_KEY}"',
        'config.toml: [numbers."+18005550199"] agent: missing; add agent = "NAME", a name from [agents]',
    ]


def test_tables_that_are_none(tmp_path: Path) -> None:
    assert complaints(tmp_path, "platform = 1\nnumbers = []\nagents = true\nserver = 0.5\n") == [
        "config.toml: server: expected a table, got a decimal number",
        "config.toml: platform: expected a table, got an integer",
        "config.toml: numbers: expected a table, got an array",
        "config.toml: agents: expected a table, got a boolean",
    ]


def test_secrets_written_into_the_file_are_not_repeated(tmp_path: Path) -> None:
    text = f'[platform.xai]\napi_key = "{API_KEY}"\nwebhook_secrets = "whsec_x"\n' + NUMBER + AGENT
    assert complaints(tmp_path, text) == [
        f"{XAI} api_key: a secret is never written here itself; expected a reference: {REFERENCE}",
        f"{XAI} webhook_secrets: expected an array, got a string",
    ]


def test_secrets_that_are_unusable(tmp_path: Path) -> None:
    env = {"XAI_API_KEY": "two words", "HOOK": "whsk_abc"}
    assert complaints(tmp_path, env=env) == [
        f"{XAI} api_key: the API key holds a space, a line break or a character beyond ASCII; copy it again",
        f"{XAI} webhook_secrets: item 1: this is an asymmetric key (whpk_ or whsk_), which is not supported; "
        "use a whsec_ secret",
    ]


def test_values_are_read_in_their_own_notation(tmp_path: Path) -> None:
    text = (
        MINIMAL
        + """
        speed = 1
        replace = { ACME = "ack-me", "a b" = "" }
        keyterms = ["Callwarden"]
        turn_detection = { threshold = 0.5, silence_duration = "700ms", idle_timeout = "20s" }
        [server]
        bind = ["unix:/run/c.sock", "[::1]:0"]
        max_body = "1MiB"
        """
    )
    config = loaded(tmp_path, text)
    agent = config.agents["support"]
    assert agent.speed == 1.0
    assert isinstance(agent.speed, float)
    assert agent.replace == {"ACME": "ack-me", "a b": ""}
    assert agent.keyterms == ("Callwarden",)
    assert agent.turn_detection.silence_duration == 0.7
    assert agent.turn_detection.prefix_padding is None
    assert config.server == Server(bind=("unix:/run/c.sock", "[::1]:0"), max_body=1 << 20)


class Plain(msgspec.Struct, frozen=True, kw_only=True):
    """A record that this room has never seen."""

    name: str
    ports: dict[str, int]


def test_a_new_table_needs_nothing_but_a_record() -> None:
    report = Report("config.toml")
    decoder = Decoder(report, {})
    assert decoder.table(Plain, {"name": "x", "ports": {"a": 1}}) == Plain(name="x", ports={"a": 1})
    assert decoder.table(Plain, {}) is None
    assert [str(problem) for problem in report.problems] == ["config.toml: name: missing"]
