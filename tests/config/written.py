"""A small, right configuration to write into a test's folder and spoil, one key at a time."""

import base64
from pathlib import Path

import pytest

from daemon.config import Config, load
from daemon.errors import ConfigError

API_KEY = "xai-do-not-show-me"
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"never ever show these bytes").decode()
ENV = {"XAI_API_KEY": API_KEY, "HOOK": WEBHOOK_SECRET}

PLATFORM = """
[platform.xai]
api_key = "${env:XAI_API_KEY}"
webhook_secrets = ["${env:HOOK}"]
"""
NUMBER = """
[numbers."+18005550199"]
agent = "support"
"""
AGENT = """
[agents.support]
instructions = "Help."
"""
MINIMAL = PLATFORM + NUMBER + AGENT


def loaded(folder: Path, text: str = MINIMAL, *overrides: str, env: dict[str, str] | None = None) -> Config:
    """Load a text as `config.toml`."""
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, overrides, ENV if env is None else env)


def complaints(folder: Path, text: str = MINIMAL, *overrides: str, env: dict[str, str] | None = None) -> list[str]:
    """Load a text that is wrong, and return the line of each problem."""
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text, *overrides, env=env)
    # No test of a mistake passes if a secret gets out on the way.
    assert API_KEY not in str(caught.value)
    assert WEBHOOK_SECRET not in str(caught.value)
    return str(caught.value).splitlines()
