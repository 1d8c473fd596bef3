"""Transfers that an agent makes: to its own destinations, in order, so often and no more; in virtual time."""

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from daemon.config import Agent, Config, Destination, Keypad
from daemon.core import journal
from daemon.core.effects import INTERRUPTED, ToolUse
from daemon.platforms.base import HangUpOutcome, ReferOutcome, ReferResult
from daemon.sandbox.script import Emit, Leave, Press, Reply, Say, Script, Step, Wait
from daemon.sandbox.switchboard import SandboxCall
from tests.calls.world import World
from tests.configured import configuration
from tests.conftest import Logged

DESK, NIGHT = "tel:+14155550123", "sip:night@pbx.example.net"
AGENT = Agent(
    instructions="Help.",
    greeting="Welcome.",
    tools=("hang_up", "transfer"),
    transfers=("desk", "night"),
    silence_timeout=0.0,
    keypad=Keypad(menu={"0": "transfer:desk", "9": "transfer:cellar"}),
)
TO_DESK = Reply("I connect you.", tool="transfer", arguments='{"destination": "desk"}')
TO_NIGHT = Reply("Or at night.", tool="transfer", arguments='{"destination": "night"}')


def configured(*, fallback: str = "", **limits: Any) -> Config:
    config = configuration(agent=AGENT)
    places = {
        "desk": Destination(uri=DESK, fallback=fallback, description="People"),
        "night": Destination(uri=NIGHT),
        "cellar": Destination(uri="tel:+14155550124"),
    }
    return msgspec.structs.replace(config, destinations=places, limits=msgspec.structs.replace(config.limits, **limits))


class Office:
    """A world with destinations."""

    def __init__(self, nursery: trio.Nursery, config: Config) -> None:
        self.world = World(config, nursery)

    async def call(
        self, *replies: Reply, steps: tuple[Step, ...] = (Wait(60),), refusals: tuple[int, ...] = (), rings: float = 5.0
    ) -> SandboxCall:
        """One call, in which the caller asks for somebody else; gives it when it is over."""
        asks = Say("somebody else please")
        call = self.world.dial(Script(steps=(asks, *steps, Leave()), replies=replies, seconds_per_word=0.1))
        call.refer_refusals, call.rings = [*refusals], rings
        await self.world.offer(call).verdict()
        await self.world.supervisor.idle()
        return call

    def of(self, call: SandboxCall, kind: type[journal.Entry]) -> list[Any]:
        return [entry for entry in self.world.entries(call) if isinstance(entry, kind)]


@pytest.fixture
async def office(nursery: trio.Nursery) -> AsyncIterator[Office]:
    office = Office(nursery, configured())
    await office.world.start()
    yield office
    office.world.stop()


async def opened(nursery: trio.Nursery, **keys: Any) -> Office:
    office = Office(nursery, configured(**keys))
    await office.world.start()
    return office


def told(call: SandboxCall) -> list[dict[str, Any]]:
    """What the model was given, as outputs or as data."""
    assert call.session is not None
    items = [frame["item"] for frame in call.session.heard if frame["type"] == "conversation.item.create"]
    texts = [item.get("output") or item["content"][0]["text"] for item in items if item["type"] != "force_message"]
    return [json.loads(text) for text in texts]


async def test_the_model_sees_names_and_no_uri(autojump_clock: MockClock, office: Office) -> None:
    call = await office.call()
    assert call.session is not None
    (update,) = [frame for frame in call.session.heard if frame["type"] == "session.update"]
    tool = update["session"]["tools"][1]
    assert tool["parameters"]["properties"]["destination"]["enum"] == ["desk", "night"]
    assert tool["parameters"]["properties"]["destination"]["description"] == "desk: People; night"
    assert not [text for text in (DESK, NIGHT, "cellar", "+1415") if text in json.dumps(call.session.heard)]


