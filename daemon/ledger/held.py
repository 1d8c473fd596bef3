"""Calls of ours that have no receipt in the ledger yet, as memory knows them.

This is what the ledger is told again when it comes back empty, what is asked when it is down, and what tells a call
that somebody serves from one that nobody does. Owned by the durable ledger; imports core and this room's records.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec

from daemon.core.effects import Effect, ToolUse
from daemon.errors import LedgerUnavailable
from daemon.ledger.claims import Claim
from daemon.ledger.epochs import Orphan
from daemon.ledger.operations import Begun, Claimed, Ended, Joined, Operation, Owed, Told

T = TypeVar("T")

# Attempts whose answers were lost, and ids of calls without the ledger; more than can matter at once.
_REMEMBERED = 10_000


class Held(msgspec.Struct, kw_only=True):
    """A call of ours."""

    claim: Claim
    at: float
    """When it became ours, by this machine's wall clock."""
    joined: bool = False
    owed_for: tuple[str, ...] = ()
    settled: bool = False
    """Whether it has a receipt, which the spool keeps for the ledger."""
    effects: dict[str, Effect] = msgspec.field(default_factory=dict)
    """By the id of the use, oldest first."""

    def begin(self, use: ToolUse) -> Effect | None:
        """Note that a tool is about to be run: None if that is new, else what is known of it."""
        known = self.effects.get(use.id)
        if known is None:
            self.effects[use.id] = Effect(use=use)
        return known

    def assign(self, agent: str) -> None:
        """Note that another agent has it."""
        self.claim = msgspec.structs.replace(self.claim, agent=agent)

    def change(self, use_id: str, **changes: object) -> None:
        """Note what became of a tool."""
        known = self.effects.get(use_id)
        if known is not None:
            self.effects[use_id] = msgspec.structs.replace(known, **changes)

    def story(self) -> Iterator[Operation]:
        """What an empty ledger has to be told of the call."""
        call_id, epoch = self.claim.incoming.call_id, self.claim.epoch
        yield Claimed(claim=self.claim, at=self.at)
        if self.joined:
            yield Joined(call_id=call_id, epoch=epoch, at=self.at)
        if self.owed_for:
            yield Owed(call_id=call_id, epoch=epoch, reasons=self.owed_for)
        for use_id, effect in self.effects.items():
            yield Begun(call_id=call_id, use=effect.use)
            if effect.output is not None:
                yield Ended(call_id=call_id, use_id=use_id, output=effect.output)
            if effect.told:
                yield Told(call_id=call_id, use_id=use_id)


class Holdings(dict[str, Held]):
    """Our calls, by id, and what is not certain about others."""

    def __init__(self) -> None:
        super().__init__()
        self._asking: dict[str, int] = {}
        """Calls of which a claim is under way."""
        self._lost: dict[str, tuple[str, ...]] = {}
        """Attempts to claim whose answers were lost, by call."""
        self._let_go: set[str] = set()
        """Calls that were ours at the last look."""
        self._elsewhere: dict[str, None] = {}
        self.at_fault: Counter[str] = Counter()
        """Claims that were made `without` the ledger, or `refused` because of it."""
        self._answered: dict[str, None] = {}
        """Ids of calls and deliveries that were answered without the ledger."""

    @contextmanager
    def asking(self, wanted: Claim) -> Iterator[None]:
        """Ask for a call; if the answer gets lost, for whatever reason, that is remembered."""
        call_id = wanted.incoming.call_id
        self._asking[call_id] = self._asking.get(call_id, 0) + 1
        try:
            yield
        except BaseException:
            self._lost[call_id] = (*self._lost.get(call_id, ()), wanted.attempt)
            _bound(self._lost)
            raise
        finally:
            self._asking[call_id] -= 1
            if not self._asking[call_id]:
                del self._asking[call_id]

    def lost(self, call_id: str) -> tuple[str, ...]:
        """Attempts of ours for a call whose answers were lost."""
        return self._lost.get(call_id, ())

    def hold(self, claim: Claim, at: float) -> Held:
        """A call is ours now."""
        call_id = claim.incoming.call_id
        self._lost.pop(call_id, None)
        self._elsewhere.pop(call_id, None)
        self[call_id] = held = Held(claim=claim, at=at)
        return held

    def take_over(self, orphan: Orphan, epoch: str, now: float) -> None:
        """A call of somebody who is no more is ours now."""
        claim = Claim(attempt="adopted", epoch=epoch, incoming=orphan.incoming, agent=orphan.agent)
        held = self.hold(claim, now - orphan.age)
        held.joined, held.owed_for = orphan.joined, orphan.owed_for
        held.effects = {effect.use.id: effect for effect in orphan.effects}

    def let_go(self, call_id: str) -> None:
        """A call is not ours any more, or has its receipt in the ledger."""
        if self.pop(call_id, None) is not None:
            self._let_go.add(call_id)

    def lose(self, call_id: str) -> None:
        """A call is another node's now."""
        self.let_go(call_id)
        self._elsewhere[call_id] = None
        _bound(self._elsewhere)

    def is_elsewhere(self, call_id: str) -> bool:
        """Whether a call was ours and is another node's now."""
        return call_id in self._elsewhere

    def of(self, epoch: str) -> tuple[str, ...]:
        """Calls that became ours in an epoch."""
        return tuple(call_id for call_id, held in self.items() if held.claim.epoch == epoch)

    def look(self) -> frozenset[str]:
        """The calls that are ours, or may be in a moment; from here on it is remembered which are let go."""
        self._let_go.clear()
        return frozenset({*self, *self._asking})

    def knows(self, call_id: str) -> bool:
        """Whether a call is ours, may be in a moment, or was since the last look."""
        return call_id in self or call_id in self._asking or call_id in self._let_go

    def refused(self, why: str) -> LedgerUnavailable:
        """A call could not be answered without the ledger; gives the error for it."""
        self.at_fault["refused"] += 1
        return LedgerUnavailable(why)

    def answer_without(self, claim: Claim) -> None:
        """A call was answered without the ledger."""
        self.at_fault["without"] += 1
        self._answered |= dict.fromkeys((claim.incoming.webhook_id, claim.incoming.call_id))
        _bound(self._answered)

    def answered_without(self, claim: Claim) -> bool:
        """Whether it was, or its delivery."""
        return claim.incoming.webhook_id in self._answered or claim.incoming.call_id in self._answered


def _bound(oldest_first: dict[str, T]) -> None:
    while len(oldest_first) > _REMEMBERED:
        del oldest_first[next(iter(oldest_first))]
