"""The agent's turns: what it says, the tools it asks for, and the goodbye with which it ends the call.

Theory of operation. A turn is a response of the platform's. A tool that it asks for is run at once; what the tools of
a turn gave is sent together (`uses.py`), followed by a single `response.create` when nothing else will bring a turn
that has seen it (`reply.py`). A transfer waits until its words were heard (`transfers.py`), the handset collects
digits, a wish to hang up opens a goodbye (`leaving.py`). The call ends when that was heard, or its time is up. A caller
who speaks cuts all of this short, unless the goodbye is final. Pure; owned by the conversation, which numbers and sends
the moves.
"""

from collections.abc import Iterable
from math import inf

from daemon.core import journal
from daemon.core.agent import Agent, ToolRules
from daemon.core.commands import HangUp, RunTool
from daemon.core.effects import BY_RULE, Effect, ToolUse
from daemon.core.events import FunctionCalled, ResponseDone
from daemon.core.fixedwords import FixedWords
from daemon.core.frames import ResponseCancel, ResponseCreate, spoken_exactly
from daemon.core.goodbye import HANG_UP
from daemon.core.handset import Collected, Handset
from daemon.core.leaving import Leaving
from daemon.core.moves import Move
from daemon.core.reply import Reply
from daemon.core.response import ActiveResponse
from daemon.core.transfers import CALLED_OFF, TRANSFER, Transfers, transfer_by_rule
from daemon.core.uses import MOST_USES, Batch, ToolUses, refusal


