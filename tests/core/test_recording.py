"""Recordings, line by line: what is written is what is read."""

import json
from math import inf
from typing import Any

import msgspec
import pytest

from daemon.core import events as ev
from daemon.core.commands import Command, HangUp, Remember, RunTool, SendFrame
from daemon.core.effects import Effect, ToolUse
from daemon.core.frames import ResponseCreate, SessionSettings, SessionUpdate, TurnDetection, spoken_exactly
from daemon.core.inputs import Adopted, Input, Instructed, Received, Resumed, Started, ToolDone, Woken
from daemon.core.journal import CheckedIn
from daemon.core.recording import Closed, Fed, Opened, decode_line, encode_line, input_of, wanted
from daemon.core.scribe import Scribe
from daemon.core.searches import Mcp, WebSearch
from daemon.core.sip import Header
from tests.core.contract import EXAMPLES

USE = ToolUse(id="fc-1", name="find", arguments='{"a": 1}')


def again(given: Input) -> Input:
    """What is read of an input that was written."""
    line = decode_line(encode_line(Scribe().fed(given, [], 3.25, inf)))
    assert isinstance(line, Fed)
    return input_of(line)


@pytest.mark.parametrize(
    "given",
    [
        Started(),
        Resumed(),
        Woken(),
        Adopted(age=3.5, effects=(Effect(use=USE, output="{}", told=True), Effect(use=USE))),
        ToolDone(use_id="fc-1", output='{"a":"ü"}', why="late"),
        Instructed(instructions="Be\nbrief.", document={"name": ["Ada", None]}, at=5.5),
        Received(event=ev.UnknownEvent("some.day")),
        Received(event=ev.MalformedEvent(None, "not JSON")),
        Received(event=ev.MalformedEvent("response.done", "no number")),
    ],
    ids=lambda given: type(given).__name__,
)
def test_inputs(given: Input) -> None:
    assert again(given) == given


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["type"])
def test_every_documented_event(example: dict[str, Any]) -> None:
    event = ev.decode(json.dumps(example))
    expected: Any = event
    # Words that are told by other events too, and are of no use here.
    if hasattr(event, "item"):
        item = msgspec.structs.replace(event.item, content=None, arguments=None, output=None)
        expected = msgspec.structs.replace(event, item=item)
    elif hasattr(event, "part"):
        expected = msgspec.structs.replace(event, part=ev.Part(type=event.part.type))
    elif isinstance(event, ev.FunctionArgumentsDelta | ev.McpArgumentsDelta):
        expected = msgspec.structs.replace(event, delta=None)
    elif isinstance(event, ev.ResponseCreated | ev.ResponseDone) and event.response is not None:
        response = msgspec.structs.replace(event.response, output=None, metadata=None)
        expected = msgspec.structs.replace(event, response=response)
    assert again(Received(event=event)) == Received(event=expected)


def test_commands_but_no_entries() -> None:
    commands: list[Command] = [
        SendFrame(ResponseCreate(event_id="cw-7")),
        Remember(CheckedIn()),
        RunTool(USE),
        SendFrame(spoken_exactly("Bye.")),
        HangUp(("done", "why")),
    ]
    line = decode_line(encode_line(Scribe().fed(Woken(), commands, 3.25, 17.5)))
    assert isinstance(line, Fed)
    assert (line.now, line.deadline) == (3.25, 17.5)
    assert [each["kind"] for each in line.wanted] == ["SendFrame", "RunTool", "SendFrame", "HangUp"]
    assert line.wanted[0]["frame"] == {"type": "response.create", "event_id": "cw-7"}
    assert line.wanted[1]["use"] == {"id": "fc-1", "name": "find", "arguments": '{"a": 1}'}
    assert line.wanted[3]["reasons"] == ["done", "why"]


@pytest.mark.parametrize("document", [msgspec.UNSET, None, {"name": "Ada"}], ids=["none", "null", "some"])
def test_the_first_line_and_the_last(document: object) -> None:
    opened = Opened(
        now=0.1,
        format=1,
        build="0.1.0",
        call_id="c",
        agent="support",
        called="+18005550199",
        caller=None,
        headers=(Header("x-id", "8812", None),),
        at=1_790_000_000.125,
        document=document,
        redial=True,
    )
    closed = Closed(now=2.0, reasons=("a", "b"), outcome=None)
    assert [decode_line(encode_line(line)) for line in (opened, closed)] == [opened, closed]


@pytest.mark.parametrize(
    "text", [b"", b"[]", b'{"line":"fed"}', b'{"line":"other","now":1}', b'{"line":"fed","no', b"\xff"]
)
def test_what_is_no_line(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_line(text)


def test_what_opens_a_server_of_tools_is_not_recorded() -> None:
    server = Mcp(server_url="https://mcp.test/", server_label="shop", authorization="token", headers={"X-Key": "key"})
    search = WebSearch()
    session = SessionSettings(
        instructions="Help.", turn_detection=TurnDetection(type="server_vad"), tools=(server, search)
    )
    (written,) = wanted([SendFrame(SessionUpdate(session=session))])
    tools = written["frame"]["session"]["tools"]
    assert (tools[0]["authorization"], tools[0]["headers"]) == ("****", {"X-Key": "****"})
    assert tools[1] == msgspec.to_builtins(search)
