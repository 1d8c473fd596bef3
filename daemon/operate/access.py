"""Who may operate: everybody who can open the control socket, and over TCP whoever shows the token.

The socket's mode is what keeps others out; the kernel says who came in, and that is logged with what they did. Owned by
the API; imports web.peers and the standard library. Compares the token in constant time, and never logs it.
"""

import hmac
import re
from typing import Protocol

from daemon.config import Secret
from daemon.web.peers import Peer

# Names of this machine. Any other one was put there by a page that wants a browser here to speak for it.
_OURS = re.compile(r"(localhost|127\.[0-9.]+|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
_BEARER = re.compile(r"[Bb]earer +(?P<token>[!-~]+)")


class Headers(Protocol):
    """A request's headers."""

    def get(self, key: str, default: str) -> str:
        """One of them."""
        ...


class Gate:
    """Tells who somebody is, or that they may not come in."""

    def __init__(self, token: Secret | None) -> None:
        self._token = token

    def admit(self, peer: Peer | None, headers: Headers) -> str | None:
        """Name who asks; None for somebody without the token."""
        if peer is not None:
            return f"operator uid {peer.uid}"
        shown = _BEARER.fullmatch(headers.get("Authorization", ""))
        if self._token is None or shown is None:
            return None
        right = hmac.compare_digest(shown["token"].encode(), self._token.reveal().encode())
        return "operator with token" if right else None


def is_ours(peer: Peer | None, headers: Headers) -> bool:
    """Whether a request was meant for this machine by whoever made it."""
    return peer is not None or _OURS.fullmatch(headers.get("Host", "")) is not None
