"""F34 to F45 and F52, F53: what happens within calls: tools, transfers, hang-ups, keys, limits, and bugs of ours."""

import json

import msgspec
import pytest
import trio
from trio.testing import MockClock

from daemon.config import Agent
from daemon.core import journal
from daemon.core.effects import ToolUse
from daemon.platforms.base import ReferResult
from daemon.sandbox.script import Emit, Leave, Press, Reply, Say, Script, Step, Use, Wait
from daemon.sandbox.switchboard import SandboxCall
from daemon.tools.base import Answer
from tests import test_app
from tests.calls import test_referral, test_supervisor, test_toolbox
from tests.calls.tools import Worker, with_tools
from tests.calls.world import World
from tests.configured import configuration
from tests.conftest import Logged
from tests.faults.scene import STAYS, Seen, proven, simulated, virtual
from tests.simulation.faults import RestFault
from tests.simulation.scenario import Caller
from tests.tools import test_http, test_python
from tests.tools.server import flood

BOOK = Reply(tool="book", arguments='{"day":"Monday"}')
DONE = Reply("You are booked.")
KEYS = "4929123456781234"


async def talk(world: World, *replies: Reply, steps: tuple[Step, ...] = (Wait(20), Leave())) -> SandboxCall:
    """One call: the caller asks, the model replies; gives it when it is over."""
    call = world.dial(Script(steps=(Say("book me in please"), *steps), replies=replies, seconds_per_word=0.1))
    await world.offer(call).verdict()
    await world.supervisor.idle()
    return call


async def test_f35_tool_unknown_or_arguments_bad(autojump_clock: MockClock, seen: Seen, logged: Logged) -> None:
    """The model asks for a tool that there is not, with arguments that are no JSON, or of a megabyte.

    Expected: an error for the model, counted; the call goes on.
    """
    book = Worker()
    async with virtual(seen, logged, with_tools("book"), tools={"book": book}) as world:
        wild = Reply(tools=(Use("sing"), Use("book", json.dumps("x" * 1_000_000))))
        call = await talk(world, wild, DONE)
        errors = [json.loads(output) for output in test_toolbox.outputs(call)]
        refused = [entry for entry in world.entries(call) if isinstance(entry, journal.ToolRefused | journal.ToolEnded)]
        assert len(errors) == 2
        assert all("error" in error for error in errors)
        assert book.began == []
        assert world.receipt(call).outcome == "caller_left"
        seen(errors_told=len(errors), on_record=len(refused), tools_run=0, receipt=world.receipt(call).outcome)


async def test_f36_tool_raises_hangs_or_gives_too_much(autojump_clock: MockClock, seen: Seen, logged: Logged) -> None:
    """A tool raises, hangs, returns what is no JSON, or 10 MB.

    Expected: a time limit, an error for the model; the call goes on.
    """

    async def broken(use: ToolUse) -> Answer:
        await trio.lowlevel.checkpoint()
        raise KeyError("a bug")

    raises, hangs = Worker(), Worker()
    raises.work = broken
    hangs.seconds, hangs.timeout = 600.0, 2.0
    config = with_tools("raises", "hangs")
    async with virtual(seen, logged, config, tools={"raises": raises, "hangs": hangs}) as world:
        call = await talk(world, Reply(tools=(Use("raises"), Use("hangs"))), DONE)
        told = test_toolbox.outputs(call)
        assert "The tool failed" in told[0]
        assert "no answer within 2s" in told[1]
        assert call.session is not None
        assert call.session.spoken[-1] == DONE.words
        seen(raised="an error is told", hung="given up after 2 s", receipt=world.receipt(call).outcome)


async def test_f36_tool_floods(seen: Seen, logged: Logged) -> None:
    """A tool raises, hangs, returns what is no JSON, or 10 MB.

    Expected: a time limit, an error for the model; the call goes on.
    """
    with proven(seen):
        await test_http.test_an_answer_that_is_too_large(flood)
        seen(ten_megabytes="cut, an error is told")
        for result in (object(), {1j: 1}, "\ud800"):
            await test_python.test_results_that_are_no_json(result)
        seen(no_json="an error is told")


async def test_f37_one_use_delivered_twice(autojump_clock: MockClock, seen: Seen, logged: Logged) -> None:
    """The platform announces one use of a tool four times.

    Expected: run once, told once.
    """
    book = Worker()
    again = {"type": "response.function_call_arguments.done", "call_id": "fc-1", "name": "book", "arguments": "{}"}
    twice = Emit(json.dumps(again))
    async with virtual(seen, logged, with_tools("book"), tools={"book": book}) as world:
        call = await talk(world, Reply("Yes?"), steps=(twice, twice, Wait(3), twice, Wait(3), twice, Leave()))
        assert book.ended == ["fc-1"]
        assert len(test_toolbox.outputs(call)) == 1
        seen(runs=len(book.ended), told=len(test_toolbox.outputs(call)))


