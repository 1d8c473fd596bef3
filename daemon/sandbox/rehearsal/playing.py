"""Playing one rehearsed call: the daemon's own supervisor and calls, against the sandbox, on a virtual clock.

Owner of one nursery for each call. In real time only if a tool is really run. Imports app, calls, platforms, observe
and this room; prints nothing, and leaves no log: what is logged is part of what happened.
"""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import structlog
import trio
from structlog.typing import EventDict, WrappedLogger
from trio.testing import MockClock

from daemon.app import make_setting, wanted_headers
from daemon.calls.admission import Verdict
from daemon.calls.supervisor import Supervisor
from daemon.config import Config, Secret
from daemon.core import journal
from daemon.core.receipts import Receipt
from daemon.ledger.memory import MemoryLedger
from daemon.observe.feed import Feed
from daemon.platforms.xai import Xai
from daemon.sandbox.memory import MemorySandbox
from daemon.sandbox.rehearsal.records import Call, Step
from daemon.sandbox.rehearsal.stubs import KnownCaller, Run, Runs, tools
from daemon.sandbox.script import Drop, Leave, Press, Reply, Say, Script, Use, Wait
from daemon.sandbox.script import Step as ScriptStep
from daemon.sandbox.sender import incoming_event
from daemon.sandbox.switchboard import SandboxCall, Switchboard
from daemon.tools import open_tools

_KEY = "rehearsal"
_LISTENS = 0.7
"""Seconds."""
LONGEST = 10_800.0
"""Seconds after which a call that has not ended never will."""
_REFER_STATUS = {"answered": 200, "busy": 502, "no_answer": 504, "failed": 500}


class Happened(msgspec.Struct, frozen=True):
    """Something that happened in a call."""

    at: float
    """Seconds since it came."""
    entry: journal.Entry


class Performance(msgspec.Struct, kw_only=True):
    """What became of a rehearsed call."""

    call: Call
    verdict: Verdict
    receipt: Receipt | None
    """None: it was not answered, or never ended."""
    story: list[Happened]
    sent: list[dict[str, Any]]
    """Frames that the platform got, in order."""
    runs: list[Run]
    unprepared: set[str]
    """Tools that were run and for which the rehearsal says nothing."""
    unplayed: list[Step]
    """What the call did not come to."""
    made_up: int
    """Turns of the model that the rehearsal did not give."""
    log: list[EventDict]
    """Warnings and errors."""


def rehearse(call: Call, config: Config) -> Performance:
    """Play a call to its end."""
    clock = None if any(stub.real for stub in call.tools.values()) else MockClock(autojump_threshold=0)
    log: list[EventDict] = []
    with _log_into(log):
        return trio.run(_perform, call, _without_secrets(config), log, clock=clock)


async def _perform(call: Call, config: Config, log: list[EventDict]) -> Performance:
    began, runs, story = trio.current_time(), Runs(), []

    def wall() -> float:
        return float(call.at) + trio.current_time() - began

    feed = Feed(wall)
    feed.watch(lambda record: story.append(Happened(trio.current_time() - began, record.entry)))
    really = {name: config.tools[name] for name, stub in call.tools.items() if stub.real}
    async with open_tools(really) as real, trio.open_nursery() as nursery:
        board = Switchboard(_KEY, wall=wall)
        memory = MemorySandbox(board, nursery)
        async with memory.client(_KEY) as client:
            xai = Xai(config.platform.xai, client, memory.dial)
            available = tools(call, config.tools, real, runs)
            dice = random.Random(0)
            setting = make_setting(config, xai, MemoryLedger(), feed, wall, dice, available, fetch=KnownCaller(call))
            supervisor = Supervisor(setting)
            await nursery.start(setting.collector.run, name="debt collector")
            await nursery.start(supervisor.run, name="supervisor")
            placed = _place(board, call)
            verdict = await _announce(placed, supervisor, xai, config, wall())
            with trio.move_on_after(LONGEST):
                await supervisor.idle()
            ends = [each.entry.receipt for each in story if isinstance(each.entry, journal.Ended)]
            nursery.cancel_scope.cancel(reason="the rehearsal is over")
    sessions = placed.sessions
    return Performance(
        call=call,
        verdict=verdict,
        receipt=ends[0] if ends else None,
        story=story,
        sent=[frame for session in sessions for frame in session.heard],
        runs=[msgspec.structs.replace(run, at=run.at - began) for run in runs.done],
        unprepared=runs.unprepared,
        unplayed=_unplayed(call, placed),
        made_up=sum(session.cues.made_up for session in sessions),
        log=log,
    )


