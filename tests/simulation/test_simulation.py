"""The simulator of time, at the size of the ordinary suite; `make simulate SEEDS=10000` runs more of the same."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import trio

from daemon.calls.call import Call
from daemon.calls.supervisor import Supervisor
from daemon.calls.transfer import refer
from daemon.config import Drain
from daemon.core.journal import Ended, Joined
from daemon.core.receipts import Receipt
from daemon.platforms.base import HangUpOutcome, ReferOutcome
from daemon.platforms.xai import Xai
from daemon.sandbox.script import Leave, Reply, Say, Script, Wait
from tests.simulation import invariants
from tests.simulation.__main__ import main
from tests.simulation.faults import Delivery, RestFault, SocketFault
from tests.simulation.run import Outcome, simulate, simulate_seed
from tests.simulation.scenario import Caller, draw, quiet
from tests.simulation.trace import Frame

SHORT = Script(steps=(Say("hello there"), Leave()), replies=(Reply("Hello yourself."),))
STAYS = Script()


def talkative(steps: int) -> Script:
    """Somebody who says something every 25 s or so, which is often enough not to be taken for asleep."""
    return Script(steps=tuple(Wait(25, over=True) if n % 2 else Say("on") for n in range(steps)))


def receipts(outcome: Outcome) -> list[Receipt]:
    return [record.entry.receipt for _, record in outcome.world.records if isinstance(record.entry, Ended)]


# Many seeds


@pytest.mark.parametrize("first", range(0, 30, 15))
def test_seeds_hold(first: int) -> None:
    failed = {seed: outcome.broken for seed in range(first, first + 15) if (outcome := simulate_seed(seed)).broken}
    assert not failed


def test_the_plans_are_not_tame() -> None:
    """Between them, the seeds of the suite bring about what they are there for."""
    plans = [draw(seed) for seed in range(150)]
    callers = [caller for plan in plans for caller in plan.callers]
    assert {fault.kind for caller in callers for faults in caller.sockets for fault in faults} >= {
        "refuse", "cut handshake", "end", "break", "close", "tear", "twice", "late", "stall", "no pongs", "mute",
        "garbage", "text",
    }  # fmt: skip
    assert {fault.kind for caller in callers for fault in caller.hang_ups} == {
        "status", "no connection", "no route", "no answer", "lost answer", "cut answer", "slow",
    }  # fmt: skip
    kinds = {delivery.kind for caller in callers for delivery in caller.deliveries}
    assert kinds == {"honest", "bad signature", "no signature", "cut", "gone", "stuck", "dribble"}
    assert any(plan.clock for plan in plans)


# Always the same


def test_same_seed_same_trace() -> None:
    first, second = simulate_seed(7).transcript, simulate_seed(7).transcript
    assert first.count("\n") > 50
    assert first == second
    assert first != simulate_seed(6).transcript


def test_same_trace_in_every_process() -> None:
    """Whatever order sets have there."""
    code = "from tests.simulation.run import simulate_seed as run; print(*(run(n).transcript for n in (0, 7, 31)))"
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    elsewhere = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert elsewhere.stdout.decode() == "{} {} {}\n".format(*(simulate_seed(n).transcript for n in (0, 7, 31)))


# Long times in no time


def in_no_time(run: Callable[[], Outcome]) -> Outcome:
    before = time.process_time()  # whatever else this machine is busy with
    outcome = run()
    took = time.process_time() - before
    # Hundreds of milliseconds; several times that when coverage is being measured.
    assert took < 5, f"{outcome.virtual:.0f} s took {took:.3f} s"
    assert not outcome.broken, outcome.transcript
    return outcome


def test_a_two_hour_call() -> None:
    scenario = quiet(Caller(script=talkative(600)), drain_at=7300, max_duration=7200.0)
    outcome = in_no_time(lambda: simulate(scenario))
    (receipt,) = receipts(outcome)
    assert receipt.why.startswith("max duration")
    assert receipt.seconds == pytest.approx(7200, abs=15)


def test_a_caller_who_is_silent_for_half_an_hour() -> None:
    scenario = quiet(Caller(script=STAYS), drain_at=1900, max_duration=1800.0, silence_timeout=0.0)
    outcome = in_no_time(lambda: simulate(scenario))
    (receipt,) = receipts(outcome)
    assert receipt.why.startswith("max duration")


def test_a_drain_of_an_hour() -> None:
    drain = Drain(deadline=3600.0)
    scenario = quiet(Caller(script=talkative(300)), drain_at=5, drain=drain, max_duration=7200.0)
    outcome = in_no_time(lambda: simulate(scenario))
    (receipt,) = receipts(outcome)
    assert receipt.reasons == ("drain deadline 1h", "simulation")
    assert outcome.world.drained_at - outcome.world.closed_at == pytest.approx(3600, abs=1)


# One fault at a time


def sound(caller: Caller) -> Outcome:
    outcome = simulate(quiet(caller, drain_at=120))
    assert not outcome.broken, outcome.transcript
    return outcome


def test_a_plain_call() -> None:
    outcome = sound(Caller(script=SHORT))
    assert [receipt.outcome for receipt in receipts(outcome)] == ["caller_left"]
    assert "call 1 socket 1 <   response.done" in outcome.transcript


@pytest.mark.parametrize("kind", ["end", "break", "stall", "no pongs", "mute"])
def test_a_socket_in_trouble(kind: Any) -> None:
    fault = SocketFault(kind=kind, after=1.0, seconds=1e6)
    outcome = sound(Caller(script=STAYS, sockets=((fault,),)))
    assert f"fault: {kind}" in outcome.transcript
    assert len(receipts(outcome)) == 1


def test_an_answer_that_is_lost() -> None:
    outcome = sound(Caller(script=STAYS, hang_ups=(RestFault(kind="lost answer"),)))
    (line,) = outcome.world.lines
    assert [asked.status for asked in line.hang_ups] == [None, 404]


def test_a_sender_that_goes_away() -> None:
    deliveries = (Delivery(after=0.0, kind="gone"), Delivery(after=1.0, other_id=True))
    outcome = sound(Caller(script=SHORT, deliveries=deliveries))
    results = [tried.result for tried in outcome.world.sender.deliveries]
    assert set(results) <= {"", "claimed", "duplicate"}
    assert sum(isinstance(record.entry, Joined) for _, record in outcome.world.records) == 1


# A daemon that is wrong is caught


def broken_names(outcome: Outcome) -> set[str]:
    return {name for name, _ in outcome.broken}


def test_a_hang_up_that_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def pretend(self: Xai, call_id: str) -> HangUpOutcome:
        await trio.lowlevel.checkpoint()
        return HangUpOutcome.HUNG_UP

    monkeypatch.setattr(Xai, "hang_up", pretend)
    outcome = simulate(quiet(Caller(script=STAYS), Caller(script=SHORT), drain_at=120))
    assert outcome.broken == [("every_leg_is_down", "call 1 is still connected, and nobody tried to hang up")]


def test_a_supervisor_that_forgets_a_receipt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.calls.call.Call.remember", lambda self, entry: None)
    assert "one_receipt_per_claimed_call" in broken_names(simulate(quiet(Caller(script=SHORT), drain_at=60)))


def test_a_drain_that_hangs_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Supervisor, "hang_up_all", lambda self, *reasons: None)
    drain = Drain(deadline=5.0)
    outcome = simulate(quiet(Caller(script=talkative(40)), drain_at=10, drain=drain, max_duration=600.0))
    assert "the_drain_keeps_its_deadline" in broken_names(outcome)


def test_a_transfer_that_is_repeated_blindly(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stubborn(call: Call, destination: str, why: tuple[str, ...]) -> ReferOutcome:
        await refer(call, destination, why)
        return await refer(call, destination, why)

    connects = Reply("Sure.", tool="transfer", arguments='{"destination": "desk"}')
    script = Script(steps=(Say("somebody else"), Wait(300), Leave()), replies=(connects,))
    caller = Caller(script=script, refers=(RestFault(kind="no answer"),))
    assert not simulate(quiet(caller, drain_at=400)).broken
    monkeypatch.setattr("daemon.calls.referral.refer", stubborn)
    assert "a_transfer_is_never_repeated_blindly" in broken_names(simulate(quiet(caller, drain_at=400)))


def test_every_invariant_is_named() -> None:
    assert len(invariants.names()) == len(set(invariants.names())) > 10
    assert set(invariants.OFF) <= set(invariants.names())


# For people


def test_the_command_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["--seed", "3"]) == 0
    assert capsys.readouterr().out.endswith("every invariant holds\n")
    monkeypatch.setattr("tests.simulation.run.broken", lambda world: [("made_up", "call 1 is blue")])
    assert main(["--seeds", "2", "--workers", "1"]) == 1
    told = capsys.readouterr().out
    assert "seed 1    replay: make simulate SEED=1" in told
    assert "made_up: call 1 is blue" in told


@pytest.mark.parametrize("masked", [b"", b"\x01\x02\x03\x04"])
def test_frames_are_read_from_the_wire(masked: bytes) -> None:
    text = b'{"type": "response.done"}'
    key = masked or bytes(4)
    payload = bytes(byte ^ key[index % 4] for index, byte in enumerate(text))
    data = b"\x81" + bytes([len(text) | (0x80 if masked else 0)]) + masked + payload
    assert str(Frame(data)) == "response.done"
    assert str(Frame(b"\x88\x02\x03\xf3")) == "close 1011"
