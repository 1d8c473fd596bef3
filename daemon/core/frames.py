"""Everything we may say to the platform, as frozen records that encode to the wire's own JSON.

Imports msgspec and core.searches. Fields left at their default are not sent, so an update carries only what is set.
Every frame made here is checked against the contract's client schema in tests/core/test_frames.py.
"""

from typing import Any, Literal

import msgspec

from daemon.core.searches import PlatformTool


class _Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the plain objects inside frames."""


class TurnDetection(_Wire, frozen=True, kw_only=True):
    """How the platform decides that the caller has finished. Unset figures are the platform's own."""

    type: Literal["server_vad"]
    """Always sent: live sessions start with turn detection off."""
    threshold: float | None = None
    silence_duration_ms: int | None = None
    prefix_padding_ms: int | None = None
    idle_timeout_ms: int | None = None


class Transcription(_Wire, frozen=True, kw_only=True):
    """How the caller's words are written down."""

    model: Literal["grok-transcribe"] | None = None
    """Set, the words come while they are spoken, not only when the turn is over."""
    language_hint: str | None = None
    keyterms: tuple[str, ...] = ()


class AudioInput(_Wire, frozen=True, kw_only=True):
    """The caller's side of the audio; its codec is SIP's business."""

    transcription: Transcription | None = None


class AudioOutput(_Wire, frozen=True, kw_only=True):
    """The agent's side of the audio."""

    speed: float | None = None


class Audio(_Wire, frozen=True, kw_only=True):
    """Both sides of the audio."""

    input: AudioInput | None = None
    output: AudioOutput | None = None


class Reasoning(_Wire, frozen=True, kw_only=True):
    """How hard the model thinks before it speaks."""

    effort: Literal["high", "none"]


class Resumption(_Wire, frozen=True, kw_only=True):
    """Whether the conversation may be taken up again by a later session."""

    enabled: bool


class FunctionTool(_Wire, frozen=True, kw_only=True, tag_field="type", tag="function"):
    """A tool that we run. Sent flat, as live clients do."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}


class SessionSettings(_Wire, frozen=True, kw_only=True):
    """What a session is configured with."""

    model: str | None = None
    """On a phone call the platform may stay with its own; `session.updated` says which one it is."""
    instructions: str | None = None
    voice: str | None = None
    turn_detection: TurnDetection | None = None
    reasoning: Reasoning | None = None
    resumption: Resumption | None = None
    audio: Audio | None = None
    replace: dict[str, str] | None = None
    tools: tuple[FunctionTool | PlatformTool, ...] = ()


class _Frame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """Base of the frames."""

    event_id: str | None = None
    """Our own id; the platform names it again when it refuses the frame."""


class SessionUpdate(_Frame, frozen=True, kw_only=True, tag="session.update"):
    """Configure the session. A bad one is answered by an `error`, and the old configuration stays."""

    session: SessionSettings


class TextPart(_Wire, frozen=True, kw_only=True):
    """Words in a message."""

    type: Literal["output_text"]
    text: str


class FunctionCallOutput(_Wire, frozen=True, kw_only=True, tag_field="type", tag="function_call_output"):
    """A tool's answer; `output` is JSON text."""

    call_id: str
    output: str


class ForceMessage(_Wire, frozen=True, kw_only=True, tag_field="type", tag="force_message"):
    """Words to be spoken exactly so. A whole turn: no `response.create` follows it."""

    role: Literal["assistant"]
    content: tuple[TextPart, ...]
    interruptible: bool = True
    """False: the caller is not listened to until it has been heard."""


class DataPart(_Wire, frozen=True, kw_only=True):
    """Text that is read and not spoken."""

    type: Literal["input_text"]
    text: str


class Message(_Wire, frozen=True, kw_only=True, tag_field="type", tag="message"):
    """Something for the model to know. It answers when it is asked for a turn, not before."""

    id: str | None = None
    """Set, the item's own id; ours never look like the platform's."""
    role: Literal["user"]
    """As much trusted as what the caller says; never more."""
    content: tuple[DataPart, ...]


class ItemCreate(_Frame, frozen=True, kw_only=True, tag="conversation.item.create"):
    """Add an item to the conversation."""

    item: FunctionCallOutput | ForceMessage | Message


class ResponseSettings(_Wire, frozen=True, kw_only=True):
    """What holds for one turn only."""

    instructions: str | None = None
    """Replaces the session's instructions for this turn."""


class ResponseCreate(_Frame, frozen=True, kw_only=True, tag="response.create"):
    """Ask the agent for one turn."""

    response: ResponseSettings | None = None


class ResponseCancel(_Frame, frozen=True, kw_only=True, tag="response.cancel"):
    """Have the agent stop in the middle of a turn. Answered by its `response.done`, or by a harmless error."""

    response_id: str | None = None


Frame = SessionUpdate | ItemCreate | ResponseCreate | ResponseCancel

_encoder = msgspec.json.Encoder()


def encode(frame: Frame) -> str:
    """The frame as it goes on the wire."""
    return _encoder.encode(frame).decode()


def spoken_exactly(text: str, *, interruptible: bool = True) -> ItemCreate:
    """Have words spoken exactly as given."""
    part = TextPart(type="output_text", text=text)
    return ItemCreate(item=ForceMessage(role="assistant", content=(part,), interruptible=interruptible))


def data(text: str, item_id: str | None = None) -> ItemCreate:
    """Give the model data about the call, JSON as text, in an item of its own."""
    part = DataPart(type="input_text", text=text)
    return ItemCreate(item=Message(id=item_id, role="user", content=(part,)))


def made_up(prompt: str) -> ResponseCreate:
    """Have one turn made up by the model; `prompt` is its only instruction for it."""
    return ResponseCreate(response=ResponseSettings(instructions=prompt))


def told(text: str) -> list[ItemCreate]:
    """Give the model data about the call, if there is any."""
    return [data(text)] if text else []
