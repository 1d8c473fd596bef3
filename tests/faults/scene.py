"""Where faults strike: a whole daemon on real sockets, or real calls in virtual time; at its end, I1 to I6 are checked.

I1 a call has one owner at a time; I2 a claimed call has one receipt, and nothing is owed; I3 no task and no descriptor
is left; I4 what is counted is what is on record; I5 no secret, number, digit or word is in log and metrics; I6 the
daemon is up and takes another call.
"""

import base64
import hashlib
import hmac
import re
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import trio
from prometheus_client import generate_latest

from daemon.app import run_daemon
from daemon.config import Config, Drain
from daemon.core.journal import Claimed
from daemon.core.snapshots import TaskView
from daemon.ledger.engine import make_engines
from daemon.ledger.verifying import verify
from daemon.observe.clock import WallClock, system_clock
from daemon.observe.metrics import Metrics
from daemon.sandbox.script import Leave, Script, Wait
from daemon.sandbox.sender import incoming_event, sign
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import SandboxCall, Switchboard
from tests.calls.world import World
from tests.configured import API_KEY, CALLER, SIGNING_SECRET, configuration, with_xai
from tests.conftest import Logged
from tests.faults.proxy import FaultProxy, open_proxy
from tests.live import Ready, eventually, kill
from tests.simulation.run import Outcome, simulate
from tests.simulation.scenario import Caller, quiet
from tests.web.fakes import descriptors

QUICK = Drain(deadline=5.0, lame_duck=0.0)
STAYS = Script(seconds_per_word=0.01)
LEAVES = Script(steps=(Wait(0.02), Leave()), seconds_per_word=0.01)
PATH = "/xai/sip-webhook"
HOLD = "I1-I6"


