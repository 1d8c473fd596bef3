"""A whole switchboard in memory: real supervisor, real calls, real WebSocket frames, virtual time."""

import random
from collections.abc import Mapping

import trio

from daemon.calls.admission import Offer
from daemon.calls.collector import DebtCollector
from daemon.calls.setting import Setting
from daemon.calls.supervisor import Supervisor
from daemon.config import Config
from daemon.core.incoming import IncomingCall
from daemon.core.journal import Ended, Entry, Record
from daemon.core.receipts import Receipt
from daemon.core.sip import kept
from daemon.ledger.memory import MemoryLedger
from daemon.lookup.fetching import Fetch
from daemon.observe.feed import Feed
from daemon.observe.recorder import Recorder
from daemon.platforms.xai import Xai
from daemon.sandbox.memory import MemorySandbox
from daemon.sandbox.script import Script
from daemon.sandbox.switchboard import SandboxCall, Switchboard
from daemon.tools.base import Tool
from tests.configured import API_KEY, CALLED

EPOCH = 1_790_000_000.0
"""Unix time when the virtual clock stands at zero."""


def wall() -> float:
    """The wall clock of the virtual world."""
    return EPOCH + trio.current_time()


class Tracked(trio.abc.Stream):
    """A stream that remembers whether it was closed."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.closed = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        self.closed = True
        await self._stream.aclose()


class World:
    """Everything around the calls of one test."""

    def __init__(
        self,
        config: Config,
        nursery: trio.Nursery,
        *,
        ledger: MemoryLedger | None = None,
        tools: Mapping[str, Tool] | None = None,
        fetch: Fetch | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.config = config
        self.switchboard = Switchboard(API_KEY)
        self.sandbox = MemorySandbox(self.switchboard, nursery)
        self.records: list[Record] = []
        self.streams: list[Tracked] = []
        """Every byte stream the daemon opened to the platform."""
        feed = Feed(wall)
        feed.watch(self.records.append)
        self.platform = Xai(config.platform.xai, self.sandbox.client(API_KEY), self._dial)
        self.ledger = MemoryLedger() if ledger is None else ledger
        rng = random.Random(7)
        self.collector = DebtCollector(self.platform, self.ledger, feed, config.platform.xai, rng)
        self.setting = Setting(
            config=config,
            platform=self.platform,
            ledger=self.ledger,
            collector=self.collector,
            feed=feed,
            wall=wall,
            tools=tools or {},
            rng=rng,
            fetch=fetch,
            recorder=recorder,
        )
        feed.watch(self.setting.budget.watch)
        self.supervisor = Supervisor(self.setting)
        self._nursery = nursery

    async def _dial(self) -> trio.abc.Stream:
        self.streams.append(Tracked(await self.sandbox.dial()))
        return self.streams[-1]

    async def start(self) -> None:
        """Start what the app starts."""
        await self._nursery.start(self.collector.run)
        await self._nursery.start(self.supervisor.run)

    def stop(self) -> None:
        """End the test with nothing left running."""
        self._nursery.cancel_scope.cancel(reason="the test is over")

    def dial(self, script: Script | None = None, *, call_id: str | None = None) -> SandboxCall:
        """Let somebody dial the number."""
        return self.switchboard.place(script or Script(), call_id=call_id)

    def incoming(self, call: SandboxCall, *, webhook_id: str | None = None, age: float = 0.0) -> IncomingCall:
        """The call as its webhook would announce it now."""
        return IncomingCall(
            call_id=call.id,
            webhook_id=webhook_id or f"msg_{call.id}",
            called=call.called,
            caller=call.caller,
            created_at=wall() - age,
            headers=kept(call.headers, {name.lower() for a in self.config.agents.values() for name in a.sip_headers}),
            received_at=trio.current_time(),
        )

    def offer(self, call: SandboxCall) -> Offer:
        """Announce the call to the supervisor."""
        return self.supervisor.offer(self.incoming(call))

    def entries(self, call: SandboxCall) -> list[Entry]:
        """The call's journal."""
        return [record.entry for record in self.records if record.call_id == call.id]

    def receipts(self, call: SandboxCall) -> list[Receipt]:
        """The call's receipts; there should be one."""
        return [entry.receipt for entry in self.entries(call) if isinstance(entry, Ended)]

    def receipt(self, call: SandboxCall) -> Receipt:
        """The call's one receipt."""
        (receipt,) = self.receipts(call)
        return receipt


__all__ = ["CALLED", "EPOCH", "World", "wall"]
