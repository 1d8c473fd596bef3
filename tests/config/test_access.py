"""As much of a configuration as registering a number needs, while its secrets don't exist yet."""

from pathlib import Path

import pytest

from daemon.config import Secret
from daemon.config.access import load_sketch
from daemon.errors import ConfigError
from tests.config.written import API_KEY

SHIPPED = Path(__file__).parents[2] / "config.toml"
ENV = {"XAI_API_KEY": API_KEY}


def test_the_shipped_file_before_any_secret_exists() -> None:
    sketch = load_sketch(SHIPPED, env=ENV)
    assert sketch.platform.api_key == Secret(API_KEY)
    assert sketch.platform.base_url == "https://api.x.ai"
    assert (sketch.agents, sketch.routes) == (("support",), {"+18005550199": "support"})
    assert (sketch.webhook_url, sketch.carriers) == ("", {})


def test_no_file_at_all(tmp_path: Path) -> None:
    sketch = load_sketch(tmp_path / "none.toml", env=ENV)
    assert sketch.platform.api_key == Secret(API_KEY)
    with pytest.raises(ConfigError, match="XAI_API_KEY is not set"):
        load_sketch(tmp_path / "none.toml", env={})


def test_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("""
[server]
public_url = "https://calls.example.org/"
webhook_path = "/hook"
[platform.xai]
base_url = "http://127.0.0.1:9"
ca_file = "ca.pem"
webhook_secrets = ["${credential:not-there-yet}"]
[numbers."+1"]
agent = "a"
carrier = "plivo"
[numbers."+2"]
agent = 3
[agents.a]
""")
    sketch = load_sketch(path, ('numbers."+2".carrier=byo',), env=ENV)
    assert sketch.webhook_url == "https://calls.example.org/hook"
    assert sketch.platform.base_url == "http://127.0.0.1:9"
    assert sketch.platform.ca_file == str(tmp_path / "ca.pem")
    assert sketch.carriers == {"+1": "plivo", "+2": "byo"}
    assert sketch.routes == {"+1": "a"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x =", "not valid TOML"),
        ('platform.xai.api_key = "literal"', "a secret is never written here itself"),
        ('platform.xai.base_url = "http://api.example.org"', "is for this machine only"),
        ("server = 3", None),
        ("server.public_url = 3", None),
    ],
)
def test_problems(tmp_path: Path, text: str, problem: str | None) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    if problem is None:
        assert load_sketch(path, env=ENV).webhook_url == ""
        return
    with pytest.raises(ConfigError, match=problem):
        load_sketch(path, env=ENV)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_sketch(tmp_path, env=ENV)
    (tmp_path / "config.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_sketch(tmp_path / "config.toml", env=ENV)
