"""The configuration as records: one per table of the file, frozen, every key with its meaning, unit and default.

To add a table, add a record and a field that holds it; the decoder learns of it from here. Owned by the
configuration room and read by all; imports msgspec and this room's kinds and plans. Must never hold behaviour, and
must never change once a call has started with it.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from daemon.config.agents import Agent
from daemon.config.checks import distinct
from daemon.config.costs import Costs
from daemon.config.destinations import Destination
from daemon.config.kinds import (
    AgentName,
    ApiKey,
    Bind,
    Check,
    CloseCode,
    Count,
    DestinationName,
    Duration,
    Example,
    HttpUrl,
    OverflowPlan,
    PhoneNumber,
    PublicUrl,
    Size,
    Timeout,
    ToolName,
    WebhookPath,
    WebhookSecret,
    WebSocketUrl,
)
from daemon.config.ledger import Delivery, Ledger
from daemon.config.operator import Operator, Tracing
from daemon.config.tools import Tool


class Server(Struct, frozen=True, kw_only=True):
    """`[server]`: the public door, at which the platform announces calls."""

    bind: Annotated[tuple[Bind, ...], Meta(min_length=1), Check(distinct)] = ("127.0.0.1:8080",)
    """Addresses to listen on: `host:port`, `[ipv6]:port`, `unix:/path` or `fd://3`. Port 0 picks a free one.

    In place of the default, what systemd passes under the name `http` is used.
    """
    webhook_path: WebhookPath = "/xai/sip-webhook"
    """Path at which deliveries arrive."""
    public_url: PublicUrl = ""
    """The https URL under which the outside world reaches this server; empty when not stated."""
    max_body: Size = 64 * 1024
    """Bytes of a request's body beyond which it is refused."""
    max_event_age: Timeout = 30.0
    """Seconds after which an announced caller is taken to have hung up."""
    clock_tolerance: Timeout = 300.0
    """Seconds by which a delivery's signed timestamp may differ from our clock, either way."""
    max_connections: Count = 1000
    """Connections open at the same time; another one takes the place of the oldest that waits for its client."""
    header_timeout: Timeout = 10.0
    """Seconds in which a connection must have sent the head of a request."""
    request_timeout: Timeout = 30.0
    """Seconds in which a whole request must have been read and answered."""
    keep_alive: Timeout = 15.0
    """Seconds an idle connection is kept for another request."""
    send_timeout: Timeout = 10.0
    """Seconds a peer may take to accept what is sent to it."""


class XaiPlatform(Struct, frozen=True, kw_only=True):
    """`[platform.xai]`: the account and the manners of the voice platform."""

    api_key: Annotated[ApiKey, Example('api_key = "${env:XAI_API_KEY}"')]
    """Key sent with every request and call. Required."""
    base_url: HttpUrl = "https://api.x.ai"
    """Where REST requests go; no trailing slash."""
    websocket_url: WebSocketUrl = "wss://api.x.ai/v1/realtime"
    """Where calls are joined."""
    webhook_secrets: Annotated[tuple[WebhookSecret, ...], Check(distinct)] = ()
    """Secrets that sign deliveries for numbers with none of their own; several while one is being replaced."""
    ca_file: str = ""
    """PEM file of authorities to trust instead of the system's; a full path once loaded. Empty for those."""
    connect_timeout: Timeout = 5.0
    """Seconds to open a connection, for a request or a call."""
    ready_timeout: Timeout = 10.0
    """Seconds from joining a call to the platform's first event on it."""
    close_timeout: Timeout = 2.0
    """Seconds to wait for the platform's half of a closing handshake."""
    ping_interval: Timeout = 20.0
    """Seconds between pings on a call's WebSocket."""
    ping_timeout: Timeout = 10.0
    """Seconds to wait for the answer to a ping before the connection is given up."""
    hang_up_timeout: Timeout = 5.0
    """Seconds for one request to hang up."""
    refer_timeout: Timeout = 90.0
    """Seconds for one request to transfer a call; it is answered only once the other side has rung."""
    join_budget: Timeout = 8.0
    """Seconds after which no further attempt to join a call is begun."""
    max_call_duration: Timeout = 7200.0
    """Seconds of the longest call the platform allows; a hang-up that is owed is tried for this long."""
    end_close_codes: tuple[CloseCode, ...] = (1000, 1001)
    """WebSocket close codes that mean the call is over; any other is a broken connection."""
    max_message: Size = 4 * 1024 * 1024
    """Bytes of one WebSocket message beyond which the connection is given up."""
    filter_audio: bool = True
    """Whether audio, which nobody here needs, is discarded before it is decoded; without, it is decoded first."""


class Platforms(Struct, frozen=True, kw_only=True):
    """`[platform]`: one table per platform."""

    xai: XaiPlatform
    """The xAI voice platform."""


