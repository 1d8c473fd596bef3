"""The conversation: what the agent's side of one call says and does, as a pure state machine.

Rule 1: everything that decides what is sent or when the call ends lives here or in the pieces this module owns (the
caller's side and its keys, the agent's turns, silence, trouble, the transcript). Rule 2: no I/O, no clock, no Trio;
`now` is seconds of one monotonic clock. Rule 3: nothing that the platform can send raises. Rule 4: after the end,
nothing more is commanded.

Theory of operation. The shell calls `start` once when the socket is open, `resume` when it is open again, `receive`
for each event in order, `tool_done` for each tool that it was told to run, and `wake` when `deadline` has passed; each
gives the commands to carry out. After a crash, `adopt` stands in for `start`. The pieces answer in moves (a frame, an
entry, a tool to run, the end); this module numbers the frames and sees to it that the end is the last.
"""

from collections import Counter
from collections.abc import Sequence
from math import inf
from typing import assert_never

import msgspec

from daemon.core import events as ev
from daemon.core import journal
from daemon.core.agent import Agent, FixedGreeting
from daemon.core.answering import AnswerWatch
from daemon.core.caller import CallerSide
from daemon.core.commands import Command, HangUp, Remember, RunTool, SendFrame
from daemon.core.durations import format_duration
from daemon.core.effects import Effect
from daemon.core.events.sorting import OfTheCaller, Uneventful, at_work, type_of
from daemon.core.frames import (
    ForceMessage,
    Frame,
    ItemCreate,
    ResponseCancel,
    ResponseCreate,
    SessionSettings,
    SessionUpdate,
    told,
)
from daemon.core.greeting import greet
from daemon.core.handset import Handset
from daemon.core.moves import Move
from daemon.core.pausing import pauses
from daemon.core.remote import RemoteTools
from daemon.core.reply import GRACE
from daemon.core.silence import Silence
from daemon.core.transcript import Transcript
from daemon.core.trouble import Trouble
from daemon.core.turns import AgentTurns
from daemon.core.usage import Meter

# So much nonsense in a row is no accident; a broken stream must not be listened to for two hours.
_MALFORMED_LIMIT = 20
_LONGEST_WORDS = 200
# Seconds by which the longest call may be longer if it is just being transferred.
_RINGING = 120.0


