"""Cancelled everywhere: whenever a call is cancelled, and cancelled again while it cleans up, its debt is settled.

Each scenario is played once to count the steps its tasks take between checkpoints; then once more for each step, with
the call cancelled right there. `make exhaust` takes every step; `make test` takes every few, starting elsewhere for
each scenario, so that it stays fast.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest
import trio
from trio.testing import MockClock

from daemon.config import Agent, Config, Destination, Keypad, Limits, Recovery
from daemon.config.lookups import Lookup
from daemon.core.receipts import Receipt
from daemon.sandbox.script import Drop, Emit, Leave, Press, Reply, Say, Script, Wait
from daemon.sandbox.switchboard import SandboxCall
from tests.calls.tools import Worker, with_tools
from tests.calls.world import World
from tests.configured import configuration
from tests.lookup.crm import Crm

STRIDE = 1 if os.environ.get("CALLWARDEN_EXHAUSTIVE") else 13

HANG_UP = Reply(tool="hang_up", arguments='{"reason": "done"}')
AGENT = Agent(instructions="x", greeting="Welcome.", silence_timeout=3.0)


@dataclass
class Scenario:
    """One call, and what happens to it besides."""

    script: Script = field(default_factory=Script)
    config: Config = field(default_factory=lambda: settings())
    join_refusals: tuple[int, ...] = ()
    refer_status: int = 200
    refer_refusals: tuple[int, ...] = ()
    rings: float = 0.5
    tools: dict[str, Worker] = field(default_factory=dict)
    act: Callable[[World, SandboxCall], None] | None = None
    """Done two seconds after the webhook."""
    lookup: float | None = None
    """Seconds until the caller is known, if they are looked up."""


def settings(**limits: object) -> Config:
    return msgspec.structs.replace(
        configuration(agent=AGENT),
        recovery=Recovery(rejoin_window=4.0),
        destinations={"desk": Destination(uri="tel:+14155550123")},
        limits=msgspec.structs.replace(Limits(), **limits),
    )


def transferred(world: World, call: SandboxCall) -> None:
    world.supervisor.transfer(call.id, "desk")


def knowing() -> Config:
    lookup = Lookup(url="https://crm.example.com/{caller}", fields={"name": "/name"})
    agent = msgspec.structs.replace(
        AGENT, instructions="{{ lookup.name }}", lookup=lookup, resumption=True, redial=60.0
    )
    return msgspec.structs.replace(settings(), agents={"support": agent})


def connecting(*refusals: int) -> Config:
    """An agent that transfers, with a fallback, and a menu that does so too."""
    agent = msgspec.structs.replace(
        AGENT,
        tools=("hang_up", "transfer", "collect_digits"),
        transfers=("desk",),
        keypad=Keypad(menu={"0": "transfer:desk", "9": "hang_up"}, idle_timeout=1.0),
        silence_timeout=30.0,
    )
    places = {
        "desk": Destination(uri="tel:+14155550123", fallback="night"),
        "night": Destination(uri="tel:+14155550124"),
    }
    return msgspec.structs.replace(settings(), agents={"support": agent}, destinations=places)


TALK = Script(
    steps=(Say("hello"), Press("42#"), Say("bye")), replies=(Reply("Yes?"), Reply("Thank you."), HANG_UP, Reply("Bye."))
)
SCENARIOS = {
    "a whole talk": Scenario(TALK),
    "caller leaves": Scenario(Script(steps=(Say("hello"), Leave(over=True)))),
    "silence": Scenario(),
    "socket breaks and is rejoined": Scenario(Script(steps=(Wait(1), Drop(1011), Say("hello"), Leave()))),
    "socket breaks for good": Scenario(Script(steps=(Wait(1), *(Drop(1011),) * 20))),
    "platform ends the session": Scenario(
        Script(steps=(Wait(1), Emit('{"type": "error", "error": {"type": "timeout"}}')))
    ),
    "join after hiccups": Scenario(Script(steps=(Wait(1), Leave())), join_refusals=(404, 503, 404)),
    "looked up": Scenario(Script(steps=(Say("hello"), Leave())), config=knowing(), lookup=0.3),
    "looked up too late": Scenario(Script(steps=(Wait(0.5, over=True), Drop(1011), Leave())), knowing(), lookup=9.0),
    "never joined": Scenario(join_refusals=(401,)),
    "transfer succeeds": Scenario(act=transferred),
    "transfer fails": Scenario(Script(steps=(Wait(4), Leave())), refer_status=502, act=transferred),
    "a tool runs": Scenario(
        Script(steps=(Say("hello"), Wait(4, over=True), Leave()), replies=(Reply(tool="book"), Reply("Booked."))),
        config=with_tools("book", config=settings(), filler="One moment.", filler_after=1.0),
        tools={"book": Worker(2.5)},
    ),
    "the model transfers": Scenario(
        Script(
            steps=(Say("somebody else"), Wait(9), Leave()),
            replies=(Reply("Sure.", tool="transfer", arguments='{"destination": "desk"}'), Reply("Sorry.")),
        ),
        config=connecting(),
        refer_refusals=(504,),
    ),
    "the model transfers and it fails": Scenario(
        Script(
            steps=(Say("somebody else"), Wait(9), Leave()),
            replies=(Reply(tool="transfer", arguments='{"destination": "desk"}'), Reply("Sorry.")),
        ),
        config=connecting(),
        refer_status=502,
    ),
    "a key transfers": Scenario(Script(steps=(Wait(1), Press("0"), Wait(9), Leave())), config=connecting()),
    "a key hangs up": Scenario(Script(steps=(Wait(1), Press("9"), Wait(9), Leave())), config=connecting()),
    "digits are collected": Scenario(
        Script(
            steps=(Say("hello"), Press("42"), Wait(3, over=True), Leave()),
            replies=(Reply(tool="collect_digits", arguments='{"sensitive": true}'), Reply("Well?"), Reply("Thanks.")),
        ),
        config=connecting(),
    ),
    "diverted by refer": Scenario(config=settings(unrouted=("refer:desk",))),
    "diverted by announcement": Scenario(config=settings(unrouted=("refer:desk", "announce:Sorry.")), refer_status=502),
}


class AtStep(trio.abc.Instrument):
    """Counts the steps of a call's tasks, and acts after some of them."""

    def __init__(self, call_id: str, actions: dict[int, Callable[[], object]]) -> None:
        self.steps = 0
        self._call_id = call_id
        self._actions = actions

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if self._call_id in task.name:
            self.steps += 1
            action = self._actions.get(self.steps)
            if action is not None:
                action()


