"""The costs as a record: what calls are charged, and how much they may cost.

Owned by the configuration room and read by all; imports msgspec and this room's kinds. Must never hold behaviour.
"""

from typing import Annotated

from msgspec import Meta, Struct

from daemon.config.kinds import CeilingAction

Money = Annotated[float, Meta(ge=0)]


class Costs(Struct, frozen=True, kw_only=True):
    """`[costs]`: prices, in whatever currency, and ceilings in the same; without prices nothing is reckoned."""

    per_minute: Money = 0.0
    """Price of a minute for which a call is joined."""
    per_million_input_tokens: Money = 0.0
    """Price of a million tokens that the model is given, where the platform reports them."""
    per_million_output_tokens: Money = 0.0
    """Price of a million tokens that it gives."""
    max_per_call: Money = 0.0
    """What one call may cost before it is brought to an end; 0 is no ceiling."""
    on_max_per_call: CeilingAction = "hang_up"
    """What is done then: `hang_up`, or `transfer:DESTINATION`, and hang up if that fails."""
    words: str = "I am sorry, we have to end this call now. Goodbye."
    """What the caller is told before the line is cut; empty for the agent's goodbye."""
    max_per_day: Money = 0.0
    """What all calls may cost within 24 hours before further ones go by the plan in `overflow`; 0 is no ceiling."""
