"""Who takes a call: the number's agent, unless the lookup names another one that there is."""

import msgspec
import pytest
from structlog.testing import capture_logs

from daemon.calls.briefing import brief
from daemon.calls.casting import Casting
from daemon.calls.roles import Role
from daemon.config import Agent
from daemon.config.lookups import Lookup
from daemon.core.agent import FixedGreeting
from tests.calls.test_roles import AT, INCOMING

LOOKUP = Lookup(url="https://crm.example.com/{caller}", fields={"name": "/name"}, agent_field="/agent")
DESK = Agent(instructions="Desk for {{ lookup.name or 'somebody' }}.", lookup=LOOKUP)
VIP = Agent(
    instructions="VIP desk for {{ lookup.whole_name }}.",
    greeting="Welcome.",
    lookup=msgspec.structs.replace(LOOKUP, fields={"whole_name": "/full/name"}, defaults={"whole_name": "a VIP"}),
)
BACK = Agent(instructions="x", greeting="Hi.", resumption=True, redial=60.0, redial_greeting="Hi again.")


def casting(name: str = "desk", *, adopted: bool = False) -> Casting:
    agents = {"desk": DESK, "vip": VIP, "back": BACK}
    return Casting({each: Role(brief(each, agent), agent) for each, agent in agents.items()}, name, adopted=adopted)


def told(cast: Casting) -> tuple[str, str | None]:
    agent = cast.cast(INCOMING, AT)
    return agent.name, agent.session.instructions


def test_the_numbers_agent() -> None:
    assert told(casting()) == ("desk", "Desk for somebody.")


def test_an_answer_that_names_nobody() -> None:
    cast = casting()
    cast.learn({"name": "Ada"})
    assert told(cast) == ("desk", "Desk for Ada.")


def test_another_agent_reads_the_same_answer_with_its_own_fields() -> None:
    cast = casting()
    cast.learn({"agent": "vip", "name": "Ada", "full": {"name": "Ada King"}})
    assert told(cast) == ("vip", "VIP desk for Ada King.")


@pytest.mark.parametrize("name", ["nobody", "../vip", "VIP", "x" * 10_000])
def test_an_agent_that_there_is_not(name: str) -> None:
    cast = casting()
    with capture_logs() as lines:
        cast.learn({"agent": name, "name": "Ada"})
    assert told(cast) == ("desk", "Desk for Ada.")
    assert [line["event"] for line in lines] == ["lookup_names_no_agent"]
    assert name not in str(lines)


def test_a_call_that_was_somebody_elses_keeps_its_agent() -> None:
    cast = casting(adopted=True)
    cast.learn({"agent": "vip", "name": "Ada"})
    assert told(cast) == ("desk", "Desk for Ada.")


def test_who_goes_on_with_a_conversation_is_greeted_otherwise() -> None:
    cast = casting("back")
    assert cast.cast(INCOMING, AT).greeting == FixedGreeting("Hi.")
    cast.earlier = "c0"
    assert cast.cast(INCOMING, AT).greeting == FixedGreeting("Hi again.")


def test_an_agent_without_resumption_goes_on_with_nothing() -> None:
    cast = casting()
    cast.earlier = "c0"
    cast.learn({"agent": "vip"})
    assert cast.cast(INCOMING, AT).greeting == FixedGreeting("Welcome.")
