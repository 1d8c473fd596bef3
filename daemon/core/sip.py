"""Reading SIP headers: out of any spelling of an address, the phone number in it; out of any other, plain text.

The documentation shows bare E.164 values, OpenAI's twin sends SIP URIs, carriers add display names: all are
understood. Header text is written by whoever is calling: of headers that nobody asked for by name, nothing but digits
ever leaves this module, and of the others only a short text of harmless characters. Imports the standard library,
msgspec and phonenumbers.
"""

import re
from collections.abc import Iterable

import msgspec
import phonenumbers

_NUMBER = re.compile(r"\+?[0-9]{3,15}")
_VISUAL_SEPARATORS = str.maketrans("", "", " -.()\t")
_LONGEST_VALUE = 512
_LONGEST_TEXT = 128
# What ids, numbers, addresses and names of people need; no quotes, brackets, braces or control characters.
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9+*#@/=_.,:;-]+")


class Header(msgspec.Struct, frozen=True):
    """A SIP header that somebody asked for by name, made harmless. It still says whatever the caller likes."""

    name: str
    """In lower case."""
    text: str
    """What of it is plain, at most 128 characters; anything else is a space."""
    number: str | None
    """The phone number in it, E.164, if it is one."""


def phone_number(value: str) -> str | None:
    """Find the number in a header value: `+E164` with a plus sign, or None when there is none.

    Understands `+1800…`, `1800…`, `tel:+1-800-…;ext=1`, `sip:+1800…@host;transport=tls`, `sips:`, and any of them
    as `"Name" <…>;tag=…`. A name, an anonymous caller or a SIP user that is no number gives None.
    """
    if len(value) > _LONGEST_VALUE:
        return None
    address = value.strip()
    if "<" in address:
        # The last one: a display name may hold anything, brackets included.
        address = address[address.rindex("<") + 1 :].partition(">")[0]
    scheme, colon, rest = address.partition(":")
    if colon:
        if scheme.strip().lower() not in ("sip", "sips", "tel"):
            return None
        address = rest
    user = address.partition("@")[0].partition(";")[0].translate(_VISUAL_SEPARATORS)
    if user.startswith("00"):
        user = "+" + user[2:]
    if not _NUMBER.fullmatch(user):
        return None
    number = "+" + user.removeprefix("+")
    # Digits without a plus may be an extension or a national number; then a country must really number like that.
    return number if user.startswith("+") or _possible(number) else None


def _possible(number: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False


def kept(headers: Iterable[tuple[str, str]], wanted: Iterable[str]) -> tuple[Header, ...]:
    """The headers with these names (in lower case), the first of each, made harmless."""
    found: dict[str, Header] = {}
    for key, value in headers:
        name = key.strip().lower()
        if name in wanted and name not in found:
            text = _NOT_PLAIN.sub(" ", value[:_LONGEST_VALUE])[:_LONGEST_TEXT].strip()
            found[name] = Header(name, text, phone_number(value))
    return tuple(found.values())


def header(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """The first value of a header, its name in any case."""
    wanted = name.lower()
    return next((value for key, value in headers if key.strip().lower() == wanted), None)
