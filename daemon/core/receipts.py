"""Receipts: the proof that a call is over. A call has exactly one. Imports msgspec only."""

from typing import Literal

import msgspec

Outcome = Literal["caller_left", "hung_up", "transferred", "handed_over", "lost"]


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """How one call ended, and why."""

    outcome: Outcome
    reasons: tuple[str, ...]
    """The chain of causes, the nearest first: which scope, which deadline, which signal, which rule."""
    joined: bool
    """Whether we ever spoke on it."""
    seconds: float
    """From the webhook to the receipt."""

    @property
    def why(self) -> str:
        """The chain as one line: `drain deadline 1h > SIGTERM` reads "the deadline, because of the signal"."""
        return " > ".join(self.reasons)
