"""Looking at a caller before anything is done: too late to answer, and what happens to one for whom no agent is free.

Plain rules, used by the supervisor, which knows who is in. Imports core, this room and its setting; logs what it
turns away.
"""

import structlog

from daemon.calls.admission import Verdict
from daemon.calls.setting import Setting
from daemon.core.incoming import IncomingCall
from daemon.core.overflow import Plan, read_plan
from daemon.core.redaction import short_number

OBSTACLES = {
    Verdict.UNROUTED: "no agent for the called number",
    Verdict.FULL: "every slot is taken",
    Verdict.CALLER_LIMIT: "too many calls of this caller in an hour",
    Verdict.BUDGET: "the day's budget is spent",
    Verdict.PAUSED: "paused",
}
"""What stands in a diverted call's reasons."""


def is_stale(incoming: IncomingCall, setting: Setting) -> bool:
    """Whether the caller has long hung up."""
    # By the sender's own clock, which stamped both the event and this delivery of it.
    now = setting.wall() if incoming.sent_at is None else incoming.sent_at
    age = 0.0 if incoming.created_at is None else now - incoming.created_at
    stale = age > setting.config.server.max_event_age
    if stale:
        why = f"announced {age:.0f} s ago, the caller has hung up by now"
        structlog.get_logger().warning("call_missed", call_id=incoming.call_id, why=why)
    return stale


def plan_for(incoming: IncomingCall, obstacle: Verdict, setting: Setting, *, diverted: int) -> Plan:
    """What happens to a caller whom no agent can take; refusing, when too many are being diverted already."""
    limits = setting.config.limits
    number = setting.config.numbers.get(incoming.called or "")
    steps = limits.unrouted if number is None else (number.overflow or limits.overflow)
    if diverted >= limits.max_overflow_calls:
        steps = ("refuse",)
    log = structlog.get_logger().bind(call_id=incoming.call_id, called=short_number(incoming.called))
    if number is None:
        log.error("call_unrouted", plan=steps, fix="add the called number to [numbers] in the configuration")
    else:
        log.warning("call_not_taken", why=OBSTACLES[obstacle], plan=steps)
    return read_plan(steps)
