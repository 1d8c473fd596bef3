"""One seed, always with the same dice.

Trio's scheduler shuffles what is ready to run, with a random source of its own. Hypothesis makes that source, and the
global one, start from the same state in every example (Trio registers it; no private name is needed), so a run is an
example of its own, of nothing.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
import trio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.simulation.invariants import broken
from tests.simulation.scenario import Scenario, draw
from tests.simulation.trace import Trace
from tests.simulation.world import World


class Outcome:
    """What became of a run."""

    def __init__(self, world: World, virtual: float) -> None:
        self.world = world
        self.virtual = virtual
        """How long it took on its own clock."""
        self.broken = broken(world)
        """Invariants that did not hold, by name, with what was seen."""

    @property
    def transcript(self) -> str:
        """Everything that happened, as text."""
        verdict = "".join(f"BROKEN {name}: {what}\n" for name, what in self.broken) or "every invariant holds\n"
        return self.world.trace.text() + verdict


def simulate(scenario: Scenario) -> Outcome:
    """Run a scenario to its end."""
    outcomes: list[Outcome] = []
    with _one_thing(lambda: outcomes.append(trio.run(_run, scenario, clock=MockClock(autojump_threshold=0)))):
        _with_the_same_dice()
    return outcomes[-1]


def simulate_seed(seed: int) -> Outcome:
    """Run what a seed means."""
    return simulate(draw(seed))


_tasks: list[Callable[[], None]] = []


@settings(
    max_examples=1, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(st.none())
def _with_the_same_dice(_: None) -> None:
    """The one example. It is no closure because Hypothesis takes its time to look at each test it meets."""
    _tasks[-1]()


@contextmanager
def _one_thing(task: Callable[[], None]) -> Iterator[None]:
    """Have a task done in the example; without the garbage collector, whose moments are nobody's choice."""
    _tasks.append(task)
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        _tasks.pop()
        if collecting:
            gc.enable()


async def _run(scenario: Scenario) -> Outcome:
    async with trio.open_nursery() as nursery:
        world = World(scenario, Trace(), nursery)
        with _log_to(world):
            await world.run()
    return Outcome(world, trio.current_time())


@contextmanager
def _log_to(world: World) -> Iterator[None]:
    """Send the daemon's log into the transcript."""
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, world.log],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)
