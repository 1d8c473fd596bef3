"""Tools that the platform runs, as records: it is only told of them, in the words of the file.

Every documented option is here under the platform's own name, held to the documented limits. Owned by the configuration
room and read by all; imports msgspec and this room's kinds. Must never hold behaviour.
"""

from typing import Annotated

from msgspec import Meta, Struct, field

from daemon.config.checks import distinct
from daemon.config.kinds import (
    Check,
    Count,
    Day,
    Example,
    HeaderValue,
    McpHeaderName,
    McpLabel,
    McpUrl,
    SearchDomain,
    TokenSecret,
    XHandle,
)

Domains = Annotated[tuple[SearchDomain, ...], Meta(max_length=5), Check(distinct)]
Handles = Annotated[tuple[XHandle, ...], Meta(max_length=20), Check(distinct)]
Words = Annotated[str, Meta(min_length=1)]


class Location(Struct, frozen=True, kw_only=True):
    """Where somebody is, as far as a search should know."""

    country: str = ""
    """Two letters, such as `DE`."""
    city: str = ""
    """Name of the city."""
    region: str = ""
    """Name of the region or state."""
    timezone: str = ""
    """Name of the time zone, such as `Europe/Berlin`."""


class WebSearch(Struct, frozen=True, kw_only=True, tag_field="type", tag="web_search"):
    """`[tools.NAME]` with `type = "web_search"`: the model may search the web."""

    allowed_domains: Domains = ()
    """At most 5 domains to search, and no others; empty for all."""
    excluded_domains: Domains = ()
    """At most 5 domains not to search. Not together with `allowed_domains`."""
    enable_image_understanding: bool = False
    """Whether it looks at images that it finds."""
    location: Location = field(default_factory=Location)
    """Where results should be from."""
    user_location: Location = field(default_factory=Location)
    """The same under its other documented name."""


class XSearch(Struct, frozen=True, kw_only=True, tag_field="type", tag="x_search"):
    """`[tools.NAME]` with `type = "x_search"`: the model may search posts on X."""

    allowed_x_handles: Handles = ()
    """At most 20 accounts to search, without @, and no others; empty for all."""
    excluded_x_handles: Handles = ()
    """At most 20 accounts not to search. Not together with `allowed_x_handles`."""
    from_date: Day = ""
    """First day to search, YYYY-MM-DD; empty for no limit."""
    to_date: Day = ""
    """Last day to search, YYYY-MM-DD; empty for no limit."""
    enable_image_understanding: bool = False
    """Whether it looks at images that it finds."""
    enable_video_understanding: bool = False
    """Whether it looks at videos that it finds."""


class FileSearch(Struct, frozen=True, kw_only=True, tag_field="type", tag="file_search"):
    """`[tools.NAME]` with `type = "file_search"`: the model may search documents that the platform keeps."""

    vector_store_ids: Annotated[
        tuple[Words, ...], Meta(min_length=1), Check(distinct), Example('vector_store_ids = ["collection_..."]')
    ]
    """Ids of the collections to search. Required."""
    max_num_results: Count | None = None
    """Results that are looked at; None for the platform's own choice."""


class Mcp(Struct, frozen=True, kw_only=True, tag_field="type", tag="mcp"):
    """`[tools.NAME]` with `type = "mcp"`: tools of an MCP server, to which the platform connects, not Callwarden."""

    server_url: Annotated[McpUrl, Example('server_url = "https://mcp.example.com/mcp"')]
    """The server, by streamable HTTP or SSE; it must be reachable for the platform. Required."""
    server_label: McpLabel = ""
    """What the server is called towards the model, without dots; empty for the name of this table."""
    server_description: str = ""
    """What the model is told of the server."""
    allowed_tools: Annotated[tuple[Words, ...], Check(distinct)] = ()
    """Names of the server's tools that may be used; empty for all it has."""
    authorization: TokenSecret | None = None
    """Reference to the token that the platform authorizes itself with; None for none."""
    headers: dict[McpHeaderName, HeaderValue] = field(default_factory=dict)
    """Headers that the platform sends to the server; references to secrets in them are filled in."""


PlatformTool = WebSearch | XSearch | FileSearch | Mcp
"""Any tool that the platform runs."""
