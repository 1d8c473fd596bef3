"""What a call uses: the platform's figures, turn by turn, added up. Any of them may be missing. Pure."""

from daemon.core.cost import ANY, FREE, Ceiling, Prices, Purse
from daemon.core.events import ResponseDone
from daemon.core.journal import Usage

# A turn may be announced as made twice, soon after one another; of so many the ids are known.
_MOST_KNOWN = 1000
# More in one turn is a mistake of somebody's, and no figure to add to others.
_MOST = 1e9


class Meter:
    """Adds up what one call uses."""

    def __init__(self, prices: Prices = FREE, ceiling: Ceiling = ANY) -> None:
        self._prices = prices
        self._purse = Purse(prices, ceiling)
        self._turns = 0
        self._input = self._output = self._audio = 0.0
        self._counted: dict[str, None] = {}

    def add(self, event: ResponseDone) -> None:
        """Count a turn, once; also one that was superseded long ago."""
        spent = event.spent
        if spent.empty or (event.id is not None and event.id in self._counted):
            return
        if event.id is not None:
            self._counted[event.id] = None
            if len(self._counted) > _MOST_KNOWN:
                del self._counted[next(iter(self._counted))]
        self._turns += 1
        self._input += _sensible(spent.input_tokens)
        self._output += _sensible(spent.output_tokens)
        self._audio += _sensible(spent.output_audio_seconds)
        self._purse.used(self._input, self._output)

    def open(self, at: float) -> None:
        """The call is charged for from this time on."""
        self._purse.open(at)

    @property
    def deadline(self) -> float:
        """When the call has cost as much as it may."""
        return self._purse.deadline

    def close(self) -> None:
        """It has, and what is to be done about it is done."""
        self._purse.close()

    def usage(self, joined_seconds: float) -> Usage:
        """All of it, for a call that was joined for so many seconds."""
        return Usage(
            turns=self._turns,
            input_tokens=round(self._input),
            output_tokens=round(self._output),
            audio_seconds=round(self._audio, 3),
            billable_seconds=round(joined_seconds, 3),
            cost=round(self._prices.of(joined_seconds, self._input, self._output), 6),
        )


def _sensible(figure: float | None) -> float:
    return figure if figure is not None and 0 <= figure <= _MOST else 0.0
