"""What we say to the platform: each frame with every field set passes the contract, and looks as it should."""

import json

import pytest

from daemon.core.events import FunctionCalled
from daemon.core.frames import (
    Audio,
    AudioInput,
    AudioOutput,
    ForceMessage,
    Frame,
    FunctionCallOutput,
    FunctionTool,
    ItemCreate,
    Reasoning,
    ResponseCreate,
    ResponseSettings,
    Resumption,
    SessionSettings,
    SessionUpdate,
    TextPart,
    Transcription,
    TurnDetection,
    data,
    encode,
    spoken_exactly,
)
from daemon.core.goodbye import HANG_UP, answer
from tests.core.contract import Wire, complaints

EVERYTHING = SessionSettings(
    model="grok-voice-latest",
    instructions="Be brief.",
    voice="eve",
    turn_detection=TurnDetection(
        type="server_vad", threshold=0.6, silence_duration_ms=450, prefix_padding_ms=300, idle_timeout_ms=12000
    ),
    reasoning=Reasoning(effort="none"),
    resumption=Resumption(enabled=True),
    audio=Audio(
        input=AudioInput(
            transcription=Transcription(model="grok-transcribe", language_hint="pt-BR", keyterms=("chain", "spoke"))
        ),
        output=AudioOutput(speed=1.1),
    ),
    replace={"Shimano": "Shee-mah-no"},
    tools=(HANG_UP, FunctionTool(name="find_slot", description="Free slots", parameters={"type": "object"})),
)

FRAMES: list[tuple[Frame, Wire]] = [
    (
        SessionUpdate(event_id="cw-1", session=EVERYTHING),
        {
            "type": "session.update",
            "event_id": "cw-1",
            "session": {
                "model": "grok-voice-latest",
                "instructions": "Be brief.",
                "voice": "eve",
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.6,
                    "silence_duration_ms": 450,
                    "prefix_padding_ms": 300,
                    "idle_timeout_ms": 12000,
                },
                "reasoning": {"effort": "none"},
                "resumption": {"enabled": True},
                "audio": {
                    "input": {
                        "transcription": {
                            "model": "grok-transcribe",
                            "language_hint": "pt-BR",
                            "keyterms": ["chain", "spoke"],
                        }
                    },
                    "output": {"speed": 1.1},
                },
                "replace": {"Shimano": "Shee-mah-no"},
                "tools": [
                    {
                        "type": "function",
                        "name": "hang_up",
                        "description": HANG_UP.description,
                        "parameters": HANG_UP.parameters,
                    },
                    {
                        "type": "function",
                        "name": "find_slot",
                        "description": "Free slots",
                        "parameters": {"type": "object"},
                    },
                ],
            },
        },
    ),
    (SessionUpdate(session=SessionSettings()), {"type": "session.update", "session": {}}),
    (
        SessionUpdate(session=SessionSettings(turn_detection=TurnDetection(type="server_vad"))),
        {"type": "session.update", "session": {"turn_detection": {"type": "server_vad"}}},
    ),
    (
        SessionUpdate(session=SessionSettings(tools=(FunctionTool(name="ring"),))),
        {"type": "session.update", "session": {"tools": [{"type": "function", "name": "ring"}]}},
    ),
    (ResponseCreate(), {"type": "response.create"}),
    (
        ResponseCreate(event_id="cw-2", response=ResponseSettings(instructions="Greet.")),
        {"type": "response.create", "event_id": "cw-2", "response": {"instructions": "Greet."}},
    ),
    (
        ItemCreate(event_id="cw-3", item=FunctionCallOutput(call_id="c1", output="{}")),
        {
            "type": "conversation.item.create",
            "event_id": "cw-3",
            "item": {"type": "function_call_output", "call_id": "c1", "output": "{}"},
        },
    ),
    (
        spoken_exactly("Grüß Gott,\n“friend” \u2028"),
        {
            "type": "conversation.item.create",
            "item": {
                "type": "force_message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Grüß Gott,\n“friend” \u2028"}],
            },
        },
    ),
    (
        spoken_exactly("We record calls.", interruptible=False),
        {
            "type": "conversation.item.create",
            "item": {
                "type": "force_message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "We record calls."}],
                "interruptible": False,
            },
        },
    ),
    (
        data('{"sip_headers":{"X-Customer-Id":"8812"}}'),
        {
            "type": "conversation.item.create",
            "item": {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": '{"sip_headers":{"X-Customer-Id":"8812"}}'}],
            },
        },
    ),
    (
        answer(FunctionCalled(call_id="c1"), ended=False, now="Say goodbye, briefly."),
        {
            "type": "conversation.item.create",
            "item": {
                "type": "function_call_output",
                "call_id": "c1",
                "output": '{"ended":false,"now":"Say goodbye, briefly."}',
            },
        },
    ),
    (
        answer(FunctionCalled()),
        {
            "type": "conversation.item.create",
            "item": {"type": "function_call_output", "call_id": "", "output": "{}"},
        },
    ),
]


@pytest.mark.parametrize(("frame", "wire"), FRAMES, ids=lambda value: str(value)[:50])
def test_on_the_wire(frame: Frame, wire: Wire) -> None:
    assert json.loads(encode(frame)) == wire


@pytest.mark.parametrize(("frame", "wire"), FRAMES, ids=lambda value: str(value)[:50])
def test_the_platform_understands_it(frame: Frame, wire: Wire) -> None:
    assert complaints(encode(frame)) == []


def test_the_platform_would_notice_a_mistake() -> None:
    two = ForceMessage(role="assistant", content=(TextPart(type="output_text", text="One."),) * 2)
    assert complaints(encode(ItemCreate(item=two))) != []
    assert complaints('{"type": "response.create", "respond": {}}') != []
