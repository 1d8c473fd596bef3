"""Diverting a caller for whom no agent is free: transfer, or say so and hang up, as the number's plan has it.

A diverted call is claimed and settled like any other, but takes no slot. Imports core and this room.
"""

import msgspec
import trio

from daemon.calls.attending import attend, in_debt
from daemon.calls.briefing import prices
from daemon.calls.call import Call
from daemon.calls.transfer import refer
from daemon.core import journal
from daemon.core.agent import Agent, FixedGreeting
from daemon.core.conversation import Conversation
from daemon.core.frames import SessionSettings, TurnDetection
from daemon.core.overflow import Announce, Plan, Refer, Refuse
from daemon.platforms.base import ReferResult


def announcer(words: str) -> Agent:
    """An agent that says one thing and hangs up."""
    session = SessionSettings(instructions="Say nothing.", turn_detection=TurnDetection(type="server_vad"))
    return Agent(
        name="overflow",
        session=session,
        greeting=FixedGreeting(words),
        announcement=True,
        goodbye_timeout=30 + len(words) / 10,
    )


async def divert(call: Call, plan: Plan) -> None:
    """Try the steps of a plan in order until one works; hang up if none does.

    Cancelling hangs up. Errors: only bugs of ours.
    """
    call.remember(journal.Diverted(why=" > ".join(call.because)))
    async with in_debt(call):
        for step in plan:
            match step:
                case Refer(destination):
                    if await _refer(call, destination) is ReferResult.UNKNOWN:
                        break  # it may have worked: nothing else may be tried on this caller
                case Announce(words):
                    speaker = msgspec.structs.replace(announcer(words), prices=prices(call.setting.config.costs))
                    ready = call.setting.config.platform.xai.ready_timeout
                    call.conversation = Conversation(speaker, ready_timeout=ready)
                    await attend(call)
                case Refuse():
                    pass
            if call.ending.is_set() or call.settled:
                return
        call.hang_up("overflow plan exhausted")


async def _refer(call: Call, destination: str) -> ReferResult | None:
    """Transfer the caller, unless the call is ended meanwhile."""
    call.scope = trio.CancelScope()
    if call.ending.is_set():
        return None
    with call.scope:
        return (await refer(call, destination, ())).result
    return None
