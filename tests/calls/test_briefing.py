"""From a configured agent to what goes on the wire: every field arrives, nothing is sent that was not set."""

import msgspec
import pytest

from daemon.calls.briefing import brief
from daemon.config import Agent, Destination, HttpTool, Keypad, TurnDetection
from daemon.core.agent import FixedGreeting, GeneratedGreeting, Greeting, ToolRules
from daemon.core.collection import COLLECT
from daemon.core.frames import FunctionTool, SessionUpdate, encode
from daemon.core.goodbye import HANG_UP
from daemon.core.menu import EndCall, SayWords, TransferTo
from daemon.core.transfers import transfer_tool
from tests.contract import complaints

DESK = Destination(uri="tel:+14155550123")
FULL = Agent(
    instructions="Be kind.",
    voice="ara",
    reasoning="none",
    language="pt-BR",
    keyterms=("derailleur",),
    speed=1.2,
    replace={"Shimano": "Shee-mah-no"},
    resumption=True,
    turn_detection=TurnDetection(threshold=0.6, silence_duration=0.45, prefix_padding=0.333, idle_timeout=12.0),
)


def session(agent: Agent) -> dict[str, object]:
    frame = msgspec.json.decode(encode(SessionUpdate(session=brief("a", agent).session)))
    assert complaints("client-events", "session.update", frame) == []
    settings: dict[str, object] = frame["session"]
    return settings


def test_every_field_reaches_the_session() -> None:
    settings = session(FULL)
    tools = settings.pop("tools")
    assert settings == {
        "instructions": "Be kind.",
        "voice": "ara",
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.6,
            "silence_duration_ms": 450,
            "prefix_padding_ms": 333,
            "idle_timeout_ms": 12000,
        },
        "reasoning": {"effort": "none"},
        "resumption": {"enabled": True},
        "audio": {
            "input": {
                "transcription": {"model": "grok-transcribe", "language_hint": "pt-BR", "keyterms": ["derailleur"]}
            },
            "output": {"speed": 1.2},
        },
        "replace": {"Shimano": "Shee-mah-no"},
    }
    assert tools == [{"type": "function", **msgspec.to_builtins(HANG_UP)}]


def test_tools_reach_the_session_and_the_conversation() -> None:
    schema = {"type": "object", "properties": {"order": {"type": "string"}}}
    record = HttpTool(
        description="Looks up.", url="https://a.example/{order}", parameters=schema, idempotent=True, filler="Wait."
    )
    agent = Agent(instructions="x", tools=("look_up", "hang_up"))
    briefed = brief("a", agent, {"look_up": record, "other": record})
    assert briefed.session.tools == (
        FunctionTool(name="look_up", description="Looks up.", parameters=schema),
        HANG_UP,
    )
    assert briefed.tools == {"look_up": ToolRules(idempotent=True, filler="Wait.", filler_after=2.0)}
    frame = msgspec.json.decode(encode(SessionUpdate(session=briefed.session)))
    assert complaints("client-events", "session.update", frame) == []


def test_built_in_tools_reach_both_with_the_places_they_may_use() -> None:
    places = {name: Destination(uri="tel:+14155550123", description=f"The {name}") for name in ("desk", "cellar")}
    keypad = Keypad(menu={"0": "transfer:cellar", "*9": "hang_up", "1": "say:Hello."}, try_again="Again.")
    agent = Agent(
        instructions="x",
        tools=("collect_digits", "transfer"),
        transfers=("desk",),
        keypad=keypad,
        on_trouble="transfer:desk",
    )
    briefed = brief("a", agent, {}, places)
    assert briefed.session.tools == (COLLECT, transfer_tool({"desk": "The desk"}))
    assert (briefed.transfers, briefed.collects, briefed.on_trouble) == (("desk",), True, TransferTo("desk"))
    assert briefed.keypad.menu == {"0": TransferTo("cellar"), "*9": EndCall(), "1": SayWords("Hello.")}
    assert briefed.destinations == {"desk", "cellar"}
    frame = msgspec.json.decode(encode(SessionUpdate(session=briefed.session)))
    assert complaints("client-events", "session.update", frame) == []


def test_who_has_no_such_tools_has_nothing_of_them() -> None:
    briefed = brief("a", Agent(instructions="x", transfers=("desk",), on_trouble=""), {}, {"desk": DESK})
    assert (briefed.transfers, briefed.collects, briefed.on_trouble) == ((), False, None)
    assert briefed.destinations == frozenset()


def test_nothing_is_sent_that_was_not_set() -> None:
    assert session(Agent(instructions="x", live_transcript=False, tools=())) == {
        "instructions": "x",
        "voice": "eve",
        "turn_detection": {"type": "server_vad"},
    }


@pytest.mark.parametrize(
    ("agent", "greeting"),
    [
        (Agent(instructions="x"), None),
        (Agent(instructions="x", greeting="Hello."), FixedGreeting("Hello.", interruptible=True)),
        (
            Agent(instructions="x", greeting="Hello.", greeting_interruptible=False),
            FixedGreeting("Hello.", interruptible=False),
        ),
        (Agent(instructions="x", greeting_prompt="Greet."), GeneratedGreeting("Greet.")),
    ],
)
def test_greetings(agent: Agent, greeting: Greeting | None) -> None:
    assert brief("a", agent).greeting == greeting


def test_keypad_and_limits() -> None:
    agent = Agent(
        instructions="x",
        keypad=Keypad(idle_timeout=4.0, terminator="*", max_digits=4, sensitive=True),
        max_duration=60.0,
        goodbye_timeout=5.0,
        goodbye_margin=0.1,
    )
    briefed = brief("desk", agent)
    rules = briefed.keypad
    assert (rules.idle_timeout, rules.terminator, rules.max_digits, rules.sensitive) == (4.0, "*", 4, True)
    assert (briefed.name, briefed.max_duration, briefed.goodbye_timeout, briefed.goodbye_margin) == (
        "desk",
        60.0,
        5.0,
        0.1,
    )
