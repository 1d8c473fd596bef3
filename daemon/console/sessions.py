"""Who has shown the operator's token to the console, until they leave, it is too long ago, or we stop.

A session is known by what is in a browser's cookie, of which only a digest is kept. Whoever comes over the control
socket needs none: the kernel says who they are. Sessions live in memory, and not many of them. Owned by the console;
imports the gate, Trio's clock and the standard library. Never logs a token, a cookie or a digest.
"""

import hashlib
import hmac
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable

import msgspec
import trio

from daemon.operate.access import WHO_SHOWED_IT, Gate, who_is
from daemon.web.peers import Peer

LIFETIME = 12 * 3600.0
"""Seconds after which the token has to be shown again: longer than a shift."""
MOST = 64
"""Sessions at once; the one that was used longest ago makes room."""
FAILURES = 10
"""Wrong tokens that are looked at ..."""
WINDOW = 60.0
"""... within so many seconds."""


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may look and act."""

    who: str
    """As it is written into the log and into chains of reasons."""
    proof: str
    """Stands in every form we give them, so that no other page can make one."""
    peer: Peer | None
    """Their process, on the control socket."""
    welcome: Callable[[], bool] = lambda: True
    """Whether they still are."""

    @property
    def may_leave(self) -> bool:
        """Whether there is a session to be ended."""
        return self.peer is None


class _Session(msgspec.Struct, frozen=True):
    until: float
    proof: str


class Sessions:
    """The sessions of one daemon."""

    def __init__(self, gate: Gate, clock: Callable[[], float] = trio.current_time) -> None:
        self._gate = gate
        self._clock = clock
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self._key = secrets.token_bytes(32)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._sessions)

    def visitor(self, peer: Peer | None, cookie: str) -> Visitor | None:
        """Who asks; None for somebody who has to show the token first."""
        if peer is not None:
            proof = hmac.digest(self._key, f"uid {peer.uid}".encode(), "sha256").hex()
            return Visitor(who=who_is(peer), proof=proof, peer=peer)
        digest = _digest(cookie)
        session = self._find(digest)
        if session is None:
            return None
        self._sessions.move_to_end(digest)
        return Visitor(
            who=WHO_SHOWED_IT, proof=session.proof, peer=None, welcome=lambda: self._find(digest) is not None
        )

    def wait(self) -> float:
        """Seconds until a token will be looked at again; none if it is now."""
        if len(self._failures) < FAILURES:
            return 0.0
        return max(self._failures[0] + WINDOW - self._clock(), 0.0)

    def open(self, shown: str) -> str | None:
        """Begin a session; gives what belongs in the cookie, or None if that is not the token, or not now."""
        if self.wait():
            return None
        if not self._gate.opens(shown):
            self._failures.append(self._clock())
            return None
        cookie = secrets.token_urlsafe(32)
        self._sessions[_digest(cookie)] = _Session(self._clock() + LIFETIME, secrets.token_hex(32))
        while len(self._sessions) > MOST:
            self._sessions.popitem(last=False)
        return cookie

    def close(self, cookie: str) -> None:
        """End a session, if it is one."""
        self._sessions.pop(_digest(cookie), None)

    def _find(self, digest: str) -> _Session | None:
        session = self._sessions.get(digest)
        if session is not None and session.until <= self._clock():
            del self._sessions[digest]
            return None
        return session


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).hexdigest()
