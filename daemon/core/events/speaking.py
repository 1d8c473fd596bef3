"""Events about the agent's responses: one response is one turn of the agent. Imports msgspec only."""

from typing import Any

import msgspec

from daemon.core.events.base import ServerEvent
from daemon.core.events.session import Item, Part


class Usage(msgspec.Struct, frozen=True):
    """What a response cost. Any figure may be missing."""

    input_tokens: float | None = None
    output_tokens: float | None = None
    total_tokens: float | None = None
    output_audio_seconds: float | None = None
    """How long the response takes to be heard."""
    billable_audio_seconds: float | None = None

    @property
    def empty(self) -> bool:
        """Whether it says nothing at all, as the nested one does in live frames."""
        return self == Usage()


class Response(msgspec.Struct, frozen=True):
    """A response as the platform describes it; what we don't use may be anything."""

    id: str | None = None
    status: str | None = None
    status_details: Any = None
    """Documented as an object; live it is the string `unimplemented`."""
    output: Any = None
    usage: Usage | None = None
    metadata: Any = None


class ResponseEvent(ServerEvent, frozen=True, kw_only=True):
    """What the events inside a response share."""

    response_id: str | None = None
    item_id: str | None = None
    output_index: int | None = None
    content_index: int | None = None


class ResponseCreated(ServerEvent, frozen=True, kw_only=True, tag="response.created"):
    """The agent begins a turn. Supersedes an earlier one that never got its end."""

    response: Response | None = None

    @property
    def id(self) -> str | None:
        """The response's id."""
        return self.response.id if self.response else None


class ResponseDone(ServerEvent, frozen=True, kw_only=True, tag="response.done"):
    """The agent's turn is made. The caller may still be hearing it."""

    response: Response | None = None
    response_id: str | None = None
    usage: Usage | None = None

    @property
    def id(self) -> str | None:
        """The response's id, from either place."""
        return (self.response.id if self.response else None) or self.response_id

    @property
    def status(self) -> str | None:
        """`completed`, `cancelled` (the caller spoke into it), `incomplete` or `failed`."""
        return self.response.status if self.response else None

    @property
    def spent(self) -> Usage:
        """The usage: at the top level in live frames, nested in the documentation."""
        for usage in (self.usage, self.response.usage if self.response else None):
            if usage is not None and not usage.empty:
                return usage
        return Usage()


class OutputItemAdded(ServerEvent, frozen=True, kw_only=True, tag="response.output_item.added"):
    """The response opened an item."""

    response_id: str | None = None
    output_index: int | None = None
    item: Item = Item()


class OutputItemDone(ServerEvent, frozen=True, kw_only=True, tag="response.output_item.done"):
    """The response closed an item."""

    response_id: str | None = None
    output_index: int | None = None
    item: Item = Item()


class ContentPartAdded(ResponseEvent, frozen=True, kw_only=True, tag="response.content_part.added"):
    """An item opened a part."""

    part: Part = Part()


class ContentPartDone(ResponseEvent, frozen=True, kw_only=True, tag="response.content_part.done"):
    """An item closed a part."""

    part: Part = Part()


class SpokenDelta(ResponseEvent, frozen=True, kw_only=True, tag="response.output_audio_transcript.delta"):
    """Some more words of what the agent says."""

    delta: str | None = None


class SpokenDone(ResponseEvent, frozen=True, kw_only=True, tag="response.output_audio_transcript.done"):
    """All words of what the agent says; they may be missing here, so the deltas are kept."""

    transcript: str | None = None


class AudioDelta(ResponseEvent, frozen=True, kw_only=True, tag="response.output_audio.delta"):
    """A piece of audio. The platform plays it to the caller itself; we drop it undecoded."""


class AudioDeltaAlias(ResponseEvent, frozen=True, kw_only=True, tag="response.audio.delta"):
    """The same under the name the transport documentation uses."""


class AudioDone(ResponseEvent, frozen=True, kw_only=True, tag="response.output_audio.done"):
    """The audio is generated; the caller may still be hearing it."""


class TextDelta(ResponseEvent, frozen=True, kw_only=True, tag="response.output_text.delta"):
    """Some more text of a written answer."""

    delta: str | None = None


class TextDeltaAlias(ResponseEvent, frozen=True, kw_only=True, tag="response.text.delta"):
    """The same under its other name."""

    delta: str | None = None


class PlaybackStarted(ServerEvent, frozen=True, kw_only=True, tag="output_audio_buffer.started"):
    """The caller begins to hear the agent. Not known to be sent on phone calls; welcome if it is."""

    response_id: str | None = None


class PlaybackStopped(ServerEvent, frozen=True, kw_only=True, tag="output_audio_buffer.stopped"):
    """The caller has heard all of it. The best sign that a goodbye was heard, if it ever comes."""

    response_id: str | None = None


class PlaybackCleared(ServerEvent, frozen=True, kw_only=True, tag="output_audio_buffer.cleared"):
    """What the caller had not heard yet was dropped."""

    response_id: str | None = None
