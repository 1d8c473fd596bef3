"""Two hundred live calls and twenty open consoles on the real process: nobody who looks is felt by a caller.

A console does what its script does: it follows the events, and asks for the list of calls again whenever something has
happened, once a second at most. One more is a real Chromium, at the end of a tunnel to the control socket. Prometheus
scrapes; another client has stopped reading altogether. What is measured is what the daemon measures itself, as an
operator would see it.
"""

import contextlib
import json
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import trio

from daemon.core.snapshots import Status
from daemon.observe.clock import system_clock
from daemon.operate.client import Client
from daemon.sandbox.daemon_process import DaemonProcess, open_daemon
from daemon.sandbox.script import Say, Script, Wait
from daemon.sandbox.sender import announce
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import Switchboard
from tests.browser import CHROMIUM, Page, connected, running_browser
from tests.configured import API_KEY, SIGNING_SECRET
from tests.console.tunnel import tunnel

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.exhaustive

CALLS = 200
CONSOLES = 20
"""And the browser."""
SECONDS = 25.0
WORST = 0.020
"""Seconds of lag that 99 of 100 samples must stay below."""

# A caller who says something every four seconds or so, as people do.
TALKS = Script(steps=(Say("could you tell me about my order"), Wait(2.0)) * 100)


def settings(address: str) -> tuple[str, ...]:
    return (
        f"platform.xai.base_url=http://{address}",
        f"platform.xai.websocket_url=ws://{address}/v1/realtime",
        f"limits.max_calls={CALLS}",
        "drain.lame_duck=0s",
    )


async def ring(daemon: DaemonProcess, board: Switchboard) -> None:
    """Let everybody call, a few at a time."""
    gate = trio.CapacityLimiter(10)
    async with httpx.AsyncClient(trust_env=False) as client, trio.open_nursery() as nursery:

        async def one() -> None:
            async with gate:
                url = f"{daemon.webhook_url}/xai/sip-webhook"
                call = board.place(TALKS)
                (await announce(client, url, call, secret=SIGNING_SECRET, at=system_clock())).raise_for_status()

        for _ in range(CALLS):
            nursery.start_soon(one)


async def console(daemon: DaemonProcess, heard: list[int], number: int) -> None:
    """A browser with the console in it: one connection for the events, one for everything else."""
    transport = httpx.AsyncHTTPTransport(uds=str(daemon.control))
    async with (
        httpx.AsyncClient(base_url="http://cw", transport=transport, timeout=30) as client,
        trio.open_nursery() as nursery,
    ):

        async def look(part: str, every: float) -> None:
            await trio.sleep(every * number / CONSOLES)  # nobody opened them all at once
            while True:
                (await client.get("/", params={"part": part})).raise_for_status()
                await trio.sleep(every * random.uniform(0.9, 1.1))

        (await client.get("/")).raise_for_status()
        nursery.start_soon(look, "calls", 1.0)
        nursery.start_soon(look, "pulse", 2.0)
        async with await trio.open_unix_socket(daemon.control) as stream:
            await stream.send_all(b"GET /events HTTP/1.1\r\nHost: cw\r\n\r\n")
            async for piece in stream:
                heard[number] += piece.count(b"event: ")
        nursery.cancel_scope.cancel()


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[str | None]:
    """A real browser to connect to, if there is one on this machine."""
    if CHROMIUM is None:
        yield None
        return
    with running_browser(tmp_path) as url:
        yield url


@asynccontextmanager
async def one_more(url: str | None, daemon: DaemonProcess) -> AsyncIterator[Page | None]:
    """One more console, in the browser."""
    if url is None:
        yield None
        return
    async with tunnel(daemon.control) as address, connected(url) as session:
        page = await session.page()
        await page.open(address)
        await page.titled("Live calls")
        yield page


async def what_it_shows(page: Page) -> tuple[int, float]:
    """How many calls the browser shows, and after how many seconds it shows other words in one of them."""
    rows = await page.evaluate("document.querySelectorAll('tbody tr').length")
    before = await page.evaluate("document.querySelector('tbody tr .words').innerText")
    began = trio.current_time()
    await page.until(f"document.querySelector('tbody tr .words').innerText !== {json.dumps(before)}", 30)
    return int(rows), trio.current_time() - began


