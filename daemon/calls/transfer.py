"""Transfers: asking the platform to connect the caller elsewhere, and what follows from its answer.

A transfer takes as long as a telephone rings, so it runs beside the talk, as an errand in the call's nursery; it is
never repeated blindly. Imports platforms.base, core and this room; destinations are names, never URIs from outside.
"""

import structlog
import trio

from daemon.calls.call import Call
from daemon.core import journal
from daemon.platforms.base import ReferOutcome, ReferResult


def start_transfer(call: Call, destination: str, *why: str) -> bool:
    """Begin a transfer beside the talk; False if the call can't be transferred now, or not there.

    `destination` is a configured name; `why` is the chain of causes, the nearest first.
    """
    known = destination in call.setting.config.destinations
    if not known or call.errands is None or call.ending.is_set() or call.transfers:
        return False
    call.transfers += 1  # at once, so that there are never two
    call.errands.start_soon(_transfer, call, destination, why, name=f"transfer {call.id}")
    return True


async def _transfer(call: Call, destination: str, why: tuple[str, ...]) -> None:
    try:
        await refer(call, destination, why)
    except* Exception:
        # Said first, or the receipt would only know that the call was cancelled.
        call.hang_up("error in Callwarden: transfer failed")
        raise
    finally:
        call.transfers -= 1


async def refer(call: Call, destination: str, why: tuple[str, ...]) -> ReferOutcome:
    """Transfer the caller; ends the call if it succeeds, or if there is no caller any more.

    Nobody is transferred whose call is ending: they are being hung up. Cancelling leaves it unknown whether the
    transfer happened.
    """
    if not await call.setting.ledger.ours(call.id):
        call.let_go()
    if call.ending.is_set():
        return ReferOutcome(ReferResult.NO_CALL)
    call.remember(journal.TransferAsked(destination=destination))
    call.state_began = trio.current_time()
    call.limits["refer_timeout"] = call.state_began + call.setting.config.platform.xai.refer_timeout
    outcome = await call.setting.platform.refer(call.id, call.setting.config.destinations[destination].uri)
    call.limits.pop("refer_timeout", None)
    match outcome.result:
        case ReferResult.ANSWERED:
            call.over("transferred", f"transfer to {destination}", *why)
        case ReferResult.NO_CALL:
            call.hang_up("no caller to transfer", *why)  # which makes sure of it
        case failed:
            call.state_began = trio.current_time()
            log = structlog.get_logger()
            log.warning("transfer_failed", destination=destination, result=failed.value, sip=outcome.sip_status)
            entry = journal.TransferFailed(destination=destination, result=failed.value, sip_status=outcome.sip_status)
            if not call.settled:
                call.remember(entry)
    return outcome
