"""The conversation: what the agent's side of one call says and does, as a pure state machine.

Rule 1: everything that decides what is sent or when the call ends lives here or in the pieces this module owns
(keypad, transcript, the agent's turns). Rule 2: no I/O, no clock, no Trio; `now` is seconds of one monotonic clock.
Rule 3: nothing that the platform can send raises. Rule 4: after the end, nothing more is commanded.

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
from daemon.core.commands import Command, HangUp, Remember, RunTool, SendFrame
from daemon.core.durations import format_duration
from daemon.core.effects import Effect
from daemon.core.events.sorting import OfTheCaller, Uneventful, type_of
from daemon.core.frames import (
    ForceMessage,
    Frame,
    ItemCreate,
    ResponseCreate,
    SessionSettings,
    SessionUpdate,
    data,
    spoken_exactly,
)
from daemon.core.keypad import Entry, KeypadBuffer
from daemon.core.remote import RemoteTools
from daemon.core.silence import Silence
from daemon.core.transcript import Transcript
from daemon.core.turns import AgentTurns, Move

# So much nonsense in a row is no accident; a broken stream must not be listened to for two hours.
_MALFORMED_LIMIT = 20
_LONGEST_WORDS = 200


class Conversation:
    """One call's talk. Owned by the call; fed by its reader and its timer only."""

    def __init__(self, agent: Agent, *, ready_timeout: float) -> None:
        self.agent = agent
        self.transcript = Transcript()
        self.seen: Counter[str] = Counter()
        """Events by type."""
        self.ended = False
        self._ready_timeout = ready_timeout
        self._keypad = KeypadBuffer(agent.keypad)
        self._turns = AgentTurns(agent)
        self._silence = Silence(agent.silence_timeout)
        self._remote = RemoteTools()
        self._ready_by = inf
        self._over_by = inf
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
        waits = {"keypad.idle_timeout": self._keypad.deadline, "turn": self._turns.deadline}
        waits |= {"silence_timeout": self._silent_at, "ready_timeout": self._ready_by, "max_duration": self._over_by}
        return {} if self.ended else waits

    @property
    def _silent_at(self) -> float:
        # A caller who waits for a tool of ours is not the one who should say something.
        return inf if self._turns.leaving or self._turns.uses.working else self._silence.deadline

    def between_turns(self, now: float) -> bool:
        """Whether nobody says or does anything right now, so that somebody else could go on with the talk."""
        waits = self.ended or self._ready_by < inf or self._keypad.deadline < inf or self._remote.working
        return not waits and self._turns.idle(now)

    def start(self, now: float) -> list[Command]:
        """Configure the session and greet. Both go out at once: the platform works in order."""
        self._over_by = now + self.agent.max_duration
        greeting = self._turns.greet()
        if self.agent.announcement and isinstance(self.agent.greeting, FixedGreeting):
            greeting = self._turns.leave(self.agent.greeting.words, ("announcement",), now, final=True)
        return [self._configure(now), *self._carry_out([*self._told(), *greeting])]

    def resume(self, now: float) -> list[Command]:
        """Configure a new session on the same call: no greeting, but what the model still waits for.

        The first command is the configuration. Not to be called after the end.
        """
        kept = self.agent.session.resumption is not None
        return [self._configure(now), *self._carry_out([*([] if kept else self._told()), *self._turns.resume(now)])]

    def adopt(self, now: float, age: float, effects: Sequence[Effect]) -> list[Command]:
        """Go on with a call whose daemon died, in place of `start`: no greeting, but what its tools gave.

        `age` is how many seconds ago the call was claimed, `effects` the tools that were used on it, oldest first.
        None is run again, even if the platform announces it again, unless a crash interrupted it and it is idempotent.
        The first command is the configuration.
        """
        self._over_by = now + max(self.agent.max_duration - age, 0.0)
        return [self._configure(now), *self._carry_out(self._turns.adopt(effects, now))]

    def tool_done(self, use_id: str, output: str, now: float, *, why: str = "") -> list[Command]:
        """Take what a tool gave, as JSON text for the model; `why` says in a few words what went wrong, if it did.

        Harmless after the end, and for a use that is not running.
        """
        if self.ended:
            return []
        moves = self._turns.tool_done(use_id, output, now, why)
        self._silence.agent_heard(now, done=False)
        return self._carry_out(moves)

    def instruct(self, instructions: str) -> list[Command]:
        """Tell the agent something else from now on, in the middle of the talk; nothing if it is what it was told."""
        session = self.agent.session
        if self.ended or instructions == session.instructions:
            return []
        self.agent = msgspec.structs.replace(
            self.agent, session=msgspec.structs.replace(session, instructions=instructions)
        )
        return self._carry_out([SessionUpdate(session=SessionSettings(instructions=instructions))])

    def _told(self) -> list[Move]:
        """What the agent is to know of the call; where the platform keeps the conversation, it is told once."""
        return [data(self.agent.data)] if self.agent.data else []

    def _configure(self, now: float) -> SendFrame:
        self._ready_by = now + self._ready_timeout
        self._silence.start(now)
        update = self._number(SessionUpdate(session=self.agent.session))
        self._update_id = update.event_id
        return SendFrame(update)

    def receive(self, event: ev.Event, now: float) -> list[Command]:
        """Take one event. Plain and atomic; gives what is to be done about it."""
        self.seen[type_of(event)] += 1
        if self.ended:
            return []
        self._malformed = self._malformed + 1 if isinstance(event, ev.MalformedEvent) else 0
        self._ready_by = inf
        return self._carry_out(self._react(event, now))

    def wake(self, now: float) -> list[Command]:
        """Do what was waiting for this moment. Harmless when called too early or twice."""
        if self.ended:
            return []
        if now >= self._ready_by:
            return self._carry_out([HangUp(("the platform never answered",))])
        moves = [*self._collected(self._keypad.expire(now)), *self._turns.wake(now)]
        if now >= self._over_by:
            self._over_by = inf
            limit = f"max duration {format_duration(self.agent.max_duration)}"
            moves += self._turns.leave(self.agent.goodbye, (limit,), now, final=True)
        elif now >= self._silent_at:
            moves += self._break_silence(now)
        return self._carry_out(moves)

    def _break_silence(self, now: float) -> list[Move]:
        if self.agent.check_in and not self._silence.asked:
            self._silence.ask(now)
            return [spoken_exactly(self.agent.check_in), journal.CheckedIn()]
        limit = f"silence {format_duration(self.agent.silence_timeout)}"
        return self._turns.leave(self.agent.goodbye, (limit,), now, final=False)

    def _carry_out(self, moves: Sequence[Move]) -> list[Command]:
        """Number the frames and stop at the end of the call."""
        commands: list[Command] = []
        for move in moves:
            match move:
                case HangUp():
                    self.ended = True
                    return [*commands, move]
                case SessionUpdate() | ItemCreate() | ResponseCreate():
                    commands.append(SendFrame(self._number(move)))
                case RunTool():
                    commands.append(move)
                case entry:
                    commands.append(Remember(entry))
        return commands

    def _number(self, frame: Frame) -> Frame:
        self._frames += 1
        event_id = f"cw-{self._frames}"
        if isinstance(frame, ResponseCreate) and frame.response is None:
            self._ask_id = event_id
        elif isinstance(frame, ItemCreate) and isinstance(frame.item, ForceMessage):
            self._turns.says_fixed_words()
        return msgspec.structs.replace(frame, event_id=event_id)

    def _react(self, event: ev.Event, now: float) -> Sequence[Move]:
        if isinstance(event, Uneventful):
            return self._remote.receive(event, now)
        if isinstance(event, OfTheCaller):
            return self._hear(event, now)
        match event:
            case ev.SessionUpdated(session=session):
                known = session or ev.Session()
                return [journal.SessionConfigured(model=known.model, voice=known.voice)]
            case ev.ResponseCreated():
                self._turns.began(event.id, now)
                self._silence.agent_begins(now)
                return []
            case ev.SpokenDelta() | ev.TextDelta() | ev.TextDeltaAlias():
                self._turns.says(event.delta or "", now)
                self._silence.agent_heard(now, done=False)
                return journal.said(self.transcript.append(event.item_id or "", "agent", event.delta or ""))
            case ev.SpokenDone(item_id=item, transcript=text):
                return journal.said(self.transcript.finish(item or "", "agent", text))
            case ev.ItemTruncated(item_id=item, transcript=text):
                return journal.said(self.transcript.cut(item or "", "agent", text)) if text else []
            case ev.FunctionCalled():
                return self._turns.wants(event, now)
            case ev.ResponseDone():
                moves = self._turns.done(event, now)
                self._silence.agent_heard(self._turns.heard_at or now, done=True)
                return moves
            case ev.PlaybackStopped(response_id=response_id):
                return self._turns.heard(response_id, now)
            case ev.ErrorReported():
                return self._complained(event)
            case ev.MalformedEvent(why=why):
                broken = self._malformed >= _MALFORMED_LIMIT
                return [HangUp((f"{_MALFORMED_LIMIT} unreadable events in a row", why))] if broken else []
            case _:
                assert_never(event)

    def _hear(self, event: OfTheCaller, now: float) -> Sequence[Move]:
        match event:
            case ev.SpeechStarted():
                self._silence.caller_active(now, speaking=True)
                return [*self._collected(self._keypad.speech_started()), *self._turns.interrupted(now)]
            case ev.SpeechStopped():
                self._silence.caller_active(now, speaking=False)
                self._turns.left_to_platform(now)
                return []
            case ev.CheckInTriggered():
                self._silence.platform_checks_in()
                return []
            case ev.DigitPressed(digit=digit):
                return self._pressed(digit, now)
            case ev.TranscriptUpdated() | ev.TranscriptCompleted():
                return self._caller_said(event)
            case _:
                assert_never(event)

    def _pressed(self, digit: str | None, now: float) -> list[Move]:
        if digit is None or not self._keypad.is_key(digit):
            return []
        self._silence.caller_active(now, speaking=False)
        earlier = self._collected(self._keypad.expire(now))
        pressed = journal.KeyPressed(digit=None if self.agent.keypad.sensitive else digit)
        entries = self._collected(self._keypad.press(digit, now))
        return [*earlier, pressed, *entries, *self._turns.pressed(now)]

    def _collected(self, entries: list[Entry]) -> list[Move]:
        hidden = self.agent.keypad.sensitive
        return [
            journal.DigitsCollected(digits=None if hidden else digits, count=len(digits), trigger=trigger)
            for digits, trigger in entries
        ]

    def _caller_said(self, event: ev.TranscriptUpdated | ev.TranscriptCompleted) -> Sequence[Move]:
        if event.transcript is None:
            return []
        final = isinstance(event, ev.TranscriptCompleted) and event.final
        return journal.said(self.transcript.replace(event.item_id or "", "caller", event.transcript, final=final))

    def _complained(self, event: ev.ErrorReported) -> list[Move]:
        error = event.error or ev.ErrorBody()
        words = (error.message[:_LONGEST_WORDS],) if error.message else ()
        if event.fatal:
            return [HangUp((f"platform error {error.type}", *words))]
        cause = error.event_id or ""
        if cause == self._update_id:
            return [HangUp(("session.update refused by the platform", *words))]
        if event.benign:
            if cause == self._ask_id:
                self._turns.ask_again()
            return []
        return [journal.PlatformComplained(type=error.type, code=error.code, message=error.message)]
