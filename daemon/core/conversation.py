"""The conversation: what the agent's side of one call says and does, as a pure state machine.

Rule 1: everything that decides what is sent or when the call ends lives here or in the pieces this module owns
(keypad, transcript, goodbye, response). Rule 2: no I/O, no clock, no Trio; `now` is seconds of one monotonic clock.
Rule 3: nothing that the platform can send raises. Rule 4: after the end, nothing more is commanded.

Theory of operation. The shell calls `start` once when the socket is open, `receive` for each event in order, and
`wake` when `deadline` has passed; each gives the commands to carry out. The agent's turns are responses: tools that
a response asks for are answered when it is done, all together, with a single `response.create` once the caller has
heard the turn. A wish to hang up opens a goodbye; the call ends when that has been heard, or its time is up.
"""

from collections import Counter
from math import inf
from typing import assert_never

import msgspec

from daemon.core import events as ev
from daemon.core import journal
from daemon.core.agent import Agent, FixedGreeting
from daemon.core.commands import Command, HangUp, Remember, SendFrame
from daemon.core.frames import Frame, ResponseCreate, ResponseSettings, SessionUpdate, spoken_exactly
from daemon.core.goodbye import HANG_UP, Goodbye, answer, wish_to_hang_up
from daemon.core.keypad import Entry, KeypadBuffer
from daemon.core.response import ActiveResponse
from daemon.core.transcript import Transcript, Turn

# So much nonsense in a row is no accident; a broken stream must not be listened to for two hours.
_MALFORMED_LIMIT = 20

