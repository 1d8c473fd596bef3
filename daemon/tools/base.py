"""What every tool is to those who run it, and how it speaks to the model.

A tool never raises for what the model, the network or a server does: the model is told what happened and what to do, in
words, because nobody else can act on it while the caller waits. Owned by the tools room; imports core, functions and
msgspec.
"""

import hashlib
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import msgspec

from daemon.core.durations import format_duration
from daemon.core.effects import ToolUse
from daemon.functions.call import ToolCall


class Answer(msgspec.Struct, frozen=True):
    """What a tool gave."""

    output: str
    """JSON text for the model."""
    why: str = ""
    """What went wrong, in a few words without anything of the caller's, for logs; empty if nothing did."""


class Tool(Protocol):
    """Something that can be run for the model."""

    @property
    def timeout(self) -> float:
        """Seconds it may take; whoever runs it holds it to that."""
        ...

    @property
    def idempotent(self) -> bool:
        """Whether it may be run again when it is not known what became of it."""
        ...

    async def run(self, call: ToolCall, use: ToolUse) -> Answer:
        """Run it once. Cancelling leaves it unknown whether it took effect."""
        ...


Take = Callable[[str], str | None]
"""Gives out, once, the digits that a reference stands for; None if there are none (any more)."""


@runtime_checkable
class EntryTool(Tool, Protocol):
    """A tool that may be given what callers type and nobody else sees."""

    def masked(self, use: ToolUse) -> ToolUse:
        """The use as it may be written down: where a reference belongs, nothing else is left."""
        ...

    async def run_with(self, call: ToolCall, use: ToolUse, take: Take) -> Answer:
        """Run it once, with what it takes; see `run`."""
        ...


def idempotency_key(call_id: str, use_id: str) -> str:
    """The same for every attempt at one use, also after a crash; the use's id is the platform's, hence hashed."""
    return hashlib.sha256(f"{call_id}\0{use_id}".encode(errors="surrogatepass")).hexdigest()


def failure(error: str, why: str, **details: object) -> Answer:
    """Tell the model what went wrong and what to do about it."""
    return Answer(msgspec.json.encode({"error": error, **details}).decode(), why)


def entry_not_there(parameter: str) -> Answer:
    """Tell the model that a reference stands for nothing (any more)."""
    what = f"{parameter}: that entry is not there (any more). Have the caller type it again, with collect_digits."
    return failure(f"{what} Nothing was done.", "entry not there")


def after_unknown(*, idempotent: bool) -> str:
    """What the model is to do when it is not known what became of a use."""
    if idempotent:
        return "You may try once more; if that fails too, tell the caller that it does not work at the moment."
    return "It is not known whether it took effect. Do not repeat it by yourself; tell the caller so."


def timed_out(tool: Tool) -> Answer:
    """A tool was stopped because its time was up."""
    limit = format_duration(tool.timeout)
    what = f"There was no answer within {limit}. {after_unknown(idempotent=tool.idempotent)}"
    return failure(what, f"no answer within {limit}")
