"""Events about the caller: speech, words, keys. Imports msgspec only."""

import msgspec

from daemon.core.events.base import ServerEvent


class SpeechStarted(ServerEvent, frozen=True, kw_only=True, tag="input_audio_buffer.speech_started"):
    """The caller began to speak."""

    item_id: str | None = None
    audio_start_ms: float | None = None


class SpeechStopped(ServerEvent, frozen=True, kw_only=True, tag="input_audio_buffer.speech_stopped"):
    """The caller stopped speaking."""

    item_id: str | None = None
    audio_end_ms: float | None = None


class InputCommitted(ServerEvent, frozen=True, kw_only=True, tag="input_audio_buffer.committed"):
    """What the caller said became an item of the conversation."""

    previous_item_id: str | None = None
    item_id: str | None = None


class InputCleared(ServerEvent, frozen=True, kw_only=True, tag="input_audio_buffer.cleared"):
    """Audio that had not become an item was dropped."""


class CheckInTriggered(ServerEvent, frozen=True, kw_only=True, tag="input_audio_buffer.timeout_triggered"):
    """The platform's idle timer fired; it speaks a check-in of its own."""

    item_id: str | None = None
    previous_item_id: str | None = None
    audio_start_ms: float | None = None
    audio_end_ms: float | None = None


class TranscriptUpdated(
    ServerEvent, frozen=True, kw_only=True, tag="conversation.item.input_audio_transcription.updated"
):
    """The words so far of an item; each one replaces the one before."""

    item_id: str | None = None
    content_index: int | None = None
    transcript: str | None = None


class TranscriptCompleted(
    ServerEvent, frozen=True, kw_only=True, tag="conversation.item.input_audio_transcription.completed"
):
    """The words of an item. Can come several times for one item, whole text each time."""

    item_id: str | None = None
    content_index: int | None = None
    transcript: str | None = None
    status: str | None = None
    """`in_progress` marks a partial that was sent under the final name."""

    @property
    def final(self) -> bool:
        """Whether no more is to come for this item."""
        return self.status != "in_progress"


class DigitPressed(ServerEvent, frozen=True, kw_only=True, tag="input_audio_buffer.dtmf_event_received"):
    """The caller pressed a key. The wire calls the field `event`."""

    digit: str | None = msgspec.field(name="event", default=None)
    received_at: float | None = None
    """Unix seconds on the platform's clock; kept for the record, never used to measure time."""
