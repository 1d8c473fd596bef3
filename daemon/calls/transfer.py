"""Transfers: asking the platform to connect the caller elsewhere, and what follows from its answer.

A transfer takes as long as a telephone rings, so it runs beside the talk, as an errand in the call's nursery; it is
never repeated blindly. Imports platforms.base, core and this room; destinations are names, never URIs from outside.
"""

import structlog

from daemon.calls.call import Call
from daemon.core import journal
from daemon.platforms.base import ReferResult


def start_transfer(call: Call, destination: str, *why: str) -> bool:
    """Begin a transfer beside the talk; False if the call is not at a point where it can be transferred.

    `destination` is a configured name; `why` is the chain of causes, the nearest first.
    """
    if call.errands is None or call.ending.is_set():
        return False
    call.errands.start_soon(refer, call, destination, why, name=f"transfer {call.id}")
    return True


async def refer(call: Call, destination: str, why: tuple[str, ...]) -> ReferResult:
    """Transfer the caller; ends the call if it succeeds, or if there is no caller any more.

    Cancelling leaves it unknown whether the transfer happened.
    """
    call.remember(journal.TransferAsked(destination=destination))
    call.transfers += 1
    try:
        outcome = await call.setting.platform.refer(call.id, call.setting.config.destinations[destination].uri)
    finally:
        call.transfers -= 1
    match outcome.result:
        case ReferResult.ANSWERED:
            call.over("transferred", f"transfer to {destination}", *why)
        case ReferResult.NO_CALL:
            call.hang_up("no caller to transfer", *why)  # which makes sure of it
        case failed:
            log = structlog.get_logger()
            log.warning("transfer_failed", destination=destination, result=failed.value, sip=outcome.sip_status)
            entry = journal.TransferFailed(destination=destination, result=failed.value, sip_status=outcome.sip_status)
            call.remember(entry)
    return outcome.result
