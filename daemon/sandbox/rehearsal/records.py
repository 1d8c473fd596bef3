"""A rehearsal as records: calls, what is done in them, what is expected of them.

Owned by this room; decoded with the configuration's own decoder, so that an unknown key is an error here too. Imports
msgspec and config's kinds. Must never hold behaviour.
"""

import datetime
import json
import re
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct, field

from daemon.config.kinds import AgentName, Check, DestinationName, Duration, Example, PhoneNumber, Timeout, ToolName

NOON: Final = 1_790_000_000.0
"""When a call comes that does not say so, Unix seconds: Monday, 21 September 2026, 14:13:20 UTC."""


def _moment(value: object) -> float:
    if not isinstance(value, datetime.datetime) or value.tzinfo is None:
        raise ValueError("expected a date and time with its offset, such as 2026-11-21T09:30:00Z")
    return value.timestamp()


def _json(value: object) -> object:
    try:
        return json.loads(msgspec.json.encode(value))
    except (TypeError, ValueError):
        raise ValueError("expected something that JSON can hold") from None


def _arguments(value: object) -> str:
    """Arguments as the model writes them: a table, or a text, which need be no JSON."""
    match value:
        case str():
            return value
        case dict():
            return json.dumps(_json(value))
        case _:
            raise ValueError('expected a table, or a text such as "{...}" for what a model may write by mistake')


def _keys(text: str) -> str:
    if not re.fullmatch(r"[0-9*#]{1,64}", text):
        raise ValueError("expected 1 to 64 of the keys 0-9, * and #")
    return text


Moment = Annotated[Any, Check(_moment)]
Json = Annotated[Any, Check(_json)]
Arguments = Annotated[Any, Check(_arguments)]
Keys = Annotated[str, Check(_keys)]
Words = Annotated[str, Meta(min_length=1)]
Outcome = Literal["caller_left", "hung_up", "transferred", "handed_over", "lost", "refused"]


class Use(Struct, frozen=True, kw_only=True):
    """A use of a tool by the model."""

    tool: Annotated[str, Example('tool = "look_up_order"')]
    """The tool's name; it may be one that there is not. Required."""
    arguments: Arguments = "{}"
    """What the model gives it."""


class Step(Struct, frozen=True, kw_only=True):
    """One thing that happens: by the caller, when the agent was heard; or by the model, when its turn comes."""

    caller: Words | None = None
    """What the caller says."""
    keys: Keys | None = None
    """What the caller types."""
    wait: Timeout | None = None
    """Seconds for which the caller does nothing."""
    leaves: bool = False
    """Whether the caller hangs up."""
    breaks: bool = False
    """Whether the connection to the platform breaks, while the caller stays."""
    over: bool = False
    """Whether the caller does not wait for the agent to finish."""
    model: str | None = None
    """What the model says; empty for nothing."""
    use: str = ""
    """A tool that the model uses in this turn."""
    arguments: Arguments = "{}"
    """What it gives that tool."""
    uses: tuple[Use, ...] = ()
    """Several tools."""


class Stub(Struct, frozen=True, kw_only=True):
    """What a tool answers in a rehearsal."""

    answer: Json = None
    """What the model is told it gave."""
    answers: tuple[Json, ...] = ()
    """The same for the first use, the second one and so on; the last one stands for all that follow."""
    error: str = ""
    """What the model is told went wrong."""
    takes: Duration = 0.0
    """Seconds it takes."""
    real: bool = False
    """Whether the tool is really run, over the network; then the call is rehearsed in real time."""


class ExpectedUse(Struct, frozen=True, kw_only=True):
    """A run of a tool that is expected."""

    tool: Annotated[ToolName, Example('tool = "look_up_order"')]
    """Its name. Required."""
    arguments: Json = None
    """With what; none for anything."""


class Expect(Struct, frozen=True, kw_only=True):
    """What is expected of Callwarden. What is not written here may be as it likes."""

    outcome: Outcome | None = None
    """How the call ends: the receipt, or `refused` for one that is not answered."""
    reason: str = ""
    """Words in the chain of reasons."""
    within: Timeout | None = None
    """Seconds from the webhook to the receipt, at most."""
    agent: AgentName | None = None
    """Who has the call in the end."""
    greeting: str | None = None
    """The first words that are sent; empty for none."""
    said: tuple[Words, ...] = ()
    """Words of the agent, in this order, among others."""
    never_said: tuple[Words, ...] = ()
    """Words that the agent does not say."""
    sent: tuple[dict[str, Any], ...] = ()
    """Frames that are sent, in this order, among others; each may hold more than it does here."""
    tools: tuple[ExpectedUse, ...] | None = None
    """The tools of `[tools]` that are run, all of them, in this order."""
    entries: tuple[str, ...] | None = None
    """What the caller has typed, all of it, in this order; `***` for what is sensitive."""
    transfers: tuple[DestinationName, ...] | None = None
    """The destinations that are tried, all of them, in this order."""


class Call(Struct, frozen=True, kw_only=True):
    """`[[call]]`: one call."""

    name: Annotated[Words, Example('name = "asks for the opening hours"')]
    """What it is about. Required."""
    called: PhoneNumber | None = None
    """The number that is dialled; not needed if there is only one."""
    caller: PhoneNumber = "+14155550100"
    """Who calls."""
    withheld: bool = False
    """Whether the caller's number is not shown."""
    at: Moment = NOON
    """When, as a date and time with its offset."""
    headers: dict[str, str] = field(default_factory=dict)
    """SIP headers."""
    lookup: Json = None
    """What the server answers that is asked about the caller; none for a caller it does not know."""
    lookup_takes: Duration = 0.0
    """Seconds until it answers."""
    script: tuple[Step, ...] = ()
    """What happens, in order."""
    tools: dict[ToolName, Stub] = field(default_factory=dict)
    """What tools answer."""
    transfers: tuple[Literal["answered", "busy", "no_answer", "failed"], ...] = ()
    """What becomes of transfers, one after another; further ones are answered."""
    expect: Expect = field(default_factory=Expect)
    """What is expected."""


class Rehearsal(Struct, frozen=True, kw_only=True):
    """One file."""

    call: Annotated[tuple[Call, ...], Meta(min_length=1), Example('[[call]] with name = "..." and a script')]
    """The calls, each on its own. At least one."""
    tools: dict[ToolName, Stub] = field(default_factory=dict)
    """What tools answer in every call that does not say otherwise."""
