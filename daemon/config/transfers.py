"""Destinations that can't work where they would be used: a transfer is asked of the carrier that brought the call.

Each carrier takes other forms of address, and what it refuses is found out by a caller. So it is said when the
configuration is checked, as a warning: carriers change, and an account may have been given more than is documented.
Pure. Owned by whoever checks a configuration; imports errors and this room's records.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from daemon.config.records import Config
from daemon.errors import Problem

PLIVO_DOMAIN: Final = ".zt.plivo.com"
"""End of the domain that a Plivo trunk has; only addresses there are taken as targets of a transfer."""


def transfer_warnings(config: Config, known: Mapping[str, Mapping[str, str]]) -> list[Problem]:
    """What is doubtful about the destinations, seen from the carriers of the numbers in this configuration.

    `known` holds, by number, what is known of its carrier's settings: `transfers` ("on" or "off") and
    `trunk_domain`.
    """
    warnings = []
    for carrier, numbers in _by_carrier(config).items():
        facts = [known.get(number, {}) for number in numbers]
        domain = next((fact["trunk_domain"] for fact in facts if fact.get("trunk_domain")), f"TRUNK{PLIVO_DOMAIN}")
        for name, destination in config.destinations.items():
            doubt = _doubt(carrier, destination.uri, domain)
            if doubt:
                warnings.append(Problem(f"[destinations.{name}] uri", f"{doubt} (carrier of {', '.join(numbers)})"))
    return [*warnings, *_trunks(config, known)]


def _by_carrier(config: Config) -> dict[str, list[str]]:
    carriers: dict[str, list[str]] = {}
    for number, entry in config.numbers.items():
        carriers.setdefault(entry.carrier, []).append(number)
    return carriers


def _doubt(carrier: str, uri: str, domain: str) -> str:
    """Why a carrier will not, or may not, transfer to an address; nothing if it will."""
    scheme, _, rest = uri.partition(":")
    user, _, place = rest.partition(";")[0].partition("@")
    match carrier:
        case "plivo" if scheme == "tel":
            return f'Plivo transfers to no tel: address; write "sip:{rest}@{domain}"'
        case "plivo" if not place.partition(":")[0].endswith(PLIVO_DOMAIN) or not user.startswith("+"):
            return f'Plivo transfers only to a number on its own trunk domain; write "sip:+NUMBER@{domain}"'
        case "byo" if scheme == "tel":
            return f'an Asterisk PBX answers 400 to a transfer to tel:; write "sip:{rest}@YOUR-PBX"'
        case "telnyx":
            return "Telnyx refuses transfers until it has enabled them for your account; ask its support, then try one"
    return ""


def _trunks(config: Config, known: Mapping[str, Mapping[str, str]]) -> Iterator[Problem]:
    """Twilio trunks of which it is not known that they let calls be transferred."""
    if not config.destinations:
        return
    for number, entry in config.numbers.items():
        if entry.carrier == "twilio" and known.get(number, {}).get("transfers") != "on":
            fix = f"callwarden carrier apply {number}"
            what = f"Twilio transfers calls only from a trunk with TransferMode enable-all; `{fix}` sets it"
            yield Problem(f'[numbers."{number}"] carrier', what)