class Seen:
    """What a test saw, for the table in docs/reliability.md."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def __call__(self, **what: object) -> None:
        for name, value in what.items():
            words = name.replace("_", " ")
            self._note(words if value is True else f"{words} {value}")


def hidden(text: str, *more: str) -> None:
    """I5: nothing that must not be there is there."""
    for secret in (API_KEY, SIGNING_SECRET, CALLER, *more):
        assert secret not in text


class Scene:
    """A running daemon, its platform behind a proxy, and whoever calls."""

    def __init__(
        self,
        board: Switchboard,
        proxy: FaultProxy,
        port: int,
        folder: Path,
        client: httpx.AsyncClient,
        control: httpx.AsyncClient,
    ) -> None:
        self.board, self.proxy, self.port, self.folder = board, proxy, port, folder
        self.client, self.control = client, control
        self.two_sockets: set[str] = set()
        """Calls that the platform may have seen on two sockets, as it learns of a broken one late."""
        self.secret = SIGNING_SECRET
        """With which an honest webhook is signed."""
        self.stopped = False
        self.unreachable = False
        """Whether no call can be answered, so that being up is all that can be asked for."""
        self.code: int | None = None
        self.idle = 0
        """Tasks of the daemon that had nothing to do yet."""
        self.earlier = 0
        """Calls that were in the ledger before."""

    async def deliver(
        self,
        call: SandboxCall,
        *,
        webhook_id: str = "",
        secret: str = "",
        age: float = 0.0,
        body: bytes | None = None,
        **headers: str | None,
    ) -> httpx.Response:
        """Send a webhook; `headers`, with underscores for dashes, replace what is right, None takes one away."""
        at, secret = system_clock(), secret or self.secret
        text = msgspec.json.encode(incoming_event(call, created_at=int(at - age))) if body is None else body
        signed = sign(text.decode("latin-1"), secret, webhook_id or f"msg_{call.id}", at)
        if body is not None:
            signed["webhook-signature"] = signature(body, signed, secret)
        for name, value in headers.items():
            signed.pop(name.replace("_", "-"), None)
            if value is not None:
                signed[name.replace("_", "-")] = value
        raw = [(name.encode(), value.encode("utf-8")) for name, value in signed.items()]
        return await self.client.post(PATH, content=text, headers=raw)

    def place(self, script: Script = LEAVES, *, call_id: str = "") -> SandboxCall:
        """Let somebody dial."""
        return self.board.place(script, call_id=call_id or str(uuid.uuid4()))

    async def ring(self, script: Script = STAYS) -> SandboxCall:
        """Let somebody dial, and wait until somebody is on the line."""
        call = self.place(script)
        answer = await self.deliver(call)
        assert answer.json() == {"result": "claimed"}
        await eventually(lambda: call.session is not None and call.session.configured_at is not None)
        return call

    async def post(self, body: bytes, *headers: tuple[bytes, bytes]) -> int:
        """Send a webhook with headers that no client would send; gives the status."""
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        head = b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n" % (PATH.encode(), len(body))
        return int((await self.raw(head + lines + b"\r\n" + body, patience=5)).split(b" ", 2)[1])

    async def raw(self, data: bytes, *, patience: float = 0.3) -> bytes:
        """Send bytes to the public port as they are; gives the beginning of the answer."""
        received = b""
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
            try:
                await stream.send_all(data)
                with trio.move_on_after(patience):
                    received = bytes(await stream.receive_some())
            except trio.BrokenResourceError:
                pass
        return received

    async def get(self, path: str) -> Any:
        """Ask the control API."""
        answer = await self.control.get(path)
        answer.raise_for_status()
        return answer.json()

    async def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        text = (await self.control.get("/metrics")).text
        hidden(text)
        found = re.findall(rf"^{re.escape(name)}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
        return sum(map(float, found))

    async def tasks(self) -> int:
        """How many tasks the daemon has."""

        def count(task: TaskView) -> int:
            return 1 + sum(map(count, task.tasks))

        return count(msgspec.convert(await self.get("/v1/tree"), TaskView))

    def rows(self, statement: str = "SELECT call_id, outcome FROM calls") -> list[tuple[Any, ...]]:
        """What is in the ledger."""
        with closing(sqlite3.connect(self.folder / "ledger.db")) as ledger:
            return list(ledger.execute(statement))

    async def stop(self) -> None:
        """See that all is well, end everything, and stop it; comes by itself at the end of the block."""
        self.stopped = True
        if not self.unreachable:
            await self.ring()  # I6
        assert (await self.client.get("/livez")).status_code == 200
        for call in self.board.calls.values():
            call.end("caller")
        with trio.fail_after(15):
            while True:
                status = await self.get("/v1/status")
                if not status["calls"] and not status["debts"] and await self.tasks() <= self.idle:  # I3
                    break
                await trio.sleep(0.01)
        assert await self.metric("callwarden_calls_ended_total") == len(self.rows()) - self.earlier  # I4
        kill()


def signature(body: bytes, signed: dict[str, str], secret: str) -> str:
    """The signature of any bytes, which the platform's library would not sign."""
    content = f"{signed['webhook-id']}.{signed['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def consistent(url: str) -> None:
    """I2: every claimed call has its receipt, and the ledger can be true."""
    engines = make_engines(url)
    with engines.durable.connect() as connection:
        verdict = verify(connection)
    engines.dispose()
    assert (verdict.findings, verdict.live, verdict.calls) == ((), 0, verdict.receipts)


@asynccontextmanager
async def live(
    folder: Path,
    seen: Seen,
    logged: Logged,
    config: Config | None = None,
    *,
    wall: WallClock = system_clock,
    read: Callable[[Config], Config] | None = None,
) -> AsyncIterator[Scene]:
    """A daemon in this process on real sockets, while the block lasts; then I1 to I6 are checked."""
    config = config or configuration(drain=QUICK)
    await trio.Path(folder).mkdir(exist_ok=True)
    before = descriptors()
    async with _running(folder, config, wall, read) as scene:
        yield scene
        if not scene.stopped:
            await scene.stop()
    await eventually(lambda: descriptors() <= before)  # I3
    assert scene.code == 0
    for call in scene.board.calls.values():
        assert call.most_sockets <= (2 if call.id in scene.two_sockets else 1)  # I1
    consistent(f"sqlite:///{folder}/ledger.db")  # I2
    text = str(logged())
    hidden(text)  # I5
    assert "Traceback" not in text
    seen(**{HOLD: "hold"})


