"""What a carrier is: it looks at an account, and from what it saw plans what is to be changed, in order.

Nothing here does I/O. `look` is a generator that yields what it asks and is sent the answers; `plan` and `undo` are
functions of what was seen and of what we remember having made. Only the first change of a plan is ever carried out;
then it is looked again, so a crash, a time-out or somebody else's hand can't make two of anything.

Owned by the carriers' room; imports the standard library, msgspec and errors.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from typing import Any, Generic, Literal, TypeVar

import msgspec

from daemon.errors import CarrierRefused

SeenT = TypeVar("SeenT")
T = TypeVar("T")

MAX_PAGES = 100
"""Pages of a list beyond which something is wrong."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A request that changes nothing."""

    path: str
    query: dict[str, str] = {}
    may_miss: bool = False
    """Whether 404 is an answer, None, and no error."""


Look = Generator[Ask, Any, SeenT]
"""Yields requests, is sent the decoded JSON of each answer, and returns what it saw."""


Sign = Literal["+", "~", "-"]
"""Makes, alters, or takes away."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A request that changes something."""

    key: str
    """What it does, in words that stay the same whenever it is planned; it is what an operator agrees to."""
    sign: Sign
    words: str
    """A line for people: what it does, from what to what."""
    method: Literal["POST", "PATCH", "DELETE"]
    path: str
    """Holds `{name}` where an id is not known before an earlier change was made."""
    body: dict[str, Any] = {}
    hidden: frozenset[str] = frozenset()
    """Keys of the body that are never shown."""
    makes: tuple[str, ...] = ()
    """Keys, from the top of the answer down, to the id of what was made; nothing if nothing is made."""
    unmakes: str = ""
    """The id of what is taken away; that it is gone already is no error."""
    live: bool = False
    """Whether calls go elsewhere from here on."""

    @property
    def shown(self) -> dict[str, Any]:
        """The body with what is hidden struck out."""
        return {key: "****" if key in self.hidden else value for key, value in self.body.items()}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done, and what is to be known about it."""

    changes: tuple[Change, ...] = ()
    refusals: tuple[str, ...] = ()
    """Why it can't be done as asked; each with the fix. Nothing is changed then."""
    notes: tuple[str, ...] = ()
    """What may go wrong all the same."""
    facts: dict[str, str] = {}
    """What is known of the carrier's settings: `transfers` ("on" or "off"), `trunk_domain`."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of earlier work."""

    made: Mapping[str, str] = {}
    """Ids of what was made from here, each with the number it was made for."""
    previous: Mapping[str, str] | None = None
    """Where calls to this number went before; None if that was never recorded."""
    others: frozenset[str] = frozenset()
    """Other numbers that were set up at this carrier from here."""
    password_known: bool = False
    """Whether the carrier was given the SIP password that is wanted now."""


class Carrier(ABC, Generic[SeenT]):
    """One number at one carrier."""

    name: str

    @abstractmethod
    def look(self, memory: Memory) -> Look[SeenT]:
        """See all that has to do with the number."""

    @abstractmethod
    def nothing(self) -> SeenT:
        """What would be seen where nothing has been set up yet; for a plan without credentials."""

    @abstractmethod
    def plan(self, seen: SeenT, memory: Memory) -> Plan:
        """What is to be changed so that calls to the number reach the platform."""

    @abstractmethod
    def undo(self, seen: SeenT, memory: Memory) -> Plan:
        """What is to be changed so that it is again as before `plan` was carried out."""

    @abstractmethod
    def found(self, seen: SeenT) -> dict[str, str]:
        """Ids of what is there already of what a plan would make, by the key of the change that would make it."""

    @abstractmethod
    def route(self, seen: SeenT) -> dict[str, str] | None:
        """Where calls to the number go now; None if that is where they should go."""


def read(value: object, kind: type[T]) -> T:
    """Read a carrier's JSON as a record. Errors: `CarrierRefused`, without what was found: it may hold a secret."""
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        raise CarrierRefused(200, "the carrier's answer does not have the documented form") from None
