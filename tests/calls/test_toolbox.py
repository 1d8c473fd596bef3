"""Tools within calls: beside the talk, once, within their time; in memory and in virtual time."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from daemon.calls.setting import Setting
from daemon.calls.toolbox import AT_ONCE, Toolbox
from daemon.config import Config
from daemon.core import journal
from daemon.core.agent import Agent
from daemon.core.conversation import Conversation
from daemon.core.effects import INTERRUPTED, Effect, ToolUse
from daemon.core.frames import SessionSettings, data
from daemon.core.incoming import IncomingCall
from daemon.functions.call import ToolCall
from daemon.ledger.memory import MemoryLedger
from daemon.sandbox.script import Drop, Emit, Leave, Reply, Say, Script, Step, Use, Wait
from daemon.sandbox.switchboard import SandboxCall
from daemon.tools.arguments import LONGEST
from daemon.tools.base import Answer, Take
from tests.calls.tools import Worker, with_tools
from tests.calls.world import World
from tests.configured import CALLED, CALLER
from tests.conftest import Logged

MONDAY = '{"day":"Monday"}'
ASK = Say("book me in please")
BOOK = Reply(tool="book", arguments=MONDAY)
LEAVES = Leave()
DONE = Reply("You are booked.")


class Office:
    """A world with tools."""

    def __init__(self, nursery: trio.Nursery, *, config: Config | None = None, **workers: Worker) -> None:
        self.workers = workers or {"book": Worker()}
        self.book = self.workers["book"]
        self.world = World(config or with_tools(*self.workers), nursery, tools=self.workers)
        self.ledger: MemoryLedger = self.world.ledger

    async def call(self, *replies: Reply, steps: tuple[Step, ...] = (), end: Step = LEAVES) -> SandboxCall:
        """One call: the caller asks, the model replies; gives it when it is over."""
        call = self.world.dial(Script(steps=(ASK, *steps, end), replies=replies, seconds_per_word=0.1))
        await self.world.offer(call).verdict()
        await self.world.supervisor.idle()
        return call


@pytest.fixture
async def office(nursery: trio.Nursery) -> AsyncIterator[Office]:
    office = Office(nursery)
    await office.world.start()
    yield office
    office.world.stop()


async def opened(nursery: trio.Nursery, **keys: Any) -> Office:
    office = Office(nursery, **keys)
    await office.world.start()
    return office


def outputs(call: SandboxCall) -> list[str]:
    """What the model was given, on all sockets."""
    frames = [frame for session in call.sessions for frame in session.heard]
    items = [frame["item"] for frame in frames if frame["type"] == "conversation.item.create"]
    return [item["output"] for item in items if item["type"] == "function_call_output"]


def asked(call: SandboxCall) -> int:
    """How often the model was asked for a turn."""
    return sum(frame["type"] == "response.create" for session in call.sessions for frame in session.heard)


def ends(office: Office, call: SandboxCall) -> list[journal.ToolEnded]:
    return [entry for entry in office.world.entries(call) if isinstance(entry, journal.ToolEnded)]


async def test_a_tool_is_run_and_its_output_spoken_about(autojump_clock: MockClock, office: Office) -> None:
    call = await office.call(BOOK, DONE, steps=(Wait(3, over=True), Wait(1)))
    assert outputs(call) == [MONDAY]
    assert asked(call) == 1
    assert call.session is not None
    assert call.session.spoken == ["You are booked."]
    ((call_id, use_id),) = office.book.began
    assert call_id == call.id
    (effect,) = await office.ledger.effects(call.id)
    assert effect == Effect(use=ToolUse(id=use_id, name="book", arguments=MONDAY), output=MONDAY, told=True)
    called, ended = (
        entry for entry in office.world.entries(call) if isinstance(entry, journal.ToolCalled | journal.ToolEnded)
    )
    assert called == journal.ToolCalled(name="book")
    assert isinstance(ended, journal.ToolEnded)
    assert (ended.name, ended.ok, ended.why) == ("book", True, "")
    assert ended.seconds == pytest.approx(1.0)


async def test_the_reader_does_not_wait_for_a_tool(autojump_clock: MockClock, office: Office) -> None:
    office.book.seconds = 5.0
    call = await office.call(BOOK, Reply("Sure."), DONE, steps=(Wait(1, over=True), Say("are you there", over=True)))
    said = [entry.text for entry in office.world.entries(call) if isinstance(entry, journal.Said) and entry.final]
    assert said == ["book me in please", "are you there", "Sure."]


async def test_parallel_tools_run_side_by_side_and_are_told_together(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    office = await opened(nursery, book=Worker(3.0), look_up=Worker(1.0))
    both = Reply(tools=(Use("book", '"b"'), Use("look_up", '"l"')))
    call = await office.call(both, DONE, steps=(Wait(5, over=True), Wait(1)))
    assert outputs(call) == ['"b"', '"l"']
    assert asked(call) == 1
    assert office.book.at == office.workers["look_up"].at
    office.world.stop()


async def test_a_use_that_is_announced_twice_runs_once(autojump_clock: MockClock, office: Office) -> None:
    again = {"type": "response.function_call_arguments.done", "call_id": "fc-1", "name": "book", "arguments": MONDAY}
    twice = Emit(json.dumps(again))
    call = await office.call(Reply("Yes?"), steps=(twice, twice, Wait(3), twice, Wait(3)))
    assert office.book.ended == ["fc-1"]
    assert outputs(call) == [MONDAY]


async def test_a_caller_who_cuts_in_gets_the_output_too(autojump_clock: MockClock, office: Office) -> None:
    office.book.seconds = 4.0
    cut_in = (Wait(1, over=True), Say("and hurry up", over=True), Wait(9))
    call = await office.call(BOOK, Reply("I do."), DONE, steps=cut_in)
    assert outputs(call) == [MONDAY]
    assert len(office.book.ended) == 1
    assert call.session is not None
    assert call.session.spoken == ["I do.", "You are booked."]
    assert asked(call) == 1


# Ends


async def test_a_caller_who_hangs_up_ends_the_tool_and_the_ledger_knows_it_was_begun(
    autojump_clock: MockClock, office: Office
) -> None:
    office.book.seconds = 9.0
    call = await office.call(BOOK, steps=(Wait(2, over=True),), end=Leave(over=True))
    assert office.world.receipt(call).outcome == "caller_left"
    assert office.book.ended == []
    assert [effect.output for effect in await office.ledger.effects(call.id)] == [None]
    assert outputs(call) == []
    assert not ends(office, call)


async def test_an_operator_who_hangs_up_ends_it_as_well(autojump_clock: MockClock, office: Office) -> None:
    office.book.seconds = 9.0
    call = office.world.dial(Script(steps=(ASK,), replies=(BOOK,)))
    await office.world.offer(call).verdict()
    await trio.sleep(5)
    office.world.supervisor.hang_up_all("operator")
    await office.world.supervisor.idle()
    assert office.world.receipt(call).reasons == ("operator",)
    assert call.close_codes == [1000]
    assert office.book.ended == []


async def test_a_tool_outlives_a_broken_socket(autojump_clock: MockClock, office: Office) -> None:
    office.book.seconds = 4.0
    call = await office.call(BOOK, DONE, steps=(Wait(1, over=True), Drop(1011), Wait(9, over=True)))
    assert call.joins == 2
    assert len(office.book.began) == 1
    assert outputs(call) == [MONDAY]
    assert asked(call) == 1


# What goes wrong


async def test_a_tool_that_takes_too_long(autojump_clock: MockClock, office: Office) -> None:
    office.book.seconds, office.book.timeout = 60.0, 2.0
    call = await office.call(BOOK, DONE, steps=(Wait(5, over=True), Wait(1)))
    what = "There was no answer within 2s. It is not known whether it took effect. Do not repeat it by yourself; "
    assert outputs(call) == [json.dumps({"error": f"{what}tell the caller so."}, separators=(",", ":"))]
    (ended,) = ends(office, call)
    assert (ended.ok, ended.why) == (False, "no answer within 2s")
    assert ended.seconds == pytest.approx(2.0)


async def test_a_bug_in_a_tool_ends_no_call(autojump_clock: MockClock, office: Office, logged: Logged) -> None:
    async def broken(use: ToolUse) -> Answer:
        await trio.lowlevel.checkpoint()
        raise KeyError("a bug")

    office.book.work = broken
    call = await office.call(BOOK, DONE, steps=(Wait(3, over=True), Wait(1)))
    assert office.world.receipt(call).outcome == "caller_left"
    assert "The tool failed" in outputs(call)[0]
    (line,) = [line for line in logged() if line["event"] == "tool_failed"]
    assert (line["call_id"], line["tool"], line["level"]) == (call.id, "book", "error")
    assert MONDAY not in json.dumps(line)


async def test_a_bug_while_the_call_ends_is_logged_and_the_call_ends(
    autojump_clock: MockClock, office: Office, logged: Logged
) -> None:
    async def broken(use: ToolUse) -> Answer:
        try:
            await trio.sleep_forever()
        finally:
            raise KeyError("a bug on the way out")

    office.book.work = broken
    call = await office.call(BOOK, steps=(Wait(3, over=True),), end=Leave(over=True))
    assert office.world.receipt(call).outcome == "caller_left"
    assert [line["event"] for line in logged() if line["level"] == "error"] == ["tool_failed"]


class Forgetful(MemoryLedger):
    """A ledger whose code is wrong."""

    async def end_effect(self, call_id: str, use_id: str, output: str) -> None:
        await trio.lowlevel.checkpoint()
        raise KeyError(use_id)


async def test_a_bug_around_a_tool_ends_the_call_and_its_receipt_says_so(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    office = Office(nursery)
    office.world = World(with_tools("book"), nursery, tools=office.workers, ledger=Forgetful())
    await office.world.start()
    call = await office.call(BOOK, end=Wait(60))
    assert office.world.receipt(call).reasons == ("error in Callwarden: tool failed",)
    assert call.ended_by == "hangup"
    office.world.stop()


async def test_a_tool_of_the_configuration_that_is_not_there(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    office = Office(nursery)
    office.world = World(with_tools("book"), nursery)
    await office.world.start()
    call = await office.call(BOOK, DONE, steps=(Wait(3, over=True), Wait(1)))
    assert "not there any more" in outputs(call)[0]
    assert await office.world.ledger.effects(call.id) == ()
    office.world.stop()


# Limits


async def test_so_many_uses_and_no_more(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    config = with_tools("book")
    config = msgspec.structs.replace(config, limits=msgspec.structs.replace(config.limits, max_tool_uses=2))
    office = await opened(nursery, config=config, book=Worker(0.1))
    call = await office.call(BOOK, BOOK, BOOK, DONE, steps=(Wait(5, over=True), Wait(1)))
    assert len(office.book.began) == 2
    assert outputs(call)[:2] == [MONDAY, MONDAY]
    assert "No more tools can be used" in outputs(call)[2]
    assert [ended.why for ended in ends(office, call)] == ["", "", "over 2 uses in one call"]
    assert len(await office.ledger.effects(call.id)) == 2
    office.world.stop()


async def test_arguments_that_are_too_long_are_not_even_kept(autojump_clock: MockClock, office: Office) -> None:
    long = Reply(tool="book", arguments=json.dumps("x" * LONGEST))
    call = await office.call(long, DONE, steps=(Wait(3, over=True), Wait(1)))
    assert "too long" in outputs(call)[0]
    assert await office.ledger.effects(call.id) == ()


async def test_so_many_at_once_and_no_more(autojump_clock: MockClock, office: Office) -> None:
    many = Reply(tools=tuple(Use("book", str(number)) for number in range(AT_ONCE + 2)))
    call = await office.call(many, DONE, steps=(Wait(5, over=True), Wait(1)))
    told = outputs(call)
    assert told[:AT_ONCE] == [str(number) for number in range(AT_ONCE)]
    assert ["Too many tools at once" in output for output in told[AT_ONCE:]] == [True, True]
    assert len(office.book.ended) == AT_ONCE
    assert asked(call) == 1


# Words for who waits


async def test_a_caller_who_waits_is_told_so(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    config = with_tools("book", filler="One moment, please.", filler_after=2.0)
    office = await opened(nursery, config=config, book=Worker(6.0))
    call = await office.call(BOOK, DONE, steps=(Wait(9, over=True), Wait(1)))
    assert call.session is not None
    assert call.session.spoken == ["One moment, please.", "You are booked."]
    office.world.stop()


# Effects of before

INCOMING = IncomingCall(
    call_id="call-1", webhook_id="m1", called=CALLED, caller=CALLER, created_at=None, received_at=0.0
)
AGENT = Agent(name="support", session=SessionSettings())


@dataclass
class Bare:
    """All that a toolbox sees of a call."""

    setting: Setting
    id: str = "call-1"
    incoming: IncomingCall = INCOMING
    conversation: Conversation = field(default_factory=partial(Conversation, AGENT, ready_timeout=10.0))
    ending: trio.Event = field(default_factory=trio.Event)
    errands: trio.Nursery | None = None
    tool_uses: set[str] = field(default_factory=lambda: {"c1"})
    answers: list[Answer] = field(default_factory=list)
    entries: dict[str, str] = field(default_factory=lambda: {"entry-1": "4711"})

    def take_entry(self, reference: str) -> str | None:
        return self.entries.pop(reference, None)

    def tool_done(self, use_id: str, answer: Answer) -> None:
        self.answers.append(answer)

    def hang_up(self, *reasons: str) -> None:
        self.ending.set()


USE = ToolUse(id="c1", name="book", arguments=MONDAY)


@pytest.mark.parametrize(
    ("idempotent", "given", "runs", "output"),
    [(False, "1", 0, "1"), (True, "1", 0, "1"), (False, None, 0, INTERRUPTED), (True, None, 1, MONDAY)],
)
async def test_what_the_ledger_knows_is_not_run_again(
    autojump_clock: MockClock, office: Office, *, idempotent: bool, given: str | None, runs: int, output: str
) -> None:
    office.book.idempotent = idempotent
    call = Bare(office.world.setting)
    await office.ledger.begin_effect(call.id, USE)
    if given is not None:
        await office.ledger.end_effect(call.id, "c1", given)
    async with trio.open_nursery() as call.errands:
        Toolbox(call).run(USE)
    assert [answer.output for answer in call.answers] == [output]
    assert len(office.book.began) == runs


async def test_a_call_that_is_ending_begins_nothing(autojump_clock: MockClock, office: Office) -> None:
    call = Bare(office.world.setting)
    toolbox = Toolbox(call)
    toolbox.run(USE)
    async with trio.open_nursery() as call.errands:
        call.hang_up("over")
        toolbox.run(USE)
    assert office.book.began == []


class Lost(MemoryLedger):
    """The ledger of a node that was relieved."""

    async def ours(self, call_id: str) -> bool:
        await trio.lowlevel.checkpoint()
        return False


async def test_a_call_that_is_another_nodes_now(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    ledger = Lost()
    office = Office(nursery)
    office.world = World(with_tools("book"), nursery, tools=office.workers, ledger=ledger)
    await office.world.start()
    call = await office.call(BOOK, steps=(Wait(3, over=True),), end=Leave(over=True))
    assert office.book.began == []
    assert await ledger.effects(call.id) == ()
    assert outputs(call) == []
    office.world.stop()


# What callers type for a tool's eyes only


@dataclass
class Till(Worker):
    """A tool that takes an entry, and can't keep it to itself."""

    got: list[str | None] = field(default_factory=list)

    def masked(self, use: ToolUse) -> ToolUse:
        return msgspec.structs.replace(use, arguments="masked")

    async def run_with(self, call: ToolCall, use: ToolUse, take: Take) -> Answer:
        self.began.append((call.id, use.id))
        await trio.sleep(self.seconds)
        self.got += [take("entry-1"), take("entry-2")]
        return Answer('{"card":4711,"note":"4711 is yours"}', "HTTP 500")


