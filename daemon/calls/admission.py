"""The way in: what the web room may ask of the supervisor, and the answer it waits for.

Offering a call is a plain function on purpose: between looking at the capacity and starting the task there is no
`await`, so two deliveries can't both take the last slot, and a sender that disconnects cancels its own handler but
never the call. Owned by the supervisor; imports core and Trio; knows nothing of sockets.
"""

import enum
from typing import Protocol

import trio

from daemon.core.incoming import IncomingCall


class Verdict(enum.Enum):
    """What became of an offered call."""

    CLAIMED = "claimed"
    """It is ours; its task is running."""
    DUPLICATE = "duplicate"
    """We knew it already; nothing was changed."""
    STALE = "stale"
    """Its caller has long hung up; logged, not joined."""
    UNROUTED = "unrouted"
    """No agent is configured for the called number."""
    FULL = "full"
    """Every slot, or every slot of the called number, is taken."""
    CALLER_LIMIT = "caller_limit"
    """The caller has called as often within an hour as one may."""
    BUDGET = "budget"
    """All calls together have cost as much within a day as they may."""
    PAUSED = "paused"
    """An operator has paused us."""
    DRAINING = "draining"
    """We are on our way out."""
    UNCLAIMED = "unclaimed"
    """The claim could not be made; another node, or a redelivery, may have more luck."""

    @property
    def settled(self) -> bool:
        """Whether the sender may forget the delivery; if not, it should try again."""
        return self in (Verdict.CLAIMED, Verdict.DUPLICATE, Verdict.STALE)


class Offer:
    """A handle on an offered call, to be awaited by whoever offered it."""

    def __init__(self) -> None:
        self._verdict: Verdict | None = None
        self._decided = trio.Event()

    @classmethod
    def decided(cls, verdict: Verdict) -> "Offer":
        """Make an offer whose verdict is known at once."""
        offer = cls()
        offer.decide(verdict)
        return offer

    def decide(self, verdict: Verdict) -> None:
        """Set the verdict; only the first one counts."""
        if self._verdict is None:
            self._verdict = verdict
            self._decided.set()

    async def verdict(self) -> Verdict:
        """Wait for the verdict. Cancelling is safe: the call it is about is not affected."""
        await self._decided.wait()
        if self._verdict is None:
            raise AssertionError("an offer was released without a verdict")
        return self._verdict


class Repeat(Offer):
    """A handle on a call that somebody offered before: waits for the same decision, which it does not change."""

    def __init__(self, original: Offer) -> None:
        super().__init__()
        self._original = original

    async def verdict(self) -> Verdict:
        """Wait for the first offer's verdict; a claim is a duplicate to everyone but the first."""
        verdict = await self._original.verdict()
        return Verdict.DUPLICATE if verdict is Verdict.CLAIMED else verdict


class Reception(Protocol):
    """The supervisor as the web room sees it."""

    def offer(self, incoming: IncomingCall) -> Offer:
        """Take the call or say why not. Plain: returns at once, with the call's task already started."""
        ...

    @property
    def ready(self) -> bool:
        """Whether a balancer should send calls here."""
        ...
