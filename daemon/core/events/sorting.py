"""Events by what they are to a conversation: whom they are about, and whether anything follows from them."""

from daemon.core.events.decoding import Event
from daemon.core.events.hearing import (
    CheckInTriggered,
    DigitPressed,
    InputCleared,
    InputCommitted,
    SpeechStarted,
    SpeechStopped,
    TranscriptCompleted,
    TranscriptUpdated,
)
from daemon.core.events.session import (
    ConversationCreated,
    ItemAdded,
    ItemDeleted,
    ItemReplayed,
    MalformedEvent,
    Pinged,
    SessionCreated,
    UnknownEvent,
)
from daemon.core.events.speaking import (
    AudioDelta,
    AudioDeltaAlias,
    AudioDone,
    ContentPartAdded,
    ContentPartDone,
    OutputItemAdded,
    OutputItemDone,
    PlaybackCleared,
    PlaybackStarted,
)
from daemon.core.events.tooling import (
    FunctionArgumentsDelta,
    McpArgumentsDelta,
    McpArgumentsDone,
    McpCallCompleted,
    McpCallFailed,
    McpCallStarted,
    McpToolsFailed,
    McpToolsListed,
    McpToolsListing,
)

# Known, counted, and no reason to do anything.
Uneventful = (
    SessionCreated
    | ConversationCreated
    | ItemAdded
    | ItemReplayed
    | ItemDeleted
    | Pinged
    | InputCommitted
    | InputCleared
    | OutputItemAdded
    | OutputItemDone
    | ContentPartAdded
    | ContentPartDone
    | AudioDelta
    | AudioDeltaAlias
    | AudioDone
    | PlaybackStarted
    | PlaybackCleared
    | FunctionArgumentsDelta
    | McpToolsListing
    | McpToolsListed
    | McpToolsFailed
    | McpArgumentsDelta
    | McpArgumentsDone
    | McpCallStarted
    | McpCallCompleted
    | McpCallFailed
    | UnknownEvent
)
# Signs that a turn is worked on by tools which the platform runs, and of which the caller hears nothing.
OfItsTools = McpToolsListing | McpToolsListed | McpArgumentsDelta | McpArgumentsDone | McpCallStarted | McpCallCompleted
OfTheCaller = SpeechStarted | SpeechStopped | CheckInTriggered | DigitPressed | TranscriptUpdated | TranscriptCompleted


def at_work(event: Event) -> bool:
    """Whether an event says that the platform works on a turn. Of the tools it runs, not all are documented."""
    if isinstance(event, UnknownEvent):
        return event.type.startswith("response.")
    return isinstance(event, OfItsTools)


def type_of(event: Event) -> str:
    """The event's type on the wire."""
    match event:
        case UnknownEvent():
            return "unknown"
        case MalformedEvent():
            return "malformed"
        case _:
            return str(event.__struct_config__.tag)
