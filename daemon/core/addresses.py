"""Addresses: which of them belong to the public internet, so that a tool may connect to them. Pure; imports ipaddress.

Everything that is not plainly public counts as private: loopback, link-local with the metadata services of clouds,
private and shared networks, multicast, documentation. An address that stands for another one (IPv4 in IPv6, by
mapping, 6to4, Teredo or NAT64) is only as public as that one.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final

Address = IPv4Address | IPv6Address

_NAT64: Final = IPv6Network("64:ff9b::/96")
_LOCAL: Final = (
    IPv6Network("fec0::/10"),  # site-local
    IPv6Network("64:ff9b:1::/48"),  # NAT64 within a network
    IPv6Network("3fff::/20"),  # documentation
    IPv6Network("5f00::/16"),  # segment routing
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
    IPv4Network("168.63.129.16/32"),  # what a machine in Azure is managed by
)
"""Not of the public internet, though Python says otherwise."""
# Compatible addresses (::a.b.c.d) are long gone, but a kernel may still have a route for them.
_COMPATIBLE: Final = IPv6Network("::/96")
_TRANSLATED: Final = IPv6Network("::ffff:0:0:0/96")
"""IPv4 for translators within a network."""


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet."""
    meanings = _meanings(address)
    local = any(meant.version == network.version and meant in network for meant in meanings for network in _LOCAL)
    return not local and all(meant.is_global and not meant.is_multicast for meant in meanings)


def within(address: Address, places: tuple[str, ...]) -> bool:
    """Whether an address is in one of these networks; host names among them are passed over.

    One that stands for another must be in them itself, or stand for one that is, and be public otherwise.
    """
    meanings = _meanings(address)
    networks = [network for place in places if (network := _network(place)) is not None]
    return any(meant.version == network.version and meant in network for meant in meanings for network in networks)


def _meanings(address: Address) -> tuple[Address, ...]:
    """What an address is, and what it stands for."""
    if isinstance(address, IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    inner: list[IPv4Address] = []
    if address.sixtofour is not None:
        inner.append(address.sixtofour)
    if address.teredo is not None:
        inner += address.teredo
    if any(address in network for network in (_NAT64, _COMPATIBLE, _TRANSLATED)):
        inner.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return (address, *inner)


def _network(place: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(place)
    except ValueError:
        return None
