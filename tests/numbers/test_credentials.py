"""Credentials: from the environment, from files, from systemd; never from anywhere else."""

from pathlib import Path

import pytest

from daemon.carriers.plivo_account import PlivoManners
from daemon.carriers.telnyx_account import TelnyxManners
from daemon.carriers.twilio_account import TwilioManners
from daemon.config import Secret
from daemon.numbers.credentials import NEEDED, account_of, find_manners, find_secret

TOKEN = "t0ken"


def test_three_places(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    (tmp_path / "telnyx-api-key").write_text(TOKEN + "\n")
    for env in (
        {"TELNYX_API_KEY": TOKEN},
        {"TELNYX_API_KEY_FILE": str(tmp_path / "token")},
        {"CREDENTIALS_DIRECTORY": str(tmp_path)},
    ):
        assert find_secret("TELNYX_API_KEY", env) == Secret(TOKEN)
    for env in ({}, {"TELNYX_API_KEY": ""}, {"CREDENTIALS_DIRECTORY": "/nowhere"}):
        assert find_secret("TELNYX_API_KEY", env) is None


def test_what_was_named_and_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No such file"):
        find_secret("TELNYX_API_KEY", {"TELNYX_API_KEY_FILE": str(tmp_path / "none")})
    with pytest.raises(ValueError, match="absolute"):
        find_secret("TELNYX_API_KEY", {"TELNYX_API_KEY_FILE": "relative"})


def test_carriers() -> None:
    everything = {name: TOKEN for names in NEEDED.values() for name in names}
    for carrier, kind in (("twilio", TwilioManners), ("telnyx", TelnyxManners), ("plivo", PlivoManners)):
        manners = find_manners(carrier, everything, "http://127.0.0.1:1")
        assert isinstance(manners, kind)
        assert manners.url("/v1/Trunks") == "http://127.0.0.1:1/v1/Trunks"
        assert manners.secrets == (Secret(TOKEN),)
        assert find_manners(carrier, {}) is None
        for name in NEEDED[carrier]:
            assert find_manners(carrier, {key: value for key, value in everything.items() if key != name}) is None
    assert find_manners("byo", everything) is None


def test_a_twilio_key_instead_of_the_token() -> None:
    env = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_API_KEY": "SK1", "TWILIO_API_SECRET": "s3cret"}
    manners = find_manners("twilio", env)
    assert isinstance(manners, TwilioManners)
    assert manners.secrets == (Secret("s3cret"),)


def test_hosts() -> None:
    manners = find_manners("twilio", {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": TOKEN})
    assert manners is not None
    assert manners.url("/v1/Trunks") == "https://trunking.twilio.com/v1/Trunks"
    assert manners.url("/2010-04-01/Accounts/AC1") == "https://api.twilio.com/2010-04-01/Accounts/AC1"


def test_accounts() -> None:
    assert account_of("twilio", {"TWILIO_ACCOUNT_SID": "AC1"}) == "AC1"
    assert account_of("twilio", {}) == "{account}"
    assert account_of("telnyx", {}) == "{account}"
