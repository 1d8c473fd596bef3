"""The agent's turns: what it says, the tools it asks for, and the goodbye with which it ends the call.

Theory of operation. A turn is a response of the platform's. A tool that it asks for is run at once; what the tools of a
turn gave is sent together (`uses.py`), followed by a single `response.create` when nothing else will bring a turn that
has seen it (`reply.py`). A wish to hang up opens a goodbye: the model's own (the turn that wished spoke, or the next
one does) or a rule's, in fixed words. The call ends when it was heard, or its time is up. A model that asks for tools
in the same turn sees first what they gave, so then the goodbye is the next turn. A caller who speaks cuts all of this
short, unless the goodbye is final. Pure; owned by the conversation, which numbers and sends the moves.
"""

from collections.abc import Iterable
from math import inf

from daemon.core import journal
from daemon.core.agent import Agent, FixedGreeting
from daemon.core.commands import HangUp, RunTool
from daemon.core.effects import INTERRUPTED, Effect, ToolUse
from daemon.core.events import FunctionCalled, ResponseDone
from daemon.core.frames import Frame, ResponseCreate, made_up, spoken_exactly
from daemon.core.goodbye import HANG_UP, Goodbye, by_the_model, wish_to_hang_up
from daemon.core.reply import Reply
from daemon.core.response import ActiveResponse
from daemon.core.uses import Batch, ToolUses, refusal

Move = Frame | journal.Entry | HangUp | RunTool
"""What the conversation is to do: send, remember, run a tool, or end the call."""


