"""One turn of the agent while it lasts: whether it speaks, and until when the caller hears it.

A response is done for the platform long before the caller has heard it, because speech is made faster than it is
played. Pure; owned by the conversation.
"""

from dataclasses import dataclass

from daemon.core.events import Usage

# Spoken English is about 15 characters a second; only used when the platform does not say how long it speaks.
_CHARACTERS_PER_SECOND = 15.0


@dataclass(slots=True)
class ActiveResponse:
    """The response that is being made, or was made last."""

    id: str | None
    speaking_since: float | None = None
    """When its first words came, which is about when the caller began to hear it."""
    characters: int = 0

    @property
    def spoke(self) -> bool:
        """Whether it said anything."""
        return self.speaking_since is not None

    def speak(self, fragment: str, now: float) -> None:
        """Note that words came."""
        if self.speaking_since is None:
            self.speaking_since = now
        self.characters += len(fragment)

    def heard_at(self, usage: Usage, now: float) -> float:
        """When the caller has heard all of it: now, if it said nothing."""
        if self.speaking_since is None:
            return now
        seconds = usage.output_audio_seconds
        if seconds is None or seconds <= 0:
            seconds = self.characters / _CHARACTERS_PER_SECOND
        return max(now, self.speaking_since + seconds)
