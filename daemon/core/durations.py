"""Durations as people write them: `2.5s`, `10m`, `1h`. In the core because reasons name their deadlines. Pure."""

from decimal import Decimal
from typing import Final

_WHOLE_UNITS: Final = (("d", 86_400), ("h", 3600), ("m", 60))


def format_duration(seconds: float) -> str:
    """Write a duration the shortest way that the configuration reads back to exactly the same number."""
    if seconds and seconds == int(seconds):
        for unit, size in _WHOLE_UNITS:
            count, rest = divmod(int(seconds), size)
            if not rest:
                return f"{count}{unit}"
    exact = Decimal(repr(seconds))
    if 0 < exact < 1 and not (exact * 1000) % 1:
        return f"{int(exact * 1000)}ms"
    # A plain "f" never gives an exponent; the trailing ".0" of a whole float says nothing.
    return f"{exact:f}".removesuffix(".0") + "s"
