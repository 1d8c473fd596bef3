"""Whether the agent answers: a turn is sound only if the caller hears something of it, in time.

An answer is due when the caller's turn is over, when we asked for one, and when fixed words were sent into a silence.
Any word clears it; but only the model's own words make up for answers that were missed, as our apologies are spoken by
the same platform. Pure; owned by the conversation, which says when there is nothing to wait for.
"""

from math import inf


class AnswerWatch:
    """Watches one agent."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout or inf
        self.due = inf
        """When the answer is late; infinite if none is due."""
        self.missed = 0
        """Answers that were missed in a row."""
        self._asked = False

    def expect(self, now: float, *, asked: bool = False) -> None:
        """An answer is due from now; `asked` says whether we asked for it, and not the caller."""
        self.due, self._asked = now + self._timeout, asked

    def at_work(self, now: float) -> None:
        """There is a sign that one is being worked on, or can only now be."""
        if self.due < inf:
            self.due = now + self._timeout

    def words(self, *, of_the_model: bool) -> None:
        """The caller hears something."""
        self.due = inf
        if of_the_model:
            self.missed = 0

    def settled(self) -> None:
        """None is due any more: the caller speaks, or the model has chosen to do something else."""
        self.due = inf

    def miss(self) -> bool:
        """It did not come, or will not; gives whether it was one that we asked for."""
        self.due = inf
        self.missed += 1
        return self._asked