@asynccontextmanager
async def _running(
    folder: Path, config: Config, wall: WallClock, read: Callable[[Config], Config] | None
) -> AsyncIterator[Scene]:
    board = Switchboard(API_KEY)
    listener = trio.socket.socket()
    await listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    port = listener.getsockname()[1]
    fresh = httpx.Limits(max_keepalive_connections=0)
    async with (
        open_sandbox(board) as address,
        open_proxy(address) as proxy,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30, limits=fresh) as client,
        httpx.AsyncClient(
            base_url="http://callwarden", transport=httpx.AsyncHTTPTransport(uds=f"{folder}/control.sock"), timeout=30
        ) as control,
        trio.open_nursery() as nursery,
    ):
        xai = config.platform.xai
        if xai.websocket_url == type(xai)(api_key=xai.api_key).websocket_url:
            config = with_xai(config, websocket_url=f"ws://{proxy.address}/v1/realtime")
        config = with_xai(config, base_url=f"http://{proxy.address}")
        config = msgspec.structs.replace(
            config,
            server=msgspec.structs.replace(config.server, bind=(f"fd://{listener.detach()}",)),
            ledger=msgspec.structs.replace(config.ledger, url=f"sqlite:///{folder}/ledger.db"),
            operator=msgspec.structs.replace(config.operator, socket=f"{folder}/control.sock"),
        )
        scene = Scene(board, proxy, port, folder, client, control)
        ready, over = Ready(), trio.Event()

        async def host() -> None:
            again = None if read is None else lambda: read(config)
            scene.code = await run_daemon(config, wall=wall, read=again, task_status=ready)
            over.set()

        nursery.start_soon(host, name="daemon")
        with trio.fail_after(10):
            await ready.event.wait()
        scene.idle = await scene.tasks()
        scene.earlier = len(scene.rows())
        yield scene
        with trio.fail_after(15):
            await over.wait()


@asynccontextmanager
async def virtual(
    seen: Seen, logged: Logged, config: Config | None = None, *, canaries: tuple[str, ...] = (), **around: Any
) -> AsyncIterator[World]:
    """Calls in memory and virtual time, while the block lasts; then I1 to I6 are checked."""
    async with trio.open_nursery() as nursery:
        world = World(config or configuration(max_calls=3), nursery, **around)
        metrics = Metrics()
        world.setting.feed.watch(metrics.watch)
        await world.start()
        yield world
        fresh = world.dial(Script(steps=(Wait(1), Leave())))
        assert (await world.offer(fresh).verdict()).value == "claimed"  # I6
        for call in world.switchboard.calls.values():
            if call is not fresh:
                call.end("caller")
        await world.supervisor.idle()
        await trio.sleep(120)
        _checked(world, metrics)
        hidden(str(logged()), *canaries)  # I5
        world.stop()
    seen(**{HOLD: "hold"})


def _checked(world: World, metrics: Metrics) -> None:
    claimed = [record.call_id for record in world.records if isinstance(record.entry, Claimed)]
    for call_id in claimed:
        call = world.switchboard.calls[call_id]
        assert call.most_sockets <= 1  # I1
        assert len(world.receipts(call)) == 1  # I2
        assert not call.sockets
    assert len(claimed) == len({*claimed})
    assert world.collector.debts == ()
    assert world.supervisor.live == 0  # I3
    assert all(stream.closed for stream in world.streams)
    text = generate_latest(metrics.registry).decode()
    ended = re.findall(r"^callwarden_calls_ended_total{[^}]*} (\S+)$", text, re.MULTILINE)
    assert sum(map(float, ended)) == len(claimed)  # I4
    hidden(text)


def simulated(seen: Seen, *callers: Caller, drain_at: float = 120.0, **agent: Any) -> Outcome:
    """A run of the simulator with faults, whose invariants are I1 to I6 and more."""
    outcome = simulate(quiet(*callers, drain_at=drain_at, **agent))
    assert not outcome.broken, outcome.transcript
    assert API_KEY not in outcome.transcript  # numbers are in it, as the journal is
    assert SIGNING_SECRET not in outcome.transcript
    seen(**{HOLD: "hold"})
    return outcome


@contextmanager
def proven(seen: Seen) -> Iterator[None]:
    """A scene of another test, with its own checks of what must hold."""
    yield
    seen(**{HOLD: "hold as that scene checks them"})


__all__ = ["HOLD", "LEAVES", "PATH", "QUICK", "STAYS", "Scene", "Seen", "live", "simulated", "virtual"]
