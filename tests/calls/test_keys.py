"""Keys in whole calls, against a platform that hears them too and has a timer of its own; in virtual time."""

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from daemon.config import Agent, Keypad
from daemon.core import journal
from daemon.sandbox.script import Leave, Press, Reply, Say, Script, Step, Wait
from daemon.sandbox.switchboard import SandboxCall
from tests.calls.tools import Worker, with_tools
from tests.calls.world import World
from tests.configured import configuration

MENU = {"0": "hang_up", "1": "say:We open at nine.", "2": "tool:hours"}
AGENT = Agent(
    instructions="Help.",
    greeting="Welcome.",
    keypad=Keypad(menu=MENU, try_again="Once more."),
    silence_timeout=0.0,
    reply_timeout=0.0,
)


class Shop:
    """A world with a menu."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.hours = Worker(1.0)
        config = with_tools("hours", config=configuration(agent=AGENT))
        agent = msgspec.structs.replace(config.agents["support"], tools=("hang_up", "hours", "collect_digits"))
        self.world = World(
            msgspec.structs.replace(config, agents={"support": agent}), nursery, tools={"hours": self.hours}
        )

    async def call(self, *replies: Reply, steps: tuple[Step, ...]) -> SandboxCall:
        """One call; gives it when it is over."""
        call = self.world.dial(Script(steps=(*steps, Leave()), replies=replies, seconds_per_word=0.1))
        await self.world.offer(call).verdict()
        await self.world.supervisor.idle()
        return call

    def of(self, call: SandboxCall, kind: type[journal.Entry]) -> list[Any]:
        return [entry for entry in self.world.entries(call) if isinstance(entry, kind)]


@pytest.fixture
async def shop(nursery: trio.Nursery) -> AsyncIterator[Shop]:
    shop = Shop(nursery)
    await shop.world.start()
    yield shop
    shop.world.stop()


def asks(**wanted: object) -> Reply:
    return Reply("Your number?", tool="collect_digits", arguments=json.dumps({"purpose": "number", **wanted}))


def outputs(call: SandboxCall) -> list[Any]:
    assert call.session is not None
    items = [frame["item"] for frame in call.session.heard if frame["type"] == "conversation.item.create"]
    return [json.loads(item["output"]) for item in items if "output" in item]


def asked(call: SandboxCall) -> int:
    assert call.session is not None
    return sum(frame["type"] == "response.create" for frame in call.session.heard)


def spoken(call: SandboxCall) -> list[str]:
    assert call.session is not None
    return call.session.spoken[1:]


# Collecting, with two timers


async def test_both_timers_fire_at_the_same_moment_and_nothing_is_left_unsaid(
    autojump_clock: MockClock, shop: Shop
) -> None:
    """The platform hands the keys to the model in the moment in which we have collected them."""
    replies = (asks(), Reply("Four two, I hear."), Reply("Thank you."))
    call = await shop.call(*replies, steps=(Say("hello"), Press("42"), Wait(20, over=True)))
    assert outputs(call) == [{"digits": "42"}]
    assert spoken(call) == ["Your number?", "Four two, I hear.", "Thank you."]
    assert asked(call) == 1


async def test_the_same_key_ends_the_entry_for_both(autojump_clock: MockClock, shop: Shop) -> None:
    replies = (asks(), Reply("Four two, I hear."), Reply("Thank you."))
    call = await shop.call(*replies, steps=(Say("hello"), Press("42#"), Wait(20, over=True)))
    assert outputs(call) == [{"digits": "42"}]
    assert spoken(call) == ["Your number?", "Four two, I hear.", "Thank you."]


async def test_our_timer_is_longer_and_the_model_speaks_in_between(autojump_clock: MockClock, shop: Shop) -> None:
    replies = (asks(inter_digit_timeout=6), Reply("Is that all?"), Reply("Ah."), Reply("Thank you."))
    steps = (Say("hello"), Press("42"), Wait(4, over=True), Press("7", over=True), Wait(20, over=True))
    call = await shop.call(*replies, steps=steps)
    assert outputs(call) == [{"digits": "427"}]
    assert spoken(call) == ["Your number?", "Is that all?", "Ah.", "Thank you."]


async def test_our_timer_is_shorter_and_the_models_turn_has_seen_what_we_collected(
    autojump_clock: MockClock, shop: Shop
) -> None:
    replies = (asks(inter_digit_timeout=1), Reply("Thank you."))
    call = await shop.call(*replies, steps=(Say("hello"), Press("42"), Wait(20, over=True)))
    assert outputs(call) == [{"digits": "42"}]
    assert spoken(call) == ["Your number?", "Thank you."]
    assert asked(call) == 0


async def test_an_entry_of_its_full_length_does_not_wait(autojump_clock: MockClock, shop: Shop) -> None:
    call = await shop.call(
        asks(max_digits=4), Reply("Thank you."), steps=(Say("hello"), Press("4711"), Wait(20, over=True))
    )
    (entry,) = shop.of(call, journal.DigitsCollected)
    assert (entry.digits, entry.trigger) == ("4711", "length")
    assert spoken(call) == ["Your number?", "Thank you."]


async def test_who_types_too_little_is_asked_again(autojump_clock: MockClock, shop: Shop) -> None:
    replies = (asks(min_digits=4, retries=1), Reply("Only two?"), Reply("Thank you."), Reply("Well."))
    steps = (Say("hello"), Press("47"), Wait(6, over=True), Press("4711#"), Wait(20, over=True))
    call = await shop.call(*replies, steps=steps)
    assert "Once more." in spoken(call)
    assert outputs(call) == [{"digits": "4711"}]
    assert [again.count for again in shop.of(call, journal.AskedAgain)] == [2]


async def test_keys_of_the_menu_are_digits_like_any_other_meanwhile(autojump_clock: MockClock, shop: Shop) -> None:
    call = await shop.call(asks(), Reply("Thank you."), steps=(Say("hello"), Press("0120#"), Wait(20, over=True)))
    assert outputs(call) == [{"digits": "0120"}]
    assert shop.of(call, journal.MenuChosen) == []


# Menus


async def test_a_key_speaks_into_what_the_agent_says(autojump_clock: MockClock, shop: Shop) -> None:
    long = Reply("We sell bicycles and many other things that you may want to know of")
    steps = (Say("hello"), Wait(0.2, over=True), Press("1", over=True), Wait(20, over=True))
    call = await shop.call(long, Reply("Anything else?"), steps=steps)
    assert spoken(call) == [f"{long.words} -", "We open at nine.", "Anything else?"]
    assert call.session is not None
    kinds = [frame["type"] for frame in call.session.heard]
    assert kinds[kinds.index("response.cancel") :][:3] == ["response.cancel", *["conversation.item.create"] * 2]


async def test_a_key_hangs_up_after_a_goodbye(autojump_clock: MockClock, shop: Shop) -> None:
    call = await shop.call(Reply("Yes?"), steps=(Say("hello"), Press("0"), Wait(60, over=True)))
    assert spoken(call) == ["Yes?", "Goodbye."]
    assert shop.world.receipt(call).why == "hang_up by a key"
    assert not call.cut_off


async def test_a_key_runs_a_tool_and_the_model_tells_what_it_gave(autojump_clock: MockClock, shop: Shop) -> None:
    call = await shop.call(Reply("Yes?"), Reply("From nine."), steps=(Say("hello"), Press("2"), Wait(20, over=True)))
    assert [use_id for _, use_id in shop.hours.began] == ["cw-use-1"]
    # The platform hands the key to the model by itself, and that turn has seen what the tool gave.
    assert spoken(call) == ["Yes?", "From nine."]
    assert asked(call) == 0
    (effect,) = await shop.world.ledger.effects(call.id)
    assert (effect.use.name, effect.told) == ("hours", True)


@pytest.mark.parametrize(("second", "said"), [("Yes?", ["Yes?", "Goodbye."]), ("", [])])
async def test_without_a_model_that_answers_a_menu_works(
    autojump_clock: MockClock, shop: Shop, second: str, said: list[str]
) -> None:
    never = Reply("Never said.", lag=1e9)
    steps = (Say("hello"), Press("1", over=True), Wait(5, over=True), Press("0", over=True), Wait(60, over=True))
    call = await shop.call(never, Reply(second) if second else never, steps=steps)
    assert spoken(call) == ["We open at nine.", *said]
    assert shop.world.receipt(call).reasons[-1] == "hang_up by a key"
    assert call.ended_by == "hangup"
