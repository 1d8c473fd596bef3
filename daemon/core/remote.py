"""Tools that the platform runs by itself, as far as it tells of them: MCP tools. Nothing is done about any of it.

Their names come from a server that is not ours, so they are held to a form and marked, and of what went wrong only the
kind is kept: the words may repeat what the caller said. The platform does not tell of its searches. Pure; owned by the
conversation.
"""

import re
from dataclasses import dataclass
from typing import Final

from daemon.core import events as ev
from daemon.core import journal

PREFIX: Final = "mcp:"
"""Before the name of an MCP tool; no tool of the operator's has a colon in its name."""
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MOST: Final = 64


@dataclass(slots=True)
class _Use:
    began: float
    name: str = ""


class RemoteTools:
    """Uses of MCP tools on one call."""

    def __init__(self) -> None:
        self._uses: dict[str, _Use] = {}

    def receive(self, event: ev.Event, now: float) -> list[journal.Entry]:
        """Take any event; gives what is to be remembered of it."""
        match event:
            case ev.McpArgumentsDone(item_id=str(item), name=name):
                use = self._use(item, now)
                if use.name:
                    return []
                use.name = _named(name)
                return [journal.ToolCalled(name=use.name)]
            case ev.McpCallStarted(item_id=str(item)):
                self._use(item, now)
                return []
            case ev.McpCallCompleted(item_id=str(item)):
                return self._end(item, now, "")
            case ev.McpCallFailed(item_id=str(item), error=error):
                return self._end(item, now, _word(error.type) or "failed")
            case ev.McpToolsFailed(error=error):
                return [journal.PlatformComplained(type="mcp_list_tools.failed", code=_word(error.type), message=None)]
            case _:
                return []

    def _use(self, item: str, now: float) -> _Use:
        if item not in self._uses and len(self._uses) >= _MOST:
            del self._uses[next(iter(self._uses))]  # whose end we were never told of
        return self._uses.setdefault(item, _Use(now))

    def _end(self, item: str, now: float, why: str) -> list[journal.Entry]:
        use = self._uses.pop(item, None) or _Use(now)
        begun: list[journal.Entry] = [] if use.name else [journal.ToolCalled(name=_named(None))]
        ended = journal.ToolEnded(name=use.name or _named(None), seconds=now - use.began, ok=not why, why=why)
        return [*begun, ended]


def _named(name: str | None) -> str:
    return f"{PREFIX}{_word(name) or 'unknown'}"


def _word(text: str | None) -> str | None:
    return text if text and _NAME.fullmatch(text) else None
