"""One turn of the agent while it lasts: whether it speaks, and until when the caller hears it.

A response is done for the platform long before the caller has heard it, because speech is made faster than it is
played. Pure; owned by `turns.py`.
"""

from dataclasses import dataclass
from math import inf

from daemon.core.events import Usage

# Spoken English is about 15 characters a second; only used when the platform does not say how long it speaks.
_CHARACTERS_PER_SECOND = 15.0
# No turn is longer; a figure beyond it is a mistake that must not keep a caller waiting for an answer.
_LONGEST = 300.0


@dataclass(slots=True)
class ActiveResponse:
    """The response that is being made, or was made last."""

    id: str | None
    speaking_since: float | None = None
    """When its first words came, which is about when the caller began to hear it."""
    characters: int = 0
    heard_at: float | None = None
    """When the caller has heard all of it; None while it is being made."""
    interrupted: bool = False
    """Whether the caller has spoken since it began, or we had it stop."""
    dropped: bool = False
    """Whether we had it stop."""
    used: bool = False
    """Whether it asked for a tool."""
    failed: bool = False
    """Whether the platform could not make it, or not all of it."""
    last_sign: float = -inf
    """When something was last heard of it; never, before there was one."""

    @property
    def being_made(self) -> bool:
        """Whether more of it is to come. An interrupted one may never get its end."""
        return self.heard_at is None and self.last_sign > -inf and not self.interrupted

    @property
    def spoke(self) -> bool:
        """Whether it said anything."""
        return self.speaking_since is not None

    def quiet(self, now: float) -> bool:
        """Whether the caller hears nothing of it, nor will."""
        return not self.being_made and (self.heard_at is None or self.heard_at <= now)

    @property
    def made_silent(self) -> bool:
        """Whether it is made, said nothing and asked for nothing."""
        return self.heard_at is not None and not self.spoke and not self.used

    def speak(self, fragment: str, now: float) -> None:
        """Note that words came."""
        self.last_sign = now
        if self.speaking_since is None:
            self.speaking_since = now
        self.characters += len(fragment)

    def interrupt(self, now: float) -> None:
        """The caller speaks into it, and hears no more of it."""
        self.interrupted = True
        if self.heard_at is not None:
            self.heard_at = min(self.heard_at, now)

    def drop(self, now: float) -> None:
        """We have it stop."""
        self.dropped = True
        self.interrupt(now)

    def finish(self, usage: Usage, now: float, status: str | None = None) -> None:
        """Note that it is made."""
        self.failed = status in ("failed", "incomplete")
        if self.speaking_since is None:
            self.heard_at = now
            return
        seconds = usage.output_audio_seconds
        if seconds is None or seconds <= 0:
            seconds = self.characters / _CHARACTERS_PER_SECOND
        self.heard_at = max(now, self.speaking_since + min(seconds, _LONGEST))
