"""Numbers that nobody should be transferred to by mistake, or by somebody who talks an agent into it.

A transfer costs what the dialled number costs, and there are numbers that are made to be called by fraud. So each kind
of these is refused unless its destination names the kind in `allow`. What the kinds are is read from phonenumbers' own
tables, and from a few rules for what these leave open. Owned by the configuration room; imports phonenumbers and
core.sip. Must never repeat a number or a URI in a message.
"""

from typing import Final, Literal

import phonenumbers
from phonenumbers import PhoneNumberType, shortnumberinfo

from daemon.core.sip import phone_number

Kind = Literal["premium_rate", "shared_cost", "personal", "satellite", "caribbean", "emergency", "short", "unknown"]

MEANINGS: Final[dict[Kind, str]] = {
    "premium_rate": "a premium-rate number",
    "shared_cost": "a shared-cost number",
    "personal": "a personal number, which forwards calls to anywhere",
    "satellite": "a satellite or international network number",
    "caribbean": "a +1 number outside the United States and Canada",
    "emergency": "an emergency number",
    "short": "a short number",
    "unknown": "a number that no numbering plan knows",
}

_BY_TYPE: Final[dict[int, Kind]] = {
    PhoneNumberType.PREMIUM_RATE: "premium_rate",
    PhoneNumberType.SHARED_COST: "shared_cost",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
}
_BY_COUNTRY_CODE: Final[dict[int, Kind]] = {
    **dict.fromkeys((870, 881, 882, 883), "satellite"),
    808: "shared_cost",
    878: "personal",
    979: "premium_rate",
}
# Countries and territories of +1 that are charged like the two big ones.
_PLAIN_NANP: Final = frozenset({"US", "CA", "PR", "VI", "GU", "AS", "MP"})
# What is dialled for help in many countries. Not all there are: 100 to 105 are also the extensions of many offices.
_EMERGENCY: Final = frozenset({"000", "110", "112", "118", "119", "911", "999"})


def kinds(uri: str) -> tuple[Kind, ...]:
    """What kinds of number a destination is that have to be allowed by name; none for any other place."""
    scheme, _, rest = uri.partition(":")
    user = rest.partition("@")[0].partition(";")[0]
    if user.lstrip("+") in _EMERGENCY:
        return ("emergency",)
    if scheme == "sip" and user.startswith("011"):
        user = f"+{user[3:]}"  # as it is dialled in the United States
    number = phone_number(user)
    if number is None:
        return ()
    found = _kinds(number)
    if scheme == "sip" and not user.startswith(("+", "00")):
        # It may be an extension as well, which no numbering plan knows.
        found -= {"unknown", "short"}
    return tuple(kind for kind in MEANINGS if kind in found)


def e164(uri: str) -> str | None:
    """The phone number that a destination is, if it is one."""
    return phone_number(uri)


def _kinds(number: str) -> set[Kind]:
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return {"unknown"}
    region = phonenumbers.region_code_for_number(parsed)
    kind = phonenumbers.number_type(parsed)
    found: set[Kind] = set()
    if kind in _BY_TYPE:
        found.add(_BY_TYPE[kind])
    if parsed.country_code in _BY_COUNTRY_CODE:
        found.add(_BY_COUNTRY_CODE[parsed.country_code])
    if parsed.country_code == 1 and region is not None and region not in _PLAIN_NANP:
        found.add("caribbean")
    if parsed.country_code == 1 and str(parsed.national_number)[3:6] == "976":
        found.add("premium_rate")
    if shortnumberinfo.is_possible_short_number(parsed) and not phonenumbers.is_valid_number(parsed):
        found.add("emergency" if _is_emergency(parsed, region) else "short")
    elif kind == PhoneNumberType.UNKNOWN and not found:
        found.add("unknown")
    return found


def _is_emergency(parsed: phonenumbers.PhoneNumber, region: str | None) -> bool:
    digits = str(parsed.national_number)
    return digits in _EMERGENCY or (region is not None and shortnumberinfo.is_emergency_number(digits, region))
