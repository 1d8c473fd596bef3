"""The platform of a chat: nobody is hung up on, and nobody is transferred."""

from contextlib import AbstractAsyncContextManager

import pytest
import trio

from daemon.chat.keyboard import Typed
from daemon.chat.platform import ChatPlatform
from daemon.platforms.base import HangUpOutcome, Line, ReferOutcome, ReferResult


def nobody() -> AbstractAsyncContextManager[Line]:
    raise AssertionError


async def test_nothing_is_done_to_anybody() -> None:
    _, typed = trio.open_memory_channel[Typed](0)
    platform = ChatPlatform(nobody, typed, leave=lambda: None, patient=False, transfers=ReferResult.REJECTED)
    assert await platform.hang_up("chat") is HangUpOutcome.HUNG_UP
    assert await platform.refer("chat", "tel:+18005550123") == ReferOutcome(ReferResult.REJECTED)
    with pytest.raises(AssertionError):
        platform.read_webhook(b"", "m", 0.0)
