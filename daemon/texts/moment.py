"""Moments: a time as people where the agent works would say it, for templates.

Names of days and months are English whatever the machine's language, as instructions are. Imports the standard
library and msgspec; reads no clock.
"""

from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A time on the clock on the wall; printed by itself, a whole sentence's worth of it."""

    date: str
    """Such as `2026-11-22`."""
    time: str
    """Such as `14:05`."""
    weekday: str
    """Such as `Sunday`."""
    year: int
    month: int
    month_name: str
    """Such as `November`."""
    day: int
    hour: int
    """0 to 23."""
    minute: int
    zone: str
    """The time zone's name, as configured."""

    def __str__(self) -> str:
        """Such as `Sunday, 22 November 2026, 14:05`."""
        return f"{self.weekday}, {self.day} {self.month_name} {self.year}, {self.time}"


def moment(at: float, zone: str) -> Moment:
    """Put Unix seconds on the clock of a time zone that exists."""
    local = datetime.fromtimestamp(at, tz=find_zone(zone))
    return Moment(
        date=f"{local:%Y-%m-%d}",
        time=f"{local:%H:%M}",
        weekday=_DAYS[local.weekday()],
        year=local.year,
        month=local.month,
        month_name=_MONTHS[local.month - 1],
        day=local.day,
        hour=local.hour,
        minute=local.minute,
        zone=zone,
    )


def find_zone(name: str) -> tzinfo:
    """Find a time zone by its name in the IANA database of this machine, which UTC needs not.

    Raises:
        ValueError: There is none of this name here.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        # Besides a missing one: a name that is a folder of the database, or a path out of it.
        raise ValueError(
            'there is no such time zone on this machine; expected "UTC" or a name such as "Europe/Berlin", '
            "for which the system's package tzdata must be installed"
        ) from None
