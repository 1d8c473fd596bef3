"""Tables to records: every wrong key gets its message, and all messages come together."""

from pathlib import Path

import msgspec
import pytest

from daemon.config import Destination, Limits, Recovery, Server
from daemon.config.decode import Decoder
from daemon.config.report import Report
from daemon.core.overflow import Announce, Refer, Refuse, read_plan
from tests.config.written import AGENT, API_KEY, MINIMAL, NUMBER, PLATFORM, complaints, loaded

XAI = "config.toml: [platform.xai]"
SUPPORT = "config.toml: [agents.support]"
DURATION = 'expected a duration such as "2.5s", "500ms", "10m", "1h" or "90d"'
REFERENCE = '"${env:NAME}", "${file:/path}" or "${credential:NAME}"'
URI = "expected a string of at most 256 characters"
STEP = 'expected "refuse", "refer:DESTINATION" or "announce:TEXT"'
LAST = '"refuse" may only be the last step; nothing after it could run'
OTHER = '[numbers."+18005550198"]\nagent = "support"\n'

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
    (f'[destinations.desk]\nuri = "tel:{"1" * 253}"', "[destinations.desk] uri", f"{URI}, got 257 characters"),
    ("[limits]\noverflow = []", "[limits] overflow", "expected an array of at least 1 item, got 0"),
    ("[limits]\nunrouted = []", "[limits] unrouted", "expected an array of at least 1 item, got 0"),
    ("[limits]\nmax_overflow_calls = 0", "[limits] max_overflow_calls", "expected a whole number of at least 1, got 0"),
    (OTHER + "max_calls = 0", '[numbers."+18005550198"] max_calls', "expected a whole number of at least 1, got 0"),
    ("silence_timeout = 30", "[agents.support] silence_timeout", f"{DURATION}, got an integer"),
    ('[recovery]\nrejoin_window = "ever"', "[recovery] rejoin_window", DURATION),
    ('[drain]\nsettle_timeout = "-1s"', "[drain] settle_timeout", DURATION),
    # Choices.
    ('reasoning = "hihg"', "[agents.support] reasoning", 'expected "", "high" or "none"; did you mean "high"?'),
    ('[log]\nlevel = "loud"', "[log] level", 'expected "debug", "info", "warning" or "error"'),
    ("[log]\nformat = 3", "[log] format", 'expected "auto", "json", "console" or "journal", got an integer'),
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
    # Destinations and plans.
    ("[destinations.desk]", "[destinations.desk] uri", 'missing; add uri = "tel:+18005550123"'),
    (
        '[destinations.desk]\nuri = "sips:desk@example.net"',
        "[destinations.desk] uri",
        "sips: is not supported; write sip:user@host;transport=tls",
    ),
    (
        '[destinations."Front desk"]\nuri = "tel:+18005550123"',
        '[destinations."Front desk"]',
        "a destination's name is 1 to 64 of the characters a-z, 0-9, _ and -",
    ),
    ('[limits]\noverflow = "refuse"', "[limits] overflow", "expected an array, got a string"),
    ('[limits]\noverflow = ["announce:Busy.", "hang_up"]', "[limits] overflow", f"item 2: {STEP}"),
    ('[limits]\nunrouted = ["refuse", "announce:Busy."]', "[limits] unrouted", f"item 1: {LAST}"),
    (OTHER + "overflow = [1]", '[numbers."+18005550198"] overflow', "item 1: expected a string, got an integer"),
    (OTHER + 'overflow = ["refuse", "refuse"]', '[numbers."+18005550198"] overflow', f"item 1: {LAST}"),
    (
        f'{OTHER}overflow = ["announce:{"x" * 1001}"]',
        '[numbers."+18005550198"] overflow',
        "item 1: an announcement has at most 1000 characters; this one has 1001",
    ),
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


def test_destinations_and_plans(tmp_path: Path) -> None:
    text = (
        MINIMAL
        + OTHER
        + """
        max_calls = 2
        overflow = ["refer:desk", "refer: night-desk ", "announce:All lines are busy: call later.", "refuse"]
        [destinations.desk]
        uri = "tel:+18005550123"
        description = "The front desk."
        [destinations.night-desk]
        uri = "sip:night@pbx.example.net:5061;transport=tls"
        [limits]
        unrouted = ["announce:Nobody has this number."]
        """
    )
    config = loaded(tmp_path, text)
    assert config.destinations == {
        "desk": Destination(uri="tel:+18005550123", description="The front desk."),
        "night-desk": Destination(uri="sip:night@pbx.example.net:5061;transport=tls"),
    }
    assert config.limits == Limits(unrouted=("announce:Nobody has this number.",))
    assert config.numbers["+18005550198"].max_calls == 2
    assert read_plan(config.numbers["+18005550198"].overflow) == (
        Refer("desk"),
        Refer("night-desk"),
        Announce("All lines are busy: call later."),
        Refuse(),
    )


def test_without_destinations_callers_are_refused(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    assert config.destinations == {}
    assert (config.limits.overflow, config.limits.unrouted) == (("refuse",), ("refuse",))
    assert (config.numbers["+18005550199"].overflow, config.numbers["+18005550199"].max_calls) == ((), None)


def test_never_is_written_as_zero(tmp_path: Path) -> None:
    config = loaded(tmp_path, MINIMAL + 'silence_timeout = "0s"\n[recovery]\nrejoin_window = "0s"\n')
    assert config.agents["support"].silence_timeout == 0.0
    assert config.recovery == Recovery(rejoin_window=0.0)


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