def _place(board: Switchboard, call: Call) -> SandboxCall:
    caller = "anonymous" if call.withheld else call.caller
    headers = tuple(call.headers.items())
    placed = board.place(script_of(call), called=call.called or "", caller=caller, headers=headers)
    placed.refer_refusals = [_REFER_STATUS[each] for each in call.transfers]
    return placed


async def _announce(placed: SandboxCall, supervisor: Supervisor, xai: Xai, config: Config, at: float) -> Verdict:
    """Offer the call as its webhook does, from the body on."""
    body = json.dumps(incoming_event(placed, created_at=int(at))).encode()
    incoming = xai.read_webhook(body, f"msg_{placed.id}", trio.current_time(), wanted_headers(config))
    if incoming is None:
        raise AssertionError("the sandbox announced something else than a call")
    return await supervisor.offer(incoming).verdict()


def script_of(call: Call) -> Script:
    """What the sandbox plays: each step of the caller's after the model's turns that stand before it."""
    steps, cues, replies = [], [], []
    for step in call.script:
        if is_turn(step):
            replies.append(_turn(step))
            continue
        for each in _by_caller(step):
            steps.append(each)
            cues.append(len(replies))
    return Script(steps=tuple(steps), cues=tuple(cues), replies=tuple(replies), patient=True)


def is_turn(step: Step) -> bool:
    """Whether a step is the model's."""
    return step.model is not None or bool(step.use) or bool(step.uses)


def _by_caller(step: Step) -> list[ScriptStep]:
    # Whoever does not wait for the end hears the beginning all the same.
    listens = [Wait(_LISTENS, over=True)] if step.over and step.wait is None else []
    match step:
        case Step(caller=str(words)):
            return [*listens, Say(words, over=step.over)]
        case Step(keys=str(keys)):
            return [*listens, Press(keys, over=step.over)]
        case Step(wait=float(seconds)):
            return [Wait(seconds, over=step.over)]
        case Step(breaks=True):
            return [Drop(1011)]
        case _:
            return [*listens, Leave(over=step.over)]


def _turn(step: Step) -> Reply:
    own = (Use(step.use, step.arguments),) if step.use else ()
    return Reply(step.model or "", tools=(*own, *(Use(each.tool, each.arguments) for each in step.uses)))


def _unplayed(call: Call, placed: SandboxCall) -> list[Step]:
    """The steps that the call did not come to, the caller's and the model's."""
    left = placed.session.left() if placed.session else placed.script
    missing: list[Step] = []
    steps, replies = len(left.steps), len(left.replies)
    for step in reversed(call.script):
        if is_turn(step):
            missing += [step] * (replies > 0)
            replies -= 1
        else:
            missing += [step] * (steps > 0)
            steps -= len(_by_caller(step))
    return missing[::-1]


def _without_secrets(config: Config) -> Config:
    """The same with nothing in it that would have to be fetched."""
    xai = msgspec.structs.replace(config.platform.xai, api_key=Secret(_KEY))
    agents = {
        name: msgspec.structs.replace(agent, lookup=msgspec.structs.replace(agent.lookup, headers={}))
        for name, agent in config.agents.items()
    }
    platform = msgspec.structs.replace(config.platform, xai=xai)
    return msgspec.structs.replace(config, platform=platform, agents=agents)


@contextmanager
def _log_into(log: list[EventDict]) -> Iterator[None]:
    """Collect what is logged, while the block lasts."""

    def collect(_logger: WrappedLogger, level: str, event: EventDict) -> EventDict:
        log.append({"level": level, "at": trio.current_time(), **event})
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[collect],
        wrapper_class=structlog.make_filtering_bound_logger("warning"),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)
