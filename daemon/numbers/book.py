"""What is remembered of a carrier: what was made there from here, what may have been, and where numbers went before.

One file for each carrier, because what is made can serve several numbers. It is the journal of `routing.py`: written
before each change and after it. Holds no secret; of a SIP password that was handed over, only a scrypt mark by which it
is known again. Owned by `routing.py`; imports the standard library, msgspec, errors and this room's files.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable

import msgspec

from daemon.config import Secret
from daemon.errors import SetupStopped
from daemon.numbers.files import Files

CARRIERS = ("twilio", "telnyx", "plivo")


class Route(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One number at a carrier."""

    previous: dict[str, str] | None = None
    """Where its calls went before; None until that was seen."""
    username: str = ""
    """The SIP user that the carrier calls as, if it does so by digest."""
    facts: dict[str, str] = {}
    """What was known of the carrier's settings at the end; see `carriers.base.Plan`."""
    password_mark: str = ""
    """Tells whether the carrier was given a certain SIP password."""


class Book(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One carrier."""

    version: int = 1
    made: dict[str, str] = {}
    """Ids of what was made from here, each with the number it was made for."""
    pending: dict[str, str] = {}
    """Keys of changes that were begun and not seen to end, each with its number: they may have made something."""
    routes: dict[str, Route] = {}
    """Numbers that are, or are being, set up."""


class Bookshelf:
    """The books. Errors: `SetupStopped`."""

    def __init__(self, files: Files) -> None:
        self.files = files

    def load(self, carrier: str) -> Book:
        """A carrier's book; an empty one if nothing was ever done there."""
        raw = self.files.read(f"{carrier}.json")
        try:
            return Book() if raw is None else msgspec.json.decode(raw, type=Book)
        except msgspec.DecodeError:
            path = self.files.path(f"{carrier}.json")
            raise SetupStopped(
                f"{path} is not of this version; move it away, and remove by hand what it lists"
            ) from None

    def save(self, carrier: str, book: Book) -> None:
        """Write a book down."""
        self.files.write(f"{carrier}.json", msgspec.json.format(msgspec.json.encode(book)))

    def facts(self, carriers: Iterable[str] = CARRIERS) -> dict[str, dict[str, str]]:
        """What is known of the settings, by number; nothing where the files are not to be read."""
        known: dict[str, dict[str, str]] = {}
        for carrier in carriers:
            try:
                book = self.load(carrier)
            except SetupStopped:
                continue
            known |= {number: route.facts for number, route in book.routes.items() if route.facts}
        return known


def mark(password: Secret) -> str:
    """A mark by which the password is known again, and from which it can't be had."""
    salt = secrets.token_hex(16)
    return f"{salt}:{_hash(password, salt)}"


def has_mark(password: Secret, known: str) -> bool:
    """Whether this is the password of the mark."""
    salt, _, digest = known.partition(":")
    return bool(salt) and hmac.compare_digest(_hash(password, salt), digest)


def _hash(password: Secret, salt: str) -> str:
    return hashlib.scrypt(password.reveal().encode(), salt=salt.encode(), n=1 << 12, r=8, p=1).hex()
