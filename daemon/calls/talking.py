"""Talking on one socket: reader, writer, timer.

Owner of one nursery, opened inside the call's scope, which is entered inside the socket. That nesting is the point:
cancelling the scope ends these three, and the socket outlives them just long enough to close properly. Imports
platforms.base and core; decides nothing.
"""

import trio

from daemon.calls.call import Call
from daemon.core import journal
from daemon.core.inputs import Received, Woken
from daemon.platforms.base import Line


async def talk(call: Call, line: Line) -> None:
    """Talk until the line ends. Cancelling leaves what is unsent in the outbox."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_write, call, line, name=f"writer {call.id}")
        nursery.start_soon(_wait_for_deadlines, call, name=f"timer {call.id}")
        await _read(call, line)
        nursery.cancel_scope.cancel(reason="the line ended")


async def _read(call: Call, line: Line) -> None:
    """The reader: the only one who feeds events to the conversation. Its end is the line's end."""
    async for event in line:
        call.obey(call.feed(Received(event=event)))


async def _write(call: Call, line: Line) -> None:
    """The writer: the only sender on the socket."""
    first = True
    while True:
        frame = await call.outbox.take()
        if not await line.send(frame):
            call.outbox.put_first(frame)
            return
        call.toolbox.sent(frame)
        if first:
            call.remember(journal.SessionSent(seconds=call.since_webhook()))
            call.spoken.set()
            first = False


async def _wait_for_deadlines(call: Call) -> None:
    """The timer: wakes the conversation whenever its next deadline has passed."""
    while True:
        with trio.CancelScope(deadline=call.conversation.deadline) as call.timer:
            await trio.sleep_forever()
        call.obey(call.feed(Woken()))
