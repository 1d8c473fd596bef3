"""Uses of tools, and their effects on the world, of which each happens at most once. Pure; imports msgspec only."""

from typing import Final

import msgspec

INTERRUPTED = (
    '{"error":"The tool was interrupted and it is not known whether it took effect. Do not repeat it by yourself."}'
)
"""What the model is told of a tool that was begun before a crash, and whose end nobody saw."""


BY_RULE: Final = "cw-use-"
"""How the ids of uses begin that a rule brought about and no model: a key of a menu, or trouble."""


class ToolUse(msgspec.Struct, frozen=True, kw_only=True):
    """The model wants one of our tools run, once."""

    id: str
    """The platform's id of this use of the tool; a repeated announcement carries the same one."""
    name: str
    arguments: str
    """JSON text, as the model wrote it: to be validated, never trusted."""

    @property
    def by_rule(self) -> bool:
        """Whether a rule brought it about; then the model is told of it, but did not ask."""
        return self.id.startswith(BY_RULE)


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """A use of a tool that was begun."""

    use: ToolUse
    output: str | None = None
    """What it gave, as JSON text for the model; None while it runs, or when a crash interrupted it."""
    told: bool = False
    """Whether the output was put on the wire."""
