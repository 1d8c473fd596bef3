"""From tools of the configuration that the platform runs to what it is told of them. Imports config and core; plain."""

from daemon.config import searches as written
from daemon.core import searches as wire


def passed_on(name: str, tool: written.PlatformTool) -> wire.PlatformTool:
    """What goes into `session.update`, with the secrets that the platform needs; `name` is that of the tool's table."""
    match tool:
        case written.WebSearch():
            return wire.WebSearch(
                allowed_domains=tool.allowed_domains,
                excluded_domains=tool.excluded_domains,
                enable_image_understanding=tool.enable_image_understanding,
                location=_location(tool.location),
                user_location=_location(tool.user_location),
            )
        case written.XSearch():
            return wire.XSearch(
                allowed_x_handles=tool.allowed_x_handles,
                excluded_x_handles=tool.excluded_x_handles,
                from_date=tool.from_date,
                to_date=tool.to_date,
                enable_image_understanding=tool.enable_image_understanding,
                enable_video_understanding=tool.enable_video_understanding,
            )
        case written.FileSearch():
            return wire.FileSearch(vector_store_ids=tool.vector_store_ids, max_num_results=tool.max_num_results)
        case written.Mcp():
            return wire.Mcp(
                server_url=tool.server_url,
                server_label=tool.server_label or name,
                server_description=tool.server_description,
                allowed_tools=tool.allowed_tools,
                authorization="" if tool.authorization is None else tool.authorization.reveal(),
                headers={header: value.reveal() for header, value in tool.headers.items()},
            )


def _location(place: written.Location) -> wire.Location | None:
    sent = wire.Location(country=place.country, city=place.city, region=place.region, timezone=place.timezone)
    return None if sent == wire.Location() else sent
