"""Rules for overflow plans and for the destinations they name: what may be written, value by value.

That a plan names a destination which exists is a rule between keys, and stands in `agreement.py`. Owned by the
configuration room; imports the standard library, core's plans and this room's checks. Must never resolve a host,
and must never repeat a URI in a message, since one that was pasted here can carry a password.
"""

import re
from typing import Final

from daemon.config.checks import is_host, phone_number
from daemon.core.overflow import Announce, read_step

EXAMPLE_URI: Final = 'uri = "tel:+18005550123"'
"""The line to add to a destination that has none."""

_LONGEST_ANNOUNCEMENT: Final = 1000
_EXPECTED_URI: Final = 'expected "tel:+18005550123" or "sip:user@host"'
_USER: Final = re.compile(r"[A-Za-z0-9._+~-]{1,64}")
# A host is held to these characters first, because an IPv6 address with a zone (%eth0) is one to Python too.
_PLACE: Final = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")


def destination_uri(text: str) -> str:
    """Accept a place to send callers to: `tel:` with a phone number, or a plain `sip:` address."""
    scheme, _, rest = text.partition(":")
    if scheme == "tel":
        try:
            phone_number(rest)
        except ValueError as error:
            raise ValueError(f'after "tel:", {error}') from None
    elif scheme == "sip":
        _check_sip(rest)
    elif scheme == "sips":
        raise ValueError("sips: is not supported; write sip:user@host;transport=tls")
    else:
        raise ValueError(_EXPECTED_URI)
    return text


def _check_sip(address: str) -> None:
    address, semicolon, parameter = address.partition(";")
    if semicolon and parameter not in {"transport=udp", "transport=tcp", "transport=tls"}:
        raise ValueError(
            "the only thing that may follow the host is one of ;transport=udp, ;transport=tcp, ;transport=tls"
        )
    user, at, place = address.partition("@")
    if not at:
        raise ValueError(_EXPECTED_URI)
    if not _USER.fullmatch(user):
        raise ValueError("the user of a sip: address is 1 to 64 of the characters A-Z, a-z, 0-9 and . _ + ~ -")
    match = _PLACE.fullmatch(place)
    if match is None or not is_host(match[1]):
        raise ValueError(
            'expected a host name or an IP address after "@", such as "pbx.example.net" or "[2001:db8::1]"'
        )
    if match[2] and not 0 < int(match[2]) <= 65_535:
        raise ValueError("a port is a number from 1 to 65535")


def step(text: str) -> str:
    """Accept one step of a plan."""
    read = read_step(text)
    if isinstance(read, Announce) and len(read.words) > _LONGEST_ANNOUNCEMENT:
        raise ValueError(
            f"an announcement has at most {_LONGEST_ANNOUNCEMENT} characters; this one has {len(read.words)}"
        )
    return text


def plan(steps: tuple[str, ...]) -> tuple[str, ...]:
    """Accept a plan of which every step could run."""
    if "refuse" in steps[:-1]:
        place = steps.index("refuse") + 1
        raise ValueError(f'item {place}: "refuse" may only be the last step; nothing after it could run')
    return steps
