"""What repairs cost: a tool of the workshop's own, in the daemon's process."""

from typing import Annotated, Literal

from msgspec import Meta

from daemon.functions import ToolFailed

MINUTES = {"brakes": 60, "gears": 45, "puncture": 20}
PER_HOUR = 60


def estimate(
    repair: Literal["brakes", "gears", "puncture", "other"], bicycles: Annotated[int, Meta(ge=1, le=5)] = 1
) -> dict[str, int]:
    """Says how many minutes a repair takes, and what it costs in dollars.

    Args:
        repair: What is to be repaired.
        bicycles: How many bicycles need it.
    """
    if repair == "other":
        raise ToolFailed("There is no fixed price for this. Say that a mechanic has to look at it first.")
    minutes = MINUTES[repair] * bicycles
    return {"minutes": minutes, "dollars": minutes * PER_HOUR // 60}