class Number(Struct, frozen=True, kw_only=True):
    """`[numbers."+1..."]`: what happens to calls to one number."""

    agent: Annotated[str, Example('agent = "NAME", a name from [agents]')]
    """Name of the agent that answers. Required."""
    webhook_secrets: Annotated[tuple[WebhookSecret, ...], Check(distinct)] = ()
    """Secrets that sign deliveries for this number; empty for the platform's."""
    max_calls: Count | None = None
    """Calls to this number in progress at the same time; None for no limit but that of `[limits]`."""
    carrier: Literal["", "twilio", "telnyx", "plivo", "byo"] = ""
    """Who brings the calls to this number, `byo` being your own PBX; empty when not stated."""
    overflow: OverflowPlan = ()
    """What happens to calls to this number beyond a limit, step by step; empty for the plan of `[limits]`."""


class Limits(Struct, frozen=True, kw_only=True):
    """`[limits]`: how much at once, and what happens to the rest."""

    max_calls: Count = 20
    """Calls in progress at the same time; what happens to further ones is `overflow`."""
    overflow: Annotated[OverflowPlan, Meta(min_length=1)] = ("refuse",)
    """What happens to calls beyond a limit whose number has no plan of its own, step by step."""
    unrouted: Annotated[OverflowPlan, Meta(min_length=1)] = ("refuse",)
    """What happens to calls to a number that is not in `[numbers]`, step by step."""
    max_tool_uses: Count = 50
    """Uses of tools in one call; further ones are refused, so that no model runs in circles."""
    max_transfers_per_call: Count = 3
    """Transfers that an agent may try in one call, fallbacks included; one that succeeds ends the call."""
    max_transfers_per_hour: Count = 60
    """Transfers that all agents together may try within an hour, on this node."""
    max_calls_per_caller_per_hour: Count | None = None
    """Calls of one caller that are taken within an hour; None for any number. Who withholds theirs is not counted."""
    max_overflow_calls: Count = 10
    """Callers being referred or told that all lines are busy at the same time; further ones are refused."""


class Recovery(Struct, frozen=True, kw_only=True):
    """`[recovery]`: what is done for a call whose connection broke, or whose daemon died."""

    rejoin_window: Duration = 10.0
    """Seconds for which it is tried to join the call again before it is hung up; 0 is never."""
    on_restart: Literal["rejoin", "hang_up"] = "rejoin"
    """What is done for a call whose daemon died: by the next one here, or by another node."""
    handover: Literal["drain", "rejoin"] = "drain"
    """What a daemon does to make room for the next one: wait for its calls' ends, or leave them to it."""
    handover_budget: Duration = 5.0
    """Seconds for which a pause in each call is waited for, before it is left in the middle of a turn."""


class Drain(Struct, frozen=True, kw_only=True):
    """`[drain]`: how to stop."""

    deadline: Duration = 3600.0
    """Seconds that calls in progress get to end by themselves before they are ended."""
    lame_duck: Duration = 2.0
    """Seconds between turning unready and refusing calls, for the balancer to notice."""
    settle_timeout: Duration = 10.0
    """Seconds at the end for which hang-ups that are still owed are tried, before the daemon exits with 1."""


class Log(Struct, frozen=True, kw_only=True):
    """`[log]`: what is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least important kind of entry that is written."""
    format: Literal["auto", "json", "console", "journal"] = "auto"
    """One JSON object per line, text for people, or fields for systemd's journal; `auto` is the journal if it listens,
    text on a terminal, and JSON elsewhere."""
    transcripts: bool = False
    """Whether what callers and agents say is logged too."""


class Recording(Struct, frozen=True, kw_only=True):
    """`[recording]`: whether calls are recorded, to be played again; with all that is said and typed in them."""

    directory: str = ""
    """Folder for recordings, one file for each call; empty for none."""
    keep: Duration = 604_800.0
    """Seconds for which a recording is kept; 0 is for ever."""


class Config(Struct, frozen=True, kw_only=True):
    """The whole file."""

    server: Server = field(default_factory=Server)
    """The public door."""
    platform: Platforms
    """The voice platforms."""
    numbers: dict[PhoneNumber, Number]
    """What happens to calls, by called number in E.164 form. At least one."""
    agents: dict[AgentName, Agent]
    """Who answers, by name. At least one."""
    destinations: dict[DestinationName, Destination] = field(default_factory=dict)
    """Where callers can be sent, by name."""
    tools: dict[ToolName, Tool] = field(default_factory=dict)
    """What agents can do besides talking, by name."""
    limits: Limits = field(default_factory=Limits)
    """How much at once, and what happens to the rest."""
    costs: Costs = field(default_factory=Costs)
    """What calls are charged, and how much they may cost."""
    recovery: Recovery = field(default_factory=Recovery)
    """What is done for a call whose connection broke, or whose daemon died."""
    ledger: Ledger = field(default_factory=Ledger)
    """Where calls are written down."""
    deliveries: tuple[Delivery, ...] = ()
    """Who is told of calls."""
    drain: Drain = field(default_factory=Drain)
    """How to stop."""
    operator: Operator = field(default_factory=Operator)
    """How operators reach us."""
    log: Log = field(default_factory=Log)
    """What is logged."""
    recording: Recording = field(default_factory=Recording)
    """Whether calls are recorded."""
    tracing: Tracing = field(default_factory=Tracing)
    """Where traces go."""
