"""The shape all wire events share. Owned by the events package; imports msgspec only."""

import msgspec


class ServerEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """One thing the platform said happened; the subclass's tag is its `type` on the wire."""

    event_id: str | None = None
    """The platform's id of the event; keypresses are documented without one."""
