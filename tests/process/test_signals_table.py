"""The table of signals in docs/handbook.md, line by line: real processes, a notify socket as systemd's, callers."""

import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio

from daemon.observe.clock import system_clock
from daemon.sandbox.script import Leave, Script, Wait
from daemon.sandbox.sender import announce
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import SandboxCall, Switchboard
from tests.configured import API_KEY, SIGNING_SECRET
from tests.process.nodes import ROOT, present, until

pytestmark = pytest.mark.exhaustive

STAYS = Script(seconds_per_word=0.01)
MANY = 200


class Service:
    """A daemon as a service manager sees it: a process, what it tells, and its exit code."""

    def __init__(self, process: trio.Process, url: str, board: Switchboard, folder: Path) -> None:
        self.process, self.url, self.board, self.folder = process, url, board, folder
        self.told: list[str] = []
        """Every datagram, in order."""

    @property
    def log(self) -> str:
        """What it has logged."""
        return (self.folder / "log").read_text()

    @property
    def resident(self) -> int:
        """Its memory, in KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))

    def heard(self, words: str) -> bool:
        """Whether it has told this in one of its datagrams."""
        return any(words in datagram for datagram in self.told)

    async def ready(self) -> None:
        """Wait until it has told so."""
        await until(lambda: self.heard("READY=1"), 30, "READY")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    async def ended(self, seconds: float = 30) -> int:
        """Wait for its end; gives the exit code. Nothing it foresaw may look like a crash."""
        with trio.fail_after(seconds):
            code = await self.process.wait()
        assert "Traceback" not in self.log
        return code

    async def ring(self, count: int, script: Script = STAYS) -> list[SandboxCall]:
        """Let people dial, and wait until each has somebody on the line."""
        calls = [self.board.place(script) for _ in range(count)]
        gate = trio.CapacityLimiter(20)
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client, trio.open_nursery() as senders:

            async def send(call: SandboxCall) -> None:
                async with gate:
                    answer = await announce(client, self.url, call, secret=SIGNING_SECRET, at=system_clock())
                    assert answer.status_code == 200

            for call in calls:
                senders.start_soon(send, call)
        await until(lambda: all(map(present, calls)), 30, "everybody has somebody on the line")
        return calls


@asynccontextmanager
async def service(folder: Path, *settings: str, config: Path = ROOT / "config.toml") -> AsyncIterator[Service]:
    """Start it; it need not be ready yet."""
    board = Switchboard(API_KEY)
    (folder / "xai-webhook-secret").write_text(SIGNING_SECRET)
    notify = trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    await notify.bind(str(folder / "notify"))
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        async with open_sandbox(board) as address, trio.open_nursery() as nursery:
            set_up = (
                f'server.bind=["fd://{listener.fileno()}"]',
                f"platform.xai.base_url=http://{address}",
                f"platform.xai.websocket_url=ws://{address}/v1/realtime",
                "limits.max_calls=300",
                "drain.lame_duck=0s",
                f"ledger.url=sqlite:///{folder}/ledger.db",
                f"operator.socket={folder}/control.sock",
                *settings,
            )
            command = [sys.executable, "-m", "daemon", "run", "--config", str(config)]
            command += [part for setting in set_up for part in ("--set", setting)]
            given = {
                "CREDENTIALS_DIRECTORY": str(folder),
                "XAI_API_KEY": API_KEY,
                "NOTIFY_SOCKET": str(folder / "notify"),
                "WATCHDOG_USEC": "3000000",
            }
            with (folder / "log").open("wb") as log:
                process = await trio.lowlevel.open_process(
                    command,
                    env={**os.environ, **given},
                    pass_fds=(listener.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stderr=log,
                )
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/xai/sip-webhook"
            running = Service(process, url, board, folder)

            async def listen() -> None:
                while True:
                    running.told.append((await notify.recv(4096)).decode())

            nursery.start_soon(listen)
            try:
                yield running
            finally:
                if process.poll() is None:
                    process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()
                nursery.cancel_scope.cancel()
                notify.close()


@pytest.mark.parametrize("calls", [0, 1, MANY])
async def test_term_waits_for_calls_and_says_so(tmp_path: Path, calls: int, capsys: pytest.CaptureFixture[str]) -> None:
    async with service(tmp_path) as running:
        await running.ready()
        live = await running.ring(calls)
        resident = running.resident
        running.signal(signal.SIGTERM)
        if live:
            words = f"draining, {calls} call{'s' if calls > 1 else ''} left"
            await until(lambda: running.heard(f"STOPPING=1\nSTATUS={words}"), 5, "STOPPING")
            await until(lambda: running.heard("EXTEND_TIMEOUT_USEC="), 5, "asked for time")
            await trio.sleep(1.5)
            assert running.process.poll() is None
            assert {call.over.is_set() for call in live} == {False}
            fed = running.told.count("WATCHDOG=1")
            await trio.sleep(1.5)
            assert running.told.count("WATCHDOG=1") > fed  # to the end
            for call in live:
                call.end("caller")
        began = trio.current_time()
        assert await running.ended() == 0
        seconds = trio.current_time() - began
        assert {call.hang_ups for call in live} <= {0}
        assert running.heard("STOPPING=1")
    with capsys.disabled():
        sys.stdout.write(
            f"\n{calls} calls: {resident / 1024:.0f} MiB; drained, and gone {seconds:.2f} s after the last has left\n"
        )


@pytest.mark.parametrize("calls", [0, 1, MANY])
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_the_second_one_hangs_up(tmp_path: Path, calls: int, second: signal.Signals) -> None:
    async with service(tmp_path) as running:
        await running.ready()
        live = await running.ring(calls)
        running.signal(signal.SIGTERM)
        await trio.sleep(0.3)
        began = trio.current_time()
        if running.process.poll() is None:
            running.signal(second)
        assert await running.ended() == 0
        assert trio.current_time() - began < 15
        assert {call.ended_by for call in live} <= {"hangup"}
        assert {call.hang_ups for call in live} <= {1}


async def test_what_comes_at_the_very_end_changes_nothing(tmp_path: Path) -> None:
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with service(folder) as running:
            await running.ready()
            running.signal(signal.SIGTERM)
            while running.process.poll() is None:
                for late in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT, signal.SIGQUIT):
                    running.signal(late)
                await trio.sleep(0.01)
            assert await running.ended() == 0


async def test_at_any_moment_of_the_start(tmp_path: Path) -> None:
    dice = random.Random(8)
    codes = []
    for number in range(12):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with service(folder) as running:
            await trio.sleep(dice.uniform(0.0, 1.5))
            running.signal(signal.SIGTERM)
            codes.append(await running.ended(15))
    # Before signals are its own, the system ends it, as it would end any process; nothing has begun by then.
    assert set(codes) <= {0, -signal.SIGTERM}


async def test_in_the_middle_of_a_reload(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        await running.ready()
        (call,) = await running.ring(1, Script(steps=(Wait(2), Leave()), seconds_per_word=0.01))
        for _ in range(5):
            running.signal(signal.SIGHUP)
        running.signal(signal.SIGTERM)
        assert await running.ended() == 0
        assert call.ended_by == "caller"
        # Whatever was begun before the drain is finished; every RELOADING has its READY, or systemd would wait.
        reloading = sum("RELOADING=1" in datagram for datagram in running.told)
        assert sum("READY=1" in datagram for datagram in running.told) == reloading + 1


async def test_a_storm_of_hups_is_a_few_reloads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with service(tmp_path) as running:
        await running.ready()
        live = await running.ring(20)
        for _ in range(100):
            running.signal(signal.SIGHUP)
        await trio.sleep(2)
        reloads = sum("RELOADING=1" in datagram for datagram in running.told)
        assert 1 <= reloads < 50
        for datagram in running.told:
            assert ("RELOADING=1" in datagram) == ("MONOTONIC_USEC=" in datagram)
        assert sum("READY=1" in datagram for datagram in running.told) == reloads + 1
        assert {call.sockets for call in live} == {1}
        assert {call.joins for call in live} == {1}
        running.signal(signal.SIGHUP)  # during a drain: nothing to reload for
        running.signal(signal.SIGTERM)
        for call in live:
            call.end("caller")
        assert await running.ended() == 0
    with capsys.disabled():
        sys.stdout.write(f"\n100 times SIGHUP: {reloads} reloads, 20 calls undisturbed\n")


async def test_usr1_pauses_and_resumes(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        await running.ready()
        running.signal(signal.SIGUSR1)
        await until(lambda: running.heard("STATUS=paused, 0 calls"), 5, "paused")
        running.signal(signal.SIGUSR1)
        await until(
            lambda: running.told[-1] == "STATUS=ready, 0 calls" or running.heard("STATUS=ready, 0 calls"), 5, "ready"
        )
        running.signal(signal.SIGTERM)
        assert await running.ended() == 0


async def test_usr2_writes_the_task_tree(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        await running.ready()
        running.signal(signal.SIGUSR2)
        await until(lambda: "supervisor" in running.log and "waits_for" in running.log, 5, "the tree")
        running.signal(signal.SIGTERM)
        assert await running.ended() == 0


async def test_quit_without_a_hand_over_drains(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        await running.ready()
        (call,) = await running.ring(1, Script(steps=(Wait(1), Leave()), seconds_per_word=0.01))
        running.signal(signal.SIGQUIT)
        assert await running.ended() == 0
        assert call.ended_by == "caller"


async def test_abort_leaves_every_threads_stack(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        await running.ready()
        running.signal(signal.SIGABRT)
        with trio.fail_after(10):
            assert await running.process.wait() == -signal.SIGABRT
        assert "Fatal Python error: Aborted" in running.log


async def test_a_failing_start_says_why(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        async with service(tmp_path, f'server.bind=["{bind}"]') as running:
            assert await running.ended() == 69
            await until(lambda: bool(running.told), 5, "told")
            assert running.told[-1].startswith("STATUS=address already in use")
            assert running.told[-1].endswith("ERRNO=98")


async def test_a_configuration_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    async with service(tmp_path, "agents.support.voice=5") as running:
        assert await running.ended() == 78
        await until(lambda: bool(running.told), 5, "told")
        assert "voice" in running.told[-1]
        assert running.told[-1].endswith("ERRNO=22")
