"""An agent as a record: who answers, how it sounds, when it listens, and what it may do.

Owned by the configuration room and read by all; imports msgspec and this room's kinds. Must never hold behaviour.
Ranges are the platform's own, so that a wrong value is found at start and not in the middle of a call.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from daemon.config.checks import distinct, phrases
from daemon.config.kinds import (
    Check,
    Duration,
    KeyTerm,
    Language,
    MenuAction,
    MenuKeys,
    Phrase,
    RedialDuration,
    ReplyTimeout,
    SipHeader,
    Terminator,
    Timeout,
    TimeZone,
    TroubleAction,
    TurnDuration,
    Voice,
)
from daemon.config.lookupchecks import each_once
from daemon.config.lookups import Lookup

Model = Literal["", "grok-voice-latest", "grok-voice-think-fast-2.0", "grok-voice-think-fast-1.0"]
"""Models that the platform documents; empty for its own choice."""


class TurnDetection(Struct, frozen=True, kw_only=True):
    """`[agents.NAME.turn_detection]`: how the platform tells that the caller is done; None is its own default."""

    threshold: Annotated[float, Meta(ge=0.1, le=0.9)] | None = None
    """How sure the platform must be that it hears speech, 0.1 to 0.9; higher for noisy lines."""
    silence_duration: TurnDuration | None = None
    """Seconds of silence that end the caller's turn."""
    prefix_padding: TurnDuration | None = None
    """Seconds of sound from before the speech began that are kept with it."""
    idle_timeout: Timeout | None = None
    """Seconds without speech after which the platform, by itself, has the agent ask whether the caller is there."""


class Keypad(Struct, frozen=True, kw_only=True):
    """`[agents.NAME.keypad]`: how pressed keys are gathered before the agent is told of them."""

    idle_timeout: Timeout = 2.5
    """Seconds without another key after which an entry is complete."""
    terminator: Terminator = "#"
    """Key that completes an entry at once, one of 0-9, * and #; empty for none."""
    max_digits: Annotated[int, Meta(ge=1, le=128)] = 32
    """Keys after which an entry is complete."""
    sensitive: bool = False
    """Whether entries are kept out of logs and records."""
    try_again: str = "I did not get that. Please type it again."
    """What a caller is told who was asked for digits and typed too few; empty for nothing."""
    menu: dict[MenuKeys, MenuAction] = field(default_factory=dict)
    """What keys do by themselves: `transfer:DESTINATION`, `hang_up`, `say:TEXT` or `tool:NAME`, by key."""


class Agent(Struct, frozen=True, kw_only=True):
    """`[agents.NAME]`: one named way to answer.

    Instructions, greetings and greeting prompts are templates; `daemon/texts` says what may stand in them.
    """

    extends: str = ""
    """Name of another agent, whose keys hold where this one has none of its own; empty for none."""
    abstract: bool = False
    """Whether it is only there to be extended: it may lack instructions, no number routes to it, and once loaded it
    is gone. Not inherited."""
    instructions: str = ""
    """What the agent is told to be and do. Once loaded this is always the text, also if it came from a file."""
    instructions_file: str = ""
    """File with the instructions, relative to the configuration file, in place of `instructions`."""
    timezone: TimeZone = "UTC"
    """Time zone of the time that templates speak of, such as `Europe/Berlin`."""
    sip_headers: Annotated[tuple[SipHeader, ...], Meta(max_length=8), Check(each_once)] = ()
    """SIP headers of the call that the agent is told of: to the model as data, to templates as phone numbers."""
    lookup: Lookup = field(default_factory=Lookup)
    """Who is asked about the caller."""
    model: Model = ""
    """Model to ask for; on a phone call the platform may stay with its own. Empty for its own choice."""
    voice: Voice = "eve"
    """Voice of the platform, or the id of a custom one."""
    greeting: str = ""
    """Fixed first words; empty for none."""
    greeting_prompt: str = ""
    """What the agent should say first, in its own words, in place of `greeting`; empty for nothing."""
    greeting_interruptible: bool = True
    """Whether the caller may cut the greeting short by speaking."""
    reasoning: Literal["", "high", "none"] = ""
    """How hard the model thinks before it speaks; empty for the platform's own choice."""
    language: Language = ""
    """Language the caller is likely to speak, as a BCP 47 tag such as `en` or `es-MX`; empty for any."""
    keyterms: Annotated[tuple[KeyTerm, ...], Meta(max_length=100)] = ()
    """Names and terms to listen for, at most 100 of at most 50 characters."""
    live_transcript: bool = True
    """Whether the caller's words are transcribed as they are spoken, not only after each turn."""
    speed: Annotated[float, Meta(ge=0.7, le=1.5)] = 1.0
    """Speed of speech, 0.7 to 1.5; 1.0 is normal."""
    replace: Annotated[dict[Phrase, str], Check(phrases)] = field(default_factory=dict)
    """How written phrases are to be spoken: whole words, in whatever case."""
    resumption: bool = False
    """Whether the platform keeps the conversation, to be taken up again on another connection or another call."""
    redial: RedialDuration = 0.0
    """Seconds after a call in which the same caller, calling the same number, goes on with its conversation; at most
    the 30 minutes for which the platform keeps it. 0 is never. Needs `resumption`."""
    redial_greeting: str = ""
    """Fixed first words to a caller who goes on with an earlier conversation; empty for those of every call."""
    tools: Annotated[tuple[str, ...], Check(distinct)] = ("hang_up",)
    """Names of the tools the agent may use, built in or from `[tools]`."""
    transfers: Annotated[tuple[str, ...], Check(distinct)] = ()
    """Names of the destinations that the agent may transfer callers to, with its tool `transfer`; empty for none."""
    transfer_words: str = "One moment, please."
    """Fixed words before a transfer of which the agent says nothing itself; empty for none."""
    reply_timeout: ReplyTimeout = 8.0
    """Seconds after the caller's turn in which they must hear something of the agent, or hear `apology`; 0 is any."""
    apology: str = "I am sorry, I did not get that. Could you say it again?"
    """Fixed words for a caller whom the agent did not answer in time; empty for none."""
    on_trouble: TroubleAction = "hang_up"
    """What is done when it did not answer twice in a row: `transfer:DESTINATION`, `hang_up`, or empty for nothing."""
    max_duration: Timeout = 1800.0
    """Seconds after which the call is brought to an end."""
    goodbye_timeout: Timeout = 10.0
    """Seconds to wait for last words to be spoken before hanging up."""
    goodbye_margin: Duration = 0.5
    """Seconds added to the length of the last words, for sound that is still on its way."""
    goodbye: str = "Goodbye."
    """Words before Callwarden hangs up by itself, after silence or `max_duration`; empty for none."""
    silence_timeout: Duration = 30.0
    """Seconds without a word from either side before `check_in`, and as long again before `goodbye`; 0 is never."""
    check_in: str = "Are you still there?"
    """Fixed words that ask a silent caller for a sign of life; empty to go straight to the goodbye."""
    turn_detection: TurnDetection = field(default_factory=TurnDetection)
    """When the caller's turn is over."""
    keypad: Keypad = field(default_factory=Keypad)
    """How keys are gathered."""