class AgentTurns:
    """The agent's side of the talk."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._response = ActiveResponse(None)
        self._fixed_turns = 0
        """Fixed words that were sent and whose turn has not begun."""
        self._greeting_due = False
        """Whether a greeting in the agent's own words was asked for, and has not begun."""
        self.uses = ToolUses()
        self._reply = Reply()
        self._goodbye: Goodbye | None = None

    @property
    def deadline(self) -> float:
        """When to call `wake`, if nothing happens before."""
        return min(self._ask_at, self._fill_at, self._end_at)

    @property
    def _ask_at(self) -> float:
        if self._goodbye is not None and (not self._goodbye.waits or self.uses.working):
            return inf
        return self._reply.ask_at(self._response)

    @property
    def _fill_at(self) -> float:
        return inf if self._goodbye is not None and not self._goodbye.waits else self.uses.filler_at

    @property
    def _end_at(self) -> float:
        if self._goodbye is None:
            return inf
        # What a tool has begun it may finish, if that takes no longer than a goodbye may.
        return self._goodbye.latest if self.uses.working else self._goodbye.deadline

    def greet(self) -> list[Move]:
        """Speak first, if that is the agent's habit."""
        match self._agent.greeting:
            case None:
                return []
            case FixedGreeting(words, interruptible):
                return [spoken_exactly(words, interruptible=interruptible), journal.Greeted(generated=False)]
            case greeting:
                self._greeting_due = True
                return [made_up(greeting.prompt), journal.Greeted(generated=True)]

    def idle(self, now: float) -> bool:
        """Whether no turn is being made, heard, awaited or owed, and the caller has none either."""
        awaited = self._greeting_due or self._fixed_turns > 0 or self._reply.owed or self._reply.caller_has_turn(now)
        heard = not self._response.being_made and (self._response.heard_at or 0.0) <= now
        return heard and not awaited and not self.uses.working and self._goodbye is None

    def wake(self, now: float) -> list[Move]:
        """Do what was waiting for this moment."""
        moves: list[Move] = []
        if now >= self._fill_at:
            moves.append(spoken_exactly(self.uses.fill()))
            self._reply.wait_a_moment(now)
        if now >= self._ask_at:
            moves.append(self._ask(now))
        if self._goodbye and now >= self._end_at:
            moves += self._goodbye.end()
        return moves

    def _ask(self, now: float) -> ResponseCreate:
        self._reply.owed = False
        self._goodbye_may_come(now)
        return ResponseCreate()

    def ask_again(self) -> None:
        """The platform refused to begin a turn, because of another one, which may not have seen the outputs."""
        self._reply.owed = True

    def _goodbye_may_come(self, now: float) -> None:
        """A turn that has seen all outputs says the goodbye that waited for them."""
        if self._goodbye is not None and self._goodbye.waits and not self.uses.working:
            self._goodbye.waits, self._goodbye.latest = False, now + self._agent.goodbye_timeout

    def says_fixed_words(self) -> None:
        """Fixed words are sent, which become a turn that has seen nothing."""
        self._fixed_turns += 1

    def began(self, response_id: str | None, now: float) -> None:
        """A turn begins; an earlier one that never got its end is over."""
        self._response = ActiveResponse(response_id, last_sign=now)
        self._greeting_due = False
        self._reply.turn_begins()
        self.uses.turn_begins()
        if self._fixed_turns:
            self._fixed_turns -= 1
        elif self._reply.owed:
            # It sees what we have sent, so there is no need to ask for another.
            self._reply.owed = False
            self._goodbye_may_come(now)

    def says(self, words: str, now: float) -> None:
        """Some more words come."""
        self._response.speak(words, now)

    def wants(self, call: FunctionCalled, now: float) -> list[Move]:
        """The model asks for a tool."""
        if call.call_id is None or not self.uses.is_new(call.call_id):
            return []  # the platform may announce one call twice; it is run and answered once
        self._response.last_sign = now
        name = call.name or ""
        moves: list[Move]
        if name == HANG_UP.name and HANG_UP in self._agent.session.tools:
            moves = self._wish(call, now)
        elif name in self._agent.tools:
            use = ToolUse(id=call.call_id, name=name, arguments=call.arguments or "{}")
            moves = self._run(use, now)
        else:
            self.uses.give(call.call_id, refusal(call.name))
            moves = [journal.ToolRefused(name=name)]
        if self._response.heard_at is not None:
            # It comes late, after its turn's end, and the caller may have spoken by now.
            moves += self._break_off(now) if self._response.interrupted else self._settle()
        return moves

    def _run(self, use: ToolUse, now: float) -> list[Move]:
        self.uses.begin(use, self._agent.tools[use.name], now)
        return [journal.ToolCalled(name=use.name), RunTool(use)]

    def tool_done(self, use_id: str, output: str, now: float, why: str) -> list[Move]:
        """A tool gave its output; `why` says what went wrong, if anything did."""
        finished = self.uses.finish(use_id, output, now)
        if finished is None:
            return []
        use, seconds, batch = finished
        ended = journal.ToolEnded(name=use.name, seconds=seconds, ok=not why, why=why)
        return [ended, *self._deliver(batch)]

    def _deliver(self, batch: Batch) -> list[Move]:
        """Send what may be sent of a batch, and what waited for it; a turn is owed for a whole one."""
        moves: list[Move] = [*batch.take()]
        self._reply.owed = self._reply.owed or (bool(moves) and batch.complete)
        if self._goodbye is not None and self._goodbye.waits and not self.uses.working:
            moves += self._goodbye.answer_wishes(now="See what the tools gave. Then say goodbye, briefly.")
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
        return [spoken_exactly(words, interruptible=not final)]

    def resume(self, now: float) -> list[Move]:
        """The line is new: no turn is under way on it, and what the model still waits for is sent again."""
        moves = self._deliver(self.uses.turn_made(inf))
        if self._response.interrupted and self._reply.owed:
            self._reply.caller_ends(now)  # whom the platform may be about to answer
        else:
            self._reply.turn_begins()
        self._response = ActiveResponse(None)
        if self._goodbye is not None:
            self._goodbye.after = None
        if now >= self._ask_at:
            moves.append(self._ask(now))
        return moves

    def adopt(self, effects: Iterable[Effect], now: float) -> list[Move]:
        """Go on after a crash, on a new line: say what the tools gave, and run again what may be run again."""
        moves: list[Move] = []
        for effect in effects:
            use, rules = effect.use, self._agent.tools.get(effect.use.name)
            self.uses.is_new(use.id)
            self.uses.ours.add(use.id)
            if effect.told:
                continue
            if effect.output is None and rules is not None and rules.idempotent:
                moves += self._run(use, now)
            else:
                self.uses.give(use.id, effect.output or INTERRUPTED)
        moves += self._cut_in(now)
        self._response = ActiveResponse(None)
        self._reply.owed = False
        if moves and not self.uses.working:
            moves.append(ResponseCreate())
        return moves

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
            return self._break_off(now)
        return self._settle()

    def _break_off(self, now: float) -> list[Move]:
        """The caller cut the turn off, so what comes after it is theirs."""
        self._reply.wait_a_moment(now)
        return [*self._cut_in(now), *self._stay()]

    def _cut_in(self, now: float) -> list[Move]:
        self._response.interrupt(now)
        return [move for batch in self.uses.cut_in() for move in self._deliver(batch)]

    def _settle(self) -> list[Move]:
        """Answer the turn's tools, and see to what comes after it."""
        heard_at, goodbye = self._response.heard_at or 0.0, self._goodbye
        batch = self.uses.turn_made(heard_at)
        moves = self._deliver(batch)
        if goodbye is None or goodbye.waits:
            return moves
        if goodbye.wishes and batch.ran and not goodbye.waited and (self.uses.working or self._reply.owed):
            goodbye.wait()
            moves += self._deliver(batch)
        elif self._response.spoke and (goodbye.after is None or goodbye.after != self._response.id):
            goodbye.said(self._response.id, heard_at + self._agent.goodbye_margin)
        elif goodbye.wishes and not goodbye.by_rule:
            moves += [*goodbye.answer_wishes(now="Say goodbye, briefly."), ResponseCreate()]
        return moves

    def heard(self, response_id: str | None, now: float) -> list[Move]:
        """The platform says that the caller has heard a turn to its end."""
        goodbye = self._goodbye
        if goodbye is None or not goodbye.made or response_id not in (None, goodbye.response_id):
            return []
        goodbye.heard_at = min(goodbye.heard_at, goodbye.latest, now)  # heard by now, whatever was reckoned
        return [] if self.uses.working else [*goodbye.end()]

    def interrupted(self, now: float) -> list[Move]:
        """The caller begins to speak."""
        self._reply.caller_begins()
        return [*self._cut_in(now), *self._stay()]

    def left_to_platform(self, now: float) -> None:
        """The caller stopped speaking; what follows is the platform's, for a moment."""
        self._reply.caller_ends(now)

    def pressed(self, now: float) -> list[Move]:
        """The caller presses a key."""
        self._reply.wait_a_moment(now)
        return self._stay()

    def _stay(self) -> list[Move]:
        """The caller is there and wants something: leave only if that is final."""
        goodbye = self._goodbye
        if goodbye is None or goodbye.final:
            return []
        self._goodbye = None
        return [journal.GoodbyeInterrupted(), *goodbye.answer_wishes(why="The caller is speaking again.")]
