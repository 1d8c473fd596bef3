"""Preparing a call: what is found out about the caller while the call is being joined, and never in its way.

The lookup is a task of the call's nursery under a deadline of its own, so the first word waits for it that long at
most, and not at all if there is none. The ledger is asked for an earlier call first, since that goes into the joining.
Imports core, lookup and this room. Must never raise into the call.
"""

import structlog
import trio

from daemon.calls.call import Call
from daemon.calls.casting import Casting
from daemon.core import journal
from daemon.lookup.caller import Found, look_up
from daemon.lookup.fetching import Fetch


async def prepare(call: Call) -> None:
    """Begin to find out who calls. Returns when the call can be joined; what it is told may be known later."""
    casting, fetch = call.casting, call.setting.fetch
    if casting is None:
        return
    if casting.role.written.lookup.url and fetch is not None and call.errands is not None:
        call.errands.start_soon(_look_up, call, casting, fetch, name=f"lookup {call.id}")
    else:
        casting.known.set()
    if call.former is not None:
        # The caller is in the middle of a talk; what the lookup says is told to the agent when it comes.
        casting.known.set()
    else:
        await _look_back(call, casting)


async def _look_back(call: Call, casting: Casting) -> None:
    """Find out whether the caller goes on with an earlier conversation."""
    incoming, agent = call.incoming, casting.role.written
    if not (agent.redial and agent.resumption and incoming.caller and incoming.called):
        return
    past = await call.setting.ledger.last_call(incoming.caller, incoming.called, within=agent.redial)
    known = call.setting.config.agents.get(past.agent) if past else None
    # The platform kept it only if the agent of that time had it do so.
    if past and known and known.resumption:
        casting.earlier = past.call_id


async def _look_up(call: Call, casting: Casting, fetch: Fetch) -> None:
    """Look the caller up. Cancelled with the call, like everything of it."""
    began = trio.current_time()
    found = Found(result="failed", why="an error in Callwarden")
    try:
        found = await look_up(casting.role.written.lookup, call.incoming, fetch)
        if found.result == "found":
            casting.learn(found.document)
            call.inform()
    except* Exception as bugs:
        # Not worth a caller: they are answered by an agent who knows less of them.
        structlog.get_logger().error("lookup_broke", exc_info=bugs)
    finally:
        casting.known.set()
    seconds = trio.current_time() - began
    call.remember(journal.CallerLookedUp(result=found.result, seconds=seconds, why=found.why))
