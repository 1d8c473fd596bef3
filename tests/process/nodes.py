"""Nodes: daemons as processes that are killed, frozen and started again on the same address.

The test holds the listening socket, as systemd would, so deliveries wait in it while nobody is there.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import trio

from daemon.observe.clock import system_clock
from daemon.sandbox.sender import announce
from daemon.sandbox.switchboard import SandboxCall
from tests.configured import API_KEY, SIGNING_SECRET

ROOT = Path(__file__).parent.parent.parent
READY_TIMEOUT = 30.0
_ATTEMPTS = 300


class Node:
    """One machine, with its own state directory and address."""

    def __init__(
        self,
        folder: Path,
        platform: str,
        *,
        name: str = "node",
        config: Path = ROOT / "config.toml",
        settings: Iterable[str] = (),
    ) -> None:
        self.name = name
        self.config = config
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        (self.folder / "xai-webhook-secret").write_text(SIGNING_SECRET)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/xai/sip-webhook"
        self.settings = (
            f'server.bind=["fd://{self._listener.fileno()}"]',
            f"platform.xai.base_url=http://{platform}",
            f"platform.xai.websocket_url=ws://{platform}/v1/realtime",
            "limits.max_calls=500",
            "drain.lame_duck=0s",
            f"ledger.url=sqlite:///{self.folder}/ledger.db",
            f"ledger.directory={self.folder}",
            f"ledger.node={name}",
            f"operator.socket={self.folder}/control.sock",
            *settings,
        )
        self.process: trio.Process | None = None
        self.ready_after = 0.0
        """Seconds from the last start of the process to READY."""
        self.status = ""
        """What systemd was told last."""

    @property
    def log(self) -> str:
        """Everything it has logged, over all its lives."""
        return (self.folder / "log").read_text()

    @property
    def pid(self) -> int:
        """The process, while it runs."""
        assert self.process is not None
        return self.process.pid

    async def start(self) -> None:
        """Start it, and wait until it is READY."""
        notify = trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = self.folder / "notify"
        path.unlink(missing_ok=True)
        await notify.bind(str(path))
        command = [sys.executable, "-m", "daemon", "run", "--config", str(self.config)]
        command += [part for setting in self.settings for part in ("--set", setting)]
        secrets = {"CREDENTIALS_DIRECTORY": str(self.folder), "XAI_API_KEY": API_KEY, "NOTIFY_SOCKET": str(path)}
        began = trio.current_time()
        with (self.folder / "log").open("ab") as log:
            self.process = await trio.lowlevel.open_process(
                command,
                env={**os.environ, **secrets},
                pass_fds=(self._listener.fileno(),),
                stdin=subprocess.DEVNULL,
                stderr=log,
            )
        try:
            with trio.fail_after(READY_TIMEOUT):
                while b"READY=1" not in (told := await notify.recv(4096)):
                    pass
        except trio.TooSlowError:
            raise AssertionError(f"{self.name} was not ready: {self.log[-2000:]}") from None
        finally:
            notify.close()
        self.ready_after = trio.current_time() - began
        self.status = told.decode().partition("STATUS=")[2].splitlines()[0]

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    async def kill(self) -> None:
        """End it as a power cut would, but for the disk."""
        self.signal(signal.SIGKILL)
        assert await self.ended() == -signal.SIGKILL

    async def stop(self) -> int:
        """Hang up everything and end; gives the exit code."""
        self.signal(signal.SIGTERM)
        await trio.sleep(0.3)  # two at once would arrive as one
        self.signal(signal.SIGTERM)
        return await self.ended()

    async def ended(self) -> int:
        """Wait for its end; gives the exit code."""
        assert self.process is not None
        with trio.fail_after(30):
            code = await self.process.wait()
        self.process = None  # and not before: whatever keeps us from waiting, it is there to be ended
        return code

    async def close(self) -> None:
        """Leave nothing behind."""
        self._listener.close()
        if self.process is not None:
            self.process.kill()
            with trio.move_on_after(5, shield=True):
                await self.process.wait()


@asynccontextmanager
async def ending(*nodes: Node) -> AsyncIterator[None]:
    """Leave nothing of these nodes behind when the block is left."""
    try:
        yield
    finally:
        with trio.move_on_after(15, shield=True):
            for node in nodes:
                await node.close()


class Sender:
    """The platform's sender of webhooks: again and again, until a node has taken the call."""

    def __init__(self, client: httpx.AsyncClient, choose: Callable[[], Node]) -> None:
        self._client = client
        self._choose = choose
        self.taken: dict[str, float] = {}
        """Calls whose webhook was answered with 200, and when."""
        self.claimed_by: dict[str, list[str]] = {}
        """Who answered `claimed`, by call."""
        self.refused: list[int] = []
        """Statuses of the other answers."""

    async def send(self, call: SandboxCall) -> None:
        """Announce a call until it is taken."""
        for _ in range(_ATTEMPTS):
            if await self.try_once(call):
                return
            await trio.sleep(0.1)
        raise AssertionError(f"nobody took {call.id}")

    async def try_once(self, call: SandboxCall) -> bool:
        """Announce a call once; tells whether it was taken."""
        node = self._choose()
        try:
            answer = await announce(self._client, node.url, call, secret=SIGNING_SECRET, at=system_clock())
        except httpx.TransportError:
            return False
        if answer.status_code != 200:
            self.refused.append(answer.status_code)
            return False
        self.taken.setdefault(call.id, trio.current_time())
        if answer.json()["result"] == "claimed":
            self.claimed_by.setdefault(call.id, []).append(node.name)
        return True


async def until(what: Callable[[], bool], seconds: float, why: str) -> float:
    """Wait until something holds; gives how long that took."""
    began = trio.current_time()
    while not what():
        if trio.current_time() > began + seconds:
            raise AssertionError(f"not within {seconds:g} s: {why}")
        await trio.sleep(0.01)
    return trio.current_time() - began


def present(call: SandboxCall) -> bool:
    """Whether somebody of ours is on the call's line right now, and has configured it."""
    return call.sockets > 0 and call.session is not None and call.session.configured_at is not None