async def test_f38_caller_leaves_while_a_tool_runs(autojump_clock: MockClock, seen: Seen, logged: Logged) -> None:
    """The caller hangs up while a tool runs.

    Expected: the tool is cancelled, nothing is told, the ledger knows that it was begun.
    """
    book = Worker()
    book.seconds = 9.0
    async with virtual(seen, logged, with_tools("book"), tools={"book": book}) as world:
        call = await talk(world, BOOK, steps=(Wait(2, over=True), Leave(over=True)))
        effects = [effect.output for effect in await world.ledger.effects(call.id)]
        assert (book.ended, effects, test_toolbox.outputs(call)) == ([], [None], [])
        seen(tool="begun, not ended", receipt=world.receipt(call).outcome)


async def test_f39_model_runs_in_circles(autojump_clock: MockClock, seen: Seen, logged: Logged) -> None:
    """The model asks for tools for ever.

    Expected: `max_tool_uses` and no more; further ones are refused.
    """
    book = Worker(0.1)
    config = with_tools("book")
    config = msgspec.structs.replace(config, limits=msgspec.structs.replace(config.limits, max_tool_uses=5))
    async with virtual(seen, logged, config, tools={"book": book}) as world:
        call = await talk(world, *[BOOK] * 40, steps=(Wait(60, over=True), Leave(over=True)))
        assert len(book.began) == 5
        refused = [output for output in test_toolbox.outputs(call) if "No more tools can be used" in output]
        seen(run=len(book.began), refused=len(refused), receipt=world.receipt(call).outcome)


EVIL = (
    "tel:+19005551234",
    "+19005551234",
    "sip:evil@example.com",
    "cellar",
    "",
    "desk\r\nRefer-To: <sip:evil@example.com>",
    "DESK",
)


async def test_f40_talked_into_a_transfer(autojump_clock: MockClock, seen: Seen, logged: Logged) -> None:
    """The model was talked into a transfer to a premium number, to somebody's SIP address, to a name that is not its.

    Expected: refused, told so, on record; nothing reaches the platform.
    """
    config = test_referral.configured()
    async with virtual(seen, logged, config) as world:
        refused = 0
        for place in EVIL:
            wish = Reply("Sure.", tool="transfer", arguments=json.dumps({"destination": place}))
            call = await talk(world, wish, Reply("No."))
            assert call.refers == []
            refused += sum(isinstance(entry, journal.TransferRefused) for entry in world.entries(call))
        assert refused == len(EVIL)
        seen(refused=f"{refused} of {len(EVIL)}", reached_the_platform=0)


async def test_f41_transfer_fails(autojump_clock: MockClock, seen: Seen, logged: Logged) -> None:
    """A transfer ends in 4xx or 5xx, or its answer never comes.

    Expected: failed, or unknown and not repeated blindly; the call goes on.
    """
    async with virtual(seen, logged, test_referral.configured()) as world:
        told: dict[str, list[int]] = {}
        for status in (400, 404, 500, 502, 504):
            call = world.dial(
                Script(
                    steps=(Say("somebody else"), Wait(60), Leave()), replies=(test_referral.TO_DESK, Reply("Sorry."))
                )
            )
            call.refer_refusals = [status]
            await world.offer(call).verdict()
            await world.supervisor.idle()
            assert len(call.refers) == 1
            told.setdefault(world.receipt(call).why, []).append(status)
        seen(**{why: f"after {', '.join(map(str, statuses))}" for why, statuses in told.items()})


def test_f41_transfer_is_never_answered(seen: Seen) -> None:
    """A transfer ends in 4xx or 5xx, or its answer never comes.

    Expected: failed, or unknown and not repeated blindly; the call goes on.
    """
    connects = Reply("Sure.", tool="transfer", arguments='{"destination": "desk"}')
    script = Script(steps=(Say("somebody else"), Wait(300), Leave()), replies=(connects,))
    outcome = simulated(seen, Caller(script=script, refers=(RestFault(kind="no answer"),)), drain_at=400.0)
    (line,) = outcome.world.lines
    assert len(line.refers) == 1
    seen(no_answer=f"{ReferResult.UNKNOWN.name.lower()}, {len(line.refers)} attempt")


