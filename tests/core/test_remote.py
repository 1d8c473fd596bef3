"""Tools that the platform runs: what is remembered of what it tells of them."""

import json
from typing import Any

from daemon.core import events as ev
from daemon.core import journal
from daemon.core.agent import Agent
from daemon.core.commands import Remember
from daemon.core.conversation import Conversation
from daemon.core.events import decode
from daemon.core.events.tooling import CallFailure
from daemon.core.frames import SessionSettings
from daemon.core.remote import RemoteTools
from tests.contract import FOLDER

EXAMPLES: list[dict[str, Any]] = json.loads((FOLDER / "server-events.examples.json").read_text())


def used(name: str, seconds: float = 0.0, why: str = "") -> list[journal.Entry]:
    return [
        journal.ToolCalled(name=name),
        journal.ToolEnded(name=name, seconds=seconds, ok=not why, why=why),
    ]


def remembered(*events: ev.Event) -> list[journal.Entry]:
    """What is remembered of events that come a second apart."""
    tools = RemoteTools()
    return [entry for now, event in enumerate(events) for entry in tools.receive(event, float(now))]


STARTED = ev.McpCallStarted(item_id="i1")
NAMED = ev.McpArgumentsDone(item_id="i1", name="part_lookup", arguments='{"sku":"1"}')
COMPLETED = ev.McpCallCompleted(item_id="i1")


def failed(kind: str | None) -> ev.McpCallFailed:
    error = CallFailure(type=kind, message="the caller said 4111 1111")
    return ev.McpCallFailed(item_id="i1", error=error)


def test_in_whatever_order_they_come() -> None:
    assert remembered(NAMED, STARTED, COMPLETED) == used("mcp:part_lookup", 2.0)
    assert remembered(STARTED, NAMED, NAMED, COMPLETED) == used("mcp:part_lookup", 3.0)
    assert remembered(STARTED, COMPLETED) == used("mcp:unknown", 1.0)
    assert remembered(COMPLETED) == used("mcp:unknown")
    assert remembered(NAMED) == used("mcp:part_lookup")[:1]


def test_what_went_wrong_is_a_kind_and_no_words() -> None:
    assert remembered(NAMED, failed("tool_execution_error")) == used("mcp:part_lookup", 1.0, "tool_execution_error")
    assert remembered(NAMED, failed("they said\n4111")) == used("mcp:part_lookup", 1.0, "failed")
    assert remembered(NAMED, failed(None)) == used("mcp:part_lookup", 1.0, "failed")
    listing = ev.McpToolsFailed(error=CallFailure(type="connection_error", message="no route"))
    complaint = journal.PlatformComplained(type="mcp_list_tools.failed", code="connection_error", message=None)
    assert remembered(listing) == [complaint]


def test_names_of_strangers_are_held_to_a_form() -> None:
    for name in ("", None, "x" * 65, "a b", "a\nb", "hang_up;", "\u202e"):
        event = ev.McpArgumentsDone(item_id="i1", name=name)
        assert remembered(event) == [journal.ToolCalled(name="mcp:unknown")]


def test_uses_without_an_end_are_forgotten_in_time() -> None:
    tools = RemoteTools()
    for number in range(1000):
        tools.receive(ev.McpCallStarted(item_id=str(number)), 0.0)
    assert tools.receive(ev.McpCallCompleted(item_id="999"), 1.0) == used("mcp:unknown", 1.0)
    assert tools.receive(ev.McpCallCompleted(item_id="1"), 1.0) == used("mcp:unknown", 0.0)


def test_events_without_an_item_are_nothing() -> None:
    assert remembered(ev.McpCallStarted(), ev.McpArgumentsDone(), ev.McpCallCompleted(), ev.McpCallFailed()) == []


def test_the_examples_of_the_contract_within_a_conversation() -> None:
    talk = Conversation(Agent(name="a", session=SessionSettings()), ready_timeout=10.0)
    talk.start(0.0)
    entries: list[journal.Entry] = []
    for example in EXAMPLES:
        if "mcp" in example["type"]:
            commands = talk.receive(decode(json.dumps(example["event"])), 1.0)
            entries += [command.entry for command in commands if isinstance(command, Remember)]
    assert entries == [
        journal.PlatformComplained(type="mcp_list_tools.failed", code="connection_error", message=None),
        *used("mcp:part_lookup"),
        *used("mcp:unknown", why="tool_execution_error"),
    ]
