"""Trouble: what is done for a caller whom the agent does not answer.

The first time, an apology in fixed words, and if we had asked for the answer, we ask again. After a second one in a
row, what the agent's `on_trouble` says: a transfer works even if the platform has lost its voice. And what is done for
one whose call has cost as much as it may. Pure; owned by the conversation.
"""

from math import inf

from daemon.core.agent import Agent
from daemon.core.answering import AnswerWatch
from daemon.core.frames import spoken_exactly
from daemon.core.journal import AnswerMissed, CeilingReached, FellBack
from daemon.core.menu import TransferTo
from daemon.core.moves import Move
from daemon.core.response import ActiveResponse
from daemon.core.turns import AgentTurns
from daemon.core.usage import Meter

_PATIENCE = 2
_WHY = "the agent does not answer"


class Trouble:
    """Sees to it that nobody is left in silence."""

    def __init__(self, agent: Agent, turns: AgentTurns, answers: AnswerWatch, meter: Meter) -> None:
        self._agent = agent
        self._turns = turns
        self._answers = answers
        self._meter = meter
        self._transfer = ""
        self._too_dear = False
        self._judged: ActiveResponse | None = None

    @property
    def deadline(self) -> float:
        """When an answer is late. Nobody waits for one while a tool runs, or while the call ends."""
        return inf if self._turns.leaving or self._turns.uses.working else self._answers.due

    def wake(self, now: float) -> list[Move]:
        """Do what was waiting for this moment."""
        if now >= self._meter.deadline:
            return self._stop_paying(now)
        return self._missed("late", now) if now >= self.deadline else []

    def turn_made(self, now: float) -> list[Move]:
        """A turn is made; one without a word is an answer, if the platform does not call it a failure."""
        response = self._turns.response
        if not response.made_silent or response is self._judged:
            return []
        self._judged = response
        if response.failed:
            return self.error("failed", now)
        self._answers.settled()
        return []

    def error(self, why: str, now: float) -> list[Move]:
        """The platform says that something failed; if an answer is due, it won't come."""
        return self._missed(why, now) if self.deadline < inf else []

    def tool_done(self, use_id: str, now: float) -> list[Move]:
        """A tool is done; if it was our transfer, it failed, and there is nothing left to do for the caller."""
        return self._leave(now) if use_id == self._transfer else []

    def _stop_paying(self, now: float) -> list[Move]:
        """The call has cost as much as it may: it is transferred, or brought to an end whatever the caller says."""
        self._meter.close()
        self._too_dear, ceiling = True, self._agent.ceiling
        if isinstance(ceiling.action, TransferTo):
            begun = self._turns.transfer(ceiling.action.destination, now)
            if begun:
                self._transfer = self._turns.uses.last_by_rule
                return [CeilingReached(most=ceiling.most, action="transfer"), *begun]
        return [CeilingReached(most=ceiling.most, action="hang_up"), *self._leave(now)]

    def _missed(self, why: str, now: float) -> list[Move]:
        if self._answers.miss():
            self._turns.ask_later(now)
        moves: list[Move] = [AnswerMissed(in_a_row=self._answers.missed, why=why)]
        if self._answers.missed >= _PATIENCE:
            return [*moves, *self._fall_back(now)]
        if self._agent.apology:
            moves += [*self._turns.drop(now), spoken_exactly(self._agent.apology)]
        return moves

    def _fall_back(self, now: float) -> list[Move]:
        action = self._agent.on_trouble
        if action is None:
            return []
        if isinstance(action, TransferTo):
            begun = self._turns.transfer(action.destination, now)
            if begun:
                self._transfer = self._turns.uses.last_by_rule
                return [FellBack(action="transfer"), *begun]
        return self._leave(now)

    def _leave(self, now: float) -> list[Move]:
        if self._too_dear:
            why = f"cost ceiling {self._agent.ceiling.most:g}"
            words = self._agent.ceiling.words or self._agent.goodbye
            return [*self._turns.drop(now), *self._turns.leave(words, (why,), now, final=True)]
        goodbye = self._turns.leave(self._agent.goodbye, (_WHY,), now, final=False)
        return [FellBack(action="hang_up"), *self._turns.drop(now), *goodbye]
