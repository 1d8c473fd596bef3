"""What was said, turn by turn: kept by item id, because words come in pieces, twice, and corrected.

The platform's transcripts of the caller are whole texts that replace one another; those of the agent are
fragments that add up, and a whole text that may be missing. It holds what nine hours of talk take and no more, whatever
the platform says: then the oldest turns are let go of, which the journal has. Pure; owned by the conversation; imports
nothing of Callwarden.
"""

from dataclasses import dataclass
from typing import Final, Literal

Speaker = Literal["caller", "agent"]

# A talk has some hundred turns, and about 15 characters are spoken in a second.
MOST_TURNS: Final = 4000
LONGEST_TURN: Final = 32_768
LONGEST_TALK: Final = 500_000
LONGEST_ID: Final = 128


@dataclass(slots=True)
class Turn:
    """One item's words so far."""

    item_id: str
    speaker: Speaker
    text: str = ""
    final: bool = False
    cut: bool = False
    """The caller did not hear the rest, so the words stand as they are."""


class Transcript:
    """The turns of one call, in the order in which they began."""

    def __init__(self) -> None:
        self._turns: dict[tuple[str, Speaker], Turn] = {}
        self._length = 0

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns that have words."""
        return tuple(turn for turn in self._turns.values() if turn.text)

    @property
    def last(self) -> Turn | None:
        """The latest turn that has words."""
        return next((turn for turn in reversed(self._turns.values()) if turn.text), None)

    def replace(self, item_id: str, speaker: Speaker, text: str, *, final: bool) -> Turn | None:
        """Set a turn's words; gives the turn if that changed anything."""
        turn, text = self._turn(item_id, speaker), text[:LONGEST_TURN]
        if turn.cut or (turn.text, turn.final) == (text, final or turn.final):
            return None
        turn.final = final or turn.final
        return self._write(turn, text)

    def append(self, item_id: str, speaker: Speaker, fragment: str) -> Turn | None:
        """Add to a turn's words; a turn that is final stays as it is."""
        turn = self._turn(item_id, speaker)
        fragment = fragment[: LONGEST_TURN - len(turn.text)]
        return None if turn.final or not fragment else self._write(turn, turn.text + fragment)

    def finish(self, item_id: str, speaker: Speaker, text: str | None) -> Turn | None:
        """Close a turn with its whole text, or with the fragments if there is none."""
        return self.replace(item_id, speaker, text or self._turn(item_id, speaker).text, final=True)

    def cut(self, item_id: str, speaker: Speaker, heard: str) -> Turn | None:
        """Close a turn with the part of it that was heard; what comes later for it was not."""
        changed = self.replace(item_id, speaker, heard, final=True)
        self._turn(item_id, speaker).cut = True
        return changed

    def _turn(self, item_id: str, speaker: Speaker) -> Turn:
        # The speaker too: where ids are missing, the caller's words must not become the agent's.
        item_id = item_id[:LONGEST_ID]
        turn = self._turns.setdefault((item_id, speaker), Turn(item_id, speaker))
        self._let_go()
        return turn

    def _write(self, turn: Turn, text: str) -> Turn:
        self._length += len(text) - len(turn.text)
        turn.text = text
        self._let_go()
        return turn

    def _let_go(self) -> None:
        while len(self._turns) > MOST_TURNS or self._length > LONGEST_TALK:
            oldest = self._turns.pop(next(iter(self._turns)))
            self._length -= len(oldest.text)
