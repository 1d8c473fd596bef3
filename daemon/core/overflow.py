"""Overflow plans: what happens to a caller for whom there is no agent free, or none at all. Pure; imports msgspec only.

A plan is a list of steps, tried in order until one works. Written as `refuse`, `refer:<destination>` and
`announce:<text>`; the configuration checks them with the same function that reads them here.
"""

import msgspec


class Refuse(msgspec.Struct, frozen=True):
    """Answer 503, so that the sender tries again or another node takes the call.

    As the first step only: once a call was claimed for an earlier step, refusing it means hanging up.
    """


class Refer(msgspec.Struct, frozen=True):
    """Transfer the caller without answering."""

    destination: str
    """A name from `[destinations]`."""


class Announce(msgspec.Struct, frozen=True):
    """Answer, say something, hang up."""

    words: str


Step = Refuse | Refer | Announce
Plan = tuple[Step, ...]


def read_step(text: str) -> Step:
    """Read one step. Raises ValueError with the forms there are."""
    kind, colon, rest = text.partition(":")
    rest = rest.strip()
    match kind, bool(colon and rest):
        case "refuse", False if not colon:
            return Refuse()
        case "refer", True:
            return Refer(rest)
        case "announce", True:
            return Announce(rest)
    raise ValueError('expected "refuse", "refer:DESTINATION" or "announce:TEXT"')


def read_plan(steps: tuple[str, ...]) -> Plan:
    """Read a plan that was checked before."""
    return tuple(read_step(step) for step in steps)