class AgentTurns:
    """The agent's side of the talk."""

    def __init__(self, agent: Agent, handset: Handset) -> None:
        self._agent = agent
        self._handset = handset
        self.response = ActiveResponse(None)
        self.fixed_words = FixedWords()
        self.uses = ToolUses()
        self.transfers = Transfers(agent)
        self.reply = Reply()
        self._leaving = Leaving(agent)

    @property
    def deadline(self) -> float:
        """When to call `wake`, if nothing happens before."""
        return min(self._ask_at, self._fill_at, self._end_at, self.transfers.deadline)

    @property
    def _ask_at(self) -> float:
        waits = self._leaving.closing or (self._leaving.waits and self.uses.working)
        return inf if waits or self.transfers.under_way else self.reply.ask_at(self.response)

    @property
    def _fill_at(self) -> float:
        return inf if self._leaving.closing else self.uses.filler_at

    @property
    def _end_at(self) -> float:
        return self._leaving.end_at(working=self.uses.working)

    def wake(self, now: float) -> list[Move]:
        """Do what was waiting for this moment."""
        moves: list[Move] = []
        if now >= self._fill_at:
            moves.append(spoken_exactly(self.uses.fill()))
        if now >= self._ask_at:
            moves.append(self._ask(now))
        for run in self.transfers.wake(now):
            self.uses.ours.add(run.use.id)
            moves.append(run)
        if now >= self._end_at:
            moves += self._leaving.end()
        return moves

    def _ask(self, now: float) -> ResponseCreate:
        self.reply.owed = False
        if not self.uses.working:
            self._leaving.may_come(now)
        return ResponseCreate()

    def ask_again(self) -> None:
        """A turn that we asked for did not come, and the one that did, if any, may not have seen the outputs."""
        self.reply.owed = True

    def ask_later(self, now: float) -> None:
        """The same, but not at once: it may be refused again."""
        self.ask_again()
        self.reply.wait_a_moment(now)

    def fixed_words_sent(self, now: float, *, interruptible: bool) -> None:
        """Fixed words are on their way."""
        self.fixed_words.send(interruptible=interruptible)
        self.reply.wait_a_moment(now)

    def began(self, response_id: str | None, now: float) -> None:
        """A turn begins; an earlier one that never got its end is over."""
        self.fixed_words.turn_ends(spoke=self.response.spoke)
        self.response = ActiveResponse(response_id, last_sign=now)
        self.reply.turn_begins()
        self.uses.turn_begins()
        fixed = self.fixed_words.turn_begins()
        if not fixed and self.reply.owed and self.reply.may_have_seen(now):
            # It sees what we have sent, so there is no need to ask for another.
            self.reply.owed = False
            if not self.uses.working:
                self._leaving.may_come(now)

    def drop(self, now: float) -> list[Move]:
        """Have the agent stop speaking, if it does and may be stopped."""
        if not self.response.being_made or self.fixed_words.firm:
            return []
        self.response.drop(now)
        return [ResponseCancel(response_id=self.response.id)]

    # Tools

    def wants(self, call: FunctionCalled, now: float) -> list[Move]:
        """The model asks for a tool."""
        if call.call_id is None or call.call_id.startswith(BY_RULE) or not self.uses.is_new(call.call_id):
            return []  # the platform may announce one call twice; it is run and answered once
        if self.uses.too_many:
            return [HangUp((f"more than {MOST_USES} uses of tools in one call",))]
        self.response.last_sign, self.response.used = now, True
        arguments = self._handset.entries.hide(call.arguments or "{}")
        moves = self._take_up(call, ToolUse(id=call.call_id, name=call.name or "", arguments=arguments), now)
        if self.response.heard_at is not None:
            # It comes late, after its turn's end, and the caller may have spoken by now.
            moves += self._break_off(now) if self.response.interrupted else self._settle(now)
        return moves

    def _take_up(self, call: FunctionCalled, use: ToolUse, now: float) -> list[Move]:
        if use.name == HANG_UP.name and HANG_UP in self._agent.session.tools:
            return self._leaving.wish(call, now)
        if use.name == TRANSFER and self._agent.transfers:
            return self._wish_transfer(use, now)
        if use.name == "collect_digits" and self._agent.collects:
            return self._collect(use, now)
        if use.name in self._agent.tools:
            return self._run(use, now)
        self.uses.give(use.id, refusal(call.name))
        return [journal.ToolRefused(name=use.name)]

    def _run(self, use: ToolUse, now: float) -> list[Move]:
        self.uses.begin(use, self._agent.tools[use.name], now)
        return [journal.ToolCalled(name=use.name), RunTool(use)]

    def _wish_transfer(self, use: ToolUse, now: float) -> list[Move]:
        refused = self.transfers.refuse(use)
        if refused is not None:
            self.uses.give(use.id, refused.output)
            return [journal.TransferRefused(destination=refused.destination, why=refused.why)]
        self.uses.begin(use, ToolRules(), now, ours=False)
        self.transfers.wish(use, now)
        return [journal.ToolCalled(name=TRANSFER)]

    def _collect(self, use: ToolUse, now: float) -> list[Move]:
        # It has no effect on the world, so nobody has to remember it.
        self.uses.begin(use, ToolRules(), now, ours=False)
        moves: list[Move] = [journal.ToolCalled(name=use.name)]
        for over in self._handset.collect(use, now):
            moves += self.collected(over, now) if isinstance(over, Collected) else [over]
        return moves

    def collected(self, over: Collected, now: float) -> list[Move]:
        """Digits were collected for the model, or not."""
        return self.tool_done(over.use_id, over.output, now, over.why)

    def use(self, name: str, now: float) -> list[Move]:
        """A key has a tool run, without arguments."""
        return self._run(ToolUse(id=self.uses.new_id(), name=name, arguments="{}"), now)

    def transfer(self, destination: str, now: float) -> list[Move]:
        """A key or a rule has the caller connected elsewhere; nothing, if that is being done already."""
        if self.transfers.ringing or self.transfers.by_rule_pending:
            return []
        moves = [*self._call_off(now), *self.drop(now)]
        use = transfer_by_rule(self.uses.new_id(), destination)
        self.uses.begin(use, ToolRules(), now, ours=False)
        return [*moves, journal.ToolCalled(name=TRANSFER), *self.transfers.by_rule(use, self.response, now)]

    def _call_off(self, now: float) -> list[Move]:
        use = self.transfers.call_off()
        return [] if use is None else self.tool_done(use.id, CALLED_OFF, now, "called off")

    def tool_done(self, use_id: str, output: str, now: float, why: str) -> list[Move]:
        """A tool gave its output; `why` says what went wrong, if anything did."""
        self.transfers.done(use_id)
        finished = self.uses.finish(use_id, output, now)
        if finished is None:
            return []
        use, seconds, batch = finished
        ended = journal.ToolEnded(name=use.name, seconds=seconds, ok=not why, why=why)
        return [ended, *self._deliver(batch)]

    def _deliver(self, batch: Batch) -> list[Move]:
        """Send what may be sent of a batch, and what waited for it; a turn is owed for a whole one."""
        moves: list[Move] = [*batch.take()]
        self.reply.owed = self.reply.owed or (bool(moves) and batch.complete)
        return moves if self.uses.working else [*moves, *self._leaving.tools_are_done()]

    # Leaving

    @property
    def leaving(self) -> bool:
        """Whether a goodbye is under way."""
        return self._leaving.under_way

    def leave(self, words: str, reasons: tuple[str, ...], now: float, *, final: bool) -> list[Move]:
        """End the call by a rule: with these words, or at once if there are none."""
        if not words:
            return [HangUp(reasons)]
        moves = self._call_off(now)
        return [*moves, *self._leaving.by_rule(words, reasons, now, final=final, after=self.response.id)]

    # Lines that are new

    def resume(self, now: float) -> list[Move]:
        """The line is new: no turn is under way on it, and what the model still waits for is sent again."""
        moves = self._deliver(self.uses.turn_made(inf))
        if self.response.interrupted and self.reply.owed:
            self.reply.caller_ends(now)  # whom the platform may be about to answer
        else:
            self.reply.turn_begins()
        self.response = ActiveResponse(None)
        self.transfers.hurry(now)
        moves += self._handset.agent_heard(now)
        self._leaving.line_is_new()
        if now >= self._ask_at:
            moves.append(self._ask(now))
        return moves

    def adopt(self, effects: Iterable[Effect], now: float) -> list[Move]:
        """Go on after a crash, on a new line: say what the tools gave, and run again what may be run again."""
        again = self.uses.adopt(effects, self._agent.tools)
        moves = [move for use in again for move in self._run(use, now)]
        moves += self._loosen(now)
        self.response = ActiveResponse(None)
        self.reply.owed = False
        if moves and not self.uses.working:
            moves.append(ResponseCreate())
        return moves

    # What becomes of a turn

    def done(self, event: ResponseDone, now: float) -> list[Move]:
        """The turn is made; the caller may still be hearing it."""
        if event.id is not None and self.response.id not in (None, event.id):
            return []  # the late end of a turn that was superseded
        self.response.finish(event.spent, now, event.status)
        self.fixed_words.turn_ends(spoke=self.response.spoke)
        return self._break_off(now) if event.status == "cancelled" else self._settle(now)

    def _break_off(self, now: float) -> list[Move]:
        """The turn was cut off: by the caller, so what comes after it is theirs; or by us, who know why."""
        self.reply.wait_a_moment(now)
        return self._loosen(now) if self.response.dropped else self._cut_in(now)

    def _cut_in(self, now: float) -> list[Move]:
        """The caller is there and wants something: they stay, and nothing begins that they did not hear of."""
        moves = [*self._loosen(now), *self._leaving.stay()]
        called_off = self.transfers.cut_in(now)
        if called_off is not None:
            moves += self.tool_done(called_off.id, CALLED_OFF, now, "the caller spoke")
        return moves

    def _loosen(self, now: float) -> list[Move]:
        self.response.interrupt(now)
        return [move for batch in self.uses.cut_in() for move in self._deliver(batch)]

    def _settle(self, now: float) -> list[Move]:
        """Answer the turn's tools, and see to what comes after it."""
        heard_at = self.response.heard_at or 0.0
        waiting = self.fixed_words.waiting
        batch = self.uses.turn_made(heard_at)
        moves = [*self._deliver(batch), *self.transfers.turn_made(self.response, now, waiting=waiting)]
        moves += self._handset.agent_heard(heard_at)
        ringing = self.transfers.under_way
        to_be_seen = ringing or (batch.ran and (self.uses.working or self.reply.owed))
        if to_be_seen and self._leaving.waits_for_tools(ringing=ringing):
            return moves + self._deliver(batch)
        return moves + self._leaving.turn_made(self.response, waiting=waiting)

    def heard(self, response_id: str | None, now: float) -> list[Move]:
        """The platform says that the caller has heard a turn to its end."""
        self.transfers.heard(response_id, now)
        return self._leaving.heard(response_id, now, working=self.uses.working)

    def interrupted(self, now: float) -> list[Move]:
        """The caller begins to speak."""
        self.reply.caller_begins()
        return self._cut_in(now)

    def pressed(self, now: float) -> list[Move]:
        """The caller presses a key."""
        self.reply.wait_a_moment(now)
        return self._leaving.stay()
