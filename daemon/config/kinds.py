"""Kinds of values: the annotated types that records are made of, and the marks on them that the decoder reads.

To mypy and to every user of a record a `Duration` is a plain float and a `Size` a plain int; the mark only tells
the decoder how the file writes them. Owned by the configuration room; imports msgspec and this room's units,
checks, lookupchecks, parameters, plans, searchchecks, toolchecks and secrets. Must never decode anything itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from daemon.config import checks, lookupchecks, menus, plans, reaching, searchchecks, toolchecks
from daemon.config.parameters import parameters
from daemon.config.secrets import Secret, check_api_key, check_operator_token, check_webhook_secret
from daemon.config.units import (
    EXPECTED_DURATION,
    EXPECTED_SIZE,
    format_size,
    parse_duration,
    parse_size,
)
from daemon.core.durations import format_duration


@dataclass(frozen=True, slots=True)
class Notation:
    """Marks a number that the file writes as text with a unit."""

    name: str
    """What it is called in a message about its range, such as `a duration`."""
    expected: str
    """What it is called in a message about its form, with examples."""
    accepts: tuple[type, ...]
    """TOML types it may be written in."""
    parse: Callable[[Any], float]
    """Reads what is written; raises ValueError with the expected form."""
    show: Callable[[Any], str]
    """Writes a number the way the file does."""


@dataclass(frozen=True, slots=True)
class Check:
    """Marks a value with a rule beyond type and range."""

    rule: Callable[[Any], Any]
    """Returns the value, or raises ValueError with what was expected."""


@dataclass(frozen=True, slots=True)
class Filled:
    """Marks a secret that is a text with references in it, and not one reference alone."""


@dataclass(frozen=True, slots=True)
class Example:
    """Marks a required key with the line to add when it is missing."""

    line: str
    """The line, as it would stand in the file."""


_DURATION = Notation("a duration", EXPECTED_DURATION, (str,), parse_duration, format_duration)
_SIZE = Notation("a size", EXPECTED_SIZE, (str, int), parse_size, format_size)

Duration = Annotated[float, _DURATION]
"""Seconds, zero or more."""
Timeout = Annotated[float, _DURATION, Meta(gt=0)]
"""Seconds, more than zero: a time limit of nothing would never let anything succeed."""
TurnDuration = Annotated[float, _DURATION, Meta(le=10)]
"""Seconds, as far as the platform's turn detection takes them."""
RedialDuration = Annotated[float, _DURATION, Meta(le=1800)]
"""Seconds, as far as the platform keeps a conversation that has ended."""
LookupTimeout = Annotated[float, _DURATION, Meta(ge=0.1, le=10)]
"""Seconds that a caller may be kept waiting before the first word."""
LeaseDuration = Annotated[float, _DURATION, Meta(ge=2)]
"""Seconds between signs of life that a busy machine can keep."""
Size = Annotated[int, _SIZE, Meta(ge=1)]
"""Bytes, one or more."""
Count = Annotated[int, Meta(ge=1)]
"""A number of things, one or more."""

Bind = Annotated[str, Check(checks.bind_address)]
ControlSocket = Annotated[str, Check(reaching.control_socket)]
LoopbackBind = Annotated[str, Check(reaching.loopback_bind)]
TraceUrl = Annotated[str, Check(reaching.trace_url)]
WebhookPath = Annotated[str, Check(checks.webhook_path)]
PublicUrl = Annotated[str, Check(checks.public_url)]
HttpUrl = Annotated[str, Check(checks.url("https", "http"))]
WebSocketUrl = Annotated[str, Check(checks.url("wss", "ws"))]
LedgerUrl = Annotated[str, Check(checks.ledger_url)]
NodeName = Annotated[str, Check(checks.node_name)]
PhoneNumber = Annotated[str, Check(checks.phone_number)]
CloseCode = Annotated[int, Meta(ge=1000, le=4999)]

DestinationUri = Annotated[str, Meta(max_length=256), Check(plans.destination_uri)]
OverflowStep = Annotated[str, Check(plans.step)]
OverflowPlan = Annotated[tuple[OverflowStep, ...], Check(plans.plan)]
"""Steps as they are written, each right; `core.overflow.read_plan` reads them. May be empty."""

MenuKeys = Annotated[str, Check(menus.menu_keys)]
MenuAction = Annotated[str, Check(menus.menu_action)]
TroubleAction = Annotated[str, Check(menus.trouble_action)]
CeilingAction = Annotated[str, Check(menus.ceiling_action)]
ReplyTimeout = Annotated[float, _DURATION, Meta(le=120)]
"""Seconds that a caller may be left in silence; 0 for any time."""

AgentName = Annotated[str, Check(checks.agent_name)]
DestinationName = Annotated[str, Check(checks.destination_name)]
Language = Annotated[str, Check(checks.language)]
Terminator = Annotated[str, Check(checks.terminator)]
TimeZone = Annotated[str, Check(lookupchecks.time_zone)]
Phrase = Annotated[str, Check(checks.phrase)]
Voice = Annotated[str, Meta(min_length=1), Check(checks.voice)]
KeyTerm = Annotated[str, Meta(min_length=1, max_length=50)]

ToolName = Annotated[str, Check(toolchecks.tool_name)]
ToolUrl = Annotated[str, Check(toolchecks.tool_url)]
ToolTimeout = Annotated[float, _DURATION, Meta(gt=0, le=120)]
"""Seconds that a caller may be kept waiting at the most."""
ToolBody = Annotated[Any, Check(toolchecks.body)]
"""`auto`, `json`, `none`, or a table of templates."""
Parameters = Annotated[dict[str, Any], Check(parameters)]
HeaderName = Annotated[str, Check(toolchecks.header_name)]
HeaderValue = Annotated[Secret, Filled(), Check(toolchecks.header_value)]
JsonPointer = Annotated[str, Check(toolchecks.json_pointer)]
PrivatePlace = Annotated[str, Check(toolchecks.private_place)]
ResponseSize = Annotated[int, _SIZE, Meta(ge=1, le=4 << 20)]
"""Bytes that a model can still be given."""
FunctionReference = Annotated[Any, Check(toolchecks.function_reference)]
"""Where a Python function is; once loaded, the `Function` itself."""
SearchDomain = Annotated[str, Check(searchchecks.domain)]
XHandle = Annotated[str, Check(searchchecks.handle)]
Day = Annotated[Any, Check(searchchecks.day)]
"""YYYY-MM-DD as a text, or empty; the file may also write a date."""
McpUrl = Annotated[str, Check(searchchecks.mcp_url)]
McpLabel = Annotated[str, Check(searchchecks.mcp_label)]
McpHeaderName = Annotated[str, Check(searchchecks.mcp_header)]
TokenSecret = Annotated[Secret, Check(toolchecks.header_value)]
SipHeader = Annotated[str, Check(lookupchecks.sip_header)]
LookupUrl = Annotated[str, Check(lookupchecks.lookup_url)]
FieldName = Annotated[str, Check(lookupchecks.field_name)]
FieldPointer = Annotated[str, Check(lookupchecks.json_pointer)]
FieldDefault = Annotated[Any, Check(lookupchecks.default)]
"""A string, a number, or a boolean."""
AgentPointer = Annotated[str, Check(lookupchecks.optional_pointer)]

OperatorToken = Annotated[Secret, Check(check_operator_token)]
ApiKey = Annotated[Secret, Check(check_api_key)]
WebhookSecret = Annotated[Secret, Check(check_webhook_secret)]
