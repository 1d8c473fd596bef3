"""The example in docs/agents.md, held to what the page says of it."""

import re
from pathlib import Path

import msgspec
import pytest

from daemon.calls.briefing import brief
from daemon.calls.roles import Role
from daemon.config import Config, load
from daemon.core.agent import FixedGreeting, GeneratedGreeting
from daemon.core.incoming import IncomingCall
from daemon.texts.dialect import FILTERS
from daemon.texts.facts import Known, members
from daemon.texts.moment import Moment
from tests.config.written import ENV, PLATFORM
from tests.configured import CALLED, CALLER

PAGE = (Path(__file__).parents[2] / "docs" / "agents.md").read_text(encoding="utf-8")
EVENING, MORNING = 1_790_031_600.0, 1_790_000_000.0  # 19:00 and 10:13 in New York
INCOMING = IncomingCall(call_id="c", webhook_id="m", called=CALLED, caller=CALLER, created_at=None, received_at=0.0)
ANSWER = {"customer": {"name": "Ada King", "bikes": 2}, "agent": "vip"}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (example,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    path = tmp_path / "config.toml"
    path.write_text(PLATFORM + example, encoding="utf-8")
    return load(path, env={**ENV, "CRM_TOKEN": "t"})


def role(config: Config, name: str) -> Role:
    return Role(brief(name, config.agents[name]), config.agents[name])


def test_who_there_is(config: Config) -> None:
    assert {number: route.agent for number, route in config.numbers.items()} == {
        "+18005550199": "front",
        "+18005550188": "night",
    }
    assert sorted(config.agents) == ["front", "night", "vip"]
    assert [config.agents[name].voice for name in ("front", "night", "vip")] == ["ara", "ara", "eve"]
    assert config.agents["night"].turn_detection.threshold == 0.7


def test_what_a_known_caller_hears(config: Config) -> None:
    vip = role(config, "vip").play(INCOMING, MORNING, ANSWER)
    assert vip.greeting == FixedGreeting("Spoke and Chain, good day, Ada King.")
    assert "The caller is Ada King, a customer with 2 bicycles." in (vip.session.instructions or "")
    assert f"You may call back on {CALLER}." in (vip.session.instructions or "")
    assert "It is Monday, 21 September 2026, 10:13." in (vip.session.instructions or "")


def test_what_others_hear(config: Config) -> None:
    withheld = msgspec.structs.replace(INCOMING, caller=None)
    front = role(config, "front").play(withheld, EVENING)
    assert front.greeting == FixedGreeting("Spoke and Chain, good evening.")
    assert "The caller is new." in (front.session.instructions or "")
    assert "Ask for a number to call back." in (front.session.instructions or "")
    again = role(config, "front").play(INCOMING, EVENING, redial=True)
    assert again.greeting == FixedGreeting("Hello again. Where were we?")
    night = role(config, "night").play(INCOMING, EVENING)
    assert isinstance(night.greeting, GeneratedGreeting)


def test_the_page_names_all_that_a_template_can_do() -> None:
    assert f"`{' '.join(sorted(FILTERS))}`" in PAGE
    for name in members(Known(fields=frozenset())):
        assert f"`{name}" in PAGE
    for part in Moment.__struct_fields__:
        assert f"`time.{part}`" in PAGE
