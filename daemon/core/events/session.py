"""Events about the session, the conversation's items, and what went wrong. Imports msgspec only."""

from typing import Any

import msgspec

from daemon.core.events.base import ServerEvent


class Session(msgspec.Struct, frozen=True):
    """What the platform says the session is; the rest of what it echoes is not needed."""

    id: str | None = None
    model: str | None = None
    """The model that really answers. On a phone call it can't be chosen, so it is worth writing down."""
    voice: str | None = None


class SessionCreated(ServerEvent, frozen=True, kw_only=True, tag="session.created"):
    """The socket is open and a session stands behind it. Live, turn detection is off until we configure it."""

    session: Session | None = None


class SessionUpdated(ServerEvent, frozen=True, kw_only=True, tag="session.updated"):
    """Our `session.update` is in force."""

    session: Session | None = None


class ConversationRef(msgspec.Struct, frozen=True):
    """The conversation's name."""

    id: str | None = None


class ConversationCreated(ServerEvent, frozen=True, kw_only=True, tag="conversation.created"):
    """A conversation exists. Documented both as first and as second event of a session; either order is fine."""

    conversation: ConversationRef = ConversationRef()


class Part(msgspec.Struct, frozen=True):
    """A piece of an item's or response's content."""

    type: str | None = None
    text: str | None = None
    transcript: str | None = None


class Item(msgspec.Struct, frozen=True):
    """An entry of the conversation: a message, a function call, its output, or a kind nobody documented."""

    id: str | None = None
    type: str | None = None
    role: str | None = None
    status: str | None = None
    content: Any = None
    """Parts, of which we use none: words come by transcript events."""
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | None = None


class ItemAdded(ServerEvent, frozen=True, kw_only=True, tag="conversation.item.added"):
    """An item is part of the conversation. May repeat for one function call."""

    previous_item_id: str | None = None
    item: Item = Item()


class ItemReplayed(ServerEvent, frozen=True, kw_only=True, tag="conversation.item.created"):
    """An item of an earlier session, replayed because the conversation was resumed."""

    previous_item_id: str | None = None
    item: Item = Item()


class ItemDeleted(ServerEvent, frozen=True, kw_only=True, tag="conversation.item.deleted"):
    """An item is gone; the id can be the empty string."""

    item_id: str | None = None


class ItemTruncated(ServerEvent, frozen=True, kw_only=True, tag="conversation.item.truncated"):
    """The agent was cut short; `transcript` is what the caller heard of it."""

    item_id: str | None = None
    content_index: int | None = None
    audio_end_ms: float | None = None
    transcript: str | None = None


class ErrorBody(msgspec.Struct, frozen=True):
    """What the platform says went wrong."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None
    event_id: str | None = None
    """The id of the frame of ours that caused it, if one did."""


class ErrorReported(ServerEvent, frozen=True, kw_only=True, tag="error"):
    """Something was refused, or the session is over."""

    error: ErrorBody | None = None

    # Documented: `timeout` and `max_duration` end the session, the others leave it open.
    _FATAL = frozenset({"timeout", "max_duration"})
    # Third-party clients know these as races between our frame and the end of a response.
    _BENIGN_CODES = frozenset({"response_cancel_not_active", "conversation_already_has_active_response"})
    _BENIGN_WORDS = ("no active response", "already has an active response", "truncat")

    @property
    def fatal(self) -> bool:
        """Whether the session is over."""
        return self.error is not None and self.error.type in self._FATAL

    @property
    def benign(self) -> bool:
        """Whether it is a harmless race."""
        if self.error is None:
            return False
        message = (self.error.message or "").lower()
        return self.error.code in self._BENIGN_CODES or any(words in message for words in self._BENIGN_WORDS)


class Pinged(ServerEvent, frozen=True, kw_only=True, tag="ping"):
    """A keep-alive on the application level; undocumented, and no reply is known to be wanted."""

    timestamp: float | None = None


class UnknownEvent(msgspec.Struct, frozen=True):
    """A type we have never heard of. Counted, never fatal."""

    type: str


class MalformedEvent(msgspec.Struct, frozen=True):
    """Not an event at all, or a known type with impossible fields. Counted, never fatal."""

    type: str | None
    why: str
