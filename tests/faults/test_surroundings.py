"""F54 to F57 and F63 to F66: disks, databases, clocks, scrapers, a busy machine, resolvers, a long outage."""

import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from daemon.core import journal
from daemon.errors import LedgerUnavailable
from daemon.ledger.engine import make_engines
from daemon.ledger.schema import calls as call_rows
from daemon.observe.clock import system_clock
from daemon.sandbox.script import Leave, Reply, Say, Script, Wait
from tests.calls.world import World
from tests.configured import configuration, with_xai
from tests.conftest import Logged
from tests.faults.proxy import open_proxy
from tests.faults.scene import LEAVES, QUICK, Seen, consistent, live, proven, virtual
from tests.ledger import test_open, test_trouble
from tests.ledger.disk import Disk, small_disk
from tests.ledger.house import House, incoming, receipt, until
from tests.ledger.outage import Outages
from tests.postgres import Postgres


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    monkeypatch.setattr("daemon.ledger.engine.BUSY_TIMEOUT", 0.1)
    with small_disk(tmp_path) as disk:
        yield disk


async def test_f54_disk_full(disk: Disk, seen: Seen, logged: Logged) -> None:
    """The disk is full when a call is claimed, and when it ends.

    Expected: answered without the ledger, what is owed is spooled, written back without a restart.
    """
    with proven(seen):
        await test_trouble.test_trouble(disk, test_trouble.full, "degrade", logged)
        lines = [line["event"] for line in logged()]
        seen(
            new_calls="answered",
            live_calls="go on",
            log=f"{lines.count('ledger_down')} down, {lines.count('ledger_back')} back",
        )


@pytest.mark.parametrize("trouble", [test_trouble.locked, test_trouble.corrupt, test_trouble.removed])
async def test_f55_file_in_trouble(disk: Disk, seen: Seen, logged: Logged, trouble: test_trouble.Trouble) -> None:
    """The file is locked, corrupt, gone, read-only, or of a newer version.

    Expected: calls go on; a corrupt file is moved away and a new one begun; exit 78 for a newer version.
    """
    with proven(seen):
        await test_trouble.test_trouble(disk, trouble, "degrade", logged)
        seen(**{trouble.__name__: "calls go on, written back"})


async def test_f55_newer_version(house: House, seen: Seen) -> None:
    """The file is locked, corrupt, gone, read-only, or of a newer version.

    Expected: calls go on; a corrupt file is moved away and a new one begun; exit 78 for a newer version.
    """
    with proven(seen):
        await test_open.test_a_newer_ledger(house)
        seen(newer_version="refused, naming the fix")


