"""Pauses: moments of a talk in which nobody says or does anything, nor is about to.

In such a moment, and in no other, somebody else can go on with the talk without anybody losing a word. Pure; asked by
the conversation, of the pieces it owns.
"""

from math import inf

from daemon.core.handset import Handset
from daemon.core.remote import RemoteTools
from daemon.core.turns import AgentTurns


def pauses(turns: AgentTurns, handset: Handset, remote: RemoteTools, now: float) -> bool:
    """Whether the talk pauses now."""
    works = turns.uses.working or turns.transfers.under_way or remote.working
    types = handset.collecting or handset.deadline < inf
    awaited = turns.fixed_words.waiting or turns.reply.owed or turns.reply.caller_has_turn(now)
    return turns.response.quiet(now) and not (works or types or awaited or turns.leaving)
