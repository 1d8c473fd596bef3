"""Recovery: what becomes of a call whose owner is no more, and of what the ledger has to tell while we run.

Plain rules first; then one task, which follows the ledger's news. Owner of one nursery, for orders that take their
time. Imports config, core, ledger and this room's collector and admission; never touches a socket.
"""

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, assert_never

import structlog
import trio

from daemon.config import Config
from daemon.core.durations import format_duration
from daemon.core.incoming import IncomingCall
from daemon.core.receipts import Debt, Receipt
from daemon.ledger.epochs import Orphan
from daemon.ledger.news import Adopted, News, Relieved
from daemon.ledger.orders import BEGUN, DONE, Order

# Seconds an order to hang up may take before we say that it is not done yet.
_PATIENCE = 10.0

Report = Callable[[str, str], Awaitable[None]]
"""(order id, what became of it)"""


def why_not_to_go_on(orphan: Orphan, config: Config, *, closed: bool) -> tuple[str, ...]:
    """Why a call that was somebody else's is to be hung up instead of rejoined; nothing if it is to be rejoined."""
    if orphan.owed_for:
        return orphan.owed_for
    gone = f"its daemon is gone (epoch {orphan.former})"
    if closed:
        return ("the daemon stops", gone)
    if orphan.agent not in config.agents:
        return (f"no agent {orphan.agent}", gone)
    if not orphan.joined and orphan.age > config.server.max_event_age:
        return (f"never joined in {format_duration(round(orphan.age))}", gone)
    if orphan.joined and config.recovery.on_restart == "hang_up" and not orphan.released:
        return ("on_restart hang_up", gone)
    return ()


def debt_of(orphan: Orphan, incoming: IncomingCall, reasons: tuple[str, ...]) -> Debt:
    """The hang-up of a call that is not gone on with."""
    return Debt(
        call_id=incoming.call_id, reasons=reasons, joined=orphan.joined, received_at=incoming.received_at, events={}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a durable ledger brings with it."""

    orphans: tuple[Orphan, ...]
    """Calls that had no living owner when it was opened."""
    news: AsyncIterable[News]
    """What has to be done for it from then on."""
    report: Report
    """Where to say what became of an order."""


class Part(Protocol):
    """A call of ours, as far as recovery looks into it."""

    reached: trio.Event
    receipt: Receipt | None


class Desk(Protocol):
    """The supervisor, as recovery sees it."""

    def take_over(self, orphan: Orphan) -> Part | None:
        """Go on with a call, or have it hung up."""
        ...

    def let_go(self, call_id: str) -> None:
        """Let another node have a call."""
        ...

    def hang_up(self, call_id: str, *reasons: str) -> bool:
        """End a call."""
        ...

    def transfer(self, call_id: str, destination: str, *why: str) -> bool:
        """Begin to transfer a call."""
        ...

    async def gone(self, call_id: str) -> Part | None:
        """Wait for a call's end."""
        ...

    def pause(self) -> None:
        """Take no calls."""
        ...

    def resume(self) -> bool:
        """Take calls, and call off a drain; False if it is too late for that."""
        ...


async def recover(orphans: Iterable[Orphan], desk: Desk, patience: float) -> int:
    """Take over calls, and wait until each is on the line again or known not to be; gives how many there are.

    Waits for at most `patience` seconds; what takes longer goes on by itself.
    """
    orphans = [*orphans]
    calls = [desk.take_over(orphan) for orphan in orphans]
    if orphans:
        rejoining = sum(call is not None for call in calls)
        log = structlog.get_logger()
        log.warning("recovering", calls=len(orphans), rejoining=rejoining, hanging_up=len(orphans) - rejoining)
    with trio.move_on_after(patience):
        for call in calls:
            if call is not None:
                await call.reached.wait()
    return len(orphans)


async def follow(news: AsyncIterable[News], desk: Desk, report: Report) -> None:
    """Do what the ledger's news ask for, until cancelled."""
    async with trio.open_nursery() as orders:
        async for item in news:
            match item:
                case Adopted(orphans):
                    await recover(orphans, desk, patience=0.0)
                case Relieved(call_ids):
                    for call_id in call_ids:
                        desk.let_go(call_id)
                case Order():
                    orders.start_soon(_carry_out, item, desk, report, name=f"order {item.id}")
                case _:
                    assert_never(item)


async def _carry_out(order: Order, desk: Desk, report: Report) -> None:
    structlog.get_logger().warning("order", verb=order.verb, call_id=order.call_id, asked_by=order.asked_by)
    await report(order.id, await _obey(order, desk))


async def _obey(order: Order, desk: Desk) -> str:
    who = f"operator {order.asked_by}"
    call_id = order.call_id or ""
    match order.verb:
        case "pause":
            desk.pause()
            return DONE
        case "resume":
            return DONE if desk.resume() else "the daemon drains, and it is too late to resume"
        case "transfer":
            begun = desk.transfer(call_id, order.argument, who)
            return BEGUN if begun else "it can't be transferred now, or not there"
        case "hang_up":
            if not desk.hang_up(call_id, *filter(None, (order.argument,)), who):
                return "no such call in progress"
            with trio.move_on_after(_PATIENCE):
                call = await desk.gone(call_id)
                return DONE if call and call.receipt else "the platform has not confirmed it; it is tried again"
            return "it is being hung up"
        case _:
            assert_never(order.verb)
