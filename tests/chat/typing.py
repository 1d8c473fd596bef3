"""Chats in virtual time: a keyboard that types when it is told to, the sandbox's model, and all that is shown."""

from collections.abc import Awaitable, Callable
from functools import partial

import trio

from daemon.chat.keyboard import Keyboard, Quit, Typed, read_line
from daemon.chat.talk import Caller, Note, chat
from daemon.config import Config
from daemon.core import journal
from daemon.core.receipts import Receipt
from daemon.platforms.base import ReferResult
from daemon.platforms.xai import Xai
from daemon.sandbox.memory import MemorySandbox
from daemon.sandbox.switchboard import SandboxCall, Switchboard
from tests.calls.world import wall
from tests.configured import API_KEY, CALLED, CALLER


class Fingers(Keyboard):
    """Types lines, each after so many seconds."""

    def __init__(self, *lines: tuple[float, str]) -> None:
        super().__init__(-1)
        self._lines = [*lines]

    async def next(self) -> Typed:
        if not self._lines:
            return Quit(at_once=False)
        seconds, line = self._lines.pop(0)
        await trio.sleep(seconds)
        typed = read_line(line)
        assert typed is not None
        return typed


class Chatted:
    """What became of a chat."""

    def __init__(self, key: str) -> None:
        self.shown: list[tuple[float, journal.Entry | Note]] = []
        self.board = Switchboard(key)
        self.receipt: Receipt | None = None

    @property
    def call(self) -> SandboxCall:
        """The session, as the platform saw it."""
        (call,) = self.board.calls.values()
        return call

    def said(self) -> list[tuple[str, str]]:
        """All that was said."""
        entries = (entry for _, entry in self.shown if isinstance(entry, journal.Said) and entry.final)
        return [(entry.speaker, entry.text) for entry in entries]

    def of(self, kind: type) -> list[object]:
        """What was shown of a kind."""
        return [entry for _, entry in self.shown if isinstance(entry, kind)]


async def chatted(
    config: Config,
    *lines: tuple[float, str],
    patient: bool = False,
    transfers: ReferResult = ReferResult.ANSWERED,
    key: str = API_KEY,
    meanwhile: Callable[[Switchboard], Awaitable[None]] | None = None,
) -> Chatted:
    """Have a chat, with a platform that knows this key."""
    outcome = Chatted(key)
    caller = Caller(keyboard=Fingers(*lines), patient=patient, number=CALLER, called=CALLED, transfers=transfers)

    def show(shown: journal.Entry | Note) -> None:
        outcome.shown.append((trio.current_time(), shown))

    async with trio.open_nursery() as nursery:
        if meanwhile is not None:
            nursery.start_soon(meanwhile, outcome.board)
        memory = MemorySandbox(outcome.board, nursery)
        xai = Xai(config.platform.xai, memory.client(API_KEY), memory.dial)
        converse = partial(xai.converse, "some-model")
        outcome.receipt = await chat(config, "support", converse, caller, show=show, wall=wall)
        nursery.cancel_scope.cancel(reason="the chat is over")
    return outcome
