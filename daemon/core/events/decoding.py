"""From a text frame to an event; the only place that reads the platform's JSON.

Nothing a frame can contain raises: an unknown type becomes `UnknownEvent`, nonsense becomes `MalformedEvent`.
Imports msgspec only.
"""

import re
from typing import get_args

import msgspec

from daemon.core.events import hearing, session, speaking, tooling

KnownEvent = (
    session.SessionCreated
    | session.SessionUpdated
    | session.ConversationCreated
    | session.ItemAdded
    | session.ItemReplayed
    | session.ItemDeleted
    | session.ItemTruncated
    | session.ErrorReported
    | session.Pinged
    | hearing.SpeechStarted
    | hearing.SpeechStopped
    | hearing.InputCommitted
    | hearing.InputCleared
    | hearing.CheckInTriggered
    | hearing.TranscriptUpdated
    | hearing.TranscriptCompleted
    | hearing.DigitPressed
    | speaking.ResponseCreated
    | speaking.ResponseDone
    | speaking.OutputItemAdded
    | speaking.OutputItemDone
    | speaking.ContentPartAdded
    | speaking.ContentPartDone
    | speaking.SpokenDelta
    | speaking.SpokenDone
    | speaking.AudioDelta
    | speaking.AudioDeltaAlias
    | speaking.AudioDone
    | speaking.TextDelta
    | speaking.TextDeltaAlias
    | speaking.PlaybackStarted
    | speaking.PlaybackStopped
    | speaking.PlaybackCleared
    | tooling.FunctionArgumentsDelta
    | tooling.FunctionCalled
    | tooling.McpToolsListing
    | tooling.McpToolsListed
    | tooling.McpToolsFailed
    | tooling.McpArgumentsDelta
    | tooling.McpArgumentsDone
    | tooling.McpCallStarted
    | tooling.McpCallCompleted
    | tooling.McpCallFailed
)
Event = KnownEvent | session.UnknownEvent | session.MalformedEvent


class _Envelope(msgspec.Struct):
    type: str


_known: msgspec.json.Decoder[KnownEvent] = msgspec.json.Decoder(KnownEvent)
_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeError)
_envelope = msgspec.json.Decoder(_Envelope)
_known_types = frozenset(kind.__struct_config__.tag for kind in get_args(KnownEvent))

# Nine frames of ten are audio that we do not need. Their type stands within the first bytes, whatever keys with short
# plain values come before it. Nothing is looked at twice (`*+` gives nothing back), as this is asked for every frame.
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_OTHER_KEY = rf'\s*+(?!"type"){_STRING}\s*+:\s*+(?:{_STRING}|[^"{{\[,]*+)\s*+,'
_AUDIO = rf'\s*+\{{(?:{_OTHER_KEY})*+\s*+"type"\s*+:\s*+"response\.(?:output_)?audio\.delta"'
_audio_text, _audio_bytes = re.compile(_AUDIO), re.compile(_AUDIO.encode())
AUDIO_WINDOW = 160
"""Characters within which the type of a frame is looked for."""


def is_audio(frame: str) -> bool:
    """Whether a frame is a piece of audio, found without parsing it. May miss one; never takes another for one."""
    return _audio_text.match(frame, 0, AUDIO_WINDOW) is not None


def is_audio_at(data: bytes, begin: int, end: int) -> bool:
    """Whether the text of a frame that stands at `data[begin:end]`, or only its beginning, is a piece of audio."""
    return _audio_bytes.match(data, begin, min(end, begin + AUDIO_WINDOW)) is not None


def decode(frame: str | bytes) -> Event:
    """Read one frame. Never raises."""
    try:
        return _known.decode(frame)
    except _UNREADABLE as error:
        return _explain(frame, error)


def _explain(frame: str | bytes, error: Exception) -> session.UnknownEvent | session.MalformedEvent:
    """Say why a frame was not an event we know."""
    try:
        kind = _envelope.decode(frame).type
    except _UNREADABLE as worse:
        return session.MalformedEvent(type=None, why=type(worse).__name__)
    if kind in _known_types:
        return session.MalformedEvent(type=kind, why=str(error))
    return session.UnknownEvent(type=kind)
