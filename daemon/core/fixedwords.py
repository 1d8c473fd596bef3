"""Fixed words: which turns are ours and not the model's. Nothing on the wire says so, so they are told by their order.

Pure; owned by `turns.py`.
"""

from collections import deque


class FixedWords:
    """Fixed words that were sent, and the turns that they become."""

    def __init__(self) -> None:
        self._sent: deque[bool] = deque()
        self.speak = False
        """Whether the present turn is fixed words."""
        self.firm = False
        """Whether it is, and may not be cut short."""

    @property
    def waiting(self) -> bool:
        """Whether there are words whose turn has not begun; what was sent last is said last."""
        return bool(self._sent)

    def send(self, *, interruptible: bool) -> None:
        """Words are sent, whose turn has not begun."""
        self._sent.append(interruptible)

    def turn_ends(self, *, spoke: bool) -> None:
        """The present turn is over; one that said nothing was not fixed words, which are yet to come."""
        if self.speak and not spoke:
            self._sent.appendleft(not self.firm)
            self.speak = self.firm = False

    def turn_begins(self) -> bool:
        """A turn begins; gives whether it is fixed words, which have seen nothing of what was sent."""
        self.speak = bool(self._sent)
        self.firm = self.speak and not self._sent.popleft()
        return self.speak