class Conversation:
    """One call's talk. Owned by the call; fed by its reader and its timer only."""

    def __init__(self, agent: Agent, *, ready_timeout: float) -> None:
        self.agent = agent
        self.transcript = Transcript()
        self.seen: Counter[str] = Counter()
        """Events by type."""
        self.ended = False
        self._ready_timeout = ready_timeout
        self._meter = Meter(agent.prices, agent.ceiling)
        self.handset = Handset(agent)
        """What the caller types."""
        self._turns = AgentTurns(agent, self.handset)
        self._silence = Silence(agent.silence_timeout)
        self._remote = RemoteTools()
        self._answers = AnswerWatch(agent.reply_timeout)
        self._trouble = Trouble(agent, self._turns, self._answers, self._meter)
        self._caller = CallerSide(agent, self.handset, self._turns, self._silence, self._answers, self.transcript)
        self._ready_by = inf
        self._over_by = inf
        self._begins_by = -inf
        """Until when a turn that we have asked for may be about to begin."""
        self._malformed = self._frames = 0
        self._update_id: str | None = None
        self._ask_id: str | None = None

    @property
    def tool_uses(self) -> set[str]:
        """Ids of all uses of tools that we run, those of before a crash included."""
        return self._turns.uses.ours

    @property
    def deadline(self) -> float:
        """When to call `wake`, if nothing happens before."""
        return min(self.deadlines.values(), default=inf)

    @property
    def deadlines(self) -> dict[str, float]:
        """All that is waited for, by the name of its key where it has one; what never comes is infinite."""
        waits = self._caller.deadlines
        waits["turn"], waits["reply_timeout"] = self._turns.deadline, self._trouble.deadline
        waits["ready_timeout"], waits["max_duration"] = self._ready_by, self._over_at
        waits["max_per_call"] = self._meter.deadline
        return {} if self.ended else waits

    @property
    def _over_at(self) -> float:
        # A caller who hears ringing is being seen to, though not for ever.
        return self._over_by + (_RINGING if self._turns.transfers.ringing else 0.0)

    def usage(self, joined_seconds: float) -> journal.Usage:
        """What the call used so far, if it was joined for so many seconds."""
        return self._meter.usage(joined_seconds)

    def between_turns(self, now: float) -> bool:
        """Whether nobody says or does anything right now, so that somebody else could go on with the talk."""
        busy = self.ended or self._ready_by < inf or now < self._begins_by
        return not busy and pauses(self._turns, self.handset, self._remote, now)

    def start(self, now: float) -> list[Command]:
        """Configure the session and greet. Both go out at once: the platform works in order."""
        self._over_by = now + self.agent.max_duration
        self._meter.open(now)
        greeting = greet(self.agent.greeting)
        if self.agent.announcement and isinstance(self.agent.greeting, FixedGreeting):
            greeting = self._turns.leave(self.agent.greeting.words, ("announcement",), now, final=True)
        return [self._configure(now), *self._carry_out([*told(self.agent.data), *greeting], now)]

    def resume(self, now: float) -> list[Command]:
        """Configure a new session on the same call: no greeting, but what the model still waits for.

        The first command is the configuration. Not to be called after the end.
        """
        again = [] if self.agent.session.resumption is not None else told(self.agent.data)
        return [self._configure(now), *self._carry_out([*again, *self._turns.resume(now)], now)]

    def adopt(self, now: float, age: float, effects: Sequence[Effect]) -> list[Command]:
        """Go on with a call whose daemon died, in place of `start`: no greeting, but what its tools gave.

        `age` is how many seconds ago the call was claimed, `effects` the tools that were used on it, oldest first.
        None is run again, even if the platform announces it again, unless a crash interrupted it and it is idempotent.
        The first command is the configuration.
        """
        self._over_by = now + max(self.agent.max_duration - age, 0.0)
        self._meter.open(now - age)
        return [self._configure(now), *self._carry_out(self._turns.adopt(effects, now), now)]

    def tool_done(self, use_id: str, output: str, now: float, *, why: str = "") -> list[Command]:
        """Take what a tool gave, as JSON text for the model; `why` says in a few words what went wrong, if it did.

        Harmless after the end, and for a use that is not running.
        """
        if self.ended:
            return []
        moves = [*self._turns.tool_done(use_id, output, now, why), *self._trouble.tool_done(use_id, now)]
        self._silence.agent_heard(now, done=False)
        self._answers.at_work(now)
        return self._carry_out(moves, now)

    def instruct(self, instructions: str) -> list[Command]:
        """Tell the agent something else from now on, in the middle of the talk; nothing if it is what it was told."""
        session = self.agent.session
        if self.ended or instructions == session.instructions:
            return []
        self.agent = msgspec.structs.replace(
            self.agent, session=msgspec.structs.replace(session, instructions=instructions)
        )
        return self._carry_out([SessionUpdate(session=SessionSettings(instructions=instructions))], 0.0)

    def _configure(self, now: float) -> SendFrame:
        self._ready_by = now + self._ready_timeout
        self._silence.start(now)
        update = self._number(SessionUpdate(session=self.agent.session), now)
        self._update_id = update.event_id
        return SendFrame(update)

    def receive(self, event: ev.Event, now: float) -> list[Command]:
        """Take one event. Plain and atomic; gives what is to be done about it."""
        self.seen[type_of(event)] += 1
        if isinstance(event, ev.ResponseDone):
            self._meter.add(event)
        if self.ended:
            return []
        self._malformed = self._malformed + 1 if isinstance(event, ev.MalformedEvent) else 0
        self._ready_by = inf
        if at_work(event):
            self._answers.at_work(now)
        return self._carry_out(self._react(event, now), now)

    def wake(self, now: float) -> list[Command]:
        """Do what was waiting for this moment. Harmless when called too early or twice."""
        if self.ended:
            return []
        if now >= self._ready_by:
            return self._carry_out([HangUp(("the platform never answered",))], now)
        moves = self._caller.wake(now)
        if self._turns.leaving:
            moves += self._turns.wake(now)  # a goodbye that is heard by now is the one that counts
        if now >= self._over_at:
            self._over_by = inf
            limit = f"max duration {format_duration(self.agent.max_duration)}"
            moves += self._turns.leave(self.agent.goodbye, (limit,), now, final=True)
        moves += [*self._turns.wake(now), *self._trouble.wake(now)]
        moves += self._caller.break_silence(now)
        return self._carry_out(moves, now)

    def _carry_out(self, moves: Sequence[Move], now: float) -> list[Command]:
        """Number the frames and stop at the end of the call."""
        commands: list[Command] = []
        for move in moves:
            match move:
                case HangUp():
                    self.ended = True
                    self.handset.entries.forget()
                    return [*commands, move]
                case SessionUpdate() | ItemCreate() | ResponseCreate() | ResponseCancel():
                    commands.append(SendFrame(self._number(move, now)))
                case RunTool():
                    commands.append(move)
                case entry:
                    commands.append(Remember(entry))
        return commands

    def _number(self, frame: Frame, now: float) -> Frame:
        self._frames += 1
        event_id = f"cw-{self._frames}"
        match frame:
            case ResponseCreate(response=settings):
                self._ask_id = event_id if settings is None else self._ask_id
                self._answers.expect(now, asked=settings is None)
                self._begins_by = now + GRACE
            case ItemCreate(item=ForceMessage(interruptible=interruptible)):
                self._turns.fixed_words_sent(now, interruptible=interruptible)
                if self._turns.response.quiet(now):
                    self._answers.expect(now)
            case _:
                pass
        return msgspec.structs.replace(frame, event_id=event_id)

    def _react(self, event: ev.Event, now: float) -> Sequence[Move]:
        if isinstance(event, Uneventful):
            return self._remote.receive(event, now)
        if isinstance(event, OfTheCaller):
            return self._caller.hear(event, now)
        match event:
            case ev.SessionUpdated(session=session):
                known = session or ev.Session()
                return [journal.SessionConfigured(model=known.model, voice=known.voice)]
            case ev.ResponseCreated():
                self._turns.began(event.id, now)
                self._begins_by = -inf
                self._silence.agent_begins(now)
                return []
            case ev.SpokenDelta() | ev.TextDelta() | ev.TextDeltaAlias():
                self._turns.response.speak(event.delta or "", now)
                self._answers.words(of_the_model=not self._turns.fixed_words.speak)
                self._silence.agent_heard(now, done=False)
                return journal.said(self.transcript.append(event.item_id or "", "agent", event.delta or ""))
            case ev.SpokenDone(item_id=item, transcript=text):
                return journal.said(self.transcript.finish(item or "", "agent", text))
            case ev.ItemTruncated(item_id=item, transcript=text):
                return journal.said(self.transcript.cut(item or "", "agent", text)) if text else []
            case ev.FunctionCalled():
                moves = self._turns.wants(event, now)
                if moves:
                    self._answers.settled()
                return moves
            case ev.ResponseDone():
                moves = self._turns.done(event, now)
                self._silence.agent_heard(self._turns.response.heard_at or now, done=True)
                return [*moves, *self._trouble.turn_made(now)]
            case ev.PlaybackStopped(response_id=response_id):
                return self._turns.heard(response_id, now)
            case ev.ErrorReported():
                return self._complained(event, now)
            case ev.MalformedEvent(why=why):
                broken = self._malformed >= _MALFORMED_LIMIT
                return [HangUp((f"{_MALFORMED_LIMIT} unreadable events in a row", why))] if broken else []
            case _:
                assert_never(event)

    def _complained(self, event: ev.ErrorReported, now: float) -> list[Move]:
        error = event.error or ev.ErrorBody()
        words = (error.message[:_LONGEST_WORDS],) if error.message else ()
        if event.fatal:
            return [HangUp((f"platform error {error.type}", *words))]
        cause = error.event_id or ""
        if cause == self._update_id:
            return [HangUp(("session.update refused by the platform", *words))]
        asked = error.event_id is not None and error.event_id == self._ask_id
        if event.benign:
            if asked:
                self._turns.ask_again()
            return []
        complaint = journal.PlatformComplained(type=error.type, code=error.code, message=error.message)
        failed = asked or error.type == "internal_error"
        return [complaint, *(self._trouble.error("error", now) if failed else [])]
