"""What a conversation needs to know of the agent that holds it.

Made from the configuration when a call starts (calls/briefing.py), then never changed: a call keeps the agent it
began with. Imports core.frames and core.menu; knows no TOML.
"""

import msgspec

from daemon.core.cost import FREE, Ceiling, Prices
from daemon.core.frames import SessionSettings
from daemon.core.menu import Action, EndCall, TransferTo


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
    menu: dict[str, Action] = {}
    """What keys do by themselves, by key or by several in a row."""
    try_again: str = ""
    """What a caller is told who typed too little, or nothing, when they were asked to; empty for nothing."""


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
    transfers: tuple[str, ...] = ()
    """Names of the destinations that the model may transfer to; without any, it has no tool for it."""
    transfer_words: str = ""
    """What a caller is told before a transfer of which the model did not speak; empty for nothing."""
    collects: bool = False
    """Whether the model may ask for digits to be collected."""
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
    reply_timeout: float = 0.0
    """Seconds in which the agent has to answer; 0 for any time."""
    apology: str = ""
    """What a caller is told whom it did not answer; empty for nothing."""
    on_trouble: TransferTo | EndCall | None = None
    """What is done for a caller whom it did not answer twice in a row; None for nothing."""
    prices: Prices = FREE
    ceiling: Ceiling = Ceiling()
    announcement: bool = False
    """Whether the greeting is all there is: say it, hang up."""
    goodbye_timeout: float = 10.0
    """Seconds a goodbye may take, from the wish to hang up to the hang-up."""
    goodbye_margin: float = 0.5
    """Seconds of silence left after the last word before the line goes dead."""

    @property
    def destinations(self) -> frozenset[str]:
        """Every destination that callers of this agent may ever be transferred to, by whatever brings it about."""
        actions = (*self.keypad.menu.values(), self.on_trouble, self.ceiling.action)
        return frozenset({*self.transfers, *(each.destination for each in actions if isinstance(each, TransferTo))})
