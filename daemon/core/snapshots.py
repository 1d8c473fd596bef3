"""What operators are shown of a running daemon: plain records of one moment, which nobody keeps up to date.

Made where the things themselves are (`calls/viewing.py`, `control.py`), passed through the operator's interface, and
written out by it; so their names are part of that interface. They hold whole phone numbers and people's words: they go
to operators, never to a log. Imports core's receipts only.
"""

from typing import Literal

import msgspec

from daemon.core.receipts import Outcome
from daemon.core.transcript import Speaker

CallState = Literal["claiming", "joining", "diverting", "talking", "transferring", "rejoining", "ending"]
DaemonState = Literal["starting", "ready", "unready", "paused", "draining", "closing"]


class Deadline(msgspec.Struct, frozen=True, kw_only=True):
    """Something that will happen to a call if nothing else does before."""

    owner: str
    """Whose deadline it is: `conversation`, `keypad`, `transfer`, ..."""
    name: str
    """What it is called, after the configuration's key where there is one."""
    seconds: float
    """From now; below zero if it is overdue."""


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody said in one turn, as far as it is known."""

    speaker: Speaker
    text: str
    final: bool


class CallView(msgspec.Struct, frozen=True, kw_only=True):
    """A call in progress."""

    call_id: str
    called: str | None
    """The number that was dialled, E.164."""
    caller: str | None
    """Who calls, E.164; null if withheld."""
    agent: str
    state: CallState
    in_state: float
    """Seconds since that state began."""
    age: float
    """Seconds since the webhook."""
    joined: bool
    """Whether a socket was ever open."""
    in_debt: bool
    """Whether it was joined and has no receipt yet: ending it means hanging up."""
    counted: bool
    """Whether it takes a slot."""
    generation: int
    """The configuration it began with."""
    reasons: tuple[str, ...]
    """Why it ends, the nearest cause first; empty while it does not."""
    last_words: Words | None
    deadlines: tuple[Deadline, ...]
    """The next one first."""


class CallDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A call in progress, with everything that was said."""

    call: CallView
    turns: tuple[Words, ...]
    unsent: int
    """Frames that wait to be sent."""
    taken_over_from: str | None
    """The epoch that had the call before us, if it was taken over."""
    destinations: tuple[str, ...] = ()
    """Where it may be transferred to, by the configuration it began with."""


class DebtView(msgspec.Struct, frozen=True, kw_only=True):
    """A hang-up that is still owed: the caller may be connected."""

    call_id: str
    reasons: tuple[str, ...]
    age: float
    """Seconds since the call's webhook."""
    outcome: Outcome | None
    """How the call ended, if that is known and only the ledger lacks it."""


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration that is in use."""

    number: int
    loaded_at: float
    """Unix seconds."""
    calls: int
    """Calls in progress that began with it."""
    present: bool
    """Whether new calls get it."""


class LedgerView(msgspec.Struct, frozen=True, kw_only=True):
    """How the ledger is."""

    up: bool
    why: str
    """What is wrong; empty if nothing is."""
    claims: bool
    """Whether a new call can be claimed now."""


class DrainView(msgspec.Struct, frozen=True, kw_only=True):
    """A drain that is under way."""

    reasons: tuple[str, ...]
    """Who asked for it, in order."""
    closed: bool
    """Whether no calls are taken any more, and it can't be called off."""
    seconds: float | None
    """From now until the calls that are left are hung up; null before it has closed."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How the daemon is."""

    state: DaemonState
    version: str
    node: str
    epoch: str
    """This run of the daemon, as the ledger knows it."""
    pid: int
    uptime: float
    """Seconds since the start."""
    calls: int
    """Calls in progress."""
    max_calls: int
    debts: tuple[DebtView, ...]
    generations: tuple[Generation, ...]
    restart_keys: tuple[str, ...]
    """Keys that were changed in the file and take effect only at the next start."""
    reload_failure: str
    """Why the last reload was refused; empty if it was not."""
    ledger: LedgerView
    drain: DrainView | None
    loop_lag: float | None
    """Seconds by which the event loop was late in the worst of a hundred samples of the last minute; null at first."""
    watchers: int
    """Clients that follow the events."""
    events_dropped: int
    """Events that slow ones of them never got."""
    log_dropped: int
    """Lines of the log that nobody took in time."""


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """What a reload did."""

    generation: int
    changed: tuple[str, ...]
    """Keys that differ from before; new calls go by them."""
    restart_keys: tuple[str, ...]
    """Keys that differ and take effect only at the next start."""


class TaskView(msgspec.Struct, frozen=True, kw_only=True):
    """A task, what it waits for, and the tasks it has started."""

    name: str
    waits_for: str
    """In words, or as the name of the function it is in."""
    call: str | None = None
    """The state of its call, for the task that is one."""
    debt: str | None = None
    """What becomes due when it ends, for a call's task."""
    deadlines: tuple[Deadline, ...] = ()
    tasks: tuple["TaskView", ...] = ()


Acted = Literal["done", "begun", "nothing"]


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a wish."""

    result: Acted
    """`begun`: it goes on by itself; `nothing`: it was so already."""
    says: str
    """The same in words."""
    outcome: Outcome | None = None
    """The receipt, if a call was ended and there is one."""
