"""Looking at calls: plain snapshots of what is in progress and of what is owed, for operators.

Reads and changes nothing, waits for nothing. Owned by nobody; imports this room, core and Trio's clock. Must never be
slow: it is run on the loop that carries the calls.
"""

from collections import Counter
from collections.abc import Iterable
from math import inf

import trio

from daemon.calls.call import Call
from daemon.calls.collector import DebtCollector
from daemon.calls.setting import Setting
from daemon.core.receipts import Debt
from daemon.core.snapshots import CallDetail, CallState, CallView, Deadline, DebtView, Generation, Words
from daemon.core.transcript import Turn

_OWNERS = {"refer_timeout": "transfer", "hang_up_timeout": "settlement"}


def state_of(call: Call) -> CallState:
    """What a call is at, in one word."""
    if call.ending.is_set():
        return "ending"
    if not call.claimed:
        return "claiming"
    if call.transfers or "refer_timeout" in call.limits:
        return "transferring"
    if call.line is None:
        return "joining" if call.counted else "diverting"
    return "talking" if call.line.end is None else "rejoining"


def views(calls: Iterable[Call]) -> tuple[CallView, ...]:
    """Calls as a list, all of the same moment."""
    now = trio.current_time()  # once: with hundreds of calls, reading the clock is what takes long
    return tuple(view(call, now) for call in calls)


def view(call: Call, now: float) -> CallView:
    """A call as a line of a list, at this moment of the monotonic clock."""
    last = call.conversation.transcript.last
    return CallView(
        call_id=call.id,
        called=call.incoming.called,
        caller=call.incoming.caller,
        agent=call.conversation.agent.name,
        state=state_of(call),
        in_state=round(now - call.state_began, 3),
        age=round(now - call.incoming.received_at, 3),
        joined=call.joined,
        in_debt=call.joined and not call.settled,
        counted=call.counted,
        generation=call.setting.generation,
        reasons=call.reasons,
        last_words=_words(last) if last else None,
        deadlines=deadlines(call, now),
    )


def detail(call: Call) -> CallDetail:
    """A call with everything that was said in it."""
    return CallDetail(
        call=view(call, trio.current_time()),
        turns=tuple(_words(turn) for turn in call.conversation.transcript.turns),
        unsent=call.outbox.waiting,
        taken_over_from=call.former.former if call.former else None,
        destinations=tuple(call.setting.config.destinations),
    )


def deadlines(call: Call, now: float) -> tuple[Deadline, ...]:
    """Everything that will happen to a call if nothing else does, the next one first."""
    limits = {} if call.ending.is_set() else dict(call.conversation.deadlines)
    named = [(f"agent {call.conversation.agent.name}", name, at) for name, at in limits.items()]
    named += [(*_our(call, name), at) for name, at in call.limits.items()]
    known = [Deadline(owner=owner, name=name, seconds=round(at - now, 3)) for owner, name, at in named if at != inf]
    return tuple(sorted(known, key=lambda deadline: deadline.seconds))


def debts(collector: DebtCollector) -> tuple[DebtView, ...]:
    """The hang-ups that are owed, oldest first."""
    return tuple(_debt(debt) for debt in collector.debts)


def generations(present: Setting, calls: Iterable[Call]) -> tuple[Generation, ...]:
    """The configurations in use, oldest first."""
    settings = {present.generation: present}
    count: Counter[int] = Counter()
    for call in calls:
        settings.setdefault(call.setting.generation, call.setting)
        count[call.setting.generation] += 1
    return tuple(
        Generation(number=number, loaded_at=setting.loaded_at, calls=count[number], present=setting is present)
        for number, setting in sorted(settings.items())
    )


def _our(call: Call, name: str) -> tuple[str, str]:
    """Owner and name of a limit that is not the conversation's."""
    if name != "join":
        return _OWNERS[name], name
    return ("rejoining", "rejoin_window") if call.joined else ("joining", "join_budget")


def _words(turn: Turn) -> Words:
    return Words(speaker=turn.speaker, text=turn.text, final=turn.final)


def _debt(debt: Debt) -> DebtView:
    age = round(trio.current_time() - debt.received_at, 3)
    return DebtView(call_id=debt.call_id, reasons=debt.reasons, age=age, outcome=debt.outcome)
