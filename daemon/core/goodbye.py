"""Hanging up politely: from the wish to end the call to the moment the goodbye has been heard.

The model's wish comes as a use of the built-in tool `hang_up`. If the same turn already said something, that was the
goodbye; if not, the model is told to say one; and the caller may speak into it, and then the call goes on. A rule's
wish (silence, the longest duration, an announcement) brings its own words. Pure; owned by `turns.py`.
"""

from dataclasses import dataclass, field
from math import inf

import msgspec

from daemon.core.commands import HangUp
from daemon.core.events import FunctionCalled
from daemon.core.frames import FunctionCallOutput, FunctionTool, ItemCreate
from daemon.core.journal import GoodbyeSaid
from daemon.core.receipts import BY_MODEL

HANG_UP = FunctionTool(
    name="hang_up",
    description="End the phone call. Use it when the caller has said goodbye or needs nothing more. "
    "Say goodbye in the same turn.",
    parameters={
        "type": "object",
        "properties": {"reason": {"type": "string", "description": "Why the call is over, in a few words."}},
        "required": ["reason"],
    },
)

_LONGEST_REASON = 200


class _Wish(msgspec.Struct):
    reason: str = ""


@dataclass(slots=True)
class Goodbye:
    """A call that is about to be ended."""

    reasons: tuple[str, ...]
    """Who wanted it and why, the nearest first."""
    latest: float
    """When the call is ended even if the goodbye was never made or never heard."""
    final: bool = False
    """Whether the call ends even if the caller speaks into it."""
    by_rule: bool = False
    """Whether its words were sent with it, so that the model is not asked for any."""
    after: str | None = None
    """The turn before it, which may still be under way and is not it."""
    heard_at: float = inf
    """When the caller has heard it; infinite until it is made."""
    response_id: str | None = None
    """The turn that said it."""
    wishes: list[FunctionCalled] = field(default_factory=list)
    """Uses of the tool that were not answered yet."""
    waits: bool = False
    """Whether it is to be said by a turn that has seen what tools gave; then the call is not ended before."""
    waited: bool = False
    """Whether it has waited for tools already; it does so once."""

    @property
    def made(self) -> bool:
        """Whether the goodbye was made in full."""
        return self.heard_at < inf

    @property
    def deadline(self) -> float:
        """When the call is to be ended, as far as is known now."""
        return min(self.heard_at, self.latest)

    def said(self, response_id: str | None, heard_at: float) -> None:
        """A turn said it."""
        self.response_id, self.heard_at = response_id, heard_at

    def wait(self) -> None:
        """The model asked for tools in the turn of its wish, so it is to see first what they gave."""
        self.waits = self.waited = True
        self.latest = inf

    def answer_wishes(self, **content: object) -> list[ItemCreate]:
        """Tell the model that the call goes on for now."""
        answers = [answer(wish, ended=False, **content) for wish in self.wishes]
        self.wishes.clear()
        return answers

    def end(self) -> list[GoodbyeSaid | HangUp]:
        """Hang up: heard to its end, or too late."""
        if self.heard_at <= self.latest:
            return [GoodbyeSaid(), HangUp(self.reasons)]
        return [HangUp(("goodbye deadline", *self.reasons))]


def by_the_model(reason: str) -> str:
    """The model's wish as a reason."""
    return f"{BY_MODEL}: {reason}" if reason else BY_MODEL


def wish_to_hang_up(wish: FunctionCalled) -> str:
    """The reason the model gave, cut to a sensible length; it is free to give none, or nonsense."""
    try:
        reason = msgspec.json.decode(wish.arguments or "{}", type=_Wish).reason
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        reason = ""
    return " ".join(reason.split())[:_LONGEST_REASON]


def answer(call: FunctionCalled, **content: object) -> ItemCreate:
    """The output of a tool call, as a frame."""
    output = msgspec.json.encode(content).decode()
    return ItemCreate(item=FunctionCallOutput(call_id=call.call_id or "", output=output))
