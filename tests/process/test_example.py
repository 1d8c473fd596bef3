"""`make example`, as a visitor runs it: the daemon, the platform's stand-in and a shop, with no key."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.config import load
from tests.config.written import WEBHOOK_SECRET

SHOWN = re.compile("4[ -]?1[ -]?1[ -]?1[ -]?1")
"""The beginning of the card number."""
FOLDER = Path(__file__).parents[2] / "examples/appointments"


@pytest.mark.skipif(sys.platform != "linux", reason="it hands sockets to its child by /dev/fd")
def test_every_step_of_the_appointment_line_happens() -> None:
    """Three calls: looked up, booked and paid; by key to the second of two people; to nobody, and a message."""
    environment = {name: value for name, value in os.environ.items() if name != "XAI_API_KEY"}
    command = [sys.executable, str(FOLDER / "play.py"), "--quick"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "  no " not in result.stdout
    assert result.stdout.count("  yes  ") == 31
    assert result.stdout.count("  yes  not in ") == 6, "places in which the card number was looked for"
    assert not SHOWN.search(result.stdout)


def test_its_configuration_is_right_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "xai-webhook-secret").write_text(WEBHOOK_SECRET)
    env = {"XAI_API_KEY": "x", "WORKSHOP_TOKEN": "x", "WORKSHOP_SIGNING_SECRET": WEBHOOK_SECRET}
    env |= {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    config = load(FOLDER / "config.toml", env=env)
    assert sorted(config.tools) == ["book_slot", "estimate", "free_slots", "leave_message", "take_deposit"]
    assert config.destinations["counter"].fallback == "mechanic"
