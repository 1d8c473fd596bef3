"""Conversation tests as transcripts: `call.at(3.5, WAKE, DigitsCollected(...))` is what happens, and what is done.

The playbook is the shell: before a happening it wakes the conversation at every deadline that passed, so a wake
that the test does not know of shows up in the diff. All that is sent is checked against the contract.
"""

from difflib import ndiff
from math import inf

from msgspec.structs import replace

from daemon.core.agent import Agent
from daemon.core.commands import Command, HangUp, SendFrame
from daemon.core.conversation import Conversation
from daemon.core.events import Event
from daemon.core.frames import Frame, encode
from daemon.core.journal import Entry
from tests.core.contract import complaints

START, WAKE, RESUME = "start", "wake", "resume"


class Playbook:
    def __init__(self, agent: Agent) -> None:
        self.conversation = Conversation(agent, ready_timeout=10.0)
        self.commands: list[Command] = []
        self._script: list[str] = []
        self._played: list[str] = []

    def at(self, now: float, happening: Event | str, *expected: HangUp | Frame | Entry) -> None:
        __tracebackhide__ = True
        while self.conversation.deadline < now:
            self.play(self.conversation.deadline, WAKE)
        if happening == WAKE and expected:
            assert self.conversation.deadline == now, "the timer would not wake it now"
        self._script += [f"{now:7.2f}  {happening}", *map(_line, expected)]
        self.play(now, happening)
        diff = "\n".join(ndiff(self._script, self._played))
        assert self._script == self._played, f"expected (-) and played (+):\n{diff}"

    def play(self, now: float, happening: Event | str) -> None:
        talk, over = self.conversation, self.conversation.ended
        if isinstance(happening, str):
            commands = {START: talk.start, WAKE: talk.wake, RESUME: talk.resume}[happening](now)
        else:
            commands = talk.receive(happening, now)
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
