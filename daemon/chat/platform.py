"""The platform of a chat: an ordinary session in place of a call, and nobody who could be hung up on or transferred.

Owner of one nursery for each line, with its listener and its caller. Imports platforms.base, core and this room.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import trio

from daemon.chat.keyboard import Typed
from daemon.chat.leg import ChatLine
from daemon.core.incoming import IncomingCall
from daemon.platforms.base import HangUpOutcome, Line, ReferOutcome, ReferResult

Converse = Callable[[], AbstractAsyncContextManager[Line]]
"""Opens an ordinary session. Errors: as for `Platform.join`."""


class ChatPlatform:
    """A platform without telephones; see `platforms.base.Platform`."""

    def __init__(
        self,
        converse: Converse,
        typed: trio.MemoryReceiveChannel[Typed],
        *,
        leave: Callable[[], None],
        patient: bool,
        transfers: ReferResult,
    ) -> None:
        self._converse = converse
        self._typed = typed
        self._leave = leave
        self._patient = patient
        self._transfers = transfers

    @asynccontextmanager
    async def join(self, call_id: str, *, conversation_id: str | None = None) -> AsyncIterator[ChatLine]:
        """Open the session."""
        async with self._converse() as line, trio.open_nursery() as nursery:
            chat = ChatLine(line, self._leave, patient=self._patient)
            nursery.start_soon(chat.listen, name=f"listener {call_id}")
            nursery.start_soon(chat.type, self._typed, name=f"caller {call_id}")
            yield chat
            nursery.cancel_scope.cancel(reason="the chat is over")

    async def hang_up(self, call_id: str) -> HangUpOutcome:
        """Nobody is on the line."""
        await trio.lowlevel.checkpoint()
        return HangUpOutcome.HUNG_UP

    async def refer(self, call_id: str, target_uri: str) -> ReferOutcome:
        """Nobody is transferred; it ends as was said it should."""
        await trio.lowlevel.checkpoint()
        return ReferOutcome(self._transfers)

    def read_webhook(
        self, body: bytes, webhook_id: str, received_at: float, keep: frozenset[str] = frozenset()
    ) -> IncomingCall | None:
        """Nobody calls."""
        raise AssertionError("a chat is announced by nobody")