async def test_a_transfer_that_works_ends_the_call(autojump_clock: MockClock, office: Office) -> None:
    call = await office.call(TO_DESK)
    assert call.refers == [DESK]
    receipt = office.world.receipt(call)
    assert (receipt.outcome, receipt.why) == ("transferred", "transfer to desk > transfer by the model")
    assert call.hang_ups == 0
    assert call.session is not None
    assert call.session.spoken == ["Welcome.", "I connect you."]
    (effect,) = await office.world.ledger.effects(call.id)
    assert (effect.use.name, effect.use.arguments) == ("transfer", '{"destination": "desk"}')


async def test_it_is_asked_for_when_its_words_were_heard(autojump_clock: MockClock, office: Office) -> None:
    call = await office.call(Reply("one two three four five six seven eight nine ten", tool="transfer"))
    assert call.refers == []
    call = await office.call(msgspec.structs.replace(TO_DESK, words="one two three four five six seven eight nine ten"))
    (asked,) = [record.at for record in office.world.records if isinstance(record.entry, journal.TransferAsked)]
    (began,) = [
        record.at
        for record in office.world.records
        if record.call_id == call.id and isinstance(record.entry, journal.Said) and record.entry.text == "one"
    ]
    assert asked - began == pytest.approx(1.5)  # a second of words, and the margin


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (502, "desk: The line is busy."),
        (504, "desk: Nobody answered."),
        (500, "desk: It failed for a technical reason."),
        (400, "desk: It is not set up rightly."),
    ],
)
async def test_one_that_fails_is_told_in_words(
    autojump_clock: MockClock, office: Office, status: int, why: str
) -> None:
    call = await office.call(TO_DESK, Reply("I am sorry."), refusals=(status,))
    (output,) = told(call)
    assert output["transferred"] is False
    assert output["why"] == why
    assert "take a message" in output["now"]
    assert call.session is not None
    assert call.session.spoken == ["Welcome.", "I connect you.", "I am sorry."]
    assert office.world.receipt(call).outcome == "caller_left"
    (failed,) = office.of(call, journal.TransferFailed)
    assert failed.destination == "desk"


async def test_the_model_may_try_another_one(autojump_clock: MockClock, office: Office) -> None:
    call = await office.call(TO_DESK, TO_NIGHT, refusals=(502,))
    assert call.refers == [DESK, NIGHT]
    assert office.world.receipt(call).why == "transfer to night > transfer by the model"


async def test_a_fallback_is_tried_by_itself(nursery: trio.Nursery, autojump_clock: MockClock, logged: Logged) -> None:
    office = await opened(nursery, fallback="night")
    call = await office.call(TO_DESK, refusals=(504,))
    assert call.refers == [DESK, NIGHT]
    assert office.world.receipt(call).outcome == "transferred"
    assert [line["to"] for line in logged() if line["event"] == "transfer_falls_back"] == ["night"]
    call = await office.call(TO_DESK, Reply("Sorry."), refusals=(502, 504))
    assert told(call)[0]["why"] == "desk: The line is busy. night: Nobody answered."
    office.world.stop()


