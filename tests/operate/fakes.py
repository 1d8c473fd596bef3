"""A desk with nothing behind it, and the control API served for it on real sockets."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import trio
from prometheus_client import CollectorRegistry

from daemon.config import Operator, Secret
from daemon.core.snapshots import (
    Action,
    CallDetail,
    CallView,
    DaemonState,
    Deadline,
    DebtView,
    Generation,
    LedgerView,
    Reloaded,
    Status,
    TaskView,
    Words,
)
from daemon.errors import CallwardenError
from daemon.operate.access import Gate
from daemon.operate.api import create_api
from daemon.operate.events import Ring
from daemon.operate.listening import open_control
from daemon.operating import LIMITS
from daemon.web.listen import addresses
from daemon.web.quiet import Quiet
from daemon.web.serve import Server

TOKEN = "0123456789abcdef-token"


def call_view(call_id: str = "call-1", caller: str | None = "+14155550100", text: str = "hello") -> CallView:
    return CallView(
        call_id=call_id,
        called="+18005550199",
        caller=caller,
        agent="support",
        state="talking",
        in_state=1.5,
        age=2.0,
        joined=True,
        in_debt=True,
        counted=True,
        generation=1,
        reasons=(),
        last_words=Words(speaker="caller", text=text, final=True),
        deadlines=(Deadline(owner="agent support", name="max_duration", seconds=1798.0),),
    )


@dataclass
class FakeDesk:
    """Shows what it was given, and notes what was asked of it."""

    state: DaemonState = "ready"
    live: list[CallView] = field(default_factory=list)
    asked: list[tuple[object, ...]] = field(default_factory=list)
    error: CallwardenError | None = None
    """What every wish ends with."""
    turns: tuple[Words, ...] = ()
    """What was said in every call."""
    stuck: bool = False
    """Whether wishes that wait wait for ever."""

    def status(self) -> Status:
        return Status(
            state=self.state,
            version="0.1.0",
            node="node-1",
            epoch="abcdef",
            pid=1,
            uptime=1.0,
            calls=len(self.live),
            max_calls=20,
            debts=(DebtView(call_id="owed", reasons=("operator uid 0",), age=3.0, outcome=None),),
            generations=(Generation(number=1, loaded_at=0.0, calls=len(self.live), present=True),),
            restart_keys=(),
            reload_failure="",
            ledger=LedgerView(up=True, why="", claims=True),
            drain=None,
            loop_lag=0.001,
            watchers=0,
            events_dropped=0,
            log_dropped=0,
        )

    def calls(self) -> tuple[CallView, ...]:
        return tuple(self.live)

    def call(self, call_id: str) -> CallDetail | None:
        for call in self.live:
            if call.call_id == call_id:
                return CallDetail(call=call, turns=self.turns, unsent=0, taken_over_from=None)
        return None

    def tree(self) -> TaskView:
        return TaskView(name="root", waits_for="the end", tasks=(TaskView(name="child", waits_for="nothing: it runs"),))

    def _do(self, *asked: object) -> Action:
        self.asked.append(asked)
        if self.error is not None:
            raise self.error
        return Action(result="done", says="done")

    async def hang_up(self, call_id: str, reason: str, who: str) -> Action | None:
        if self.stuck:
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()
        known = self.call(call_id)
        return known and self._do("hang_up", call_id, reason, who)  # type: ignore[return-value]

    def transfer(self, call_id: str, destination: str, who: str) -> Action | None:
        return self._do("transfer", call_id, destination, who) if self.call(call_id) else None

    def pause(self, who: str) -> Action:
        return self._do("pause", who)

    def resume(self, who: str) -> Action:
        return self._do("resume", who)

    def drain(self, who: str, *, now: bool) -> Action:
        return self._do("drain", who, now)

    async def reload(self, who: str) -> Reloaded:
        await trio.lowlevel.checkpoint()
        self._do("reload", who)
        return Reloaded(generation=2, changed=("limits.max_calls",), restart_keys=("server.bind",))


@dataclass
class Served:
    """A control API that can be reached."""

    desk: FakeDesk
    ring: Ring
    registry: CollectorRegistry
    unix: httpx.AsyncClient
    tcp: httpx.AsyncClient
    """Without the token."""
    socket: Path
    port: int
    server: Server
    quiet: Quiet


@asynccontextmanager
async def served(folder: Path, calls: Sequence[CallView] = ()) -> AsyncIterator[Served]:
    """Serve the API while the block lasts."""
    desk, ring, registry, quiet = FakeDesk(live=list(calls)), Ring(), CollectorRegistry(), Quiet()
    socket = folder / "control.sock"
    operator = Operator(socket=str(socket), listen="127.0.0.1:0", token=Secret(TOKEN))
    listeners = await open_control(operator, folder, {})
    port = int(addresses(listeners)[1].rpartition(":")[2])
    server = Server(create_api(desk, ring, registry, Gate(operator.token), quiet), listeners, LIMITS, quiet=quiet)
    async with (
        httpx.AsyncClient(base_url="http://cw", transport=httpx.AsyncHTTPTransport(uds=str(socket))) as unix,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as tcp,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(server.run)
        yield Served(desk, ring, registry, unix, tcp, socket, port, server, quiet)
        ring.close()
        server.stop(grace=0.1, reason="the test is over")
        nursery.cancel_scope.cancel()
