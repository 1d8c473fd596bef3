"""The talk: a call of its own, with the tasks, the tools and the journal of every call, and a terminal as its caller.

Owner of one nursery, for the keyboard and the signals. What happens is handed to `show` as it does: entries of the
journal, and notes of what only somebody who tries an agent out should see. Imports calls, tools, lookup, the memory
ledger and this room.
"""

import random
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Literal

import msgspec
import trio

from daemon.calls.attending import attend
from daemon.calls.call import Call
from daemon.calls.casting import Casting
from daemon.calls.collector import DebtCollector
from daemon.calls.roles import roles_in
from daemon.calls.setting import Setting
from daemon.chat.keyboard import Keyboard, Keys, Quit, Slip, Typed, Words
from daemon.chat.platform import ChatPlatform, Converse
from daemon.config import Config
from daemon.core.incoming import IncomingCall
from daemon.core.journal import Entry
from daemon.core.receipts import Receipt
from daemon.ledger.memory import MemoryLedger
from daemon.lookup.fetching import Fetch, open_fetch
from daemon.observe.clock import WallClock
from daemon.observe.feed import Feed
from daemon.platforms.base import ReferResult
from daemon.tools import open_tools
from daemon.tools.base import Tool
from daemon.tools.watched import WatchedTool


class Note(msgspec.Struct, frozen=True):
    """Something that is in no journal."""

    about: Literal["asked", "gave", "hint"]
    text: str


Show = Callable[[Entry | Note], None]


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who talks."""

    keyboard: Keyboard
    patient: bool
    """Whether they wait for the agent to finish, as a file must."""
    number: str | None = None
    """What they call from, E.164; None is withheld."""
    called: str | None = None
    """What they dialled, E.164."""
    transfers: ReferResult = ReferResult.ANSWERED
    """What becomes of transfers, which nobody makes."""


def for_chat(config: Config, name: str) -> Config:
    """The same, but nobody is hung up on for typing slowly, and a line that broke is a conversation that is gone."""
    agent = config.agents[name]
    turns = msgspec.structs.replace(agent.turn_detection, idle_timeout=None)
    agents = {**config.agents, name: msgspec.structs.replace(agent, silence_timeout=0.0, turn_detection=turns)}
    recovery = msgspec.structs.replace(config.recovery, rejoin_window=0.0)
    return msgspec.structs.replace(config, agents=agents, recovery=recovery)


async def chat(
    config: Config, name: str, converse: Converse, caller: Caller, *, show: Show, wall: WallClock
) -> Receipt | None:
    """Talk with an agent until either hangs up; gives the receipt. Cancelling hangs up.

    Errors: `StartError` if there are no certificates to trust.
    """
    config = for_chat(config, name)
    feed = Feed(wall)
    feed.watch(lambda record: show(record.entry))
    send, typed = trio.open_memory_channel[Typed](0)
    async with open_tools(config.tools) as tools, _open_fetch(config) as fetch:
        roles = roles_in(config)
        platform = ChatPlatform(
            converse,
            typed,
            leave=lambda: _leave(call),
            patient=caller.patient,
            transfers=caller.transfers,
        )
        ledger, rng = MemoryLedger(), random.Random()
        setting = Setting(
            config=config,
            platform=platform,
            ledger=ledger,
            collector=DebtCollector(platform, ledger, feed, config.platform.xai, rng),
            feed=feed,
            wall=wall,
            tools={each: _shown(tool, show) for each, tool in tools.items()},
            rng=rng,
            fetch=fetch,
        )
        call = Call(_incoming(caller), roles[name].agent, setting)
        call.casting = Casting(roles, name)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_type, call, caller, send, show, name="keyboard")
            nursery.start_soon(_watch_signals, call, name="signals")
            await attend(call)
            nursery.cancel_scope.cancel(reason="the chat is over")
    return call.receipt


def _open_fetch(config: Config) -> AbstractAsyncContextManager[Fetch | None]:
    return open_fetch() if any(agent.lookup.url for agent in config.agents.values()) else nullcontext()


def _incoming(caller: Caller) -> IncomingCall:
    return IncomingCall(
        call_id="chat",
        webhook_id="chat",
        called=caller.called,
        caller=caller.number,
        created_at=None,
        received_at=trio.current_time(),
    )


async def _type(call: Call, caller: Caller, send: trio.MemorySendChannel[Typed], show: Show) -> None:
    """Pass on what is typed, until the caller hangs up."""
    while True:
        typed = await caller.keyboard.next()
        match typed:
            case Slip(hint):
                show(Note("hint", hint))
            case Quit(at_once=True):
                _leave(call)
                return
            case Quit():
                await send.send(typed)
                return
            case Words() | Keys():
                await send.send(typed)


def _leave(call: Call) -> None:
    call.over("caller_left", "you hung up")


async def _watch_signals(call: Call) -> None:
    """Hang up when told to stop; the second time, it is as for any program."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            call.over("caller_left", signal.Signals(number).name)
            return


def _shown(tool: Tool, show: Show) -> Tool:
    """A tool that is really run, and shows what it was asked and what it gave."""
    return WatchedTool(
        tool,
        begins=lambda use: show(Note("asked", f"{use.name} {use.arguments}")),
        ended=lambda _, answer: show(Note("gave", answer.output)),
    )
