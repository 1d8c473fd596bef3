"""Durations and sizes as the configuration file writes them, and back.

Owned by the configuration room; imports the standard library. Must never guess a unit: a bare number is no
duration, because half of all readers would take it for seconds and the other half for milliseconds.
"""

import re
from decimal import Decimal
from typing import Final

from daemon.core.durations import format_duration

EXPECTED_DURATION: Final = 'a duration such as "2.5s", "500ms", "10m", "1h" or "90d"'
EXPECTED_SIZE: Final = 'a size such as "64KiB", "4MiB" or a whole number of bytes'

LONGEST: Final = 36_500 * 86_400.0
"""A hundred years, in seconds: far beyond any use, and still safe to add to any clock."""

_SECONDS: Final = {
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86_400),
}
_BYTES: Final = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
# Spelled [0-9] because \d also takes the digits of every other script.
_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ms|s|m|h|d)")
_SIZE: Final = re.compile(r"([0-9]{1,15}) ?(B|KiB|MiB|GiB|)")


def parse_duration(text: str) -> float:
    """Read a duration such as `"2.5s"` and return it in seconds.

    Raises:
        ValueError: The text is not a number with one unit, or stands for more than a hundred years.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"expected {EXPECTED_DURATION}")
    # Decimal, so that "0.3s" and "300ms" are the same float.
    seconds = float(Decimal(match[1]) * _SECONDS[match[2]])
    if seconds > LONGEST:
        raise ValueError(f"expected a duration of at most {format_duration(LONGEST)}")
    return seconds


def parse_size(written: str | int) -> int:
    """Read a size such as `"64KiB"`, or a plain number of bytes, and return it in bytes.

    Raises:
        ValueError: The text is not a whole number with a binary unit, or the number is negative.
    """
    # Anything after the digits but a binary unit is refused: "64KB" leaves it open whether 64,000 is meant.
    match = _SIZE.fullmatch(str(written))
    if match is None:
        raise ValueError(f"expected {EXPECTED_SIZE}")
    return int(match[1]) * _BYTES[match[2]]


def format_size(size: int) -> str:
    """Write a size in the largest binary unit that divides it."""
    for unit in ("GiB", "MiB", "KiB"):
        if size and not size % _BYTES[unit]:
            return f"{size // _BYTES[unit]}{unit}"
    return f"{size}B"
