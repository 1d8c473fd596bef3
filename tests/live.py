"""The whole daemon in this process, on real loopback sockets, with the sandbox as its platform."""

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import msgspec
import trio

from daemon.app import run_daemon
from daemon.config import Config, Server
from daemon.observe.clock import system_clock
from daemon.sandbox.script import Script
from daemon.sandbox.sender import announce
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import SandboxCall, Switchboard
from tests.configured import API_KEY, SIGNING_SECRET, with_xai


@dataclass
class Live:
    """A running daemon and its surroundings."""

    board: Switchboard
    client: httpx.AsyncClient
    control: httpx.AsyncClient
    """On the control socket."""
    journal: Path
    code: int | None = None
    done: trio.Event = field(default_factory=trio.Event)

    async def announce(self, call: SandboxCall) -> httpx.Response:
        """Send the signed webhook of a call."""
        return await announce(self.client, "/xai/sip-webhook", call, secret=SIGNING_SECRET, at=system_clock())

    async def ring(self, script: Script) -> SandboxCall:
        """Let somebody dial, and wait until the daemon has taken the call."""
        call = self.board.place(script)
        (await self.announce(call)).raise_for_status()
        return call

    async def exit_code(self) -> int:
        """Wait for the end."""
        with trio.fail_after(10):
            await self.done.wait()
        assert self.code is not None
        return self.code

    def records(self) -> list[dict[str, dict[str, object]]]:
        """What happened in calls."""
        return [msgspec.json.decode(line) for line in self.journal.read_bytes().splitlines()]


class Ready(trio.TaskStatus[list[str]]):
    """Notes that the daemon is ready."""

    def __init__(self) -> None:
        self.event = trio.Event()

    def started(self, value: list[str] | None = None) -> None:
        """Take the daemon's word for it."""
        self.event.set()


async def eventually(check: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until something is true."""
    for _ in range(int(seconds / 0.01)):
        if check():
            return
        await trio.sleep(0.01)
    raise AssertionError("it did not come true")


def kill(number: signal.Signals = signal.SIGTERM) -> None:
    """Send this process, in which the daemon runs, a signal."""
    os.kill(os.getpid(), number)


@asynccontextmanager
async def live_daemon(
    config: Config, folder: Path, *, read: Callable[[Config], Config] | None = None
) -> AsyncIterator[Live]:
    """Run the daemon while the block lasts; it must have been told to stop by the end of it.

    `read` makes of the configuration it runs with what a reload finds.
    """
    board = Switchboard(API_KEY)
    socket = folder / "public.sock"
    control = folder / "control.sock"
    async with (
        open_sandbox(board) as address,
        httpx.AsyncClient(base_url="http://daemon", transport=httpx.AsyncHTTPTransport(uds=str(socket))) as client,
        httpx.AsyncClient(
            base_url="http://callwarden", transport=httpx.AsyncHTTPTransport(uds=str(control)), timeout=30
        ) as operator,
        trio.open_nursery() as nursery,
    ):
        config = with_xai(config, base_url=f"http://{address}", websocket_url=f"ws://{address}/v1/realtime")
        ledger = msgspec.structs.replace(config.ledger, url=f"sqlite:///{folder}/ledger.db")
        desk = msgspec.structs.replace(config.operator, socket=str(control))
        config = msgspec.structs.replace(config, server=Server(bind=(f"unix:{socket}",)), ledger=ledger, operator=desk)
        again = config
        live = Live(board, client, operator, folder / "journal")

        ready = Ready()

        async def host() -> None:
            live.code = await run_daemon(
                config,
                events=str(live.journal),
                read=None if read is None else lambda: read(again),
                task_status=ready,
            )
            live.done.set()

        nursery.start_soon(host, name="daemon")
        with trio.fail_after(10):
            await ready.event.wait()
        yield live
        await live.exit_code()