# Known, counted, and no reason to do anything.
_Uneventful = (
    ev.SessionCreated
    | ev.ConversationCreated
    | ev.ItemAdded
    | ev.ItemReplayed
    | ev.ItemDeleted
    | ev.Pinged
    | ev.SpeechStopped
    | ev.InputCommitted
    | ev.InputCleared
    | ev.CheckInTriggered
    | ev.OutputItemAdded
    | ev.OutputItemDone
    | ev.ContentPartAdded
    | ev.ContentPartDone
    | ev.AudioDelta
    | ev.AudioDeltaAlias
    | ev.AudioDone
    | ev.PlaybackStarted
    | ev.PlaybackCleared
    | ev.FunctionArgumentsDelta
    | ev.McpToolsListing
    | ev.McpToolsListed
    | ev.McpToolsFailed
    | ev.McpArgumentsDelta
    | ev.McpArgumentsDone
    | ev.McpCallStarted
    | ev.McpCallCompleted
    | ev.McpCallFailed
    | ev.UnknownEvent
)


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
        self._response = ActiveResponse(None)
        self._calls_seen: set[str] = set()
        self._unanswered: list[ev.FunctionCalled] = []
        self._goodbye: Goodbye | None = None
        self._reply_at = inf
        self._ready_by = inf
        self._over_by = inf
        self._malformed = 0
        self._frames = 0
        self._update_id: str | None = None

    @property
    def deadline(self) -> float:
        """When to call `wake`, if nothing happens before."""
        if self.ended:
            return inf
        goodbye = self._goodbye.deadline if self._goodbye else inf
        return min(self._keypad.deadline, self._reply_at, self._ready_by, self._over_by, goodbye)

    def start(self, now: float) -> list[Command]:
        """Configure the session and greet. Both go out at once: the platform works in order."""
        self._ready_by = now + self._ready_timeout
        self._over_by = now + self.agent.max_duration
        update = self._send(SessionUpdate(session=self.agent.session))
        self._update_id = update.frame.event_id
        match self.agent.greeting:
            case None:
                return [update]
            case FixedGreeting(words, interruptible):
                greeting = self._send(spoken_exactly(words, interruptible=interruptible))
                return [update, greeting, Remember(journal.Greeted(generated=False))]
            case greeting:
                turn = ResponseCreate(response=ResponseSettings(instructions=greeting.prompt))
                return [update, self._send(turn), Remember(journal.Greeted(generated=True))]

    def receive(self, event: ev.Event, now: float) -> list[Command]:
        """Take one event. Plain and atomic; gives what is to be done about it."""
        self.seen[_type_of(event)] += 1
        if self.ended:
            return []
        self._malformed = self._malformed + 1 if isinstance(event, ev.MalformedEvent) else 0
        self._ready_by = inf
        return self._react(event, now)

    def wake(self, now: float) -> list[Command]:
        """Do what was waiting for this moment. Harmless when called too early or twice."""
        if self.ended:
            return []
        if now >= self._over_by:
            return self._hang_up("max duration")
        if now >= self._ready_by:
            return self._hang_up("the platform never answered")
        commands = self._collected(self._keypad.expire(now))
        if now >= self._reply_at:
            self._reply_at = inf
            commands.append(self._send(ResponseCreate()))
        if self._goodbye and now >= self._goodbye.deadline:
            commands += self._finish_goodbye()
        return commands

    # What the platform says

    def _react(self, event: ev.Event, now: float) -> list[Command]:
        if isinstance(event, _Uneventful):
            return []
        match event:
            case ev.SessionUpdated(session=session):
                return [Remember(journal.SessionConfigured(model=session.model, voice=session.voice))]
            case ev.SpeechStarted():
                return self._collected(self._keypad.speech_started()) + self._caller_speaks()
            case ev.DigitPressed(digit=digit):
                return self._pressed(digit, now)
            case ev.TranscriptUpdated() | ev.TranscriptCompleted():
                return self._caller_said(event)
            case ev.ResponseCreated(response=response):
                self._response, self._reply_at = ActiveResponse(response.id), inf
                return []
            case ev.SpokenDelta() | ev.TextDelta() | ev.TextDeltaAlias():
                return self._agent_says(event.item_id, event.delta or "", now)
            case ev.SpokenDone(item_id=item_id, transcript=text):
                return self._said(self.transcript.finish(item_id or "", "agent", text))
            case ev.ItemTruncated(item_id=item_id, transcript=text):
                return self._said(self.transcript.finish(item_id or "", "agent", text)) if text else []
            case ev.FunctionCalled():
                return self._tool_wanted(event, now)
            case ev.ResponseDone():
                return self._response_done(event, now)
            case ev.PlaybackStopped():
                return self._finish_goodbye() if self._goodbye and self._goodbye.made else []
            case ev.ErrorReported():
                return self._complained(event)
            case ev.MalformedEvent(why=why):
                broken = self._malformed >= _MALFORMED_LIMIT
                return self._hang_up(f"{_MALFORMED_LIMIT} unreadable events in a row", why) if broken else []
            case _:
                assert_never(event)

    # The caller

    def _pressed(self, digit: str | None, now: float) -> list[Command]:
        if digit is None or not self._keypad.is_key(digit):
            return []
        hidden = self.agent.keypad.sensitive
        pressed = Remember(journal.KeyPressed(digit=None if hidden else digit))
        return [pressed, *self._collected(self._keypad.press(digit, now))]

    def _collected(self, entries: list[Entry]) -> list[Command]:
        hidden = self.agent.keypad.sensitive
        return [
            Remember(journal.DigitsCollected(digits=None if hidden else digits, count=len(digits), trigger=trigger))
            for digits, trigger in entries
        ]

    def _caller_said(self, event: ev.TranscriptUpdated | ev.TranscriptCompleted) -> list[Command]:
        if event.transcript is None:
            return []
        final = isinstance(event, ev.TranscriptCompleted) and event.final
        return self._said(self.transcript.replace(event.item_id or "", "caller", event.transcript, final=final))

    def _caller_speaks(self) -> list[Command]:
        """Let the caller's words stop a goodbye; the platform answers them by itself."""
        goodbye, self._goodbye = self._goodbye, None
        if goodbye is None:
            return []
        commands: list[Command] = [Remember(journal.GoodbyeInterrupted())]
        if not goodbye.answered:
            commands.append(self._send(answer(goodbye.wish, ended=False, why="The caller is speaking again.")))
        return commands

    # The agent

    def _agent_says(self, item_id: str | None, words: str, now: float) -> list[Command]:
        self._response.speak(words, now)
        return self._said(self.transcript.append(item_id or "", "agent", words))

    def _said(self, turn: Turn | None) -> list[Command]:
        if turn is None:
            return []
        said = journal.Said(item_id=turn.item_id, speaker=turn.speaker, text=turn.text, final=turn.final)
        return [Remember(said)]

    def _tool_wanted(self, call: ev.FunctionCalled, now: float) -> list[Command]:
        if call.call_id is None or call.call_id in self._calls_seen:
            return []  # the platform may announce one call twice; it is answered once
        self._calls_seen.add(call.call_id)
        if call.name != HANG_UP.name or HANG_UP not in self.agent.session.tools:
            self._unanswered.append(call)
            return [Remember(journal.ToolRefused(name=call.name or ""))]
        reason = wish_to_hang_up(call)
        if self._goodbye is None:
            self._goodbye = Goodbye(call, reason, latest=now + self.agent.goodbye_timeout)
        return [Remember(journal.HangUpAsked(reason=reason))]

    def _response_done(self, event: ev.ResponseDone, now: float) -> list[Command]:
        heard_at = self._response.heard_at(event.spent, now)
        commands: list[Command] = [
            self._send(answer(call, error=f"There is no tool named {call.name!r}.")) for call in self._unanswered
        ]
        self._unanswered.clear()
        if self._goodbye is None:
            if commands:
                self._reply_at = heard_at
            return commands
        if self._response.spoke:
            # A turn that was cut off was no goodbye; then the caller is speaking, or the time limit decides.
            if event.response.status != "cancelled":
                self._goodbye.heard_at = heard_at + self.agent.goodbye_margin
        elif not self._goodbye.answered:
            self._goodbye.answered = True
            commands.append(self._send(answer(self._goodbye.wish, ended=False, now="Say goodbye, briefly.")))
            commands.append(self._send(ResponseCreate()))
        return commands

    # The end

    def _finish_goodbye(self) -> list[Command]:
        goodbye = self._goodbye
        if goodbye is None:
            raise AssertionError("no goodbye is open")
        wish = f"hang_up by the model: {goodbye.reason}" if goodbye.reason else "hang_up by the model"
        if not goodbye.made:
            return self._hang_up("goodbye deadline", wish)
        return [Remember(journal.GoodbyeSaid()), *self._hang_up(wish)]

    def _complained(self, event: ev.ErrorReported) -> list[Command]:
        error = event.error
        if event.fatal:
            return self._hang_up(f"platform error {error.type}", *_words(error.message))
        if error.event_id is not None and error.event_id == self._update_id:
            return self._hang_up("session.update refused by the platform", *_words(error.message))
        if event.benign:
            return []
        return [Remember(journal.PlatformComplained(type=error.type, code=error.code, message=error.message))]

    def _hang_up(self, *reasons: str) -> list[Command]:
        self.ended = True
        return [HangUp(reasons)]

    def _send(self, frame: Frame) -> SendFrame:
        self._frames += 1
        return SendFrame(msgspec.structs.replace(frame, event_id=f"cw-{self._frames}"))


def _words(message: str | None) -> tuple[str, ...]:
    return (message[:200],) if message else ()


def _type_of(event: ev.Event) -> str:
    """The event's type on the wire."""
    match event:
        case ev.UnknownEvent():
            return "unknown"
        case ev.MalformedEvent():
            return "malformed"
        case _:
            return str(event.__struct_config__.tag)
