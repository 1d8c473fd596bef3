"""Entries: what is remembered of a call while it happens, in the order in which it happened.

The core emits them as commands, the shell adds its own; whoever watches (log, live view, later the ledger) gets the
same records. Entries hold people's words and digits, so where they go is the watcher's responsibility; an entry
made under `sensitive` holds no digits at all. Imports msgspec and core only.
"""

import msgspec

from daemon.core.keypad import Trigger
from daemon.core.receipts import Receipt
from daemon.core.transcript import Speaker, Turn


class _Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=lambda name: name):
    """Base of the entries; the tag is the class's own name."""


class WebhookVerified(_Entry, frozen=True, kw_only=True):
    """A signed delivery announced the call."""

    webhook_id: str
    called: str | None
    caller: str | None


class Claimed(_Entry, frozen=True, kw_only=True):
    """The call is ours and nobody else's."""

    agent: str


class TakenOver(_Entry, frozen=True, kw_only=True):
    """The call was somebody's who is no more, and is ours now."""

    former: str
    """The epoch that had it."""
    seconds: float
    """Since it was claimed."""


class Diverted(_Entry, frozen=True, kw_only=True):
    """No agent takes the call; its number's overflow plan does."""

    why: str


class Joined(_Entry, frozen=True, kw_only=True):
    """The socket to the call is open."""

    seconds: float
    """Since the webhook."""


class CallerLookedUp(_Entry, frozen=True, kw_only=True):
    """A server of the operator's was asked about the caller, or would have been."""

    result: str
    """`found`, `unknown` (to it), `late`, `failed`, or `withheld` (the caller's number)."""
    seconds: float
    """How long it took."""
    why: str
    """What was wrong, if anything."""


class AgentChosen(_Entry, frozen=True, kw_only=True):
    """Another agent takes the call than its number's, because the lookup says so."""

    agent: str


class Continued(_Entry, frozen=True, kw_only=True):
    """The caller called a moment ago, and goes on with that conversation."""

    earlier: str
    """The id of the earlier call."""


class LineLost(_Entry, frozen=True, kw_only=True):
    """The socket broke without an end of the call; the caller may still be there."""

    why: str


class Rejoined(_Entry, frozen=True, kw_only=True):
    """The socket to the call is open again."""

    seconds: float
    """Since it broke."""


class CheckedIn(_Entry, frozen=True, kw_only=True):
    """A silent caller was asked whether they are still there."""


class TransferAsked(_Entry, frozen=True, kw_only=True):
    """Somebody, or a rule, wants the caller transferred."""

    destination: str


class TransferFailed(_Entry, frozen=True, kw_only=True):
    """The transfer did not come about; the caller is still with us unless `result` says otherwise."""

    destination: str
    result: str
    sip_status: int | None


class HangUpOwed(_Entry, frozen=True, kw_only=True):
    """The platform did not take the hang-up; it will be asked again until it does."""

    why: str


class SessionSent(_Entry, frozen=True, kw_only=True):
    """`session.update` is on the wire: from here on the platform can speak for us."""

    seconds: float
    """Since the webhook: the pickup latency."""


class SessionConfigured(_Entry, frozen=True, kw_only=True):
    """The platform confirmed the configuration."""

    model: str | None
    voice: str | None


class Greeted(_Entry, frozen=True, kw_only=True):
    """The greeting was asked for."""

    generated: bool


class Said(_Entry, frozen=True, kw_only=True):
    """A turn's words, as far as they are known; a later entry for the same item replaces an earlier one."""

    item_id: str
    speaker: Speaker
    text: str
    final: bool


class KeyPressed(_Entry, frozen=True, kw_only=True):
    """One key, for the audit trail; `digit` is None where digits are sensitive."""

    digit: str | None


class DigitsCollected(_Entry, frozen=True, kw_only=True):
    """One entry on the keypad, complete; `digits` is None where digits are sensitive."""

    digits: str | None
    count: int
    trigger: Trigger


class HangUpAsked(_Entry, frozen=True, kw_only=True):
    """The model wants the call to end."""

    reason: str


class GoodbyeInterrupted(_Entry, frozen=True, kw_only=True):
    """The caller spoke into the goodbye, so the call goes on."""


class GoodbyeSaid(_Entry, frozen=True, kw_only=True):
    """The goodbye was heard to its end, as far as can be known."""


class ToolRefused(_Entry, frozen=True, kw_only=True):
    """The model asked for a tool that this agent does not have."""

    name: str


class ToolCalled(_Entry, frozen=True, kw_only=True):
    """The model uses a tool, which is begun."""

    name: str


class ToolEnded(_Entry, frozen=True, kw_only=True):
    """A tool gave its output. What it was given and what it gave are people's data, so they stand elsewhere."""

    name: str
    seconds: float
    ok: bool
    why: str
    """What went wrong, in words of ours; empty if nothing did."""


class PlatformComplained(_Entry, frozen=True, kw_only=True):
    """The platform reported an error that does not end the call."""

    type: str | None
    code: str | None
    message: str | None


class Ended(_Entry, frozen=True, kw_only=True):
    """The call is over."""

    receipt: Receipt
    events: dict[str, int]
    """How many events of each type came, audio included."""


Entry = (
    WebhookVerified
    | Claimed
    | TakenOver
    | Diverted
    | Joined
    | CallerLookedUp
    | AgentChosen
    | Continued
    | LineLost
    | Rejoined
    | CheckedIn
    | TransferAsked
    | TransferFailed
    | HangUpOwed
    | SessionSent
    | SessionConfigured
    | Greeted
    | Said
    | KeyPressed
    | DigitsCollected
    | HangUpAsked
    | GoodbyeInterrupted
    | GoodbyeSaid
    | ToolRefused
    | ToolCalled
    | ToolEnded
    | PlatformComplained
    | Ended
)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with its place and time."""

    at: float
    """Unix seconds."""
    call_id: str
    entry: Entry


def said(turn: Turn | None) -> list[Said]:
    """A turn's words as an entry, if there is anything new in them."""
    if turn is None:
        return []
    return [Said(item_id=turn.item_id, speaker=turn.speaker, text=turn.text, final=turn.final)]
