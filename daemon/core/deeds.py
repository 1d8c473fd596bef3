"""Entries about what an agent does besides talking: tools and transfers, asked for, refused, ended.

Part of the journal, which names them all; split off for length. Pure; imports msgspec only. None of them holds
arguments or outputs, which are people's.
"""

import msgspec

LONGEST_NAME = 64
"""Characters of a tool's name, which the model is free to make up."""


class BaseEntry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=lambda name: name):
    """Base of the entries; the tag is the class's own name."""


class TransferAsked(BaseEntry, frozen=True, kw_only=True):
    """Somebody, or a rule, wants the caller transferred."""

    destination: str


class TransferRefused(BaseEntry, frozen=True, kw_only=True):
    """The agent wanted a transfer that it may not make, or not now."""

    destination: str
    """A configured name; empty if it was none, because then it is the model's own words."""
    why: str


class TransferFailed(BaseEntry, frozen=True, kw_only=True):
    """The transfer did not come about; the caller is still with us unless `result` says otherwise."""

    destination: str
    result: str
    sip_status: int | None


class ToolRefused(BaseEntry, frozen=True, kw_only=True):
    """The model asked for a tool that this agent does not have."""

    name: str
    """What it asked for, cut short: it is the model's own word, which can be anything."""
    why: str = "not one of this agent's tools"

    def __post_init__(self) -> None:
        """Cut the name."""
        msgspec.structs.force_setattr(self, "name", self.name[:LONGEST_NAME])


class ToolCalled(BaseEntry, frozen=True, kw_only=True):
    """The model uses a tool, which is begun."""

    name: str


class ToolEnded(BaseEntry, frozen=True, kw_only=True):
    """A tool gave its output. What it was given and what it gave are people's data, so they stand elsewhere."""

    name: str
    seconds: float
    ok: bool
    why: str
    """What went wrong, in words of ours; empty if nothing did."""
