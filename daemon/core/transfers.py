"""Transfers that an agent makes: from the wish to the moment in which the platform is asked.

Once it is, the caller hears ringing and nobody else, so what is said of the transfer must have been heard before: the
words of the turn that wished, or fixed ones if there were none. A caller who speaks into them wants something, so then
a transfer that the model wished for is called off, and the model told; one that a key or a rule brought about is made
at once. The transfer itself is a use of a tool, run by the shell. Pure; owned by `turns.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

import msgspec

from daemon.core.agent import Agent
from daemon.core.commands import RunTool
from daemon.core.effects import ToolUse
from daemon.core.frames import FunctionTool, ItemCreate, spoken_exactly
from daemon.core.response import ActiveResponse

TRANSFER: Final = "transfer"
CALLED_OFF: Final = (
    '{"transferred":false,"why":"The caller spoke, so it was not begun. If they still want it, ask for it again."}'
)
_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeError)


def transfer_tool(destinations: Mapping[str, str]) -> FunctionTool:
    """The tool as the model sees it: these destinations, each with its description, and no other."""
    places = "; ".join(f"{name}: {description}" if description else name for name, description in destinations.items())
    return FunctionTool(
        name=TRANSFER,
        description="Connect the caller to somebody else. Say in the same turn that you do so. If it works, the call "
        "is over for you; if not, you are told why, and the caller is still with you.",
        parameters={
            "type": "object",
            "properties": {"destination": {"type": "string", "enum": [*destinations], "description": places}},
            "required": ["destination"],
            "additionalProperties": False,
        },
    )


class _Wish(msgspec.Struct):
    destination: str = ""


def destination_of(use: ToolUse) -> str:
    """Where a use wants to go to; empty for nonsense."""
    try:
        return msgspec.json.decode(use.arguments, type=_Wish).destination
    except _UNREADABLE:
        return ""


def transfer_by_rule(use_id: str, destination: str) -> ToolUse:
    """A transfer that no model asked for."""
    return ToolUse(id=use_id, name=TRANSFER, arguments=msgspec.json.encode(_Wish(destination)).decode())


class Refused(msgspec.Struct, frozen=True):
    """A wish that is not granted."""

    destination: str
    """Empty if there is no such."""
    why: str
    output: str
    """What the model is told."""


@dataclass(slots=True)
class _Pending:
    use: ToolUse
    words: str
    """What is said if the turn that wished says nothing; empty once it was."""
    latest: float
    """When it is made even if nobody knows whether its words were heard."""
    after: str | None = None
    """The turn before the one that says the words."""
    fixed: bool = False
    """Whether fixed words were sent for it."""
    said_by: str | None = None
    due: float = inf
    """When its words have been heard."""


class Transfers:
    """The transfer of one call that is under way, if there is one."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._pending: _Pending | None = None
        self._ringing: str | None = None

    @property
    def under_way(self) -> bool:
        """Whether one is wished for, or made."""
        return self._pending is not None or self.ringing

    @property
    def by_rule_pending(self) -> bool:
        """Whether one is about to be made that no model asked for."""
        return self._pending is not None and self._pending.use.by_rule

    @property
    def ringing(self) -> bool:
        """Whether the platform was asked for one, and has not answered."""
        return self._ringing is not None

    @property
    def deadline(self) -> float:
        """When to call `wake`."""
        if self._pending is None:
            return inf
        return self._pending.due if self._pending.due < inf else self._pending.latest

    def refuse(self, use: ToolUse) -> Refused | None:
        """Why the model's wish is not granted; None if it is. Names that are not this agent's are none."""
        destination = destination_of(use)
        if destination not in self._agent.transfers:
            what = "There is no such destination; you can't transfer anywhere else."
            return _refused("", "no such destination", why=what, destinations=self._agent.transfers)
        if self.under_way:
            return _refused(destination, "another is under way", why="Another transfer is under way. Wait for it.")
        return None

    def wish(self, use: ToolUse, now: float) -> None:
        """The model wants it, and may have spoken of it, or not."""
        self._pending = _Pending(use, self._agent.transfer_words, now + self._agent.goodbye_timeout)

    def by_rule(self, use: ToolUse, response: ActiveResponse, now: float) -> list[ItemCreate]:
        """A rule wants it; gives the words that come before it."""
        self._pending = _Pending(use, "", now + self._agent.goodbye_timeout, after=response.id)
        if not self._agent.transfer_words:
            self._pending.due = now
            return []
        self._pending.fixed = True
        return [spoken_exactly(self._agent.transfer_words)]

    def turn_made(self, response: ActiveResponse, now: float, *, waiting: bool) -> list[ItemCreate]:
        """A turn is made; if it said the words, or nobody will, it is known when the transfer is due.

        `waiting` says whether fixed words are still to be spoken; those for a transfer are the last of them.
        """
        pending = self._pending
        if pending is None or (pending.fixed and waiting):
            return []
        if pending.after is not None and pending.after == response.id:
            return []
        if not response.spoke and pending.words:
            words, pending.words, pending.after, pending.fixed = pending.words, "", response.id, True
            pending.latest = now + self._agent.goodbye_timeout
            return [spoken_exactly(words)]
        heard_at = now if response.heard_at is None else response.heard_at
        pending.due = heard_at + self._agent.goodbye_margin if response.spoke else now
        pending.said_by = response.id
        return []

    def heard(self, response_id: str | None, now: float) -> None:
        """The platform says that the caller has heard a turn to its end."""
        if self._pending is not None and self._pending.due < inf and response_id in (None, self._pending.said_by):
            self._pending.due = min(self._pending.due, now)

    def hurry(self, now: float) -> None:
        """Nothing is heard any more that would have to be waited for."""
        if self._pending is not None:
            self._pending.due = min(self._pending.due, now)

    def cut_in(self, now: float) -> ToolUse | None:
        """The caller speaks; gives the use that is called off, if there is one."""
        if self._pending is not None and not self._pending.use.by_rule:
            return self.call_off()
        self.hurry(now)
        return None

    def call_off(self) -> ToolUse | None:
        """Make no transfer that has not begun; gives its use."""
        pending, self._pending = self._pending, None
        return None if pending is None else pending.use

    def wake(self, now: float) -> list[RunTool]:
        """Do what was waiting for this moment."""
        if now < self.deadline or self._pending is None:
            return []
        use, self._pending = self._pending.use, None
        self._ringing = use.id
        return [RunTool(use)]

    def done(self, use_id: str) -> None:
        """A use has its output."""
        if use_id == self._ringing:
            self._ringing = None


def _refused(destination: str, in_short: str, **output: object) -> Refused:
    told = msgspec.json.encode({"transferred": False, **output}).decode()
    return Refused(destination, in_short, told)
