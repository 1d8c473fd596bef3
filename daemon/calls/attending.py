"""Attending to a call: from joining it, over every socket it may need, to its receipt.

Owner of the call's nursery, in which the lookup, transfers and tools run; they outlive a broken socket. Whichever way a
call ends (the caller leaves, a rule or an operator hangs up, it was transferred, the daemon stops, our own code fails),
`in_debt` sees to it that the debt is settled, inside the socket if there is one, so that it closes with 1000 after the
hang-up. Imports platforms.base, core and this room; knows nothing of admission.
"""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import structlog
import trio

from daemon.calls.call import Call
from daemon.calls.joining import FRESH_CALL, Patience, join_patiently
from daemon.calls.preparing import prepare
from daemon.calls.referral import TransferTool
from daemon.calls.settlement import causes, pay
from daemon.calls.talking import talk
from daemon.core import journal
from daemon.core.durations import format_duration
from daemon.core.transfers import TRANSFER
from daemon.errors import CallNotFound, PlatformError, PlatformRefused
from daemon.platforms.base import LineEnd

# A line that closes while a transfer is under way was most likely closed by it; its answer is on its way.
TRANSFER_GRACE = 5.0
# A lookup may take longer; then the note doesn't wait for what waits for that.
_FIRST_FRAME = 0.5


async def attend(call: Call) -> None:
    """See a call through to its receipt, or to the debt collector.

    Cancelling hangs up. Errors: only bugs of ours get out, and not before the debt is settled.
    """
    call.toolbox.equip(TRANSFER, TransferTool(call))
    async with in_debt(call), _errands(call):
        # A call that was joined before is either there or over; only a fresh one may be there later.
        known = call.former is not None and call.former.joined
        if known:
            call.effects = await call.setting.ledger.effects(call.id)
        await prepare(call)
        try:
            end = await _begin(call, looks=() if known else FRESH_CALL, kept=_kept_by_platform(call) if known else None)
        except PlatformError as error:
            structlog.get_logger().error("join_given_up", why=str(error), kind=type(error).__name__)
            gone = "gone while nobody was there" if known else "gone before we joined"
            call.hang_up(gone if isinstance(error, CallNotFound) else f"could not join: {error}")
        else:
            await _come_back(call, end)


async def _begin(call: Call, *, looks: tuple[float, ...], kept: str | None) -> LineEnd | None:
    """Talk on the call's first socket. Errors: `PlatformError` if it could not be opened.

    An earlier conversation that the platform won't go on with is no reason not to answer: then it is a call like any.
    """
    patience = partial(Patience, budget=call.setting.config.platform.xai.join_budget, rng=call.setting.rng)
    casting = call.casting
    if casting is not None and casting.earlier is not None:
        try:
            # A refusal can also mean that the call is not there yet; that much patience the conversation is worth.
            return await _on_line(call, patience(looks=looks[:1]), call.begin, conversation_id=casting.earlier)
        except PlatformRefused as refused:
            structlog.get_logger().warning("redial_refused", why=str(refused))
            casting.earlier = None
    return await _on_line(call, patience(looks=looks), call.begin, conversation_id=kept)


@asynccontextmanager
async def _errands(call: Call) -> AsyncIterator[None]:
    """Have a nursery for what runs beside the talk, while the block lasts."""
    try:
        async with trio.open_nursery() as call.errands:
            yield
            call.errands.cancel_scope.cancel(reason="the call is over")
    finally:
        call.errands = None


async def _on_line(
    call: Call, patience: Patience, begin: Callable[[], None], *, conversation_id: str | None = None
) -> LineEnd | None:
    """Open a socket and talk on it; gives how it ended, None if the call was ended before it opened.

    Errors: `PlatformError` if no socket could be opened.
    """
    call.scope = trio.CancelScope()
    call.limits["join"] = patience.give_up_at
    async with join_patiently(
        call.setting.platform, call.id, patience, call.ending, conversation_id=conversation_id
    ) as line:
        if line is None:
            return None
        if not call.joined and call.errands is not None:
            call.errands.start_soon(_note_joining, call, name=f"note of joining {call.id}")
        call.take(line)
        async with in_debt(call, may_go_on=True):
            with call.scope:
                # Ended while the socket opened: then there is nothing to say on it.
                if not call.ending.is_set():
                    if call.casting is not None:
                        await call.casting.known.wait()
                    begin()
                await talk(call, line)
        return LineEnd(lost=True, why="joining again") if call.leaving_line else line.end


