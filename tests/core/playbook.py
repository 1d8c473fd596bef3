"""Conversation tests as transcripts: `call.at(3.5, WAKE, DigitsCollected(...))` is what happens, and what is done.

The playbook is the shell: before a happening it wakes the conversation at every deadline that passed, so a wake
that the test does not know of shows up in the diff. All that is sent is checked against the contract.
"""

from dataclasses import dataclass
from difflib import ndiff
from math import inf

from msgspec.structs import replace

from daemon.core.agent import Agent
from daemon.core.commands import Command, HangUp, RunTool, SendFrame
from daemon.core.conversation import Conversation
from daemon.core.effects import Effect
from daemon.core.events import Event
from daemon.core.frames import Frame, encode
from daemon.core.journal import Entry
from tests.core.contract import complaints

START, WAKE, RESUME = "start", "wake", "resume"


@dataclass(frozen=True)
class Gave:
    """A tool's end, as the shell tells it."""

    use_id: str
    output: str = "{}"
    why: str = ""


@dataclass(frozen=True)
class Adopted:
    """The call of a daemon that died."""

    age: float
    effects: tuple[Effect, ...] = ()


Happening = Event | Gave | Adopted | str


class Playbook:
    def __init__(self, agent: Agent) -> None:
        self.conversation = Conversation(agent, ready_timeout=10.0)
        self.commands: list[Command] = []
        self._script: list[str] = []
        self._played: list[str] = []
        self._now = 0.0

    def at(self, now: float, happening: Happening, *expected: HangUp | Frame | Entry | RunTool) -> None:
        __tracebackhide__ = True
        while self.conversation.deadline < now and self._now < now:
            self.play(max(self.conversation.deadline, self._now), WAKE)
        if happening == WAKE and expected:
            assert self.conversation.deadline <= now, "the timer would not wake it now"
        self._script += [f"{now:7.2f}  {happening}", *map(_line, expected)]
        self.play(now, happening)
        diff = "\n".join(ndiff(self._script, self._played))
        assert self._script == self._played, f"expected (-) and played (+):\n{diff}"

    def play(self, now: float, happening: Happening) -> None:
        self._now = now
        talk, over = self.conversation, self.conversation.ended
        match happening:
            case str():
                commands = {START: talk.start, WAKE: talk.wake, RESUME: talk.resume}[happening](now)
            case Gave(use_id, output, why):
                commands = talk.tool_done(use_id, output, now, why=why)
            case Adopted(age, effects):
                commands = talk.adopt(now, age, effects)
            case event:
                commands = talk.receive(event, now)
        self._played += [f"{now:7.2f}  {happening}", *map(_line, commands)]
        self.commands += commands
        for command in commands:
            assert not over, f"commanded after the end: {command}"
            over = isinstance(command, HangUp)
            assert not isinstance(command, SendFrame) or complaints(encode(command.frame)) == []
        assert over == talk.ended == (talk.deadline == inf)
        assert happening != WAKE or talk.deadline > now, "the timer would spin"


def _line(done: Command | Frame | Entry) -> str:
    bare = getattr(done, "frame", getattr(done, "entry", done))
    return f"{'':11}{encode(replace(bare, event_id=None)) if isinstance(bare, Frame) else bare}"
