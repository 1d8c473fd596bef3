"""Tools that the platform runs, as they go on the wire within `session.update`. Fields at their default are not sent.

Options and their limits are documented (Voice Agent API, "Tools"); the configuration holds its own to them. Imports
msgspec only.
"""

import msgspec


class _Tool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """Base of the tools."""


class Location(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where somebody is who searches, as far as it matters."""

    country: str = ""
    city: str = ""
    region: str = ""
    timezone: str = ""


class WebSearch(_Tool, frozen=True, kw_only=True, tag="web_search"):
    """Searching the web. Of the two lists of domains at most one is sent."""

    allowed_domains: tuple[str, ...] = ()
    excluded_domains: tuple[str, ...] = ()
    enable_image_understanding: bool = False
    location: Location | None = None
    user_location: Location | None = None


class XSearch(_Tool, frozen=True, kw_only=True, tag="x_search"):
    """Searching posts on X. Of the two lists of handles at most one is sent; dates are YYYY-MM-DD."""

    allowed_x_handles: tuple[str, ...] = ()
    excluded_x_handles: tuple[str, ...] = ()
    from_date: str = ""
    to_date: str = ""
    enable_image_understanding: bool = False
    enable_video_understanding: bool = False


class FileSearch(_Tool, frozen=True, kw_only=True, tag="file_search"):
    """Searching the collections of documents that the platform keeps."""

    vector_store_ids: tuple[str, ...] = ()
    max_num_results: int | None = None


class Mcp(_Tool, frozen=True, kw_only=True, tag="mcp"):
    """Whatever tools an MCP server has; the platform connects to it."""

    server_url: str
    server_label: str
    server_description: str = ""
    allowed_tools: tuple[str, ...] = ()
    authorization: str = ""
    """A secret."""
    headers: dict[str, str] = {}
    """Values may be secrets."""

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"Mcp({self.server_label})"


PlatformTool = WebSearch | XSearch | FileSearch | Mcp
"""Any of them."""
