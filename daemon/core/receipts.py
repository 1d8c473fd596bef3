"""Receipts, the proof that a call is over, of which it has exactly one; and debts, which are calls without. Pure."""

from collections.abc import Sequence
from typing import Literal

import msgspec

ELSEWHERE = "another node has the call"

Outcome = Literal["caller_left", "hung_up", "transferred", "handed_over", "lost"]


BY_MODEL = "hang_up by the model"
"""How a reason begins behind which the model's own words stand: they retell what the caller said."""


def without_words(reasons: Sequence[str]) -> tuple[str, ...]:
    """A chain of reasons without anybody's words in it, for where these don't belong."""
    return tuple(BY_MODEL if reason.startswith(f"{BY_MODEL}:") else reason for reason in reasons)


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

    def elsewhere(self) -> "Receipt":
        """What becomes of it when the call turns out to be another node's: that one's receipt counts."""
        if self.outcome == "handed_over":
            return self
        return msgspec.structs.replace(self, outcome="handed_over", reasons=(ELSEWHERE, *self.reasons))


class Debt(msgspec.Struct, frozen=True, kw_only=True):
    """A call whose hang-up the platform has not confirmed: the caller may still be connected."""

    call_id: str
    reasons: tuple[str, ...]
    """Why it was to end."""
    joined: bool
    received_at: float
    """When its webhook came, in seconds of the monotonic clock."""
    events: dict[str, int]
    """How many events of each type came."""
    outcome: Outcome | None = None
    """How it ended, where that is known and only the ledger does not have it yet."""

    @property
    def why(self) -> str:
        """The chain of reasons as one line."""
        return " > ".join(self.reasons)

    def receipt(self, outcome: Outcome, now: float, *, first: tuple[str, ...] = ()) -> Receipt:
        """Make the receipt that discharges it."""
        reasons = (*first, *self.reasons)
        return Receipt(outcome=outcome, reasons=reasons, joined=self.joined, seconds=now - self.received_at)
