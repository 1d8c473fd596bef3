"""What `--set` can say, and what is said back."""

from pathlib import Path

import pytest

from tests.config.written import API_KEY, MINIMAL, complaints, loaded

FORM = "--set: expected KEY=VALUE, such as log.level=debug"


def test_overrides_are_laid_over_the_file(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        MINIMAL,
        'server.bind=["127.0.0.1:0"]',
        "log.level=warning",
        "log.level=info",
        "log . format = 'json'",
        "log.transcripts=true",
        "drain.deadline=10m",
        "limits.max_calls=3",
        "limits.max_calls=4",
        "agents.support.greeting=",
        'agents.sales.instructions="Sell."',
        'numbers."+18005550199".agent="sales"',
        "numbers.'+18005550198'={agent='support'}",
        "platform.xai.api_key=${env:XAI_API_KEY}",
    )
    assert config.server.bind == ("127.0.0.1:0",)
    assert (config.log.level, config.log.format, config.log.transcripts) == ("info", "json", True)
    assert config.drain.deadline == 600.0
    assert config.limits.max_calls == 4
    assert config.agents["support"].greeting == ""
    assert config.numbers["+18005550199"].agent == "sales"
    assert config.numbers["+18005550198"].agent == "support"
    assert config.platform.xai.api_key.reveal() == API_KEY


def test_a_line_break_adds_no_key(tmp_path: Path) -> None:
    config = loaded(tmp_path, MINIMAL, 'agents.support.greeting=1\nvoice = "rex"')
    assert config.agents["support"].greeting == '1\nvoice = "rex"'
    assert config.agents["support"].voice == "eve"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("log.level", FORM),
        ("=debug", FORM),
        ("log..level=debug", FORM),
        (API_KEY, FORM),
        (r'log."\q"=debug', "--set: the key is not a valid TOML key"),
        (
            'server.bind=["127.0.0.1:0"',
            "--set: server.bind: the value is not valid TOML: Unclosed array (at end of document)",
        ),
        ("log.level=loud", '--set log.level: expected "debug", "info", "warning" or "error"'),
        ("log={levle='info'}", '--set log.levle: unknown key; did you mean "level"?'),
        ("sever.bind=[]", '--set sever: unknown table; did you mean "server"?'),
        ("limits.max_calls=many", "--set limits.max_calls: expected a whole number of at least 1, got a string"),
        (
            "agents.support.instructions.x=1",
            "--set agents.support.instructions.x: agents.support.instructions is not a table in the file",
        ),
        (
            'numbers."+18005550198".webhook_secrets=["${env:HOOK}"]',
            '--set numbers."+18005550198".agent: missing; add agent = "NAME", a name from [agents]',
        ),
        (
            'numbers."+18005550199".agent=suport',
            '--set numbers."+18005550199".agent: there is no agent "suport"; did you mean "support"?',
        ),
        (
            f"platform.xai.api_key={API_KEY}",
            "--set platform.xai.api_key: a secret is never written here itself; expected a reference: "
            '"${env:NAME}", "${file:/path}" or "${credential:NAME}"',
        ),
    ],
)
def test_a_wrong_override_is_told_as_one(tmp_path: Path, override: str, message: str) -> None:
    assert complaints(tmp_path, MINIMAL, override) == [message]


def test_a_wrong_override_hides_nothing_else(tmp_path: Path) -> None:
    assert complaints(tmp_path, MINIMAL + "voice = 1\n", "oops", "log.level=loud") == [
        FORM,
        "config.toml: [agents.support] voice: expected a string, got an integer",
        '--set log.level: expected "debug", "info", "warning" or "error"',
    ]
