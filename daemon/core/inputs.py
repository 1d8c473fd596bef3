"""Inputs: all that a conversation can be given. It is a pure function of them and of their times.

That is what makes a recorded call one that can be played again. Nobody calls the conversation but through `apply`.
Imports core only.
"""

from typing import Any, assert_never

import msgspec

from daemon.core.commands import Command
from daemon.core.conversation import Conversation
from daemon.core.effects import Effect
from daemon.core.events import Event


class _Input(msgspec.Struct, frozen=True, kw_only=True, tag_field="input", tag=str.lower, omit_defaults=True):
    """Base of the inputs; the tag is the class's own name."""


class Started(_Input, frozen=True, kw_only=True):
    """The call's first socket is open."""


class Resumed(_Input, frozen=True, kw_only=True):
    """Another socket is open to the same call."""


class Adopted(_Input, frozen=True, kw_only=True):
    """A socket is open to a call that somebody else had."""

    age: float
    """Seconds since it was claimed."""
    effects: tuple[Effect, ...]
    """The tools that were used on it, oldest first."""


class Received(_Input, frozen=True, kw_only=True):
    """The platform said something."""

    event: Event


class Woken(_Input, frozen=True, kw_only=True):
    """A deadline of the conversation's own has passed."""


class ToolDone(_Input, frozen=True, kw_only=True):
    """A tool gave its output."""

    use_id: str
    output: str
    why: str = ""


class Instructed(_Input, frozen=True, kw_only=True):
    """Something was learnt of the caller in the middle of the talk."""

    instructions: str
    """What the agent is to be told from now on."""
    document: Any = None
    """What the lookup answered, of which the instructions were made."""
    at: float = 0.0
    """When they were made, Unix seconds."""


Input = Started | Resumed | Adopted | Received | Woken | ToolDone | Instructed


def apply(conversation: Conversation, given: Input, now: float) -> list[Command]:
    """Give the conversation an input. Plain and atomic; gives what is to be done about it.

    `Started` or `Adopted` is the first; none of the two, and no `Resumed`, is to come after the end.
    """
    match given:
        case Received(event=event):
            return conversation.receive(event, now)
        case Woken():
            return conversation.wake(now)
        case ToolDone(use_id=use_id, output=output, why=why):
            return conversation.tool_done(use_id, output, now, why=why)
        case Started():
            return conversation.start(now)
        case Resumed():
            return conversation.resume(now)
        case Adopted(age=age, effects=effects):
            return conversation.adopt(now, age, effects)
        case Instructed(instructions=instructions):
            return conversation.instruct(instructions)
        case _:
            assert_never(given)
