"""From a path to a configuration, or to the list of everything that is wrong."""

import os
from pathlib import Path

import pytest

from daemon.config import Config, HttpTool, Secret, load
from daemon.errors import ConfigError
from tests.config.written import API_KEY, ENV, MINIMAL, NUMBER, PLATFORM, WEBHOOK_SECRET, complaints, loaded

BY_FILE = PLATFORM + NUMBER + '[agents.support]\ninstructions_file = "prompts/support.md"\n'
SUPPORT = "config.toml: [agents.support] instructions_file"


def problems(path: Path) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        load(path, env=ENV)
    return [(problem.where, problem.what) for problem in caught.value.problems]


def test_a_small_file_is_enough(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    assert isinstance(config, Config)
    assert config.platform.xai.api_key == Secret(API_KEY)
    assert config.platform.xai.webhook_secrets == (Secret(WEBHOOK_SECRET),)
    assert config.numbers["+18005550199"].agent == "support"
    assert config.agents["support"].instructions == "Help."
    assert config.server.bind == ("127.0.0.1:8080",)
    assert API_KEY not in repr(config)
    assert WEBHOOK_SECRET not in repr(config)


def test_secrets_come_from_the_environment_of_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in ENV.items():
        monkeypatch.setitem(os.environ, name, text)
    path = tmp_path / "config.toml"
    path.write_text(MINIMAL)
    assert load(path).platform.xai.api_key == Secret(API_KEY)


def test_no_file(tmp_path: Path) -> None:
    path = tmp_path / "gone.toml"
    assert problems(path) == [(str(path), "there is no such file")]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    assert problems(tmp_path) == [(str(tmp_path), "cannot be read: Is a directory")]


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text("[log]\nlevel = debug\n")
    assert problems(path) == [("my.toml", "not valid TOML: Invalid value (at line 2, column 9)")]


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"[log]\n# caf\xe9\n")
    assert problems(path) == [("config.toml", "not UTF-8 text (line 2)")]


def test_instructions_come_from_a_file_next_to_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "support.md").write_text("Help, søster.\n", encoding="utf-8")
    monkeypatch.chdir("/")
    agent = loaded(tmp_path, BY_FILE).agents["support"]
    assert agent.instructions == "Help, søster.\n"
    assert agent.instructions_file == "prompts/support.md"


def test_instructions_that_are_not_there(tmp_path: Path) -> None:
    file = tmp_path / "prompts" / "support.md"
    assert complaints(tmp_path, BY_FILE) == [f"{SUPPORT}: cannot read {file}: No such file or directory"]


@pytest.mark.parametrize(("content", "what"), [(b"", "is empty"), (b" \n", "is empty"), (b"\xff", "is not UTF-8 text")])
def test_instructions_that_say_nothing(tmp_path: Path, content: bytes, what: str) -> None:
    file = tmp_path / "prompts" / "support.md"
    file.parent.mkdir()
    file.write_bytes(content)
    assert complaints(tmp_path, BY_FILE) == [f"{SUPPORT}: {file} {what}"]


def test_a_file_name_of_the_wrong_type(tmp_path: Path) -> None:
    text = BY_FILE.replace('"prompts/support.md"', "1")
    assert complaints(tmp_path, text) == [f"{SUPPORT}: expected a string, got an integer"]


def test_authorities_are_found_next_to_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("a certificate")
    for written in ("ca.pem", str(tmp_path / "ca.pem")):
        config = loaded(tmp_path, MINIMAL, f'platform.xai.ca_file="{written}"')
        assert config.platform.xai.ca_file == str(tmp_path / "ca.pem")


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ('"ca.pem"', "cannot read {}/ca.pem: No such file or directory"),
        (r'"\u0000"', "expected the path of a file"),
        ("1", "expected a string, got an integer"),
    ],
)
def test_authorities_that_are_not_there(tmp_path: Path, written: str, what: str) -> None:
    lines = complaints(tmp_path, MINIMAL, f"platform.xai.ca_file={written}")
    assert lines == [f"--set platform.xai.ca_file: {what.format(tmp_path)}"]


def test_only_the_secrets_that_are_wanted(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    delivery = '[[deliveries]]\nurl = "https://one.test/"\nsecret = "${env:DELIVERY}"\n'
    rotating = PLATFORM.replace('"${env:HOOK}"', '"${env:HOOK}", "${env:NEXT_HOOK}"')
    path.write_text(rotating + NUMBER + '[agents.support]\ninstructions = "Help."\n' + delivery)
    with path.open("a") as file:
        file.write('[ledger]\nurl = "postgresql://db.test/calls"\npassword = "${env:LEDGER}"\n')
    config = load(path, env={"LEDGER": "s3cret"}, secrets_of=("ledger",))
    assert config.ledger.password == Secret("s3cret")
    assert config.deliveries[0].url == "https://one.test"
    # What was not fetched can't be taken for a secret by mistake.
    with pytest.raises(AssertionError):
        config.deliveries[0].secret.reveal()
    with pytest.raises(AssertionError):
        config.platform.xai.api_key.reveal()
    with pytest.raises(ConfigError, match="environment variable LEDGER is not set"):
        load(path, env={}, secrets_of=("ledger",))


def test_a_secret_that_is_not_wanted_may_not_be_written_there_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(MINIMAL.replace("${env:XAI_API_KEY}", API_KEY))
    with pytest.raises(ConfigError, match="never written here") as caught:
        load(path, env={}, secrets_of=("ledger",))
    assert API_KEY not in str(caught.value)


def test_a_single_key_whose_secret_is_wanted_and_headers_with_secrets_in_them(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    tool = '[tools.find]\ntype = "http"\ndescription = "Finds."\nurl = "https://one.test/"\n'
    path.write_text(MINIMAL + tool + 'headers = { Authorization = "Bearer ${env:TOKEN}" }\n')
    config = load(path, env={"XAI_API_KEY": API_KEY}, secrets_of=("platform.xai.api_key",))
    assert config.platform.xai.api_key == Secret(API_KEY)
    with pytest.raises(AssertionError):
        config.platform.xai.webhook_secrets[0].reveal()
    found = load(path, env={"TOKEN": "t"}, secrets_of=("tools.find",)).tools["find"]
    assert isinstance(found, HttpTool)
    assert found.headers == {"Authorization": Secret("Bearer t")}
    with pytest.raises(ConfigError, match="expected a reference"):
        load(path, ['tools.find.headers={ Authorization = "${nothing}" }'], env={}, secrets_of=())


def test_credentials_beside_the_file_are_found_without_systemd(tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "key").write_text("beside\n")
    text = MINIMAL.replace("${env:XAI_API_KEY}", "${credential:key}")
    assert loaded(tmp_path, text).platform.xai.api_key.reveal() == "beside"
    given = tmp_path / "given"
    given.mkdir()
    (given / "key").write_text("by-systemd\n")
    env = {**ENV, "CREDENTIALS_DIRECTORY": str(given)}
    assert loaded(tmp_path, text, env=env).platform.xai.api_key.reveal() == "by-systemd"
