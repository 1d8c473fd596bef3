"""Everything around one run: the real daemon, wired by `daemon/app.py`, between a sender and a platform."""

import random

import structlog
import trio
from structlog.typing import EventDict, WrappedLogger

from daemon.app import make_server, make_setting, make_verifier, serve_calls
from daemon.calls.supervisor import Supervisor
from daemon.config import HttpTool
from daemon.core.journal import Record
from daemon.ledger.memory import MemoryLedger
from daemon.observe.feed import Feed
from daemon.operate.stop import Stop
from daemon.operate.systemd import Notifier
from daemon.platforms.xai import Xai
from daemon.sandbox.switchboard import Switchboard
from daemon.web.quiet import Quiet
from tests.configured import API_KEY
from tests.recorded import MemoryRecorder
from tests.simulation.listener import MemoryListener
from tests.simulation.platform import Line, Platform
from tests.simulation.scenario import Scenario
from tests.simulation.senders import Sender
from tests.simulation.tools import Run, SimulatedTool
from tests.simulation.trace import Trace

EPOCH = 1_790_000_000.0
"""Unix time when the virtual clock stands at zero."""
AFTER = 120.0
"""Seconds the world goes on for after the daemon has ended, so that whoever still waits for it finds out."""
LIMIT = 1200.0
"""Seconds after the drain's deadline when a run is given up."""


class World:
    """One run, while it happens and afterwards."""

    def __init__(self, scenario: Scenario, trace: Trace, nursery: trio.Nursery) -> None:
        config = scenario.config
        self.scenario = scenario
        self.trace = trace
        self.records: list[tuple[float, Record]] = []
        """The journal of every call, with virtual times."""
        self.errors: list[str] = []
        """Events logged as errors."""
        self.closed_at = self.drained_at = self.ended_at = self.pool_left_at = -1.0
        """When the drain took no more calls, when the last call was over, when the daemon had ended."""
        self.live_at_end = -1
        self.finished = False
        self._offset = 0.0
        self._nursery = nursery
        board = Switchboard(API_KEY, wall=self.right)
        self.platform = Platform(board, scenario, nursery, trace)
        self.lines = [self._place(board, number) for number in range(len(scenario.callers))]
        self.listener = MemoryListener()
        self.sender = Sender(self.listener, trace, self.wall, self.right)
        feed = Feed(self.wall)
        feed.watch(self._record)
        self.client = self.platform.client(config.platform.xai.base_url, API_KEY)
        xai = Xai(config.platform.xai, self.client, self.platform.dial)
        self.runs: list[Run] = []
        """Every run of a tool."""
        tools = {
            name: SimulatedTool(scenario.seed, self.platform, self.runs, idempotent=tool.idempotent)
            for name, tool in config.tools.items()
            if isinstance(tool, HttpTool)
        }
        ledger, dice = MemoryLedger(), random.Random(scenario.seed)
        self.recorder = MemoryRecorder()
        self.setting = make_setting(config, xai, ledger, feed, self.wall, dice, tools, recorder=self.recorder)
        self.collector = self.setting.collector
        self.supervisor = Supervisor(self.setting)
        verifier = make_verifier(config, self.wall)
        self.server = make_server(self.setting, self.supervisor, [self.listener], verifier, Quiet())
        self.stop = Stop()

    def right(self) -> float:
        """The right time."""
        return EPOCH + trio.current_time()

    def wall(self) -> float:
        """The time on the daemon's wall, which is not always the right one."""
        return self.right() + self._offset

    def _place(self, board: Switchboard, number: int) -> Line:
        caller = self.scenario.callers[number]
        line = Line(number + 1, caller, board.place(caller.script))
        self.platform.lines[line.call.id] = line
        return line

    def _record(self, record: Record) -> None:
        self.records.append((trio.current_time(), record))
        self.trace.note(self.platform.lines[record.call_id].name, record.entry)

    def log(self, _logger: WrappedLogger, level: str, event: EventDict) -> EventDict:
        """Take a line of the daemon's log, as a structlog processor."""
        call_id = event.pop("call_id", None)
        if isinstance(call_id, str):
            event["call"] = self.platform.lines[call_id].name
        name = self.trace.log(event)
        if level == "error":
            self.errors.append(name)
        raise structlog.DropEvent

    # The run

    async def run(self) -> None:
        """Run until everything has ended, but not for ever."""
        scenario = self.scenario
        drain = scenario.drain
        end = scenario.drain_at + drain.lame_duck + drain.deadline + LIMIT
        with trio.move_on_at(end):
            await self._shake()
            async with trio.open_nursery() as callers:
                self._begin(callers)
                await self._daemon()
                with trio.move_on_after(AFTER):
                    await trio.sleep_until(self._last_delivery() + AFTER)
                callers.cancel_scope.cancel(reason="the run is over")
            self.finished = True
        self._nursery.cancel_scope.cancel(reason="the run is over")

    async def _shake(self) -> None:
        """Move the scheduler's dice on, so that seeds differ in who goes first."""

        async def nothing() -> None:
            await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            for number in range(2 + self.scenario.seed % 13):
                nursery.start_soon(nothing, name=f"dice {number}")

    def _last_delivery(self) -> float:
        return max(caller.dials + caller.deliveries[-1].after for caller in self.scenario.callers)

    def _begin(self, callers: trio.Nursery) -> None:
        for line in self.lines:
            self._nursery.start_soon(line.watch, self.trace, name=f"leg of {line.name}")
            callers.start_soon(self._leave, line, name=f"patience of {line.name}")
            for number, delivery in enumerate(line.caller.deliveries):
                callers.start_soon(self.sender.announce, line, number, delivery, name=f"delivery {number}")
        callers.start_soon(self._set_clock, name="wall clock")

    async def _leave(self, line: Line) -> None:
        await trio.sleep_until(line.caller.dials + line.caller.patience)
        self.trace.note(line.name, "caller leaves, whatever is going on")
        line.call.end("caller")

    async def _set_clock(self) -> None:
        for jump in self.scenario.clock:
            await trio.sleep_until(jump.at)
            self._offset = jump.offset
            self.trace.note("wall clock", f"{jump.offset:+.0f} s")

    async def _daemon(self) -> None:
        """The daemon itself, without addresses, signals and systemd, from start to end."""
        async with self.client, trio.open_nursery() as root:
            root.start_soon(self._end, root, name="the end of the daemon")
            code = await serve_calls(
                self.setting, self.supervisor, self.server, self.stop, Notifier(""), lambda _: None
            )
            self.trace.note("daemon", f"exit code {code}")
        self.live_at_end = self.supervisor.live
        self.ended_at = trio.current_time()
        if self.drained_at < 0:
            self.drained_at = self.ended_at
        self.trace.note("daemon", f"ended, {len(self.collector.debts)} hang-ups owed")

    async def _end(self, root: trio.Nursery) -> None:
        """Stop the daemon at its time, politely or not, and note when it has let its last call go."""
        await trio.sleep_until(self.scenario.drain_at)
        if self.scenario.abrupt:
            self.trace.note("daemon", f"is cancelled, {self.supervisor.live} calls")
            self.closed_at = trio.current_time()
            root.cancel_scope.cancel(reason="somebody cancels the daemon")
            return
        self.stop.request("simulation")
        await trio.sleep(self.scenario.drain.lame_duck)
        self.closed_at = trio.current_time()
        await self.supervisor.idle()
        self.drained_at = trio.current_time()