async def prometheus(daemon: DaemonProcess) -> None:
    transport = httpx.AsyncHTTPTransport(uds=str(daemon.control))
    async with httpx.AsyncClient(base_url="http://cw", transport=transport) as client:
        while True:
            (await client.get("/metrics")).raise_for_status()
            await trio.sleep(5)


async def ignore(daemon: DaemonProcess) -> None:
    """Read what the daemon tells this test anyway, and could not do without."""
    async for _ in daemon.records:
        pass


def prefer(pid: int) -> None:
    """Let the daemon run whenever it can: callers, platform and browsers are on this machine too, and not measured."""
    if os.getuid() == 0:
        # All its threads: one that is kept waiting while it holds the interpreter would keep the loop waiting as well.
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                os.sched_setscheduler(int(thread.name), os.SCHED_RR, os.sched_param(1))


class Look(NamedTuple):
    """What an operator sees at a moment."""

    status: Status
    at: float
    cpu: float
    """Seconds of processor time that the daemon has had."""

    def share_since(self, earlier: "Look") -> float:
        """How much of one processor the daemon needed."""
        return (self.cpu - earlier.cpu) / (self.at - earlier.at)


def look(daemon: DaemonProcess) -> Look:
    with Client(daemon.control) as client:
        metrics = client.text("/metrics").decode()
        cpu = float(metrics.split("\nprocess_cpu_seconds_total ")[1].split("\n")[0])
        return Look(client.get("/v1/status", Status), time.perf_counter(), cpu)


async def test_consoles_are_not_felt(chromium: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    board = Switchboard(API_KEY)
    heard = [0] * CONSOLES
    async with (
        open_sandbox(board) as address,
        open_daemon(ROOT / "config.toml", settings=settings(address), secret=SIGNING_SECRET, api_key=API_KEY) as daemon,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(ignore, daemon)
        prefer(daemon.process.pid)
        await ring(daemon, board)
        begun = await trio.to_thread.run_sync(look, daemon)
        await trio.sleep(SECONDS)
        alone = await trio.to_thread.run_sync(look, daemon)
        for number in range(CONSOLES):
            nursery.start_soon(console, daemon, heard, number)
        nursery.start_soon(prometheus, daemon)
        # Somebody whose laptop is asleep: connected, and takes nothing.
        dead = await trio.open_unix_socket(daemon.control)
        await dead.send_all(b"GET /v1/events?replay=true HTTP/1.1\r\nHost: cw\r\n\r\n")
        async with one_more(chromium, daemon) as page:
            await trio.sleep(62)  # the daemon reckons with a minute of samples
            shown = await what_it_shows(page) if page else (CALLS, 0.0)
        watched = await trio.to_thread.run_sync(look, daemon)
        await dead.aclose()
        nursery.cancel_scope.cancel()
    lag, busy = [each.status.loop_lag or 0.0 for each in (alone, watched)], os.getloadavg()[0]
    with capsys.disabled():
        sys.stdout.write(
            f"\n{CALLS} calls: loop lag p99 {lag[0] * 1000:.1f} ms at {alone.share_since(begun):.0%} of a processor; "
            f"with {CONSOLES} consoles {lag[1] * 1000:.1f} ms at {watched.share_since(alone):.0%}; "
            f"load of the machine {busy:.1f}; each console heard {min(heard)} to {max(heard)} events; "
            f"the browser shows {shown[0]} calls, and what is said in one after {shown[1]:.1f} s\n"
        )
    assert alone.status.calls == watched.status.calls == CALLS
    assert watched.status.watchers >= CONSOLES
    assert shown[0] == CALLS
    assert min(heard) > 1000
    assert max(heard) - min(heard) < 0.05 * max(heard)
    # On a machine that has other things to do, what they cost is in both.
    assert lag[1] < max(WORST, 2 * lag[0])
