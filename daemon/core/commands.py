"""What the conversation wants done; the shell in `calls` does it, in this order. Imports core only."""

import msgspec

from daemon.core.effects import ToolUse
from daemon.core.frames import Frame
from daemon.core.journal import Entry


class SendFrame(msgspec.Struct, frozen=True):
    """Put a frame on the wire, behind the frames that wait already."""

    frame: Frame


class HangUp(msgspec.Struct, frozen=True):
    """End the call now. `reasons` is the chain of causes, the nearest first."""

    reasons: tuple[str, ...]


class Remember(msgspec.Struct, frozen=True):
    """Write an entry into the call's journal."""

    entry: Entry


class RunTool(msgspec.Struct, frozen=True):
    """Run a tool, once, beside the talk; `Conversation.tool_done` takes what it gave."""

    use: ToolUse


Command = SendFrame | HangUp | Remember | RunTool
