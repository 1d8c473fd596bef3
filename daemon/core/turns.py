"""The agent's turns: what it says, the tools it asks for, and the goodbye with which it ends the call.

Theory of operation. A turn is a response of the platform's. Tools that it asks for are answered when it is done, all
together, with a single `response.create` once the caller has heard the turn. A wish to hang up opens a goodbye: the
model's own (the turn that wished spoke, or the next one does) or a rule's, in fixed words. The call ends when it was
heard, or its time is up. A caller who speaks cuts all of this short, unless the goodbye is final: the platform answers
the caller by itself, so we send no `response.create`. Pure; owned by the conversation, which numbers and sends the
moves.
"""

from math import inf

from daemon.core import journal
from daemon.core.agent import Agent
from daemon.core.commands import HangUp
from daemon.core.events import FunctionCalled, ResponseDone
from daemon.core.frames import Frame, ResponseCreate, spoken_exactly
from daemon.core.goodbye import HANG_UP, Goodbye, answer, by_the_model, wish_to_hang_up
from daemon.core.response import ActiveResponse

Move = Frame | journal.Entry | HangUp
"""What the conversation is to do: send, remember, or end the call."""


class AgentTurns:
    """The agent's side of the talk."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._response = ActiveResponse(None)
        self._seen: set[str] = set()
        self._unanswered: list[FunctionCalled] = []
        self._goodbye: Goodbye | None = None
        self._reply_at = inf

    @property
    def deadline(self) -> float:
        """When to call `wake`, if nothing happens before."""
        return min(self._reply_at, self._goodbye.deadline if self._goodbye else inf)

    def wake(self, now: float) -> list[Move]:
        """Do what was waiting for this moment."""
        moves: list[Move] = []
        if now >= self._reply_at:
            self._reply_at = inf
            moves.append(ResponseCreate())
        if self._goodbye and now >= self._goodbye.deadline:
            moves += self._goodbye.end()
        return moves

    def began(self, response_id: str | None) -> None:
        """A turn begins; an earlier one that never got its end is over."""
        self._response = ActiveResponse(response_id)
        self._reply_at = inf  # it sees what we have answered, so there is no need to ask for another

    def says(self, words: str, now: float) -> None:
        """Some more words come."""
        self._response.speak(words, now)

    def wants(self, call: FunctionCalled, now: float) -> list[Move]:
        """The model asks for a tool."""
        if call.call_id is None or call.call_id in self._seen:
            return []  # the platform may announce one call twice; it is answered once
        self._seen.add(call.call_id)
        if call.name == HANG_UP.name and HANG_UP in self._agent.session.tools:
            moves = self._wish(call, now)
        else:
            self._unanswered.append(call)
            moves = [journal.ToolRefused(name=call.name or "")]
        if self._response.heard_at is not None:
            # It comes late, after its turn's end, and the caller may have spoken by now.
            moves += self._break_off() if self._response.interrupted else self._settle()
        return moves

    def _wish(self, call: FunctionCalled, now: float) -> list[Move]:
        reason = wish_to_hang_up(call)
        if self._goodbye is None:
            self._goodbye = Goodbye((by_the_model(reason),), latest=now + self._agent.goodbye_timeout)
        self._goodbye.wishes.append(call)
        return [journal.HangUpAsked(reason=reason)]

    @property
    def leaving(self) -> bool:
        """Whether a goodbye is under way."""
        return self._goodbye is not None

    def leave(self, words: str, reasons: tuple[str, ...], now: float, *, final: bool) -> list[Move]:
        """End the call by a rule: with these words, or at once if there are none."""
        if not words:
            return [HangUp(reasons)]
        latest = now + self._agent.goodbye_timeout
        self._goodbye = Goodbye(reasons, latest, final=final, by_rule=True, after=self._response.id)
        self._reply_at = inf
        return [spoken_exactly(words, interruptible=not final)]

    def resume(self) -> list[Move]:
        """The line is new: no turn is under way on it, and what the model still waits for is sent again."""
        waiting = bool(self._unanswered) or self._reply_at < inf
        answers = self._answer_tools()
        self._response, self._reply_at = ActiveResponse(None), inf
        if self._goodbye is not None:
            self._goodbye.after = None
            return answers
        return [*answers, ResponseCreate()] if waiting else answers

    @property
    def heard_at(self) -> float | None:
        """When the present turn was heard to its end; None while it is being made."""
        return self._response.heard_at

    def done(self, event: ResponseDone, now: float) -> list[Move]:
        """The turn is made; the caller may still be hearing it."""
        if event.id is not None and self._response.id not in (None, event.id):
            return []  # the late end of a turn that was superseded
        self._response.finish(event.spent, now)
        if event.status == "cancelled":
            return self._break_off()
        return self._settle()

    def _break_off(self) -> list[Move]:
        """Answer the turn's tools; what comes after it is the caller's."""
        return [*self._answer_tools(), *self.interrupted()]

    def _settle(self) -> list[Move]:
        """Answer the turn's tools, and see to what comes after it."""
        moves = self._answer_tools()
        heard_at, goodbye = self._response.heard_at or 0.0, self._goodbye
        if goodbye is None:
            if moves:
                self._reply_at = heard_at
            return moves
        self._reply_at = inf  # the goodbye is the last turn
        if self._response.spoke and (goodbye.after is None or goodbye.after != self._response.id):
            goodbye.said(self._response.id, heard_at + self._agent.goodbye_margin)
        elif goodbye.wishes and not goodbye.by_rule:
            moves += [*goodbye.answer_wishes(now="Say goodbye, briefly."), ResponseCreate()]
        return moves

    def heard(self, response_id: str | None) -> list[Move]:
        """The platform says that the caller has heard a turn to its end."""
        goodbye = self._goodbye
        if goodbye is None or not goodbye.made or response_id not in (None, goodbye.response_id):
            return []
        goodbye.heard_at = min(goodbye.heard_at, goodbye.latest)  # heard by now, whatever was reckoned
        return [*goodbye.end()]

    def interrupted(self) -> list[Move]:
        """The caller speaks."""
        self._reply_at, self._response.interrupted = inf, True
        return self.stay()

    def stay(self) -> list[Move]:
        """The caller is there and wants something: leave only if that is final."""
        goodbye = self._goodbye
        if goodbye is None or goodbye.final:
            return []
        self._goodbye = None
        return [journal.GoodbyeInterrupted(), *goodbye.answer_wishes(why="The caller is speaking again.")]

    def _answer_tools(self) -> list[Move]:
        answers: list[Move] = [
            answer(call, error=f"There is no tool named {call.name!r}.") for call in self._unanswered
        ]
        self._unanswered.clear()
        return answers
