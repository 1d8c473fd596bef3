"""The caller's side of the talk: when they speak, what they say, and what the keys do that they press.

Carries out what the handset says a key means: on the agent's turns, because a menu works without the model, and also
while it speaks. Pure; owned by the conversation.
"""

from collections.abc import Sequence
from math import inf
from typing import assert_never

import msgspec

from daemon.core import events as ev
from daemon.core import journal
from daemon.core.agent import Agent
from daemon.core.answering import AnswerWatch
from daemon.core.durations import format_duration
from daemon.core.events.sorting import OfTheCaller
from daemon.core.frames import data, spoken_exactly
from daemon.core.handset import Chosen, Collected, Handset, Meaning
from daemon.core.keypad import KeypadBuffer
from daemon.core.menu import Action, EndCall, SayWords, TransferTo, UseTool, kind, meaning
from daemon.core.moves import Move
from daemon.core.silence import Silence
from daemon.core.transcript import Transcript
from daemon.core.turns import AgentTurns


class CallerSide:
    """What the caller does, and what follows from it."""

    def __init__(
        self,
        agent: Agent,
        handset: Handset,
        turns: AgentTurns,
        silence: Silence,
        answers: AnswerWatch,
        transcript: Transcript,
    ) -> None:
        self._agent = agent
        self._handset = handset
        self._turns = turns
        self._silence = silence
        self._answers = answers
        self._transcript = transcript

    @property
    def deadlines(self) -> dict[str, float]:
        """When to call `wake` and `break_silence`, if nothing happens before, by the name of the key."""
        return {"keypad.idle_timeout": self._handset.deadline, "silence_timeout": self._silent_at}

    @property
    def _silent_at(self) -> float:
        # A caller who waits for a tool of ours is not the one who should say something.
        return inf if self._turns.leaving or self._turns.uses.working else self._silence.deadline

    def hear(self, event: OfTheCaller, now: float) -> list[Move]:
        """Take one event about the caller."""
        match event:
            case ev.SpeechStarted():
                self._silence.caller_active(now, speaking=True)
                self._answers.settled()
                return [*self._carry_out(self._handset.speech_started(now), now), *self._turns.interrupted(now)]
            case ev.SpeechStopped():
                self._silence.caller_active(now, speaking=False)
                self._answers.expect(now)
                self._turns.reply.caller_ends(now)
                return []
            case ev.CheckInTriggered():
                self._silence.platform_checks_in()
                return []
            case ev.DigitPressed(digit=digit):
                return self._pressed(digit, now)
            case ev.TranscriptUpdated() | ev.TranscriptCompleted():
                return self._said(event)
            case _:
                assert_never(event)

    def wake(self, now: float) -> list[Move]:
        """Do what was waiting for this moment."""
        return self._carry_out(self._handset.wake(now), now)

    def break_silence(self, now: float) -> list[Move]:
        """Ask a silent caller whether they are there; the second time, say goodbye."""
        if now < self._silent_at:
            return []
        if self._agent.check_in and not self._silence.asked:
            self._silence.ask(now)
            return [spoken_exactly(self._agent.check_in), journal.CheckedIn()]
        limit = f"silence {format_duration(self._agent.silence_timeout)}"
        return self._turns.leave(self._agent.goodbye, (limit,), now, final=False)

    def _pressed(self, digit: str | None, now: float) -> list[Move]:
        if digit is None or not KeypadBuffer.is_key(digit):
            return []
        self._silence.caller_active(now, speaking=False)
        meanings = self._handset.press(digit, now)
        first = [each for each in meanings if not isinstance(each, Chosen | Collected)]
        last = [each for each in meanings if isinstance(each, Chosen | Collected)]
        # A goodbye is taken back first, or a key of the menu that says one would take back its own.
        return [*self._carry_out(first, now), *self._turns.pressed(now), *self._carry_out(last, now)]

    def _carry_out(self, meanings: Sequence[Meaning], now: float) -> list[Move]:
        moves: list[Move] = []
        for each in meanings:
            match each:
                case Chosen(action, keys):
                    self._turns.reply.sent_on_a_key(now)
                    moves.append(journal.MenuChosen(keys=keys, action=kind(action)))
                    moves += self._choose(action, keys, now)
                case Collected():
                    self._turns.reply.sent_on_a_key(now)
                    moves += self._turns.collected(each, now)
                    self._answers.at_work(now)
                case move:
                    moves.append(move)
        return moves

    def _choose(self, action: Action, keys: str | None, now: float) -> list[Move]:
        told = data(msgspec.json.encode({"caller_pressed": keys or "a key", "so": meaning(action)}).decode())
        match action:
            case SayWords(words):
                return [*self._turns.drop(now), told, spoken_exactly(words)]
            case EndCall():
                reasons = ("hang_up by a key",)
                return [
                    *self._turns.drop(now),
                    told,
                    *self._turns.leave(self._agent.goodbye, reasons, now, final=False),
                ]
            case TransferTo(destination):
                begun = self._turns.transfer(destination, now)
                return [told, *begun] if begun else []
            case UseTool(name):
                return [told, *self._turns.use(name, now)]

    def _said(self, event: ev.TranscriptUpdated | ev.TranscriptCompleted) -> list[Move]:
        if event.transcript is None:
            return []
        final = isinstance(event, ev.TranscriptCompleted) and event.final
        return [*journal.said(self._transcript.replace(event.item_id or "", "caller", event.transcript, final=final))]
