"""The daemon as a whole: start, serve, stop, over real sockets and with real signals."""

import os
import signal
import socket
import sqlite3
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import httpx
import msgspec
import pytest
import trio

from daemon.app import run_daemon, why_no_heir
from daemon.config import Agent, Config, Drain, Number, Recovery, Secret, Server
from daemon.config.lookups import Lookup
from daemon.errors import ConfigError, Problem, StartError
from daemon.ledger.health import Health
from daemon.observe.clock import system_clock
from daemon.operate.activation import Systemd
from daemon.operate.systemd import Notifier
from daemon.sandbox.script import Leave, Say, Script, Wait
from daemon.sandbox.sender import announce
from daemon.sandbox.switchboard import SandboxCall
from tests.configured import API_KEY, CALLED, configuration
from tests.conftest import Logged
from tests.live import kill, live_daemon
from tests.lookup.servers import answers, serving

QUICK = Drain(deadline=5.0, lame_duck=0.0)
STAYS = Script()
LEAVES = Script(steps=(Wait(0.05), Say("bye"), Leave()), seconds_per_word=0.01)


async def test_answers_a_call_and_stops(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=QUICK), tmp_path) as live:
        assert (await live.client.get("/livez")).status_code == 200
        call = await live.ring(LEAVES)
        await call.over.wait()
        kill()
        assert await live.exit_code() == 0
    assert call.ended_by == "caller"
    (ended,) = [record["entry"] for record in live.records() if record["entry"]["kind"] == "Ended"]
    assert ended["receipt"]["outcome"] == "caller_left"  # type: ignore[index]


async def test_a_caller_is_looked_up_and_headers_are_data(tmp_path: Path) -> None:
    async with serving(answers(b'{"name": "Ada"}')) as (crm, requests):
        lookup = Lookup(url=f"{crm}/callers/{{caller}}", fields={"name": "/name"}, allow_private=("127.0.0.1",))
        agent = Agent(instructions="For {{ lookup.name }}.", lookup=lookup, sip_headers=("X-Customer-Id",))
        async with live_daemon(configuration(agent=agent, drain=QUICK), tmp_path) as live:
            call = live.board.place(LEAVES, headers=(("X-Customer-Id", '7"} {{ x }}'), ("X-Other", "unasked")))
            (await live.announce(call)).raise_for_status()
            await call.over.wait()
            kill()
            assert await live.exit_code() == 0
    update, item = call.sessions[0].heard[:2]
    assert update["session"]["instructions"] == "For Ada."
    assert '"sip_headers":{"X-Customer-Id":"7 x"}' in item["item"]["content"][0]["text"]
    assert "unasked" not in str(call.sessions[0].heard)
    (request,) = requests
    assert request.startswith(b"GET /callers/%2B14155550100 HTTP/1.1")
    assert API_KEY.encode() not in request
    (known,) = [record["entry"] for record in live.records() if record["entry"]["kind"] == "CallerLookedUp"]
    assert known["result"] == "found"


async def test_drain_lets_calls_end_by_themselves(tmp_path: Path) -> None:
    drain = Drain(deadline=5.0, lame_duck=0.2)
    async with live_daemon(configuration(drain=drain), tmp_path) as live:
        call = await live.ring(Script(steps=(Wait(1.5), Leave()), seconds_per_word=0.01))
        kill()
        await trio.sleep(0.1)
        # Lame duck: no longer ready, so that a balancer goes elsewhere, but nobody is turned away yet.
        assert (await live.client.get("/readyz")).status_code == 503
        assert (await live.announce(live.board.place(LEAVES))).status_code == 200
        await trio.sleep(0.5)
        with pytest.raises(httpx.TransportError):
            await live.announce(live.board.place(LEAVES))
        assert not call.over.is_set()
        assert await live.exit_code() == 0
    assert call.ended_by == "caller"


async def test_second_signal_hangs_up(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=QUICK), tmp_path) as live:
        calls = [await live.ring(STAYS) for _ in range(3)]
        kill()
        await trio.sleep(0.2)
        assert not any(call.over.is_set() for call in calls)
        kill()
        assert await live.exit_code() == 0
    assert [call.ended_by for call in calls] == ["hangup"] * 3
    reasons = [r["entry"]["receipt"]["reasons"] for r in live.records() if r["entry"]["kind"] == "Ended"]  # type: ignore[index]
    assert reasons == [["SIGTERM", "SIGTERM"]] * 3