async def test_f56_postgresql_away(
    database: Callable[..., str], postgres: Postgres, tmp_path: Path, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL goes away while calls are in progress, and comes back.

    Expected: new calls refused, what is over is spooled and written back; no restart.
    """
    engines = make_engines(database(empty=False))
    house = House(engines, tmp_path)
    async with house.ledger("a", lease=2.0) as opened:
        assert await opened.ledger.claim(incoming("stays"), "support")
        with Outages(house, postgres).outage():
            with pytest.raises(LedgerUnavailable):
                await opened.ledger.claim(incoming("late"), "support")
            assert await opened.ledger.settle("stays", receipt(), {})
            claims = opened.ledger.claims
        began = trio.current_time()
        await until(lambda: opened.health.up, 20)
        took = trio.current_time() - began
        assert await opened.ledger.claim(incoming("late"), "support")
        await until(lambda: house.one(call_rows, call_id="stays")["outcome"] == "caller_left", 10)
        assert await opened.ledger.settle("late", receipt(), {})
        assert not claims
        seen(
            new_calls="refused", receipt_meanwhile="spooled, written back", used_again=f"{took:.1f} s after it was back"
        )
    engines.dispose()
    consistent(house.url)
    seen(I2="holds")


async def test_f57_clock_jumps(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """The wall clock is an hour ahead, then an hour behind, during a call.

    Expected: the call does not notice; webhooks are refused, as their age can't be told, until it is right.
    """
    offset = 0.0
    async with live(tmp_path, seen, logged, wall=lambda: system_clock() + offset) as scene:
        call = await scene.ring()
        codes: list[int] = []
        for hours in (1, -1, 0):
            offset = hours * 3600.0
            answer = await scene.deliver(scene.place(LEAVES))
            codes += [answer.status_code]
        assert codes == [401, 401, 200]
        assert (call.joins, call.over.is_set()) == (1, False)
        seen(an_hour_ahead=codes[0], an_hour_behind=codes[1], right_again=codes[2], live_call="undisturbed")


@pytest.mark.exhaustive
async def test_f63_scraped_all_the_time(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """Metrics are scraped fifty times at once, and by one who does not read.

    Expected: bounded; calls are answered meanwhile.
    """
    async with live(tmp_path, seen, logged) as scene:
        slow = await trio.open_unix_socket(f"{scene.folder}/control.sock")
        await slow.send_all(b"GET /metrics HTTP/1.1\r\nHost: callwarden\r\n\r\n")
        began = trio.current_time()
        took = 0.0
        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(scene.metric, "callwarden_calls_live")
            call = await scene.ring(LEAVES)
            await call.over.wait()
            took = trio.current_time() - began
        await trio.aclose_forcefully(slow)
        assert took < 10
        seen(call_meanwhile=f"answered and over in {took:.1f} s")


@contextmanager
def busy_machine(tasks: int) -> Iterator[None]:
    """So many processes that do nothing but compute."""
    with ExitStack() as stack:
        for _ in range(tasks):
            spin = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(spin.wait)
            stack.callback(spin.send_signal, signal.SIGKILL)
        yield


@pytest.mark.exhaustive
async def test_f64_starved(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """Every core is busy with something else, and there are fifty calls.

    Expected: answered; no line is given up for a ping that was only late.
    """
    config = with_xai(configuration(drain=QUICK, max_calls=60), ping_interval=1.0, ping_timeout=10.0)
    talk = Script(steps=(Say("hello"), Wait(3), Leave()), replies=(Reply("Good day."),), seconds_per_word=0.05)
    async with live(tmp_path, seen, logged, config) as scene:
        delays = []
        with busy_machine((os.cpu_count() or 1) + 1):
            calls = []
            for _ in range(50):
                began = trio.current_time()
                calls.append(await scene.ring(talk))
                delays.append(trio.current_time() - began)
            for call in calls:
                with trio.fail_after(30):
                    await call.over.wait()
        lost = [line for line in logged() if line["event"] == "line_lost"]
        assert lost == []
        assert {call.joins for call in calls} == {1}
        delays.sort()
        seen(answered=f"in {delays[25]:.2f} s (median), {delays[-1]:.2f} s (longest)", lines_lost=len(lost))


class Resolver(trio.abc.HostnameResolver):
    """Gives a dead address first."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def getaddrinfo(self, host: Any, port: Any, *about: int, **more: int) -> list[Any]:
        await trio.lowlevel.checkpoint()
        kind = trio.socket.SOCK_STREAM
        return [(trio.socket.AF_INET, kind, 6, "", (address, port)) for address in self._addresses]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        raise NotImplementedError


@asynccontextmanager
async def dead_address() -> AsyncIterator[int]:
    """A port of 127.0.0.2 whose queue is full: whoever connects hears nothing."""
    with ExitStack() as stack:
        dead = stack.enter_context(socket.socket())
        dead.bind(("127.0.0.2", 0))
        dead.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(dead.getsockname())
        await trio.sleep(0.05)
        yield dead.getsockname()[1]


async def test_f65_dead_address_first(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """The platform's name has a dead address first.

    Expected: the next one is tried beside it, and the call is answered within a second or so.
    """
    async with dead_address() as port:
        config = with_xai(configuration(drain=QUICK), websocket_url=f"ws://voice.test:{port}/v1/realtime")
        previous = trio.socket.set_custom_hostname_resolver(Resolver("127.0.0.2", "127.0.0.1"))
        try:
            async with live(tmp_path, seen, logged, config) as scene, open_proxy(scene.proxy.address, port=port):
                began = trio.current_time()
                call = await scene.ring()
                took = trio.current_time() - began
                await scene.stop()
                assert (call.joins, took < 3) == (1, True)
                seen(answered=f"after {took:.2f} s")
        finally:
            trio.socket.set_custom_hostname_resolver(previous)


@pytest.mark.exhaustive
async def test_f66_five_minutes_without_the_platform(autojump_clock: MockClock, seen: Seen, logged: Logged) -> None:
    """The platform refuses everything for five minutes, while somebody calls every other second; then it is back.

    Expected: bounded attempts, no wave when it is back, every call has its receipt, the next callers are answered.
    """
    tries: list[float] = []
    async with virtual(seen, logged, configuration(max_calls=100)) as world:
        outage(world, 300.0, tries)
        late = []
        while trio.current_time() < 320:
            call = world.dial(Script(steps=(Wait(5), Leave())))
            await world.offer(call).verdict()
            if trio.current_time() >= 300:
                late.append(call)
            await trio.sleep(2)
        await world.supervisor.idle()
        await trio.sleep(600)
        joined = [e.seconds for call in late for e in world.entries(call) if isinstance(e, journal.Joined)]
        assert len(joined) == len(late)
        assert max(joined) < 0.1
        after = Counter(int(at) for at in tries if at >= 300)
        during = Counter(int(at) for at in tries if at < 300)
        seen(
            requests_a_second=f"at most {max(during.values())} during it, at most {max(after.values())} after it",
            callers_after_it=f"answered within {max(joined):.2f} s",
        )
        assert max(after.values()) < 60


def outage(world: World, until: float, tries: list[float]) -> None:
    """Let the platform refuse everything until a time; notes every request."""
    board = world.switchboard
    refuse, hang_up = board.refuse_join, board._hang_up

    def join(call_id: str, authorization: str | None) -> Any:
        tries.append(trio.current_time())
        down = trio.current_time() < until
        return (503, {"code": "Unavailable", "error": "try later"}) if down else refuse(call_id, authorization)

    def end(call: Any) -> Any:
        tries.append(trio.current_time())
        return (503, {"error": "try later"}) if trio.current_time() < until else hang_up(call)

    board.refuse_join = join  # type: ignore[method-assign]
    board._hang_up = end  # type: ignore[method-assign]
