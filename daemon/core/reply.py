"""The reply that is owed to the caller: outputs of tools that no turn of the model has seen yet.

The platform answers a caller who speaks, or types, by itself, and that turn sees every output sent before it began.
So the model is asked for a turn only when nothing else will bring one: not while a turn is being made or heard, not
while the caller speaks, and not in the moment after, in which the platform may be about to answer. Pure; owned by
`turns.py`.
"""

from math import inf

from daemon.core.response import ActiveResponse

# Seconds the platform gets to answer a caller by itself before we ask it to: it hands keys on after 2.5 s.
GRACE = 3.0
# Seconds for a frame of ours to the platform and an event of its back.
RACE = 1.0
# Seconds without a sign of a turn that is being made, after which it is taken to have been lost.
PATIENCE = 10.0


class Reply:
    """Whether, and when, the model is to be asked for a turn."""

    def __init__(self) -> None:
        self.owed = False
        """Whether there are outputs that no turn has seen."""
        self._caller_speaks = False
        self._quiet_after = 0.0
        self._unseen_until = -inf

    def caller_begins(self) -> None:
        """The caller began to speak."""
        self._caller_speaks = True

    def caller_ends(self, now: float) -> None:
        """The caller stopped speaking."""
        self._caller_speaks = False
        self.wait_a_moment(now)

    def wait_a_moment(self, now: float) -> None:
        """A turn may be about to begin: a caller cut one off or pressed a key, or fixed words are on their way."""
        self._quiet_after = now + GRACE

    def sent_on_a_key(self, now: float) -> None:
        """Something is sent because of a key, which may have made the platform begin a turn at the same moment."""
        self._unseen_until = now + RACE

    def turn_begins(self) -> None:
        """The agent has its turn, so the caller's is over, even if nobody said so."""
        self._caller_speaks, self._quiet_after = False, 0.0

    def may_have_seen(self, now: float) -> bool:
        """Whether a turn that begins now can have seen what was sent; if in doubt, it has not."""
        return now >= self._unseen_until

    def ask_at(self, response: ActiveResponse) -> float:
        """When to ask; infinite if nothing is owed, or while the caller speaks."""
        if not self.owed or self._caller_speaks:
            return inf
        until = response.last_sign + PATIENCE if response.being_made else response.heard_at or 0.0
        return max(until, self._quiet_after)
