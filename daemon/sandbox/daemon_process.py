"""The real daemon as a child process, started as systemd would: inherited socket, credentials in a folder, READY told.

Used by the demo and by the tests that need a process. Owner of the child: leaving the block ends it. Imports Trio
only; overrides nothing of the configuration but addresses, URLs and secrets.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from daemon.errors import StartError

READY_TIMEOUT = 30.0
STOP_TIMEOUT = 30.0
_BETWEEN_SIGNALS = 0.2


@dataclass
class DaemonProcess:
    """A running daemon."""

    process: trio.Process
    webhook_url: str
    records: trio.MemoryReceiveChannel[dict[str, object]]
    """What happens in its calls, from `run --events`."""
    ready_after: float
    """Seconds from starting the process to READY."""
    control: Path
    """Its control socket."""

    async def stop(self) -> int:
        """Send SIGTERM twice, so that nothing is waited for, and give the exit code.

        Errors: `trio.TooSlowError` after 30 s.
        """
        with trio.fail_after(STOP_TIMEOUT):
            self.process.terminate()
            # Two at once would arrive as one.
            await trio.sleep(_BETWEEN_SIGNALS)
            self.process.terminate()
            return await self.process.wait()


@asynccontextmanager
async def open_daemon(
    config: Path, *, settings: Iterable[str], secret: str, api_key: str, log: int | None = subprocess.DEVNULL
) -> AsyncIterator[DaemonProcess]:
    """Start the daemon and wait until it is READY; it is stopped, in the end by force, when the block is left.

    `settings` go to `--set`; `log` is where its standard error goes. Errors: `StartError` if it does not get ready.
    """
    with tempfile.TemporaryDirectory(prefix="callwarden-") as name:
        folder = Path(name)
        (folder / "xai-webhook-secret").write_text(secret)
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        notify = trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        await notify.bind(str(folder / "notify"))
        reading, writing = os.pipe()
        port = listener.getsockname()[1]
        # A ledger of its own, unless the settings name another, and a control socket.
        own = (
            f'server.bind=["fd://{listener.fileno()}"]',
            f"ledger.url=sqlite:///{folder}/ledger.db",
            f"operator.socket={folder}/control.sock",
        )
        arguments = [*own, *settings]
        command = [sys.executable, "-m", "daemon", "run", "--config", str(config), "--events", f"/dev/fd/{writing}"]
        command += [part for setting in arguments for part in ("--set", setting)]
        variables = {"CREDENTIALS_DIRECTORY": name, "XAI_API_KEY": api_key, "NOTIFY_SOCKET": str(folder / "notify")}
        began = trio.current_time()
        process = await trio.lowlevel.open_process(
            command,
            env={**os.environ, **variables},
            pass_fds=(listener.fileno(), writing),
            stdin=subprocess.DEVNULL,
            stderr=log,
        )
        os.close(writing)
        listener.close()
        taken, records = trio.open_memory_channel[dict[str, object]](10_000)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_read_records, reading, taken, name="daemon records")
                await _wait_ready(process, notify)
                url = f"http://127.0.0.1:{port}"
                yield DaemonProcess(process, url, records, trio.current_time() - began, folder / "control.sock")
                nursery.cancel_scope.cancel(reason="done with the daemon")
        finally:
            notify.close()
            with trio.move_on_after(STOP_TIMEOUT, shield=True):
                await _end(process)


async def _wait_ready(process: trio.Process, notify: trio.socket.SocketType) -> None:
    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            code = await process.wait()
            raise StartError(f"the daemon ended with exit code {code} before it was ready; see its log")

        nursery.start_soon(watch, name="daemon exit")
        with trio.move_on_after(READY_TIMEOUT):
            while b"READY=1" not in (await notify.recv(4096)).split(b"\n"):
                pass
            nursery.cancel_scope.cancel(reason="ready")
        if not nursery.cancel_scope.cancel_called:
            raise StartError(f"the daemon was not ready within {READY_TIMEOUT:g} s; see its log")


async def _read_records(descriptor: int, taken: trio.MemorySendChannel[dict[str, object]]) -> None:
    async with trio.lowlevel.FdStream(descriptor) as stream, taken:
        rest = b""
        async for chunk in stream:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                taken.send_nowait(json.loads(line))


async def _end(process: trio.Process) -> None:
    if process.returncode is None:
        process.terminate()
        await trio.sleep(_BETWEEN_SIGNALS)
        process.terminate()
        with trio.move_on_after(10):
            await process.wait()
            return
        process.kill()
    await process.wait()