@dataclass
class Result:
    """What was left of one run."""

    steps: int
    claimed: bool
    receipts: list[Receipt]
    call: SandboxCall
    entries: list[str]
    refers: list[str]
    debts: int
    live: int
    streams_open: int


def play(scenario: Scenario, *, hang_up_at: int = 0, daemon_stops_at: int = 0) -> Result:
    """Play a scenario in virtual time."""

    async def main() -> Result:
        async with trio.open_nursery() as sandbox:
            fetch = None if scenario.lookup is None else Crm({"name": "Ada"}, after=scenario.lookup).fetch
            world = World(scenario.config, sandbox, tools=scenario.tools, fetch=fetch)
            call = world.dial(scenario.script, call_id="the-call")
            call.join_refusals, call.refer_status = list(scenario.join_refusals), scenario.refer_status
            call.refer_refusals, call.rings = list(scenario.refer_refusals), scenario.rings
            if any(step != "refuse" for step in scenario.config.limits.unrouted):
                call.called = "+18005550000"
            async with trio.open_nursery() as daemon:
                await daemon.start(world.collector.run)
                await daemon.start(world.supervisor.run)
                stop = daemon.cancel_scope.cancel
                steps = AtStep(
                    call.id,
                    {
                        hang_up_at: lambda: world.supervisor.hang_up(call.id, "test"),
                        daemon_stops_at: lambda: stop(reason="test"),
                    },
                )
                trio.lowlevel.add_instrument(steps)
                world.offer(call)
                await trio.sleep(2)
                if scenario.act is not None:
                    scenario.act(world, call)
                await world.supervisor.idle()
                await trio.sleep(1)  # the platform closes its end
                stop(reason="played")
            trio.lowlevel.remove_instrument(steps)
            sandbox.cancel_scope.cancel()
        kinds = [type(entry).__name__ for entry in world.entries(call)]
        return Result(
            steps=steps.steps,
            claimed="WebhookVerified" in kinds,
            receipts=world.receipts(call),
            call=call,
            entries=kinds,
            refers=call.refers,
            debts=len(world.collector.debts),
            live=world.supervisor.live,
            streams_open=sum(not stream.closed for stream in world.streams),
        )

    return trio.run(main, clock=MockClock(autojump_threshold=0))


def check(result: Result) -> None:
    """The promises, whatever happened."""
    assert len(result.receipts) == (1 if result.claimed else 0)
    assert result.debts == 0
    assert result.live == 0
    assert result.streams_open == 0
    assert not result.claimed or result.call.over.is_set(), "the caller is still connected"
    assert result.call.hang_ups <= 1, "hung up twice"
    assert set(result.call.close_codes) <= {1000}, "the peer saw no clean close"
    assert result.entries.count("Greeted") <= 1, "greeted twice"
    assert len(set(result.refers)) == len(result.refers), "transferred twice to the same place"
    assert ("Joined" in result.entries) <= result.entries.count("Usage") <= 1, "usage is told once"
    assert not result.claimed or result.entries[-1] == "Ended"


@pytest.mark.parametrize("name", SCENARIOS)
def test_uncancelled(name: str) -> None:
    result = play(SCENARIOS[name])
    check(result)
    assert result.steps > 2


@pytest.mark.parametrize("name", SCENARIOS)
def test_hung_up_at_any_checkpoint(name: str) -> None:
    steps = play(SCENARIOS[name]).steps
    for step in range(1 + len(name) % STRIDE, steps + 1, STRIDE):
        result = play(SCENARIOS[name], hang_up_at=step)
        try:
            check(result)
        except AssertionError as error:
            raise AssertionError(f"hung up after step {step} of {steps}: {error}") from error


@pytest.mark.parametrize("name", SCENARIOS)
def test_hung_up_at_any_checkpoint_and_the_daemon_stops_during_the_clean_up(name: str) -> None:
    steps = play(SCENARIOS[name]).steps
    for step in range(1 + len(name) % STRIDE, steps + 1, STRIDE):
        for later in (0, 1, 3, 7):
            result = play(SCENARIOS[name], hang_up_at=step, daemon_stops_at=step + later)
            try:
                check(result)
            except AssertionError as error:
                raise AssertionError(f"hung up after step {step}, stopped {later} later: {error}") from error


def test_the_receipt_says_who() -> None:
    result = play(SCENARIOS["a whole talk"], hang_up_at=30)
    assert result.receipts[0].reasons == ("test",)