async def test_f42_hang_up_404_or_409(autojump_clock: MockClock, seen: Seen, logged: Logged) -> None:
    """A hang-up is answered with 404, 409 or 410.

    Expected: the call is over; a receipt.
    """
    async with virtual(seen, logged) as world:
        for status in (404, 409, 410):
            call = world.dial(STAYS)
            call.hang_up_refusals = [status]
            await world.offer(call).verdict()
            await trio.sleep(1)
            world.supervisor.hang_up(call.id, "operator")
            await world.supervisor.idle()
            assert world.receipt(call).outcome == "caller_left"
            assert call.hang_ups == 1
            call.end("caller")
        seen(receipt="caller_left", attempts=1)


def test_f43_hang_up_fails(seen: Seen) -> None:
    """A hang-up ends in 500, times out, or its connection breaks.

    Expected: bounded in the call, then owed, and tried again until it is confirmed; one receipt.
    """
    kinds = ("status", "no answer", "no connection", "lost answer", "cut answer")
    told = {}
    for kind in kinds:
        fault = msgspec.convert({"kind": kind, "status": 500}, RestFault)
        outcome = simulated(seen, Caller(script=Script(), hang_ups=(fault, fault)), max_duration=30.0)
        (line,) = outcome.world.lines
        assert line.hang_ups[-1].confirmed
        told[kind] = f"confirmed by attempt {len(line.hang_ups)}"
    seen(**told)


async def test_f44_keypad(autojump_clock: MockClock, seen: Seen, logged: Logged) -> None:
    """A key and then silence, `#`, speech into it, a thousand keys, what is no key, a clock that is wrong.

    Expected: one entry each, with the right trigger; bounded; no digit in a log.
    """
    odd = [
        Emit(json.dumps({"type": "input_audio_buffer.dtmf_event_received", "event": key, "received_at": at}))
        for key, at in (("ten", 0), (None, -1), ("5", 10**12), ("", 0))
    ]
    steps: tuple[Step, ...] = (
        Press("42"),
        Wait(4),
        Press(KEYS + "#"),
        Wait(4),
        Press("71"),
        Say("no"),
        Wait(3),
        *odd,
        Wait(4),
        Leave(),
    )
    async with virtual(seen, logged, canaries=(KEYS,)) as world:
        call = await talk(world, *[Reply("Yes.")] * 9, steps=steps)
        entries = [entry for entry in world.entries(call) if isinstance(entry, journal.DigitsCollected)]
        assert [(entry.digits, entry.trigger) for entry in entries][:3] == [
            ("42", "idle"),
            (KEYS, "terminator"),
            ("71", "speech"),
        ]
        many = await talk(world, *[Reply("Yes.")] * 60, steps=(Press("1" * 1000, gap=0.01), Wait(4), Leave()))
        longest = max(len(e.digits or "") for e in world.entries(many) if isinstance(e, journal.DigitsCollected))
        assert longest <= 32
        seen(triggers=[entry.trigger for entry in entries], longest_of_1000_keys=longest)


async def test_f45_silence_and_longest_call(autojump_clock: MockClock, seen: Seen, logged: Logged) -> None:
    """Nobody says anything, and a call reaches `max_duration`.

    Expected: asked once, then a goodbye, hung up; the receipt says why.
    """
    for agent in (
        Agent(instructions="x"),
        Agent(instructions="x", silence_timeout=0.0, max_duration=600.0),
    ):
        async with virtual(seen, logged, configuration(agent=agent)) as world:
            call = world.dial()
            await world.offer(call).verdict()
            await world.supervisor.idle()
            receipt = world.receipt(call)
            assert call.session is not None
            assert call.session.spoken[-1] == "Goodbye."
            assert receipt.outcome == "hung_up"
            seen(**{receipt.reasons[0].replace(" ", "_"): f"said {' / '.join(call.session.spoken)}"})


async def test_f52_bug_in_a_task_that_all_need(
    tmp_path_factory: pytest.TempPathFactory, seen: Seen, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug ends a task that all calls need.

    Expected: every call is hung up, what is owed is collected, the process ends with an error for systemd to act on.
    """
    with proven(seen):
        folder = tmp_path_factory.mktemp("f52")
        await test_app.test_an_error_of_ours_hangs_up_every_call_and_collects_what_is_owed(folder, monkeypatch)
        seen(calls="hung up", debts="collected", exit="with the error")


async def test_f53_bug_in_one_call(
    autojump_clock: MockClock,
    nursery: trio.Nursery,
    seen: Seen,
    logged: Logged,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bug ends one call's reader.

    Expected: that call only; its caller is hung up; the nine others go on.
    """
    with proven(seen):
        await test_supervisor.test_ten_calls_of_which_one_meets_a_bug(nursery, autojump_clock, monkeypatch, logged)
        seen(the_nine_others="go on", the_tenth="hung up, receipt names the bug")