async def test_deadline_hangs_up_and_says_so_in_the_exit_code(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=Drain(deadline=0.3, lame_duck=0.0)), tmp_path) as live:
        call = await live.ring(STAYS)
        kill()
        assert await live.exit_code() == 75
    assert call.ended_by == "hangup"
    (ended,) = [record["entry"] for record in live.records() if record["entry"]["kind"] == "Ended"]
    assert ended["receipt"]["reasons"] == ["drain deadline 300ms", "SIGTERM"]  # type: ignore[index]


async def test_a_number_with_a_secret_of_its_own(tmp_path: Path) -> None:
    own = "whsec_b3duLXNlY3JldC1vZi10aGUtbnVtYmVy"
    config = configuration(drain=QUICK)
    config = msgspec.structs.replace(config, numbers={CALLED: Number(agent="support", webhook_secrets=(Secret(own),))})
    async with live_daemon(config, tmp_path) as live:
        call = live.board.place(LEAVES)
        assert (await live.announce(call)).status_code == 401
        answer = await announce(live.client, "/xai/sip-webhook", call, secret=own, at=system_clock())
        assert answer.json() == {"result": "claimed"}
        kill()


async def test_systemd_hears_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "300000")
        async with live_daemon(configuration(drain=QUICK), tmp_path) as live:
            assert "NOTIFY_SOCKET" not in os.environ
            call = await live.ring(Script(steps=(Wait(0.5), Leave()), seconds_per_word=0.01))
            await trio.sleep(0.3)
            kill()
            await call.over.wait()
            await live.exit_code()
        told = []
        with suppress(BlockingIOError):
            while True:
                told.append(systemd.recv(1000).decode())
    assert told.count("WATCHDOG=1") >= 3
    first = list(dict.fromkeys(line for line in told if line != "WATCHDOG=1"))
    assert "READY=1\nSTATUS=ready" in first
    # Only once it can't be called off any more: from then on, systemd counts the time.
    stopping = first.index("STOPPING=1\nSTATUS=draining, 1 call left")
    assert first.index("STATUS=draining, 1 call left") < stopping
    # However little patience it has by itself.
    assert told[told.index("STOPPING=1\nSTATUS=draining, 1 call left") + 1] == "EXTEND_TIMEOUT_USEC=15000000"
    assert not [line for line in first[stopping:] if "READY" in line]


async def test_a_socket_that_systemd_has_opened_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = msgspec.structs.replace(configuration(drain=QUICK), server=Server())
    ledger = msgspec.structs.replace(config.ledger, url=f"sqlite:///{tmp_path}/ledger.db")
    with socket.create_server(("127.0.0.1", 0)) as passed:
        address = f"127.0.0.1:{passed.getsockname()[1]}"
        async with trio.open_nursery() as nursery:
            listening = await nursery.start(
                partial(run_daemon, systemd=Systemd(Notifier(), {"http": (os.dup(passed.fileno()),)})),
                msgspec.structs.replace(config, ledger=ledger),
            )
            assert listening == [address]
            kill()


async def test_address_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        config = configuration()
        ledger = msgspec.structs.replace(config.ledger, url=f"sqlite:///{tmp_path}/ledger.db")
        config = msgspec.structs.replace(config, server=Server(bind=(bind,)), ledger=ledger)
        refused = pytest.RaisesExc(StartError, match=f"another process listens on {bind}")
        with pytest.RaisesGroup(refused, flatten_subgroups=True):
            await run_daemon(config)


async def test_debts_that_remain_are_told_by_the_exit_code(tmp_path: Path, logged: Logged) -> None:
    config = configuration(drain=Drain(deadline=5.0, lame_duck=0.0, settle_timeout=0.3))
    async with live_daemon(config, tmp_path) as live:
        call = live.board.place(STAYS)
        call.hang_up_refusals = [500] * 1000
        (await live.announce(call)).raise_for_status()
        kill()
        await trio.sleep(0.1)
        kill()
        assert await live.exit_code() == 1
    assert not call.over.is_set()
    remaining = [line for line in logged() if line["event"] == "debt_remains"]
    assert [line["call_id"] for line in remaining] == [call.id]
    assert remaining[0]["danger"] == "the caller may still be connected"


async def test_a_debt_is_paid_before_the_end(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=QUICK), tmp_path) as live:
        call = live.board.place(STAYS)
        call.hang_up_refusals = [500]
        (await live.announce(call)).raise_for_status()
        kill()
        await trio.sleep(0.1)
        kill()
        assert await live.exit_code() == 0
    assert call.ended_by == "hangup"
    assert call.hang_ups == 2


