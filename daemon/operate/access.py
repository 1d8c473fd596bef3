"""Who may operate: everybody who can open the control socket, and over TCP whoever shows the token.

The socket's mode is what keeps others out; the kernel says who came in, and that is logged with what they did. A
browser that was led to the socket, as through an SSH tunnel, is believed only what its own pages ask for. Owned by the
API and the console; imports web.peers and structlog. Compares the token in constant time, never logs it.
"""

import hmac
import re
from typing import Protocol

import structlog

from daemon.config import Secret
from daemon.web.peers import Peer

# Names of this machine. Any other one was put there by a page that wants a browser here to speak for it.
_OURS = re.compile(r"(localhost|127\.[0-9.]+|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
# On the socket, where the name says nothing, everything that can't be a name of somebody else's on the Internet.
_PLAIN = re.compile(r"([A-Za-z0-9_-]{1,63}(:[0-9]{1,5})?)?")
_BEARER = re.compile(r"[Bb]earer +(?P<token>[!-~]+)")


WHO_SHOWED_IT = "operator with token"
"""Who somebody is who has shown it; the kernel knows nothing more of them."""


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
            return who_is(peer)
        shown = _BEARER.fullmatch(headers.get("Authorization", ""))
        return WHO_SHOWED_IT if shown is not None and self.opens(shown["token"]) else None

    def opens(self, shown: str) -> bool:
        """Whether this is the token."""
        right = "" if self._token is None else self._token.reveal()
        return hmac.compare_digest(shown.encode(), right.encode()) and bool(right)


def who_is(peer: Peer) -> str:
    """A process on the control socket, as it is written into the log and into chains of reasons."""
    return f"operator uid {peer.uid}"


def leave_trace(verb: str, who: str, peer: Peer | None, status: int, call_id: str = "", **more: str) -> None:
    """Write into the log what somebody wanted, and what became of it, as an HTTP status."""
    process = {} if peer is None else {"uid": peer.uid, "pid": peer.pid}
    about = {"call_id": call_id} if call_id else {}
    structlog.get_logger().warning("operator", verb=verb, who=who, status=status, **more, **process, **about)


def is_ours(peer: Peer | None, headers: Headers) -> bool:
    """Whether a request was meant for this machine by whoever made it."""
    host = headers.get("Host", "")
    return _OURS.fullmatch(host) is not None or (peer is not None and _PLAIN.fullmatch(host) is not None)


def is_foreign(headers: Headers) -> bool:
    """Whether a browser says that another site's page makes it ask."""
    if site := headers.get("Sec-Fetch-Site", ""):
        return site not in {"same-origin", "none"}
    origin = headers.get("Origin", "")
    return bool(origin) and origin.partition("://")[2] != headers.get("Host", "")
