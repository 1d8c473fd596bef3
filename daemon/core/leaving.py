"""Leaving: whether a goodbye is under way, and what becomes of it turn by turn.

The model's wish waits for what its tools give, if it asked for any in the same turn; then it is said by a turn that has
seen that. A caller who speaks or presses a key stays, unless the goodbye is final. Pure; owned by `turns.py`.
"""

from math import inf

from daemon.core.agent import Agent
from daemon.core.events import FunctionCalled
from daemon.core.frames import ItemCreate, ResponseCreate, spoken_exactly
from daemon.core.goodbye import Goodbye, by_the_model, wish_to_hang_up
from daemon.core.journal import GoodbyeInterrupted, HangUpAsked
from daemon.core.moves import Move
from daemon.core.response import ActiveResponse


class Leaving:
    """How one call is being left, if it is."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._goodbye: Goodbye | None = None

    @property
    def under_way(self) -> bool:
        """Whether a goodbye is under way."""
        return self._goodbye is not None

    @property
    def waits(self) -> bool:
        """Whether it is to be said by a turn that has seen what tools gave."""
        return self._goodbye is not None and self._goodbye.waits

    @property
    def closing(self) -> bool:
        """Whether nothing else is begun any more."""
        return self._goodbye is not None and not self._goodbye.waits

    def end_at(self, *, working: bool) -> float:
        """When the call is to be ended, as far as is known now; `working` says whether a tool runs."""
        if self._goodbye is None:
            return inf
        # What a tool has begun it may finish, if that takes no longer than a goodbye may.
        return self._goodbye.latest if working else self._goodbye.deadline

    def wish(self, call: FunctionCalled, now: float) -> list[Move]:
        """The model wants to hang up."""
        reason = wish_to_hang_up(call)
        if self._goodbye is None:
            self._goodbye = Goodbye((by_the_model(reason),), latest=now + self._agent.goodbye_timeout)
        self._goodbye.wishes.append(call)
        return [HangUpAsked(reason=reason)]

    def by_rule(
        self, words: str, reasons: tuple[str, ...], now: float, *, final: bool, after: str | None
    ) -> list[ItemCreate]:
        """A rule wants to, with these words, which are not said by the turn `after`."""
        latest = now + self._agent.goodbye_timeout
        self._goodbye = Goodbye(reasons, latest, final=final, by_rule=True, after=after)
        return [spoken_exactly(words, interruptible=not final)]

    def tools_are_done(self) -> list[ItemCreate]:
        """What the goodbye waited for is told, or goes out with this."""
        if self._goodbye is None or not self._goodbye.waits:
            return []
        return self._goodbye.answer_wishes(now="See what the tools gave. Then say goodbye, briefly.")

    def may_come(self, now: float) -> None:
        """A turn that has seen all outputs says the goodbye that waited for them."""
        if self._goodbye is not None and self._goodbye.waits:
            self._goodbye.waits, self._goodbye.latest = False, now + self._agent.goodbye_timeout

    def waits_for_tools(self, *, ringing: bool) -> bool:
        """The model asked for tools in the turn of its wish, so it is to see first what they gave; but only once.

        While it is `ringing` elsewhere, nobody says goodbye.
        """
        goodbye = self._goodbye
        if goodbye is None or goodbye.waits or not goodbye.wishes or (goodbye.waited and not ringing):
            return False
        goodbye.wait()
        return True

    def turn_made(self, response: ActiveResponse, *, waiting: bool) -> list[Move]:
        """A turn is made: the goodbye, or one after which it is still to be said.

        `waiting` says whether fixed words are still to be spoken; a rule's goodbye is the last of them.
        """
        goodbye = self._goodbye
        if goodbye is None or goodbye.waits or (goodbye.by_rule and waiting):
            return []
        if response.spoke and (goodbye.after is None or goodbye.after != response.id):
            goodbye.said(response.id, (response.heard_at or 0.0) + self._agent.goodbye_margin)
        elif goodbye.wishes and not goodbye.by_rule:
            return [*goodbye.answer_wishes(now="Say goodbye, briefly."), ResponseCreate()]
        return []

    def heard(self, response_id: str | None, now: float, *, working: bool) -> list[Move]:
        """The platform says that the caller has heard a turn to its end."""
        goodbye = self._goodbye
        if goodbye is None or not goodbye.made or response_id not in (None, goodbye.response_id):
            return []
        goodbye.heard_at = min(goodbye.heard_at, goodbye.latest, now)  # heard by now, whatever was reckoned
        return [] if working else [*goodbye.end()]

    def line_is_new(self) -> None:
        """No turn is under way any more."""
        if self._goodbye is not None:
            self._goodbye.after = None

    def end(self) -> list[Move]:
        """Hang up."""
        return [] if self._goodbye is None else [*self._goodbye.end()]

    def stay(self) -> list[Move]:
        """The caller is there and wants something: leave only if that is final."""
        goodbye = self._goodbye
        if goodbye is None or goodbye.final:
            return []
        self._goodbye = None
        return [GoodbyeInterrupted(), *goodbye.answer_wishes(why="The caller is speaking again.")]
