"""The vigil: telling from outside which epochs have gone silent, with no clock but our own.

An epoch lives as long as its lease moves. How long it has not moved is counted by whoever watches, on a clock that no
NTP step moves and that need not agree with anybody's: so it does no harm if clocks differ or jump, the database's too.
And nobody is silent whom we could not hear: after an outage of the database everybody has a whole lease of time to come
back. Pure; time is an argument.
"""

from collections.abc import Iterable

import msgspec


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """A sign of life of an epoch."""

    epoch: str
    place: str
    lease: float
    """Seconds for which it may be silent."""
    mark: float
    """Differs from that of the last sign."""


class Vigil:
    """Remembers when each epoch was heard last."""

    def __init__(self) -> None:
        self._heard: dict[str, tuple[Sign, float]] = {}

    @property
    def epochs(self) -> tuple[str, ...]:
        """Whom we have heard of."""
        return tuple(self._heard)

    def hear(self, signs: Iterable[Sign], now: float) -> None:
        """Take note of all signs there are; `now` is a time at which they had been read."""
        heard = {}
        for sign in signs:
            last, since = self._heard.get(sign.epoch, (sign, now))
            heard[sign.epoch] = (sign, since if last.mark == sign.mark else now)
        self._heard = heard

    def silent(self, now: float) -> list[Sign]:
        """The last signs of those who have been silent for longer than their lease."""
        return [sign for sign, since in self._heard.values() if now - since > sign.lease]

    def forget(self) -> None:
        """Begin anew, because we have not listened for a while."""
        self._heard = {}
