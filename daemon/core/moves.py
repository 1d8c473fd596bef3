"""What the pieces of a conversation answer in: things to send, to remember or to run, before frames have numbers."""

from daemon.core.commands import HangUp, RunTool
from daemon.core.frames import Frame
from daemon.core.journal import Entry

Move = Frame | Entry | HangUp | RunTool
"""What the conversation is to do: send, remember, run a tool, or end the call."""
