"""Entries: what is remembered of a call while it happens, in the order in which it happened.

The core emits them as commands, the shell adds its own; whoever watches (log, live view, later the ledger) gets the
same records. Entries hold people's words and digits, so where they go is the watcher's responsibility; an entry
made under `sensitive` holds no digits at all. Imports msgspec and core only.
"""

import msgspec

from daemon.core.deeds import BaseEntry as _Entry
from daemon.core.deeds import ToolCalled as ToolCalled
from daemon.core.deeds import ToolEnded as ToolEnded
from daemon.core.deeds import ToolRefused as ToolRefused
from daemon.core.deeds import TransferAsked as TransferAsked
from daemon.core.deeds import TransferFailed as TransferFailed
from daemon.core.deeds import TransferRefused as TransferRefused
from daemon.core.keypad import Trigger
from daemon.core.receipts import Receipt
from daemon.core.transcript import Speaker, Turn


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


class AskedAgain(_Entry, frozen=True, kw_only=True):
    """The caller was asked for digits, typed too few or none, and is asked again."""

    count: int
    """How many were typed."""


class MenuChosen(_Entry, frozen=True, kw_only=True):
    """A key of the agent's menu was pressed."""

    keys: str | None
    """Which; None where digits are sensitive."""
    action: str
    """What it does, without names and words: `transfer`, `hang_up`, `say` or `tool`."""


class HangUpAsked(_Entry, frozen=True, kw_only=True):
    """The model wants the call to end."""

    reason: str


class GoodbyeInterrupted(_Entry, frozen=True, kw_only=True):
    """The caller spoke into the goodbye, so the call goes on."""


class GoodbyeSaid(_Entry, frozen=True, kw_only=True):
    """The goodbye was heard to its end, as far as can be known."""


class AnswerMissed(_Entry, frozen=True, kw_only=True):
    """The agent should have said something by now, and did not."""

    in_a_row: int
    why: str
    """`late`, `failed` (the platform says so), or `error`."""


class FellBack(_Entry, frozen=True, kw_only=True):
    """The agent does not answer, so its `on_trouble` is done."""

    action: str
    """`transfer` or `hang_up`."""


class CeilingReached(_Entry, frozen=True, kw_only=True):
    """The call has cost as much as it may."""

    most: float
    action: str
    """`transfer` or `hang_up`."""


class Usage(_Entry, frozen=True, kw_only=True):
    """What a call used, as far as the platform said so."""

    turns: int
    """Turns of the agent that have figures."""
    input_tokens: int
    output_tokens: int
    audio_seconds: float
    """How long the agent spoke."""
    billable_seconds: float
    """How long the call was joined, broken lines included: the platform charges by time."""
    cost: float = 0.0
    """What that costs, by the prices that are configured."""


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
    | TransferRefused
    | TransferFailed
    | HangUpOwed
    | SessionSent
    | SessionConfigured
    | Greeted
    | Said
    | KeyPressed
    | DigitsCollected
    | AskedAgain
    | MenuChosen
    | HangUpAsked
    | GoodbyeInterrupted
    | GoodbyeSaid
    | ToolRefused
    | ToolCalled
    | ToolEnded
    | AnswerMissed
    | FellBack
    | CeilingReached
    | PlatformComplained
    | Usage
    | Ended
)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with its place and time."""

    at: float
    """Unix seconds."""
    call_id: str
    entry: Entry


def spaced(kind: str) -> str:
    """An entry's kind as people say it: `LineLost` is `line lost`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in kind).strip()


def said(turn: Turn | None) -> list[Said]:
    """A turn's words as an entry, if there is anything new in them."""
    if turn is None:
        return []
    return [Said(item_id=turn.item_id, speaker=turn.speaker, text=turn.text, final=turn.final)]
