"""What a call uses: the platform's figures, turn by turn, added up. Any of them may be missing. Pure."""

from daemon.core.events import ResponseDone
from daemon.core.journal import Usage

# A turn may be announced as made twice, soon after one another; of so many the ids are known.
_MOST_KNOWN = 1000
# More in one turn is a mistake of somebody's, and no figure to add to others.
_MOST = 1e9


class Meter:
    """Adds up what one call uses."""

    def __init__(self) -> None:
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

    def usage(self, joined_seconds: float) -> Usage:
        """All of it, for a call that was joined for so many seconds."""
        return Usage(
            turns=self._turns,
            input_tokens=round(self._input),
            output_tokens=round(self._output),
            audio_seconds=round(self._audio, 3),
            billable_seconds=round(joined_seconds, 3),
        )


def _sensible(figure: float | None) -> float:
    return figure if figure is not None and 0 <= figure <= _MOST else 0.0
