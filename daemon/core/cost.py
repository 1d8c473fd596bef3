"""What a call costs, as far as it is known while it lasts, and what it may cost. Pure; imports core.menu.

In whatever money the prices are in: nobody here knows a currency.
"""

from math import inf

import msgspec

from daemon.core.menu import EndCall, TransferTo

_MINUTE = 60.0
_MILLION = 1e6


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform charges for."""

    minute: float = 0.0
    """A minute for which a call is joined."""
    million_input_tokens: float = 0.0
    million_output_tokens: float = 0.0

    def of(self, seconds: float, input_tokens: float, output_tokens: float) -> float:
        """The cost of so much."""
        tokens = input_tokens * self.million_input_tokens + output_tokens * self.million_output_tokens
        return seconds / _MINUTE * self.minute + tokens / _MILLION


FREE = Prices()


class Ceiling(msgspec.Struct, frozen=True, kw_only=True):
    """What a call may cost, and what is done when it has come so far."""

    most: float = 0.0
    """0 is any cost."""
    action: TransferTo | EndCall = EndCall()
    words: str = ""
    """What the caller is told before the line is cut."""


ANY = Ceiling()


class Purse:
    """What one call has left."""

    def __init__(self, prices: Prices, ceiling: Ceiling) -> None:
        self._prices = prices
        self._most = ceiling.most
        self._began = inf
        self._tokens = 0.0
        """What the tokens have cost so far."""

    def open(self, at: float) -> None:
        """The call is charged for from this time on."""
        self._began = at

    def used(self, input_tokens: float, output_tokens: float) -> None:
        """So many tokens were used so far."""
        self._tokens = self._prices.of(0.0, input_tokens, output_tokens)

    def close(self) -> None:
        """Nothing more is to be done about it."""
        self._most = 0.0

    @property
    def deadline(self) -> float:
        """When the ceiling is reached, if no more tokens are used; it may have been already."""
        if not self._most or self._began == inf:
            return inf
        left = self._most - self._tokens
        if left <= 0:
            return self._began
        return self._began + left / self._prices.minute * _MINUTE if self._prices.minute else inf
