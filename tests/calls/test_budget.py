"""What callers and money allow, on a virtual clock: who is refused, why, and when they are welcome again."""

import msgspec
import pytest
import trio
from trio.testing import MockClock

from daemon.calls.admission import Verdict
from daemon.calls.budget import Budget
from daemon.config import Agent, Config, Costs, Destination
from daemon.core import journal
from daemon.ledger.accounts import Account
from daemon.sandbox.script import Leave, Script, Wait
from tests.calls.world import World
from tests.configured import CALLER, configuration
from tests.conftest import Logged

OTHER = "+14155550177"
TALKS = Script(steps=(Wait(60.0), Leave()))


def with_costs(config: Config, **costs: object) -> Config:
    return msgspec.structs.replace(config, costs=msgspec.structs.replace(Costs(per_minute=0.6), **costs))


def often(most: int) -> Config:
    config = configuration()
    return msgspec.structs.replace(
        config, limits=msgspec.structs.replace(config.limits, max_calls_per_caller_per_hour=most)
    )


async def dial(world: World, script: Script, caller: str = CALLER) -> Verdict:
    return await world.offer(world.switchboard.place(script, caller=caller)).verdict()


@pytest.fixture
async def opened(nursery: trio.Nursery, request: pytest.FixtureRequest) -> World:
    world = World(request.param, nursery)
    await world.start()
    return world


@pytest.mark.parametrize("opened", [often(2)], indirect=True)
async def test_one_caller_calls_too_often(autojump_clock: MockClock, opened: World, logged: Logged) -> None:
    for _ in range(2):
        assert await dial(opened, TALKS) is Verdict.CLAIMED
        await opened.supervisor.idle()
    assert await dial(opened, TALKS) is Verdict.CALLER_LIMIT
    assert not Verdict.CALLER_LIMIT.settled
    assert await dial(opened, TALKS, OTHER) is Verdict.CLAIMED
    (line,) = [line for line in logged() if line["event"] == "call_not_taken"]
    assert line["why"] == "too many calls of this caller in an hour"
    await trio.sleep(3600)
    assert await dial(opened, TALKS) is Verdict.CLAIMED


@pytest.mark.parametrize("opened", [with_costs(configuration(), max_per_day=1.0)], indirect=True)
async def test_the_budget_of_a_day(autojump_clock: MockClock, opened: World, logged: Logged) -> None:
    """A call costs 0.60 here; the one that is in progress counts as far as it has come."""
    assert await dial(opened, TALKS) is Verdict.CLAIMED
    await opened.supervisor.idle()
    assert await dial(opened, TALKS, OTHER) is Verdict.CLAIMED
    await trio.sleep(30)
    assert await dial(opened, TALKS) is Verdict.CLAIMED
    await trio.sleep(15)
    assert await dial(opened, TALKS) is Verdict.BUDGET
    assert logged()[-1]["why"] == "the day's budget is spent"
    await opened.supervisor.idle()
    assert await dial(opened, TALKS) is Verdict.BUDGET
    assert opened.setting.budget.spent(opened.setting.wall()) == pytest.approx(1.8, abs=0.1)
    await trio.sleep(86_400)
    assert await dial(opened, TALKS) is Verdict.CLAIMED


@pytest.mark.parametrize("opened", [with_costs(configuration(), max_per_call=0.2, words="Too dear.")], indirect=True)
async def test_a_call_that_costs_too_much(autojump_clock: MockClock, opened: World) -> None:
    call = opened.dial(Script(steps=(Wait(600.0),)))
    assert await opened.offer(call).verdict() is Verdict.CLAIMED
    await opened.supervisor.idle()
    assert "cost ceiling 0.2" in opened.receipt(call).reasons
    assert [entry.most for entry in opened.entries(call) if isinstance(entry, journal.CeilingReached)] == [0.2]
    assert call.session is not None
    assert "Too dear." in call.session.spoken
    assert not call.cut_off
    (usage,) = [entry for entry in opened.entries(call) if isinstance(entry, journal.Usage)]
    assert 0.2 <= usage.cost < 0.35


def sending(*, refused: bool) -> Config:
    agent = Agent(instructions="Help.", goodbye_timeout=5.0)
    config = with_costs(configuration(agent=agent), max_per_call=0.2, on_max_per_call="transfer:desk")
    assert refused in (True, False)
    return msgspec.structs.replace(config, destinations={"desk": Destination(uri="tel:+18005550123")})


@pytest.mark.parametrize("opened", [sending(refused=False)], indirect=True)
async def test_it_may_be_sent_to_people_instead(autojump_clock: MockClock, opened: World) -> None:
    call = opened.dial(Script(steps=(Wait(600.0),)))
    await opened.offer(call).verdict()
    await opened.supervisor.idle()
    assert opened.receipt(call).outcome == "transferred"
    assert call.refers == ["tel:+18005550123"]


@pytest.mark.parametrize("opened", [sending(refused=True)], indirect=True)
async def test_and_if_nobody_is_there_the_call_is_over(autojump_clock: MockClock, opened: World) -> None:
    call = opened.dial(Script(steps=(Wait(600.0),)))
    call.refer_status = 486
    await opened.offer(call).verdict()
    await opened.supervisor.idle()
    assert opened.receipt(call).outcome == "hung_up"
    assert "cost ceiling 0.2" in opened.receipt(call).reasons
    assert trio.current_time() < 60


NOW = 1_790_000_000.0
DAILY = with_costs(configuration(), max_per_day=2.0)


def test_what_the_ledger_knows_counts() -> None:
    budget = Budget()
    spent = (("a", NOW - 3600, 1.5), ("b", NOW - 90_000, 9.0))
    budget.load(Account(spent=spent, came=((CALLER, "a", NOW - 60),)), NOW)
    assert budget.spent(NOW) == 1.5
    assert budget.obstacle(CALLER, DAILY, NOW, ()) is None
    assert budget.obstacle(CALLER, often(1), NOW, ()) is Verdict.CALLER_LIMIT
    assert budget.obstacle(None, often(1), NOW, ()) is None


def test_nothing_counts_twice() -> None:
    budget = Budget()
    usage = journal.Usage(turns=1, input_tokens=0, output_tokens=0, audio_seconds=0.0, billable_seconds=1.0, cost=1.0)
    budget.watch(journal.Record(at=NOW, call_id="a", entry=usage))
    budget.came("a", CALLER, NOW)
    for _ in range(2):
        budget.load(Account(spent=(("a", NOW, 1.0),), came=((CALLER, "a", NOW),)), NOW)
    assert budget.spent(NOW) == 1.0
    assert budget.obstacle(CALLER, often(2), NOW, ()) is None
    assert budget.obstacle(CALLER, often(1), NOW, ()) is Verdict.CALLER_LIMIT


def test_calls_of_a_caller_who_never_stops_are_forgotten_too() -> None:
    """A trunk that gives every caller its own number cost some memory for each call, for ever."""
    budget = Budget()
    for number in range(30_000):
        budget.came(f"call-{number}", CALLER, NOW + number)
    assert len(budget._came[CALLER]) < 10_000 + 3600


def test_callers_of_long_ago_are_forgotten() -> None:
    budget = Budget()
    for number in range(10_000):
        budget.came(f"call-{number}", f"+1{number:010}", NOW)
    budget.came("late", OTHER, NOW + 3601)
    assert len(budget._came) == 1
