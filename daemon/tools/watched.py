"""A tool that somebody watches: really run, and told of before and after. For chats and rehearsals.

What callers type for a tool's eyes only is not shown here either: the watcher sees the reference. Imports this room.
"""

from collections.abc import Callable

from daemon.core.effects import ToolUse
from daemon.functions.call import ToolCall
from daemon.tools.base import Answer, EntryTool, Take, Tool

Begins = Callable[[ToolUse], None]
Ended = Callable[[ToolUse, Answer], None]


def unseen(_: ToolUse) -> None:
    """Watch nothing."""


class WatchedTool:
    """One tool; see `base.EntryTool` for what each part promises. Only what it is made of takes entries."""

    def __init__(self, tool: Tool, *, ended: Ended, begins: Begins = unseen) -> None:
        self._tool = tool
        self._begins = begins
        self._ended = ended

    @property
    def timeout(self) -> float:
        """Seconds it may take."""
        return self._tool.timeout

    @property
    def idempotent(self) -> bool:
        """Whether the operator says so."""
        return self._tool.idempotent

    def masked(self, use: ToolUse) -> ToolUse:
        """The use as it may be written down."""
        return self._tool.masked(use) if isinstance(self._tool, EntryTool) else use

    async def run(self, call: ToolCall, use: ToolUse) -> Answer:
        """Run it, without anything that callers typed."""
        return await self.run_with(call, use, lambda _: None)

    async def run_with(self, call: ToolCall, use: ToolUse, take: Take) -> Answer:
        """Run it, and say so."""
        self._begins(use)
        tool = self._tool
        answer = await (tool.run_with(call, use, take) if isinstance(tool, EntryTool) else tool.run(call, use))
        self._ended(use, answer)
        return answer