async def test_an_entry_leaves_once_and_does_not_come_back(autojump_clock: MockClock, office: Office) -> None:
    till = office.workers["book"] = Till()
    call = Bare(office.world.setting)
    async with trio.open_nursery() as call.errands:
        Toolbox(call).run(USE)
    assert till.got == ["4711", None]
    assert call.answers == [Answer('{"card":"entry-1","note":"entry-1 is yours"}', "HTTP 500")]
    (effect,) = await office.ledger.effects(call.id)
    assert (effect.use.arguments, effect.output) == ("masked", call.answers[0].output)


async def test_what_is_built_in_goes_before_and_has_its_own_limits(autojump_clock: MockClock, office: Office) -> None:
    call = Bare(office.world.setting)
    call.tool_uses = {str(number) for number in range(100)}
    toolbox, built_in = Toolbox(call), Worker(0.0)
    toolbox.equip("book", built_in)
    async with trio.open_nursery() as call.errands:
        toolbox.run(USE)
    assert built_in.ended == ["c1"]
    assert office.book.began == []


async def test_that_the_model_was_told_is_noted_for_data_too(autojump_clock: MockClock, office: Office) -> None:
    call = Bare(office.world.setting)
    toolbox = Toolbox(call)
    call.tool_uses = {"cw-use-1"}
    await office.ledger.begin_effect(call.id, ToolUse(id="cw-use-1", name="book", arguments="{}"))
    async with trio.open_nursery() as call.errands:
        toolbox.sent(data("{}", "cw-use-1"))
        toolbox.sent(data("{}"))
        toolbox.sent(data("{}", "of somebody else"))
    assert [effect.told for effect in await office.ledger.effects(call.id)] == [True]
