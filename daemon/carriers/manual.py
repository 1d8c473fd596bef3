"""The same set-up by hand, in each carrier's console, as the platform documents it. Pure text.

Facts: SIP guide, "Telephony providers", and the carriers' own names for their pages.
"""


def manual_steps(carrier: str, number: str, target: str, *, username: str = "") -> tuple[str, ...]:
    """What to click, in order; nothing for `byo`, which has recipes instead. `target` is the SIP URI of the number."""
    host = target.partition("@")[2].partition(";")[0]
    match carrier:
        case "twilio":
            return (
                "Console > Voice > Elastic SIP Trunking: create a trunk for this number",
                f"The trunk > Origination: add the URI {target}",
                "The trunk > General settings: enable call transfer, and transfer to the PSTN; leave SRTP off",
                f"The trunk > Numbers: assign {number}",
            )
        case "telnyx":
            return (
                "Portal > Voice Suite > SIP Trunking: create a SIP connection of type FQDN",
                f"Authentication and Routing: add {host} as primary FQDN, port 5060, record type A",
                "Inbound settings: destination number format +E.164",
                "Inbound settings: enable at least one of G.711 u-law, G.711 A-law, G.722",
                f"Numbers: assign {number} to the connection",
            )
        case "plivo":
            digest = f"; turn on authentication, user {username} and its SIP password" if username else ""
            return (
                "Console > SIP Trunking: create a SIP trunk, and choose Inbound",
                f"Create a new URI with the FQDN {host};transport=tls{digest}",
                f"Link {number} to the trunk",
            )
    return ()
