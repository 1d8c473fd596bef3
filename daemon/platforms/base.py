"""What a platform must be able to do, as the calls room sees it: join, talk, hang up, transfer.

Owned by the platforms room; imports core, errors and Trio's types only. A second platform costs one new folder and
no change above this line.
"""

import enum
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from daemon.core.events import Event
from daemon.core.frames import Frame
from daemon.core.incoming import IncomingCall


class LineEnd(msgspec.Struct, frozen=True):
    """Why a line carries no more events."""

    lost: bool
    """False: closed as it is when a call is over. True: it broke, and the caller may still be there."""
    why: str


class Line(Protocol):
    """The socket to one joined call. Iterate it for events; it ends when the line does."""

    @property
    def end(self) -> LineEnd | None:
        """Why iteration stopped; None while it has not."""
        ...

    @property
    def dropped(self) -> dict[str, int]:
        """Frames that were discarded unread, by kind (`audio`, `binary`)."""
        ...

    async def send(self, frame: Frame) -> bool:
        """Put one frame on the wire, whole or not at all; False if it was not, because the line has ended.

        A cancel waits for a frame in flight, for a bounded time. The reader learns of the end by itself.
        """
        ...

    def __aiter__(self) -> AsyncIterator[Event]:
        """Iterate over events. Cancelling is safe: no event is lost."""
        ...


class HangUpOutcome(enum.Enum):
    """Both mean that the caller's leg is down."""

    HUNG_UP = "hung_up"
    ALREADY_OVER = "already_over"


class ReferResult(enum.Enum):
    """What became of a transfer."""

    ANSWERED = "answered"
    """The destination took the call."""
    BAD_TARGET = "bad_target"
    """Not a `tel:` or `sip:` URI."""
    NO_CALL = "no_call"
    """The caller is not there any more."""
    REJECTED = "rejected"
    """The destination, or a carrier on the way, refused; the caller is still on the call."""
    TIMED_OUT = "timed_out"
    """Nobody answered in the platform's time; the caller is still on the call."""
    FAILED = "failed"
    """The platform failed; the caller is still on the call."""
    UNKNOWN = "unknown"
    """No answer in our time. It may have worked: never repeat it blindly."""


class ReferOutcome(msgspec.Struct, frozen=True):
    """The result of a transfer, with what was said about it."""

    result: ReferResult
    sip_status: int | None = None
    """The SIP status of the far end, when the platform passed it on."""
    detail: str = ""


class Platform(Protocol):
    """One voice platform."""

    def join(self, call_id: str, *, conversation_id: str | None = None) -> AbstractAsyncContextManager[Line]:
        """Open the socket to a call and keep it until the block is left, then close it with 1000, bounded.

        Joining is accepting: from here on the caller is ours. `conversation_id` names an earlier conversation that
        is to be taken up again, for platforms that keep one. Errors: `CallNotFound` (not there, or not yet),
        `NotAuthorized`, `PlatformRefused`, `PlatformUnavailable`. One attempt; trying again is the caller's part.
        """
        ...

    async def hang_up(self, call_id: str) -> HangUpOutcome:
        """End the caller's leg. Errors: `PlatformUnavailable` (try again), `PlatformRefused`. Safe to repeat."""
        ...

    async def refer(self, call_id: str, target_uri: str) -> ReferOutcome:
        """Transfer the caller; waits until the transfer is settled, which takes as long as the ringing does.

        Never raises for what the platform or the network does. Not safe to repeat after `UNKNOWN`.
        """
        ...

    def read_webhook(
        self, body: bytes, webhook_id: str, received_at: float, keep: frozenset[str] = frozenset()
    ) -> IncomingCall | None:
        """Read a verified delivery; None for a type of event we don't know.

        `keep` names the SIP headers, in lower case, whose text is wanted; it is written by whoever is calling.

        Errors: `WebhookRefused` with 400 for a body that makes no sense.
        """
        ...
