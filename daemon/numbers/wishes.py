"""What may be asked for when a number is registered: rules for each value, before anything is sent.

Each rule takes what was typed and returns it, or raises a ValueError that says what is wrong and what to do. Pure but
for the making of passwords. Imports the standard library and config's rules.
"""

import ipaddress
import re
import secrets
import string
from collections.abc import Sequence
from urllib.parse import urlsplit

from daemon.config.checks import is_host, url

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LARGEST_IPV4 = 8
LARGEST_IPV6 = 19
"""Prefix lengths below which ranges, taken together, are the world and no carrier."""
_PRIVATE = "0.0.0.0/8 10.0.0.0/8 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16 224.0.0.0/3"
_PRIVATE_IPV6 = "::1/128 fc00::/7 fe80::/10 ff00::/8"
_UNREACHABLE = tuple(ipaddress.ip_network(text) for text in f"{_PRIVATE} {_PRIVATE_IPV6}".split())
_USERNAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PLIVO_USERNAME = re.compile(r"[A-Za-z0-9]{5,20}")
_PASSWORD_LENGTH = 20


def webhook_url(text: str) -> str:
    """Accept an https URL that the platform can reach from outside; it is registered as it is written."""
    if text.startswith("http://"):
        raise ValueError("the platform delivers over https only; put TLS in front and give the https:// URL")
    url("https")(text)
    host = urlsplit(text).hostname or ""
    if not is_host(f"[{host}]" if ":" in host else host):
        raise ValueError("the host of this URL is neither a name nor an address")
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or _is_inside(host):
        raise ValueError("the platform can't reach this host from outside; give the URL under which the world does")
    return text


def allowed_addresses(written: Sequence[str]) -> tuple[str, ...]:
    """Accept the ranges that the carrier's signalling comes from; a bare address is a range of one."""
    networks = [_network(text) for text in written]
    narrow = ipaddress.collapse_addresses([one for one in networks if isinstance(one, ipaddress.IPv4Network)])
    wide = ipaddress.collapse_addresses([one for one in networks if isinstance(one, ipaddress.IPv6Network)])
    for largest, collapsed in ((LARGEST_IPV4, narrow), (LARGEST_IPV6, wide)):
        if sum(2.0**-network.prefixlen for network in collapsed) > 2.0**-largest:
            raise ValueError(
                f"these ranges cover a good part of the world (more than a /{largest}), so anybody could call "
                "as your carrier; give the carrier's signalling ranges only"
            )
    return tuple(dict.fromkeys(str(network) for network in networks))


def sip_username(text: str, carrier: str = "") -> str:
    """Accept a user name for digest authentication."""
    if carrier == "plivo" and not _PLIVO_USERNAME.fullmatch(text):
        raise ValueError("Plivo takes user names of 5 to 20 letters and digits")
    if not _USERNAME.fullmatch(text):
        raise ValueError("a SIP user name is 1 to 64 of the characters A-Z, a-z, 0-9 and . _ -")
    return text


def new_sip_password() -> str:
    """A password that every carrier and PBX takes: letters and digits, and one sign that needs no escaping."""
    letters = [secrets.choice(string.ascii_letters + string.digits) for _ in range(_PASSWORD_LENGTH - 1)]
    letters.insert(1 + secrets.randbelow(_PASSWORD_LENGTH - 2), "_")
    return "".join(letters)


def _network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        try:
            loose = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f'"{text}" is no range of addresses; expected one such as 203.0.113.0/24') from None
        raise ValueError(f'"{text}" has bits set behind its prefix; write {loose}') from None
    if any(network[0] in other and network[-1] in other for other in _UNREACHABLE):
        raise ValueError(f"{text} is not reachable from outside, so no call comes from there; give the public address")
    return network


def _is_inside(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in _UNREACHABLE) or address.is_unspecified
