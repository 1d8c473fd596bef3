"""How long, and how much: what one client, and all of them together, may use of us.

Owned by `connection.py`, which applies the numbers, each in its place. Plain data.
"""

import enum
import math
from typing import assert_never

import msgspec

LINGER = 1.0
"""Seconds a client gets for what no longer matters: to read an early refusal or, at a stop, to send a head."""


class ServerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a server, in seconds and bytes."""

    max_connections: int = 1000
    """Another one takes the place of the oldest that waits for its client, or is turned away if there is none."""
    header_timeout: float = 10.0
    """From accepting to the end of the first request's head."""
    request_timeout: float = 30.0
    """From the end of the head to the end of the answer. A WebSocket has none."""
    keep_alive: float = 15.0
    """From one answer to the end of the next request's head."""
    send_timeout: float = 10.0
    """For one piece of an answer to be taken by the client."""
    max_body: int = 65536


class Phase(enum.Enum):
    """What a connection waits for."""

    HEAD = "head"
    REQUEST = "request"
    IDLE = "idle"
    WEBSOCKET = "websocket"
    LINGER = "linger"


def patience(phase: Phase, limits: ServerLimits) -> float:
    """Return the seconds a phase may last."""
    match phase:
        case Phase.HEAD:
            return limits.header_timeout
        case Phase.REQUEST:
            return limits.request_timeout
        case Phase.IDLE:
            return limits.keep_alive
        case Phase.LINGER:
            return LINGER
        case Phase.WEBSOCKET:
            return math.inf
        case _:
            assert_never(phase)
