"""What goes wrong in a run: plain records, drawn from the seed before it begins.

Each kind says whom it hits and when: the n-th socket of a call after so many seconds or frames, the n-th request to
hang it up, one delivery of its webhook, one dial of all. What a fault does is `platform.py`'s and `senders.py`'s.
"""

import json
from random import Random
from typing import Literal

import msgspec

# Refusals of a join: not there (yet), too many, and two kinds of broken.
JOIN_STATUSES = (404, 429, 500, 503)
HANG_UP_STATUSES = (429, 500, 502, 503)
CLOSE_CODES = (1000, 1001, 1006, 1008, 1011, 1012)
FOREVER = 1000
"""So many failing requests that none will succeed."""

GARBAGE = {
    "reserved opcode": b"\x83\x00",
    "reserved bits": b"\xf1\x01x",
    "not UTF-8": b"\x81\x02\xc3\x28",
    "masked by a server": b"\x81\x81abcdx",
    "long control frame": b"\x89\x7e\x00\x80" + bytes(128),
    "continuation of nothing": b"\x80\x01x",
    "not a frame": b"HTTP/1.1 500 Oops\r\n\r\n",
}
TEXTS = {
    "not JSON": "}{",
    "not an event": "[1, 2]",
    "unknown event": '{"type": "brand.new", "x": 1}',
    "impossible fields": '{"type": "response.done", "response": 7}',
    "an error": json.dumps({"type": "error", "error": {"type": "server_error", "message": "hiccup"}}),
    "a benign error": json.dumps({"type": "error", "error": {"code": "response_cancel_not_active"}}),
    "a fatal error": json.dumps({"type": "error", "error": {"type": "max_duration", "message": "two hours"}}),
    "a refused update": json.dumps(
        {"type": "error", "error": {"type": "invalid_request_error", "event_id": "cw-1", "message": "no"}}
    ),
}


class _Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the faults."""


SocketKind = Literal[
    "refuse",  # the handshake, with a status
    "cut handshake",  # the connection ends in the middle of the answer
    "no handshake",  # nobody answers it
    "end",  # the platform closes the connection without a word
    "break",  # the network gives up
    "close",  # the platform says goodbye, with a code, and keeps the connection for a while
    "tear",  # a frame arrives to its middle, and then nothing, or the end
    "twice",  # a frame comes twice
    "late",  # a frame, and all behind it, comes late
    "stall",  # the platform stops reading, for a while or for ever
    "no pongs",  # pings are not answered any more
    "mute",  # nothing comes any more
    "garbage",  # bytes that are no frame
    "text",  # a frame that is no event, or not a welcome one
]


class SocketFault(_Fault, frozen=True, kw_only=True):
    """Something about one socket."""

    kind: SocketKind
    after: float | None = None
    """Seconds after the socket was opened, or"""
    frame: int | None = None
    """the frame from the platform that sets it off, counted from 0."""
    status: int = 0
    seconds: float = 0.0
    what: str = ""


RestKind = Literal[
    "status",  # refused, without effect
    "no connection",  # refused by the machine
    "no route",  # connecting takes for ever
    "no answer",  # nothing comes, and nothing happened
    "lost answer",  # it worked, but nobody says so
    "cut answer",  # it worked, but the connection ends before the answer
    "slow",  # it works, and the answer takes its time
]


class RestFault(_Fault, frozen=True, kw_only=True):
    """Something about one request."""

    kind: RestKind
    status: int = 0
    retry_after: int | None = None
    seconds: float = 0.0


DeliveryKind = Literal[
    "honest",
    "bad signature",
    "no signature",
    "cut",  # the sender goes away in the middle of the request
    "gone",  # the sender goes away after the request, before the answer
    "stuck",  # the sender stops in the middle of the request, and stays
    "dribble",  # the request comes in pieces
]


class Delivery(_Fault, frozen=True, kw_only=True):
    """One attempt to announce a call, or several, if it is not answered."""

    after: float
    """Seconds after the caller dialled."""
    kind: DeliveryKind = "honest"
    other_id: bool = False
    """Whether it carries a webhook id of its own."""
    part: float = 0.5
    """How much of the request gets out, where not all does."""


class ClockJump(_Fault, frozen=True, kw_only=True):
    """Somebody sets the wall clock."""

    at: float
    offset: float
    """Seconds from the right time, from then on."""


def draw_sockets(dice: Random, *, trouble: float) -> tuple[tuple[SocketFault, ...], ...]:
    """Faults for a call's sockets, in the order in which they are opened."""
    sockets: list[tuple[SocketFault, ...]] = []
    while len(sockets) < 6 and dice.random() < trouble:
        sockets.append(tuple(_socket_fault(dice) for _ in range(dice.choice((1, 1, 1, 2)))))
    return tuple(sockets)


