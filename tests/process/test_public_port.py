"""The public port under attack, with a daemon, attackers and a platform in processes of their own, and callers talking.

`CALLWARDEN_SECONDS` says how long the mutants come, 10 by default. What was measured is written out.
"""

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from daemon.observe.clock import system_clock
from daemon.sandbox.script import Reply, Say, Script, Wait
from daemon.sandbox.sender import announce
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import SandboxCall, Switchboard
from tests.configured import API_KEY, SIGNING_SECRET
from tests.process.nodes import Node, ending, present, until

pytestmark = pytest.mark.exhaustive

SECONDS = float(os.environ.get("CALLWARDEN_SECONDS", "10"))
TALK = Script(
    steps=(Say("Good day."), Wait(1.0)) * 300, replies=(Reply("Good day to you."),) * 300, seconds_per_word=0.05
)
LIVE = 50


class Siege:
    """A daemon with callers on the line, and what can be seen of it from outside."""

    def __init__(self, node: Node, board: Switchboard, client: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        self.node = node
        self._board = board
        self._client = client
        self._control = control
        self.calls: list[SandboxCall] = []
        self.waits: list[float] = []
        """Seconds for which a signed delivery waited for its answer."""

    @property
    def port(self) -> int:
        assert httpx.URL(self.node.url).port is not None
        return httpx.URL(self.node.url).port or 0

    def cpu(self) -> float:
        """Seconds of CPU that the daemon has used."""
        fields = Path(f"/proc/{self.node.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.node.pid}/fd").iterdir()))

    async def lag(self) -> float:
        """The 99th of 100 samples of the last minute, in seconds."""
        status: dict[str, Any] = (await self._control.get("/v1/status")).json()
        return float(status["loop_lag"] or 0.0)

    async def call(self) -> SandboxCall:
        """Somebody calls, and the platform says so; it must be heard within seconds, or the caller is gone."""
        call = self._board.place(TALK)
        began = trio.current_time()
        answer = await announce(self._client, self.node.url, call, secret=SIGNING_SECRET, at=system_clock())
        self.waits.append(trio.current_time() - began)
        assert answer.status_code == 200, answer.text
        self.calls.append(call)
        return call

    async def attacked(self, kind: str, seconds: float, *, rate: float = 1.0, workers: int = 32) -> dict[str, int]:
        """Attack, and have somebody call every half second meanwhile; gives how often attackers were answered what."""
        self.waits.clear()
        arguments = [str(each) for each in (self.port, seconds, kind, int(system_clock()), rate, workers)]
        found: dict[str, int] = {}

        async def load() -> None:
            command = [sys.executable, "-m", "tests.process.loadgen", *arguments]
            done = await trio.run_process(command, capture_stdout=True, cwd=Path(__file__).parents[2])
            found.update(json.loads(done.stdout))
            nursery.cancel_scope.cancel()

        with trio.fail_after(seconds + 60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(load)
                while not found:
                    await trio.sleep(0.5)
                    await self._visit()
        return found

    async def _visit(self) -> None:
        fresh = await self.call()
        await until(lambda: present(fresh), 10.0, "the caller is answered")
        fresh.end("caller")

    async def unharmed(self, descriptors: int) -> None:
        """Whoever talked, talks; nothing is left of the attack."""
        assert all(present(call) for call in self.calls[:LIVE])
        await until(lambda: self.descriptors() <= descriptors + 3, 20.0, "the descriptors are given back")
        assert "Traceback" not in self.node.log
        assert "_failed" not in self.node.log


@asynccontextmanager
async def besieged(folder: Path, *settings: str) -> AsyncIterator[Siege]:
    board = Switchboard(API_KEY)
    async with (
        open_sandbox(board) as address,
        httpx.AsyncClient(trust_env=False, timeout=20, limits=httpx.Limits(max_keepalive_connections=0)) as client,
    ):
        node = Node(folder, address, settings=settings)
        transport = httpx.AsyncHTTPTransport(uds=str(node.folder / "control.sock"))
        async with ending(node), httpx.AsyncClient(transport=transport, base_url="http://callwarden") as control:
            await node.start()
            siege = Siege(node, board, client, control)
            for _ in range(LIVE):
                await siege.call()
            await until(lambda: all(map(present, siege.calls)), 30.0, "everybody has somebody on the line")
            yield siege
            for call in siege.calls:
                call.end("caller")
            assert await node.stop() == 0


def tell(capsys: pytest.CaptureFixture[str], *words: object) -> None:
    with capsys.disabled():
        sys.stdout.write("\n" + " ".join(map(str, words)))


async def test_a_hundred_thousand_bad_signatures_a_minute(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with besieged(tmp_path) as siege:
        quiet, before, cpu = await siege.lag(), siege.descriptors(), siege.cpu()
        statuses = await siege.attacked("signatures", 20.0, rate=100_000 / 60)
        lag, waits = await siege.lag(), sorted(siege.waits)
        tell(
            capsys,
            f"{statuses} in 20 s beside {LIVE} calls: lag p99 {1000 * quiet:.1f} ms before, {1000 * lag:.1f} ms with;",
            f"signed deliveries answered after {waits[len(waits) // 2]:.3f} s (median), {waits[-1]:.3f} s (longest);",
            f"{1000 * (siege.cpu() - cpu) / statuses['401']:.2f} ms of CPU each, the calls' share included",
        )
        assert statuses["401"] > 1_000
        assert len(waits) > 5
        # A second and 20 ms, on a machine with nothing else to do.
        assert waits[-1] < 10.0
        assert lag < 1.0
        await siege.unharmed(before)


SLOW = ("server.header_timeout=2s", "server.request_timeout=5s", "server.keep_alive=2s", "server.max_connections=100")


@pytest.mark.parametrize("kind", ["idle", "head", "body", "chunks", "headers", "preface"])
async def test_slow_and_many(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """More attackers than there may be connections: whoever has something to say is heard all the same."""
    async with besieged(tmp_path, *SLOW) as siege:
        before = siege.descriptors()
        statuses = await siege.attacked(kind, 6.0, workers=150)
        tell(capsys, f"{kind}: {statuses}; signed deliveries answered after {max(siege.waits):.3f} s at the most")
        assert not {status for status in statuses if status.startswith(("1", "2", "3"))}
        assert max(siege.waits) < 10.0
        await siege.unharmed(before)


async def test_mutants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with besieged(tmp_path) as siege:
        before = siege.descriptors()
        statuses = await siege.attacked("mutants", SECONDS)
        tell(capsys, f"mutants for {SECONDS:g} s: {statuses}; lag p99 {1000 * await siege.lag():.1f} ms")
        assert statuses["sent"] > 20 * SECONDS
        assert not {status for status in statuses if status.startswith(("1", "2", "3"))}
        await siege.unharmed(before)


OPERATORS = ("/v1/status", "/v1/calls", "/v1/events", "/metrics", "/openapi.json", "/console", "/v1/drain", "/")


async def test_nothing_of_the_operators_is_there(tmp_path: Path) -> None:
    async with besieged(tmp_path) as siege, httpx.AsyncClient(trust_env=False) as client:
        for path in OPERATORS:
            for method in ("GET", "POST"):
                answer = await client.request(method, f"http://127.0.0.1:{siege.port}{path}")
                assert answer.status_code == 404, path
