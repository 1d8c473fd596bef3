"""Reading SIP headers: out of any spelling of an address, the phone number in it.

The documentation shows bare E.164 values, OpenAI's twin sends SIP URIs, carriers add display names: all are
understood. Header text is written by whoever is calling, so nothing but digits ever leaves this module. Imports
the standard library and phonenumbers.
"""

import re
from collections.abc import Iterable

import phonenumbers

_NUMBER = re.compile(r"\+?[0-9]{3,15}")
_VISUAL_SEPARATORS = str.maketrans("", "", " -.()\t")
_LONGEST_VALUE = 512


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


def header(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """The first value of a header, its name in any case."""
    wanted = name.lower()
    return next((value for key, value in headers if key.strip().lower() == wanted), None)
