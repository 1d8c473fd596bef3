"""Transfers: beside the talk, never blindly repeated, and a closing line waits for their answer."""

from collections.abc import AsyncIterator

import msgspec
import pytest
import trio
from trio.testing import MockClock

from daemon.config import Destination
from daemon.core import journal
from daemon.platforms.base import ReferOutcome, ReferResult
from daemon.sandbox.script import Leave, Reply, Say, Script, Wait
from tests.calls.world import World
from tests.configured import configuration

DESK = "tel:+14155550123"


@pytest.fixture
async def desk(nursery: trio.Nursery) -> AsyncIterator[World]:
    settings = msgspec.structs.replace(configuration(), destinations={"desk": Destination(uri=DESK)})
    world = World(settings, nursery)
    await world.start()
    yield world
    world.stop()


async def test_transfer_succeeds(autojump_clock: MockClock, desk: World) -> None:
    call = desk.dial()
    await desk.offer(call).verdict()
    await trio.sleep(3)
    assert desk.supervisor.transfer(call.id, "desk", "operator ada")
    await desk.supervisor.idle()
    assert call.refers == [DESK]
    assert call.hang_ups == 0
    assert desk.receipt(call).outcome == "transferred"
    assert desk.receipt(call).why == "transfer to desk > operator ada"


@pytest.mark.parametrize(("status", "result"), [(502, "rejected"), (504, "timed_out"), (500, "failed")])
async def test_transfer_fails_and_the_talk_goes_on(
    autojump_clock: MockClock, desk: World, status: int, result: str
) -> None:
    call = desk.dial(Script(steps=(Wait(5), Say("hello"), Leave()), replies=(Reply("Yes?"),)))
    call.refer_status = status
    await desk.offer(call).verdict()
    await trio.sleep(2)
    assert desk.supervisor.transfer(call.id, "desk")
    await desk.supervisor.idle()
    (failed,) = [entry for entry in desk.entries(call) if isinstance(entry, journal.TransferFailed)]
    assert failed.result == result
    assert call.session is not None
    assert call.session.spoken == ["Welcome.", "Yes?"]
    assert desk.receipt(call).outcome == "caller_left"


async def test_the_reader_lives_while_it_rings(
    autojump_clock: MockClock, desk: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def rings(call_id: str, target_uri: str) -> ReferOutcome:
        await trio.sleep(20)
        return ReferOutcome(ReferResult.TIMED_OUT)

    monkeypatch.setattr(desk.platform, "refer", rings)
    call = desk.dial(Script(steps=(Wait(5), Say("hello"), Wait(20), Leave()), replies=(Reply("Yes?"),)))
    await desk.offer(call).verdict()
    await trio.sleep(2)
    assert desk.supervisor.transfer(call.id, "desk")
    await trio.sleep(10)
    assert any(isinstance(entry, journal.Said) and entry.text == "Yes?" for entry in desk.entries(call))
    await desk.supervisor.idle()
    assert desk.receipt(call).outcome == "caller_left"


@pytest.mark.parametrize(("answered", "outcome"), [(True, "transferred"), (False, "caller_left")])
async def test_the_line_closes_before_the_answer(
    autojump_clock: MockClock, desk: World, monkeypatch: pytest.MonkeyPatch, answered: bool, outcome: str
) -> None:
    call = desk.dial()

    async def slow_answer(call_id: str, target_uri: str) -> ReferOutcome:
        await trio.sleep(5)
        call.end("refer" if answered else "caller")
        await trio.sleep(2)
        return ReferOutcome(ReferResult.ANSWERED if answered else ReferResult.FAILED)

    monkeypatch.setattr(desk.platform, "refer", slow_answer)
    await desk.offer(call).verdict()
    await trio.sleep(2)
    assert desk.supervisor.transfer(call.id, "desk")
    await desk.supervisor.idle()
    assert desk.receipt(call).outcome == outcome
    assert call.hang_ups == 0


async def test_nobody_to_transfer(autojump_clock: MockClock, desk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(call_id: str, target_uri: str) -> ReferOutcome:
        await trio.lowlevel.checkpoint()
        call.hang_up_refusals = [404]
        return ReferOutcome(ReferResult.NO_CALL)

    monkeypatch.setattr(desk.platform, "refer", gone)
    call = desk.dial()
    await desk.offer(call).verdict()
    await trio.sleep(2)
    assert desk.supervisor.transfer(call.id, "desk")
    await desk.supervisor.idle()
    assert desk.receipt(call).outcome == "caller_left"
    assert desk.receipt(call).reasons == ("no caller to transfer",)


async def test_not_now(autojump_clock: MockClock, desk: World) -> None:
    assert not desk.supervisor.transfer("nobody", "desk")
    assert not desk.supervisor.hang_up("nobody", "operator")
    call = desk.dial()
    desk.offer(call)
    assert not desk.supervisor.transfer(call.id, "desk")  # not joined yet
    await trio.sleep(1)
    desk.supervisor.hang_up(call.id, "operator")
    assert not desk.supervisor.transfer(call.id, "desk")
    await desk.supervisor.idle()
    assert desk.receipt(call).outcome == "hung_up"


async def test_a_name_that_is_not_configured(autojump_clock: MockClock, desk: World) -> None:
    call = desk.dial()
    await desk.offer(call).verdict()
    await trio.sleep(1)
    assert not desk.supervisor.transfer(call.id, "dsek")
    assert not call.over.is_set()


async def test_never_two_at_once(autojump_clock: MockClock, desk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def rings(call_id: str, target_uri: str) -> ReferOutcome:
        await trio.sleep(20)
        return ReferOutcome(ReferResult.TIMED_OUT)

    monkeypatch.setattr(desk.platform, "refer", rings)
    call = desk.dial()
    await desk.offer(call).verdict()
    await trio.sleep(1)
    assert [desk.supervisor.transfer(call.id, "desk") for _ in range(2)] == [True, False]
    await trio.sleep(25)
    assert desk.supervisor.transfer(call.id, "desk")


async def test_a_bug_in_a_transfer_is_named(
    autojump_clock: MockClock, desk: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(call_id: str, target_uri: str) -> ReferOutcome:
        await trio.lowlevel.checkpoint()
        raise ValueError("a bug")

    monkeypatch.setattr(desk.platform, "refer", broken)
    call = desk.dial()
    await desk.offer(call).verdict()
    await trio.sleep(1)
    assert desk.supervisor.transfer(call.id, "desk")
    await desk.supervisor.idle()
    assert desk.receipt(call).outcome == "hung_up"
    assert desk.receipt(call).reasons == ("error in Callwarden: transfer failed",)
