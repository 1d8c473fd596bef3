"""Silence: nobody has said anything for a while, so is anybody there?

The first time, the agent asks; the second time, it says goodbye. Speech and keys of the caller start it all over. The
agent's own words only move the moment from which silence counts, and not even that when the platform made it check
in by itself, or two check-ins would keep each other awake for ever. Pure; owned by the conversation.
"""

from math import inf


class Silence:
    """Watches one call for silence."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout or inf
        self._since = inf
        self._caller_speaking = False
        self._platform_checks_in = False
        self.asked = False
        """Whether the caller was asked since last heard of."""

    @property
    def deadline(self) -> float:
        """When it has been silent for too long; infinite while the caller speaks."""
        return inf if self._caller_speaking else self._since + self._timeout

    def start(self, now: float) -> None:
        """Count from now."""
        self._since, self._caller_speaking, self._platform_checks_in = now, False, False

    def caller_active(self, now: float, *, speaking: bool) -> None:
        """The caller was heard; `speaking` says whether they still are."""
        self._since, self._caller_speaking = now, speaking
        self.asked = self._platform_checks_in = False

    def platform_checks_in(self) -> None:
        """The next turn of the agent is the platform's own check-in."""
        self._platform_checks_in = True

    def agent_begins(self, now: float) -> None:
        """The agent has its turn, so the caller's is over, even if nobody said so."""
        if self._caller_speaking:
            self._since, self._caller_speaking = now, False

    def agent_heard(self, until: float, *, done: bool) -> None:
        """The agent is heard until this time; `done` says whether that was all."""
        if not self._platform_checks_in:
            self._since = max(until, self._since) if self._since < inf else until
        elif done:
            self._platform_checks_in = False

    def ask(self, now: float) -> None:
        """The caller is being asked."""
        self.asked, self._since = True, now
