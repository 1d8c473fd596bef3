"""The events of one response, as the platform sends them: documented order, live shapes.

Builds plain dictionaries; sends and waits through what `session.py` gives it. Usage stands at the top level and
`status_details` is a string, because that is what live frames look like.
"""

import base64
from collections.abc import Iterator
from itertools import count
from typing import Any

Frame = dict[str, Any]

CLIENT_EVENTS = frozenset(
    {
        "session.update",
        "conversation.item.create",
        "conversation.item.delete",
        "conversation.item.truncate",
        "response.create",
        "response.cancel",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
    }
)
"""What a client may send."""

# A fifth of a second of 8 kHz audio, about what one frame carries.
_AUDIO = base64.b64encode(bytes(1600)).decode()


class Wire:
    """Numbers events and ids of one session, so that the same script gives the same frames."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self._events, self._items = count(1), count(1)

    def event(self, kind: str, **fields: object) -> Frame:
        """A frame of a type, with the envelope's id."""
        return {"event_id": f"sev-{self.session_id}-{next(self._events)}", "type": kind, **fields}

    def fresh(self, prefix: str) -> str:
        """A new id for an item, a response or a function call."""
        return f"{prefix}-{self.session_id}-{next(self._items)}"


def session_object(wire: Wire, settings: Frame) -> Frame:
    """The session as the platform tells of it; live, turn detection is off until it is configured."""
    return {
        "id": f"sess-{wire.session_id}",
        "object": "realtime.session",
        "model": "sandbox-voice",
        "voice": settings.get("voice", "xai_ara"),
        "instructions": settings.get("instructions", ""),
        "modalities": ["audio"],
        "turn_detection": settings.get("turn_detection", {"type": None}),
        "tools": settings.get("tools", []),
    }


class SpokenItem:
    """A response's message item, from opening to closing."""

    def __init__(self, wire: Wire, response_id: str, words: str) -> None:
        self._wire = wire
        self._words = words.split()
        self._spoken: list[str] = []
        self.id = wire.fresh("item")
        self._place = {"response_id": response_id, "item_id": self.id, "output_index": 0, "content_index": 0}

    def opening(self) -> Iterator[Frame]:
        """What comes before the first word."""
        item = self._item("in_progress")
        outer = {key: self._place[key] for key in ("response_id", "output_index")}
        yield self._wire.event("response.output_item.added", **outer, item=item)
        yield self._wire.event("conversation.item.added", previous_item_id=None, item=item)
        yield self._wire.event("response.content_part.added", **self._place, part={"type": "audio"})

    def speaking(self) -> Iterator[tuple[Frame, Frame]]:
        """The words: each one as sound and as text."""
        for word in self._words:
            self._spoken.append(word)
            delta = word if len(self._spoken) == 1 else f" {word}"
            yield (
                self._wire.event("response.output_audio.delta", **self._place, delta=_AUDIO),
                self._wire.event("response.output_audio_transcript.delta", **self._place, delta=delta),
            )

    def closing(self, status: str) -> Iterator[Frame]:
        """What comes after the last word, or after the one at which it was cut off."""
        said = " ".join(self._spoken)
        outer = {key: self._place[key] for key in ("response_id", "output_index")}
        yield self._wire.event("response.output_audio.done", **self._place)
        yield self._wire.event("response.output_audio_transcript.done", **self._place, transcript=said)
        yield self._wire.event("response.content_part.done", **self._place, part={"type": "audio", "transcript": said})
        yield self._wire.event("response.output_item.done", **outer, item=self._item(status))

    def _item(self, status: str) -> Frame:
        said = " ".join(self._spoken)
        content = [{"type": "audio", "transcript": said}] if said else []
        return {
            "id": self.id,
            "object": "realtime.item",
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        }


def function_call(wire: Wire, response_id: str, place: int, name: str, arguments: str) -> Iterator[Frame]:
    """A use of a tool, from opening to closing; `place` is where it stands among the turn's items."""
    item = {
        "id": wire.fresh("item"),
        "object": "realtime.item",
        "type": "function_call",
        "call_id": wire.fresh("fc"),
        "name": name,
    }
    outer = {"response_id": response_id, "output_index": place}
    inner = {**outer, "item_id": item["id"], "call_id": item["call_id"]}
    yield wire.event("response.output_item.added", **outer, item={**item, "status": "in_progress"})
    yield wire.event("response.function_call_arguments.delta", **inner, delta=arguments)
    yield wire.event("response.function_call_arguments.done", **inner, name=name, arguments=arguments)
    yield wire.event("response.output_item.done", **outer, item={**item, "status": "completed", "arguments": arguments})


def response_created(wire: Wire, response_id: str) -> Frame:
    """The beginning of a turn."""
    response = {"id": response_id, "object": "realtime.response", "status": "in_progress", "output": []}
    return wire.event("response.created", response={**response, "metadata": None})


def response_done(wire: Wire, response_id: str, status: str, seconds: float, words: int) -> Frame:
    """The end of a turn."""
    response = {
        "id": response_id,
        "object": "realtime.response",
        "status": status,
        "status_details": "unimplemented",
        "usage": {},
        "output": [],
    }
    usage = {
        "input_tokens": 20,
        "output_tokens": 8 * words,
        "total_tokens": 20 + 8 * words,
        "output_audio_seconds": round(seconds, 3),
        "billable_audio_seconds": float(-(-seconds // 1)),
    }
    return wire.event("response.done", response=response, response_id=response_id, previous_item_id=None, usage=usage)
