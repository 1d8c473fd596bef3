"""Scripts: what the caller does, step by step, and what the model says when its turn comes.

Plain records; played by `session.py`. A step begins when the agent has finished speaking and been
heard, unless it says otherwise, because that is how people telephone.
"""

import msgspec


class Say(msgspec.Struct, frozen=True):
    """The caller speaks."""

    words: str
    over: bool = False
    """Speak right away, into whatever the agent is saying."""


class Press(msgspec.Struct, frozen=True):
    """The caller presses keys, one after another."""

    keys: str
    gap: float = 0.3
    """Seconds between keys."""
    over: bool = False
    """Press right away, whatever is being said."""


class Wait(msgspec.Struct, frozen=True):
    """The caller does nothing."""

    seconds: float
    over: bool = False
    """Count from now, not from when the agent was heard."""


class Leave(msgspec.Struct, frozen=True):
    """The caller hangs up."""

    over: bool = False
    """Hang up right away, whatever is being said."""


class Emit(msgspec.Struct, frozen=True):
    """The platform sends a frame of the test's own making, as it stands."""

    frame: str


class Drop(msgspec.Struct, frozen=True):
    """The platform closes the socket with a code, while the caller stays."""

    code: int = 1011


Step = Say | Press | Wait | Leave | Emit | Drop


class Use(msgspec.Struct, frozen=True):
    """A use of a tool, as the model asks for it."""

    tool: str
    arguments: str = "{}"
    """JSON text."""


class Reply(msgspec.Struct, frozen=True):
    """One turn of the model: words, or uses of tools, or both."""

    words: str = ""
    tool: str = ""
    """A single tool, for short."""
    arguments: str = "{}"
    """JSON text, for that one."""
    tools: tuple[Use, ...] = ()
    """Several tools, or more of them."""
    lag: float = 0.0
    """Seconds from the beginning of the turn to its first word; infinite for a turn that never gets further."""
    failed: bool = False
    """Whether the platform can't make it: it ends at once, as `failed`."""

    @property
    def uses(self) -> tuple[Use, ...]:
        """All uses of tools, in order."""
        return (*([Use(self.tool, self.arguments)] if self.tool else ()), *self.tools)


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """One call. When the replies run out, the model says that it is listening."""

    steps: tuple[Step, ...] = ()
    """What the caller does; after the last step the caller stays on the line."""
    replies: tuple[Reply, ...] = ()
    seconds_per_word: float = 0.3
    """How long a word takes to say; people take about this long."""
    haste: float = 3.0
    """How many times faster than it is heard the model's speech is made."""
    idle_timeout: float = 2.5
    """Seconds after the last key at which the platform hands the keys to the model."""
    patient: bool = False
    """Whether the caller does nothing before the session is configured, so that a greeting is heard."""
    cues: tuple[int, ...] = ()
    """For each step, how many of the replies come before it; without them, steps wait only for quiet."""


IDLE_REPLY = Reply("I am listening.")
