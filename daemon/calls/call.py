"""One call: its scope, its tasks, its end.

Owner of one nursery, opened inside the call's scope, which is entered inside the call's socket. That nesting is the
point: cancelling `Call.scope` hangs up, and the socket outlives it just long enough to close properly. Whatever way
the scope is left (the caller leaves, a rule or an operator hangs up, the daemon stops, our own code fails), the
debt is settled before the socket closes. Imports platforms.base, core, observe; never decides who is let in.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
import trio

from daemon.calls.joining import join_patiently
from daemon.calls.setting import Setting
from daemon.calls.settlement import causes, pay
from daemon.core import journal
from daemon.core.agent import Agent
from daemon.core.commands import Command, HangUp, Remember, SendFrame
from daemon.core.conversation import Conversation
from daemon.core.frames import Frame
from daemon.core.incoming import IncomingCall
from daemon.core.receipts import Outcome, Receipt
from daemon.errors import CallNotFound, OutboxFull, PlatformError
from daemon.platforms.base import Line

# A conversation sends a few frames a minute; this many unsent ones mean that the line is dead and nobody noticed.
_OUTBOX = 256


class Call:
    """A call in progress. Everything here is plain; what waits are the tasks in this room that share it."""

    def __init__(self, incoming: IncomingCall, agent: Agent, setting: Setting) -> None:
        self.id = incoming.call_id
        self.incoming = incoming
        self.setting = setting
        self.conversation = Conversation(agent, ready_timeout=setting.config.platform.xai.ready_timeout)
        self.scope = trio.CancelScope()
        """Cancelling it is hanging up; works before the socket is open, too. Use `hang_up`, which says why."""
        self.timer = trio.CancelScope()
        """The timer's present wait; its deadline follows the conversation's."""
        self.reasons: tuple[str, ...] = ()
        self.joined = False
        self.receipt: Receipt | None = None
        self.outbox, self.unsent = trio.open_memory_channel[Frame](_OUTBOX)

    def hang_up(self, *reasons: str) -> None:
        """End the call. The first chain of reasons is the one that counts."""
        if not self.reasons:
            self.reasons = reasons
        self.scope.cancel(reason=" > ".join(reasons))

    def remember(self, entry: journal.Entry) -> None:
        """Write an entry into the call's journal."""
        self.setting.feed.publish(self.id, entry)

    def since_webhook(self) -> float:
        """Seconds since the delivery reached us."""
        return trio.current_time() - self.incoming.received_at

    def conclude(self, outcome: Outcome, reasons: tuple[str, ...], line: Line | None) -> None:
        """Make the receipt and close the journal with it."""
        self.receipt = Receipt(outcome=outcome, reasons=reasons, joined=self.joined, seconds=self.since_webhook())
        if outcome == "lost":
            structlog.get_logger().error("call_lost", why=self.receipt.why, danger="the caller may still be connected")
        events = {**self.conversation.seen, **(line.dropped if line else {})}
        self.remember(journal.Ended(receipt=self.receipt, events=events))

    def obey(self, commands: list[Command]) -> None:
        """Carry out what the conversation wants, in order, without waiting.

        Errors: `OutboxFull` if the platform has long stopped taking frames.
        """
        for command in commands:
            match command:
                case SendFrame(frame):
                    try:
                        self.outbox.send_nowait(frame)
                    except trio.WouldBlock:
                        raise OutboxFull(f"{_OUTBOX} frames wait to be sent") from None
                case HangUp(reasons):
                    self.hang_up(*reasons)
                case Remember(entry):
                    self.remember(entry)
        self.timer.deadline = self.conversation.deadline


async def run_call(call: Call) -> None:
    """Join the call and see it through to its receipt.

    Cancelling hangs up. Errors: only bugs of ours get out, and not before the receipt is made.
    """
    setting = call.setting
    budget = setting.config.platform.xai.join_budget
    async with _in_debt(call, None):
        try:
            async with join_patiently(setting.platform, call.id, budget=budget, rng=setting.rng) as line:
                call.joined = True
                call.remember(journal.Joined(seconds=call.since_webhook()))
                async with _in_debt(call, line):
                    with call.scope:
                        await _talk(call, line)
        except PlatformError as error:
            structlog.get_logger().error("join_given_up", why=str(error), kind=type(error).__name__)
            call.hang_up("gone before we joined" if isinstance(error, CallNotFound) else f"could not join: {error}")


@asynccontextmanager
async def _in_debt(call: Call, line: Line | None) -> AsyncIterator[None]:
    """Settle the call when the block is left, whichever way: hang up unless the caller has left, make the receipt.

    Takes at most the configured hang-up time, even when cancelled.
    """
    try:
        yield
    finally:
        if call.receipt is None:
            end = line.end if line else None
            reasons = call.reasons or causes(end, sys.exception())
            outcome: Outcome = "caller_left"
            if call.reasons or end is None or end.lost:
                outcome = "lost"
                with trio.move_on_after(call.setting.config.platform.xai.hang_up_timeout, shield=True):
                    outcome = await pay(call.setting.platform, call.id)
            call.conclude(outcome, reasons, line)


async def _talk(call: Call, line: Line) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_write, call, line, name=f"writer {call.id}")
        nursery.start_soon(_wait_for_deadlines, call, name=f"timer {call.id}")
        call.obey(call.conversation.start(trio.current_time()))
        await _read(call, line)
        nursery.cancel_scope.cancel(reason="the line ended")


async def _read(call: Call, line: Line) -> None:
    """The reader: the only one who feeds events to the conversation. Its end is the call's end."""
    async for event in line:
        call.obey(call.conversation.receive(event, trio.current_time()))


async def _write(call: Call, line: Line) -> None:
    """The writer: the only sender on the socket."""
    await line.send(await call.unsent.receive())
    call.remember(journal.SessionSent(seconds=call.since_webhook()))
    async for frame in call.unsent:
        await line.send(frame)


async def _wait_for_deadlines(call: Call) -> None:
    """The timer: wakes the conversation whenever its next deadline has passed."""
    while True:
        with trio.CancelScope(deadline=call.conversation.deadline) as call.timer:
            await trio.sleep_forever()
        call.obey(call.conversation.wake(trio.current_time()))