async def test_usr1_pauses_and_resumes(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=QUICK), tmp_path) as live:
        kill(signal.SIGUSR1)
        await trio.sleep(0.1)
        assert (await live.client.get("/readyz")).status_code == 503
        refused = await live.announce(live.board.place(LEAVES))
        assert (refused.status_code, refused.json()["result"]) == (503, "paused")
        assert refused.headers["Retry-After"] == "1"
        kill(signal.SIGUSR1)
        await trio.sleep(0.1)
        assert (await live.client.get("/readyz")).status_code == 200
        call = await live.ring(LEAVES)
        await call.over.wait()
        kill()


async def test_two_signals_in_a_burst(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=QUICK), tmp_path) as live:
        call = await live.ring(STAYS)
        kill()
        kill()
        # They may arrive as one; then somebody who means it sends another.
        with trio.move_on_after(0.3):
            await live.done.wait()
        if not live.done.is_set():
            kill()
        assert await live.exit_code() == 0
    assert call.ended_by == "hangup"
    assert call.hang_ups == 1


async def test_an_error_of_ours_hangs_up_every_call_and_collects_what_is_owed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*arguments: object) -> bool:
        await trio.lowlevel.checkpoint()
        raise RuntimeError("a bug in the infrastructure")

    monkeypatch.setattr("daemon.app.drain", broken)
    calls: list[SandboxCall] = []
    expected = pytest.RaisesExc(RuntimeError, match="infrastructure")
    with pytest.RaisesGroup(expected, flatten_subgroups=True):
        async with live_daemon(configuration(drain=QUICK), tmp_path) as live:
            calls += [await live.ring(STAYS) for _ in range(3)]
            calls[0].hang_up_refusals = [500]
            await trio.sleep(0.1)
            kill()
            await trio.sleep(5)
    assert [call.ended_by for call in calls] == ["hangup"] * 3
    assert calls[0].hang_ups == 2


async def test_calls_are_left_to_a_successor(tmp_path: Path) -> None:
    config = msgspec.structs.replace(configuration(drain=QUICK), recovery=Recovery(handover="rejoin"))
    async with live_daemon(config, tmp_path) as live:
        calls = [await live.ring(STAYS) for _ in range(2)]
        await trio.sleep(0.2)
        kill(signal.SIGQUIT)
        assert await live.exit_code() == 0
        assert [call.over.is_set() for call in calls] == [False, False]
        assert {call.hang_ups for call in calls} == {0}
        assert sorted(call.joins for call in calls) == [1, 2]
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as ledger:
            rows = ledger.execute(
                "SELECT outcome, joined_at IS NOT NULL, epoch LIKE 'released by %' FROM calls"
            ).fetchall()
        assert rows == [(None, 1, 1)] * 2


async def test_calls_that_cannot_be_left_to_a_successor_are_drained(tmp_path: Path) -> None:
    config = msgspec.structs.replace(configuration(drain=QUICK), recovery=Recovery(handover="rejoin"))
    async with live_daemon(config, tmp_path) as live:
        leaving = Script(steps=(Wait(1.0), Leave()), seconds_per_word=0.01)
        calls = [await live.ring(leaving) for _ in range(2)]
        await trio.sleep(0.2)
        for call in calls:
            call.join_refusals = [403]
        kill(signal.SIGQUIT)
        assert await live.exit_code() == 0
    assert sorted(str(call.ended_by) for call in calls) == ["caller", "hangup"]


async def test_calls_are_not_left_to_a_successor_that_would_not_start(tmp_path: Path, logged: Logged) -> None:
    config = msgspec.structs.replace(configuration(drain=QUICK), recovery=Recovery(handover="rejoin"))

    def read(_: Config) -> Config:
        raise ConfigError(Problem("[agents.support] voice", "expected a string, got an integer"))

    async with live_daemon(config, tmp_path, read=read) as live:
        call = await live.ring(Script(steps=(Wait(1.0), Leave()), seconds_per_word=0.01))
        await trio.sleep(0.2)
        kill(signal.SIGQUIT)
        assert await live.exit_code() == 0
    assert (call.ended_by, call.joins) == ("caller", 1)
    (refused,) = [line for line in logged() if line["event"] == "hand_over_refused"]
    assert "[agents.support] voice" in str(refused["why"])


async def test_a_successor_would_not_find_calls_while_the_ledger_is_down() -> None:
    health = Health(up=False)
    assert await why_no_heir(health, None) == (
        "the ledger is down (it was not opened yet): the next daemon would not find them"
    )
    health.recover()
    assert await why_no_heir(health, configuration) == ""
