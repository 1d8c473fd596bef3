"""What was said, turn by turn: kept by item id, because words come in pieces, twice, and corrected.

The platform's transcripts of the caller are whole texts that replace one another; those of the agent are
fragments that add up, and a whole text that may be missing. Pure; owned by the conversation; imports nothing of
Callwarden.
"""

from dataclasses import dataclass
from typing import Literal

Speaker = Literal["caller", "agent"]


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
        turn = self._turn(item_id, speaker)
        if turn.cut or (turn.text, turn.final) == (text, final or turn.final):
            return None
        turn.text, turn.final = text, final or turn.final
        return turn

    def append(self, item_id: str, speaker: Speaker, fragment: str) -> Turn | None:
        """Add to a turn's words; a turn that is final stays as it is."""
        turn = self._turn(item_id, speaker)
        if turn.final or not fragment:
            return None
        turn.text += fragment
        return turn

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
        return self._turns.setdefault((item_id, speaker), Turn(item_id, speaker))