def _socket_fault(dice: Random) -> SocketFault:
    match dice.randrange(14):
        case 0:
            return SocketFault(kind="refuse", status=dice.choice(JOIN_STATUSES), seconds=dice.choice((0, 0, 1, 3, 20)))
        case 1:
            return SocketFault(kind="cut handshake", seconds=dice.choice((0.0, 0.1, 4.0)))
        case 2:
            return SocketFault(kind="no handshake")
        case 3 | 4 | 5 if dice.random() < 0.3:
            return SocketFault(kind="tear", frame=dice.randrange(2, 40), what=dice.choice(("end", "break", "silence")))
        case 3:
            return SocketFault(kind="end", after=_moment(dice))
        case 4:
            return SocketFault(kind="break", after=_moment(dice))
        case 5 | 6:
            return SocketFault(
                kind="close",
                after=_moment(dice),
                status=dice.choice(CLOSE_CODES),
                seconds=dice.choice((0.0, 0.05, 9.0)),
            )
        case 7:
            return SocketFault(kind="twice", frame=dice.randrange(40))
        case 8:
            return SocketFault(kind="late", frame=dice.randrange(40), seconds=dice.choice((0.1, 2.6, 12.0, 35.0)))
        case 9:
            room = dice.choice((0, 1, 100, 3000))
            return SocketFault(kind="stall", after=_moment(dice), status=room, seconds=dice.choice((1.0, 6.0, 1e6)))
        case 10:
            return SocketFault(kind="no pongs", after=_moment(dice))
        case 11:
            return SocketFault(kind="mute", after=_moment(dice))
        case 12:
            return SocketFault(kind="garbage", after=_moment(dice), what=dice.choice(list(GARBAGE)))
        case _:
            return SocketFault(kind="text", after=_moment(dice), what=dice.choice(list(TEXTS)))


def _moment(dice: Random) -> float:
    """At once, soon, or some time into the talk."""
    return dice.choice((0.0, round(dice.uniform(0, 0.5), 3), round(dice.uniform(0, 20), 3), dice.randrange(90)))


def draw_rest(dice: Random, *, trouble: float) -> tuple[RestFault, ...]:
    """Faults for the requests to hang a call up, in order."""
    faults: list[RestFault] = []
    while len(faults) < 6 and dice.random() < trouble:
        faults.append(_rest_fault(dice))
    if faults and dice.random() < 0.05:
        faults += [RestFault(kind="status", status=503)] * FOREVER
    return tuple(faults)


def _rest_fault(dice: Random) -> RestFault:
    match dice.randrange(8):
        case 0 | 1:
            return RestFault(
                kind="status", status=dice.choice(HANG_UP_STATUSES), retry_after=dice.choice((None, None, 0, 1, 7))
            )
        case 2:
            return RestFault(kind="no connection")
        case 3:
            return RestFault(kind="no route")
        case 4:
            return RestFault(kind="no answer")
        case 5:
            return RestFault(kind="lost answer")
        case 6:
            return RestFault(kind="cut answer")
        case _:
            return RestFault(kind="slow", seconds=dice.choice((0.2, 3.0, 4.9)))


REFER_STATUSES = (502, 502, 504, 500, 400, 404)


def draw_refers(dice: Random, *, trouble: float) -> tuple[RestFault, ...]:
    """Faults for the requests to transfer a caller, in order."""
    faults: list[RestFault] = []
    while len(faults) < 4 and dice.random() < trouble:
        match dice.randrange(8):
            case 0:
                faults.append(RestFault(kind=dice.choice(("no connection", "no route"))))
            case 1:
                faults.append(RestFault(kind=dice.choice(("no answer", "lost answer", "cut answer"))))
            case _:
                faults.append(RestFault(kind="status", status=dice.choice(REFER_STATUSES)))
    return tuple(faults)


def draw_deliveries(dice: Random) -> tuple[Delivery, ...]:
    """How one call is announced: once and well, most of the time."""
    first = Delivery(after=dice.choice((0.0, 0.0, 0.2, 3.0, 29.0, 31.5)) if dice.random() < 0.3 else 0.0)
    deliveries = [first]
    if dice.random() < 0.15:
        kind: DeliveryKind = dice.choice(("cut", "gone", "stuck", "dribble"))
        deliveries[0] = msgspec.structs.replace(first, kind=kind, part=round(dice.uniform(0.02, 0.98), 2))
    while dice.random() < 0.3:
        when = first.after + dice.choice((0.0, 0.0, 0.001, 0.3, 5.0, 25.0, 200.0))
        deliveries.append(Delivery(after=when, other_id=dice.random() < 0.4))
    if dice.random() < 0.1:
        kind = dice.choice(("bad signature", "no signature"))
        deliveries.append(Delivery(after=dice.choice((0.0, 0.1, 10.0)), kind=kind))
    return tuple(deliveries)


def draw_dials(dice: Random) -> dict[int, Literal["refused", "no route"]]:
    """Which of all the connections to the platform don't come about."""
    return {dial: dice.choice(("refused", "no route")) for dial in range(20) if dice.random() < 0.02}


def draw_clock(dice: Random, until: float) -> tuple[ClockJump, ...]:
    """When somebody sets the wall clock, and by how much."""
    if dice.random() > 0.08:
        return ()
    wrong = ClockJump(at=round(dice.uniform(0, until), 1), offset=dice.choice((3600.0, -3600.0, 40.0, -40.0)))
    return wrong, ClockJump(at=wrong.at + dice.choice((10.0, 120.0)), offset=0.0)
