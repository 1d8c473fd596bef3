"""What a call is at, as far as its other parts don't tell: for whoever looks at it. Plain data; imports nothing."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Stage:
    """Kept up to date by the call's own tasks, read by `viewing.py`."""

    began: float
    """When it became what it is now, in seconds of the monotonic clock."""
    claimed: bool = False
    """Whether it is known to be ours."""
    limits: dict[str, float] = field(default_factory=dict)
    """When our patience with the platform ends, by the name of the key that says how long it lasts."""