async def _note_joining(call: Call) -> None:
    """Have the ledger know that there is a socket. Beside the talk, and after the first frame.

    Nobody should wait for a disk before the first word, nor for the interpreter's lock, which the writing thread takes.
    """
    with trio.move_on_after(_FIRST_FRAME):
        await call.spoken.wait()
    await call.setting.ledger.joined(call.id)


async def _come_back(call: Call, end: LineEnd | None) -> None:
    """Rejoin a call whose line broke, again and again, within a window that a line which holds opens anew."""
    window = call.setting.config.recovery.rejoin_window
    patience = None
    while end is not None and not call.settled:
        if call.transfers:
            with trio.move_on_after(TRANSFER_GRACE):
                await call.ending.wait()
        if call.ending.is_set() or not end.lost:
            return
        lost_at = trio.current_time()
        call.remember(journal.LineLost(why=end.why))
        call.state_began = lost_at
        if patience is None or lost_at > call.line_opened_at + window:
            patience = Patience(budget=window, rng=call.setting.rng)
        elif not patience.again(None):
            call.hang_up(f"rejoin window {format_duration(window)}", end.why)
            return
        end = await _rejoin(call, patience, end)


async def _rejoin(call: Call, patience: Patience, lost: LineEnd) -> LineEnd | None:
    lost_at = trio.current_time()

    def resume() -> None:
        call.remember(journal.Rejoined(seconds=trio.current_time() - lost_at))
        call.resume()

    if not await call.setting.ledger.ours(call.id):
        call.let_go()
        return None
    try:
        return await _on_line(call, patience, resume, conversation_id=_kept_by_platform(call))
    except PlatformRefused as refused:
        # Also when it says that there is no such call: it may only mean that a call can't be joined twice, and then
        # the caller is still there. Hanging up finds out, and does no harm.
        call.hang_up(f"rejoin refused: {refused}", lost.why)
    except PlatformError:
        window = format_duration(call.setting.config.recovery.rejoin_window)
        call.hang_up(f"rejoin window {window}", lost.why)
    return None


def _kept_by_platform(call: Call) -> str | None:
    """The conversation to take up again: where the platform keeps it, it is this call's own.

    Also if it went on with an earlier one: that was told to it when it began, and is part of it by now.
    """
    return call.id if call.conversation.agent.session.resumption else None


@asynccontextmanager
async def in_debt(call: Call, *, may_go_on: bool = False) -> AsyncIterator[None]:
    """Settle the call when the block is left: hang up unless the leg is known to be down, and make the receipt.

    With `may_go_on`, a line that broke, or that closed under a transfer, settles nothing yet. Takes at most the
    configured hang-up time, even when cancelled; what the platform did not confirm by then goes to the collector.
    """
    try:
        yield
    finally:
        error = sys.exception()
        if not call.settled and not (may_go_on and error is None and _goes_on(call)):
            _decide(call, error)
            patience = call.setting.config.platform.xai.hang_up_timeout
            call.limits["hang_up_timeout"] = trio.current_time() + patience
            try:
                with trio.move_on_after(patience, shield=True):
                    call.outcome = call.outcome or await pay(call.setting, call.id)
                    if call.outcome is not None:
                        await call.conclude(call.outcome)
            finally:
                # Whatever kept it from being settled, a bug of ours included, is no reason to forget it.
                if not call.settled:
                    call.owe()


def _decide(call: Call, error: BaseException | None) -> None:
    """Settle for good why the call ended, and how, if that is known."""
    end = call.line.end if call.line else None
    if call.ending.is_set():
        return
    if error is None and end is not None and not end.lost:
        call.over("caller_left", end.why)
    else:
        call.hang_up(*causes(end, error))


def _goes_on(call: Call) -> bool:
    """Whether the line's end is not the call's: it broke, is given up or left to others, or a transfer closed it."""
    if call.outcome == "handed_over":
        return True  # whoever adopts it must not find our socket still open
    if call.leaving_line:
        return not call.ending.is_set()
    end = call.line.end if call.line else None
    if end is None or call.ending.is_set():
        return False
    return call.transfers > 0 or (end.lost and call.setting.config.recovery.rejoin_window > 0)
