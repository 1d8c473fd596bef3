"""What the platform says in a call: turns of ten seconds, 25 events a second, nine of ten of them a kilobyte of audio.

The events carry every field that is documented, so that a peer that checks them finds nothing to complain of.
"""

import json
from functools import cache

from benchmarks.wire import event

PERIOD = 0.04
"""Seconds between two events of one call."""
TURN = 250
"""Events of a turn."""
SMALL = 25
"""Events of a turn that are not audio; none of them may be lost."""
EVERY = TURN // SMALL
"""Such an event comes first, and then audio until the next one."""
_AUDIO = "A" * 1000
_WORDS = ["I", "am", "happy", "to", "help", "you", "with", "your", "order", "today", "indeed"]

SESSION: dict[str, object] = {"id": "sess_1", "object": "realtime.session", "type": "realtime", "model": "grok-voice"}
JOINED = event("session.created", session=SESSION) + event(
    "conversation.created", conversation={"id": "conv_1", "object": "realtime.conversation"}
)
CONFIGURED = event("session.updated", session=SESSION)
AUDIO = ("response.output_audio.delta", "audio")
"""What audio is counted as, by peers and by the product."""
GREETING = 3
"""Small events around the configuration."""


@cache
def turn(number: int) -> tuple[bytes, ...]:
    """The frames of one turn, in order."""
    response, item, heard = f"resp_{number}", f"item_{number}", f"item_caller_{number}"
    outer = {"response_id": response, "output_index": 0}
    place = {**outer, "item_id": item, "content_index": 0}
    said = " ".join(_WORDS)
    message = {"id": item, "object": "realtime.item", "type": "message", "role": "assistant"}
    created = {"id": response, "object": "realtime.response", "status": "in_progress", "output": []}
    before = [
        event("input_audio_buffer.speech_started", audio_start_ms=100, item_id=heard),
        event("input_audio_buffer.speech_stopped", audio_end_ms=900, item_id=heard),
        event("input_audio_buffer.committed", previous_item_id=None, item_id=heard),
        event(
            "conversation.item.input_audio_transcription.completed",
            item_id=heard,
            content_index=0,
            transcript="Where is my order?",
            usage={"type": "duration", "seconds": 1},
        ),
        event("response.created", response=created),
        event("response.output_item.added", **outer, item={**message, "status": "in_progress", "content": []}),
        event("response.content_part.added", **place, part={"type": "audio"}),
    ]
    words = [event("response.output_audio_transcript.delta", **place, delta=f"{word} ") for word in _WORDS]
    after = [
        event("response.output_audio.done", **place),
        event("response.output_audio_transcript.done", **place, transcript=said),
        event("response.content_part.done", **place, part={"type": "audio", "transcript": said}),
        event(
            "response.output_item.done",
            **outer,
            item={**message, "status": "completed", "content": [{"type": "output_audio", "transcript": said}]},
        ),
        event("response.done", response={**created, "status": "completed"}),
    ]
    small = [*before, *words, *after]
    while len(small) < SMALL:
        small.insert(len(before), words[0])
    audio = event("response.output_audio.delta", **place, delta=_AUDIO)
    # Nine sounds between any two of the others.
    return tuple(frame for each in small for frame in (each, *[audio] * (EVERY - 1)))


def kind(frame: bytes) -> str:
    """The type of an event, for counting."""
    return str(json.loads(frame[frame.index(b"{") :])["type"])
