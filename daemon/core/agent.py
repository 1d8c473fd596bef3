"""What a conversation needs to know of the agent that holds it.

Made from the configuration when a call starts (calls/briefing.py), then never changed: a call keeps the agent it
began with. Imports core.frames; knows no TOML.
"""

import msgspec

from daemon.core.frames import SessionSettings


class FixedGreeting(msgspec.Struct, frozen=True):
    """Words spoken exactly as written, without the model."""

    words: str
    interruptible: bool = True


class GeneratedGreeting(msgspec.Struct, frozen=True):
    """A greeting the model makes up; `prompt` is its only instruction for that turn."""

    prompt: str


Greeting = FixedGreeting | GeneratedGreeting


class KeypadRules(msgspec.Struct, frozen=True, kw_only=True):
    """When keypresses become an entry."""

    idle_timeout: float = 2.5
    """Seconds after the last key; the platform's own buffer waits as long."""
    terminator: str = "#"
    """The key that submits and is not part of the entry; empty for none."""
    max_digits: int = 32
    """An entry this long is submitted by itself."""
    sensitive: bool = False
    """Digits are forgotten as soon as they are counted."""


class ToolRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a conversation has to know of a tool that we run."""

    idempotent: bool = False
    """Whether it may be run again when a crash interrupted it."""
    filler: str = ""
    """What a caller who waits for it is told; empty for nothing."""
    filler_after: float = 2.0
    """Seconds of quiet after which they are told."""


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers, and how."""

    name: str
    session: SessionSettings
    tools: dict[str, ToolRules] = {}
    """The tools that we run, by name."""
    greeting: Greeting | None = None
    """None: the caller speaks first."""
    data: str = ""
    """What it is told of the call beside its instructions, as JSON; empty for nothing."""
    keypad: KeypadRules = KeypadRules()
    max_duration: float = 1800.0
    """Seconds after which the call is brought to an end."""
    silence_timeout: float = 0.0
    """Seconds without a word from either side before the caller is asked, and again before the goodbye; 0 for never."""
    check_in: str = ""
    """What a silent caller is asked; empty to say goodbye at once."""
    goodbye: str = ""
    """What is said before we hang up of our own accord; empty for nothing."""
    announcement: bool = False
    """Whether the greeting is all there is: say it, hang up."""
    goodbye_timeout: float = 10.0
    """Seconds a goodbye may take, from the wish to hang up to the hang-up."""
    goodbye_margin: float = 0.5
    """Seconds of silence left after the last word before the line goes dead."""