async def test_after_an_answer_that_never_came_nothing_is_tried(
    nursery: trio.Nursery, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = await opened(nursery, fallback="night")
    asked: list[str] = []

    async def lost(call_id: str, target_uri: str) -> ReferOutcome:
        asked.append(target_uri)
        await trio.sleep(90)
        return ReferOutcome(ReferResult.UNKNOWN)

    monkeypatch.setattr(office.world.platform, "refer", lost)
    call = await office.call(TO_DESK, Reply("Are you there?"), steps=(Wait(200),))
    assert asked == [DESK]
    (output,) = told(call)
    assert output["why"] == "desk: It is not known whether it worked."
    assert "Do not try again by yourself" in output["now"]
    office.world.stop()


async def test_the_reader_lives_while_it_rings(autojump_clock: MockClock, office: Office) -> None:
    steps = (Wait(4, over=True), Say("are you still there", over=True), Wait(60))
    call = await office.call(TO_DESK, Reply("I am."), Reply("Nobody there."), steps=steps, refusals=(504,), rings=30)
    assert call.session is not None
    assert call.session.spoken == ["Welcome.", "I connect you.", "I am.", "Nobody there."]


async def test_a_caller_who_hangs_up_while_it_rings(autojump_clock: MockClock, office: Office) -> None:
    call = await office.call(TO_DESK, steps=(Wait(4, over=True), Leave(over=True)), rings=30)
    assert office.world.receipt(call).outcome == "caller_left"
    (effect,) = await office.world.ledger.effects(call.id)
    assert effect.output == '{"transferred":false}'


@pytest.mark.parametrize("confirmed", [0.0, 3.0])
async def test_a_call_that_ends_while_it_rings_has_no_fallback(
    nursery: trio.Nursery, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, confirmed: float
) -> None:
    """The answer may come before the hang-up is confirmed, or in the same moment; the receipt is the last word."""
    office = await opened(nursery, fallback="night")
    call = office.world.dial(Script(steps=(Say("somebody please"), Wait(60)), replies=(TO_DESK,), seconds_per_word=0.1))
    ringing, hung_up = trio.Event(), trio.Event()
    asked: list[str] = []
    hang_up = office.world.platform.hang_up

    async def refer(call_id: str, target_uri: str) -> ReferOutcome:
        asked.append(target_uri)
        ringing.set()
        await hung_up.wait()
        return ReferOutcome(ReferResult.TIMED_OUT)

    async def slowly(call_id: str) -> HangUpOutcome:
        hung_up.set()
        await trio.sleep(confirmed)
        return await hang_up(call_id)

    monkeypatch.setattr(office.world.platform, "refer", refer)
    monkeypatch.setattr(office.world.platform, "hang_up", slowly)
    await office.world.offer(call).verdict()
    with trio.fail_after(60):
        await ringing.wait()
        office.world.supervisor.hang_up_all("drain deadline 5s")
        await office.world.supervisor.idle()
    assert asked == [DESK]
    assert isinstance(office.world.entries(call)[-1], journal.Ended)
    office.world.stop()


# What may not be


@pytest.mark.parametrize("destination", ["cellar", "tel:+19005551234", "sip:evil@example.com", "front_desk", ""])
async def test_nowhere_but_where_the_agent_may(
    autojump_clock: MockClock, office: Office, logged: Logged, destination: str
) -> None:
    evil = Reply("Sure.", tool="transfer", arguments=json.dumps({"destination": destination}))
    call = await office.call(evil, Reply("No."))
    assert call.refers == []
    assert told(call)[0]["transferred"] is False
    (refused,) = office.of(call, journal.TransferRefused)
    assert refused == journal.TransferRefused(destination="", why="no such destination")
    assert office.world.receipt(call).outcome == "caller_left"
    assert not [line for line in logged() if destination and destination in json.dumps(line)]


async def test_so_many_in_a_call_and_no_more(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    office = await opened(nursery, max_transfers_per_call=2)
    call = await office.call(TO_DESK, TO_DESK, TO_DESK, Reply("Sorry."), refusals=(502, 502, 502))
    assert call.refers == [DESK, DESK]
    assert [refused.why for refused in office.of(call, journal.TransferRefused)] == ["over 2 transfers in one call"]
    assert told(call)[2]["why"] == "It can't be made now."
    office.world.stop()


async def test_so_many_in_an_hour_whoever_calls(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    office = await opened(nursery, max_transfers_per_hour=2)
    calls = [await office.call(TO_DESK, Reply("Sorry."), steps=(Wait(20),)) for _ in range(3)]
    assert [len(call.refers) for call in calls] == [1, 1, 0]
    await trio.sleep(3600)
    assert (await office.call(TO_DESK)).refers == [DESK]
    office.world.stop()


async def test_fallbacks_count_too(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    office = await opened(nursery, fallback="night", max_transfers_per_call=1)
    call = await office.call(TO_DESK, Reply("Sorry."), refusals=(504,))
    assert call.refers == [DESK]
    (refused,) = office.of(call, journal.TransferRefused)
    assert refused == journal.TransferRefused(destination="night", why="over 1 transfers in one call")
    office.world.stop()


async def test_not_while_an_operator_transfers_the_caller(autojump_clock: MockClock, office: Office) -> None:
    call = office.world.dial(
        Script(steps=(Say("hello"), Wait(60), Leave()), replies=(TO_DESK, Reply("Wait.")), seconds_per_word=0.1)
    )
    call.refer_refusals, call.rings = [504], 20.0
    await office.world.offer(call).verdict()
    await trio.sleep(0.5)
    assert office.world.supervisor.transfer(call.id, "night", "operator ada")
    await office.world.supervisor.idle()
    assert call.refers == [NIGHT]
    assert told(call)[0]["why"] == "It can't be made now."


async def test_a_use_that_is_announced_twice_is_made_once(autojump_clock: MockClock, office: Office) -> None:
    again = {"type": "response.function_call_arguments.done", "call_id": "fc-1", "name": "transfer"}
    twice = Emit(json.dumps({**again, "arguments": '{"destination": "desk"}'}))
    call = await office.call(Reply("Yes?"), steps=(twice, twice, Wait(9), twice, Wait(20)), refusals=(504,))
    assert call.refers == [DESK]


async def test_what_was_begun_before_a_crash_is_not_made_again(autojump_clock: MockClock, office: Office) -> None:
    call = office.world.dial()
    use = ToolUse(id="fc-1", name="transfer", arguments='{"destination": "desk"}')
    await office.world.ledger.begin_effect(call.id, use)
    again = {"type": "response.function_call_arguments.done", "call_id": "fc-1", "name": "transfer"}
    call.script = Script(steps=(Emit(json.dumps({**again, "arguments": use.arguments})), Wait(30), Leave()))
    await office.world.offer(call).verdict()
    await office.world.supervisor.idle()
    assert call.refers == []
    assert told(call) == [json.loads(INTERRUPTED)]


# Keys and rules


async def test_a_key_connects_the_caller_without_the_model(autojump_clock: MockClock, office: Office) -> None:
    call = await office.call(Reply("We sell bicycles, and also"), steps=(Press("0"), Wait(60)))
    assert call.refers == [DESK]
    assert office.world.receipt(call).why == "transfer to desk > transfer by a rule"
    (effect,) = await office.world.ledger.effects(call.id)
    assert effect.use.id == "cw-use-1"


async def test_what_a_key_began_and_failed_is_told_as_data(autojump_clock: MockClock, office: Office) -> None:
    call = await office.call(Reply("Yes?"), Reply("Nobody there."), steps=(Press("0"), Wait(60)), refusals=(504,))
    assert [*told(call)[1]] == ["used", "by", "output"]
    assert told(call)[1]["output"]["why"] == "desk: Nobody answered."
    (effect,) = await office.world.ledger.effects(call.id)
    assert effect.told


async def test_a_key_may_lead_where_the_model_may_not(autojump_clock: MockClock, office: Office) -> None:
    call = await office.call(Reply("Yes?"), steps=(Press("9"), Wait(60)))
    assert call.refers == ["tel:+14155550124"]


async def test_a_key_works_even_when_the_model_has_used_all_its_tools(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    office = await opened(nursery, max_tool_uses=1)
    call = await office.call(TO_DESK, Reply("Sorry."), steps=(Wait(20), Press("0"), Wait(60)), refusals=(504,))
    assert call.refers == [DESK, DESK]
    office.world.stop()


async def test_an_agent_that_does_not_answer_is_left(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    agent = msgspec.structs.replace(AGENT, on_trouble="transfer:cellar", apology="I am sorry.")
    office = Office(nursery, msgspec.structs.replace(configured(), agents={"support": agent}))
    await office.world.start()
    never = Reply("Never said.", lag=1e9)
    call = await office.call(never, never, steps=(Wait(15, over=True), Say("hello", over=True), Wait(60)))
    assert call.session is not None
    assert call.session.spoken == ["Welcome.", "I am sorry.", "One moment, please."]
    assert call.refers == ["tel:+14155550124"]
    assert [missed.in_a_row for missed in office.of(call, journal.AnswerMissed)] == [1, 2]
    assert office.of(call, journal.FellBack) == [journal.FellBack(action="transfer")]
    office.world.stop()
