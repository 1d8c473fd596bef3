"""Where each carrier's SIP signalling comes from, for a number's `allowed_addresses`.

These lists age. Sources: Twilio `https://www.twilio.com/docs/sip-trunking/ip-addresses`, all eight regions, because a
call may leave any of them; Telnyx `https://sip.telnyx.com/`, either address of the connection's region; Plivo's
technical specifications, where signalling and media are not told apart, so digest is the better choice there. Pure.
"""

from typing import Final

TWILIO: Final = (
    "54.172.60.0/30",  # Virginia
    "54.244.51.0/30",  # Oregon
    "54.171.127.192/30",  # Ireland
    "35.156.191.128/30",  # Frankfurt
    "54.65.63.192/30",  # Tokyo
    "54.169.127.128/30",  # Singapore
    "54.252.254.64/30",  # Sydney
    "177.71.206.192/30",  # São Paulo
)
TELNYX: Final = {
    "us": ("192.76.120.10/32", "64.16.250.10/32"),
    "europe": ("185.246.41.140/32", "185.246.41.141/32"),
    "australia": ("103.115.244.145/32", "103.115.244.146/32"),
}
"""By the regions that a connection can be given by the API."""
PLIVO: Final = (
    "13.52.9.0/25",  # North California
    "216.120.187.128/26",
    "18.214.109.128/25",  # Virginia
    "18.215.142.0/26",
    "204.89.148.128/26",
    "3.120.121.128/26",  # Frankfurt
    "18.228.70.64/26",  # São Paulo
    "13.238.202.192/26",  # Sydney
)


def signalling_ranges(carrier: str, region: str = "us") -> tuple[str, ...]:
    """The published ranges; nothing for a carrier that publishes none."""
    match carrier:
        case "twilio":
            return TWILIO
        case "telnyx":
            return TELNYX[region]
        case "plivo":
            return PLIVO
    return ()
