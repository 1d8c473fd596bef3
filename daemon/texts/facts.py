"""Facts: what is known of a call, as a template may speak of it.

Everything in here is data from elsewhere. What callers and carriers write only comes in as a phone number, in digits;
what a lookup gave was cleaned by `lookup/answer.py`. Pure; imports msgspec and this room.
"""

import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Final

import msgspec

from daemon.texts.moment import Moment, moment

Scalar = str | int | float | bool

UNKNOWN: Final = "unknown"
"""What stands for a number that is withheld, or is none."""


_SOMEBODY: Final = "+14155550100"
# Midnight and an afternoon, a Thursday and a Monday.
_TIMES: Final = (1_767_225_600.0, 1_790_000_000.0)


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Which facts an agent's templates may name."""

    fields: frozenset[str] | None = None
    """Names of what its lookup gives; None if it has no lookup."""
    headers: frozenset[str] = frozenset()
    """Names of SIP headers it is given the number of, as templates spell them."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one call."""

    agent: str
    caller: str | None
    """E.164, or None when withheld."""
    called: str | None
    at: float
    """Unix seconds."""
    zone: str = "UTC"
    """The agent's time zone."""
    fields: Mapping[str, Scalar] = {}
    """What the lookup gave, or its defaults."""
    numbers: Mapping[str, str] = {}
    """The phone numbers in SIP headers, by the header's name as templates spell it."""


def samples(agent: str, zone: str, fields: Mapping[str, Scalar]) -> tuple[Facts, ...]:
    """Calls with which every template is tried out before anybody calls; of the first one the least is known."""
    return tuple(
        Facts(agent=agent, caller=caller, called=_SOMEBODY, at=at, zone=zone, fields=fields)
        for caller in (None, _SOMEBODY)
        for at in _TIMES
    )


def names(facts: Facts, known: Known) -> dict[str, object]:
    """The variables of a template, for these facts."""
    variables: dict[str, object] = {
        "agent": facts.agent,
        "anonymous": facts.caller is None,
        "called": facts.called or UNKNOWN,
        "caller": facts.caller or UNKNOWN,
        "sip": SimpleNamespace(**{name: facts.numbers.get(name, UNKNOWN) for name in known.headers}),
        "time": moment(facts.at, facts.zone),
    }
    if known.fields is not None:
        variables["lookup"] = SimpleNamespace(**{name: facts.fields[name] for name in known.fields})
    return variables


def members(known: Known) -> dict[str, frozenset[str] | None]:
    """Every variable there is with what it holds; None for one that is a plain value."""
    held: dict[str, frozenset[str] | None] = {
        **dict.fromkeys(("agent", "anonymous", "called", "caller")),
        "sip": known.headers,
        "time": frozenset(Moment.__struct_fields__),
    }
    if known.fields is not None:
        held["lookup"] = known.fields
    return held


def spelled(header: str) -> str:
    """How a template spells the name of a header: `X-Customer-Id` is `x_customer_id`."""
    return re.sub(r"[^a-z0-9]", "_", header.lower())
