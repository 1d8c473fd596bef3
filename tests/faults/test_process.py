"""F46 to F51, F58 to F62: what is done to the process: signals, kills, reloads, bad starts, readers who don't read."""

import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx
import pytest
import trio
from click.testing import CliRunner

from daemon.cli.main import main
from daemon.config import Drain
from daemon.observe.clock import system_clock
from daemon.sandbox.script import Reply, Say, Script, Wait
from daemon.sandbox.sender import announce
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import SandboxCall, Switchboard
from tests import test_app, test_control
from tests.configured import API_KEY, SIGNING_SECRET
from tests.conftest import Logged
from tests.faults.scene import LEAVES, STAYS, Seen, consistent, hidden, live, proven, simulated
from tests.live import kill
from tests.observe import test_sink
from tests.process import test_signals_table, test_starting
from tests.process.nodes import ROOT, Node, Sender, ending, present, until
from tests.simulation.faults import SocketFault
from tests.simulation.scenario import Caller


class Box:
    """A daemon as a process that can be killed, and its callers."""

    def __init__(self, node: Node, board: Switchboard, client: httpx.AsyncClient) -> None:
        self.node, self.board, self.client = node, board, client
        self.sender = Sender(client, lambda: node)

    async def ring(self, count: int) -> list[SandboxCall]:
        """Let people dial, and wait until each has somebody on the line."""
        calls = [self.board.place(STAYS) for _ in range(count)]
        for call in calls:
            await self.sender.send(call)
        await until(lambda: all(map(present, calls)), 10, "everybody has somebody on the line")
        return calls

    def outcomes(self) -> dict[str, str | None]:
        with closing(sqlite3.connect(self.node.folder / "ledger.db")) as ledger:
            return dict(ledger.execute("SELECT call_id, outcome FROM calls"))

    async def finish(self, seen: Seen) -> None:
        """Everybody leaves, and I1 to I6 are checked."""
        (again,) = await self.ring(1)  # I6
        assert again.joins == 1
        for call in self.board.calls.values():
            call.end("caller")
        await until(lambda: None not in self.outcomes().values(), 20, "every call has a receipt")
        assert await self.node.stop() == 0
        command = [sys.executable, "-m", "daemon", "ledger", "verify", "--config", str(ROOT / "config.toml")]
        command += ["--set", f"ledger.url=sqlite:///{self.node.folder}/ledger.db"]
        await trio.run_process(command, capture_stdout=True, cwd=ROOT)  # I2 to I4, as far as they are on the disk
        assert {call.most_sockets for call in self.board.calls.values() if call.joins} == {1}  # I1
        assert {call.sockets for call in self.board.calls.values()} == {0}  # I3
        hidden(self.node.log)  # I5
        seen(**{"I1-I6": "hold"})


@asynccontextmanager
async def box(folder: Path, *settings: str) -> AsyncIterator[Box]:
    board = Switchboard(API_KEY)
    fresh = httpx.Limits(max_keepalive_connections=0)
    async with open_sandbox(board) as address, httpx.AsyncClient(trust_env=False, timeout=30, limits=fresh) as client:
        node = Node(folder, address, settings=settings)
        async with ending(node):
            await node.start()
            yield Box(node, board, client)


@pytest.mark.exhaustive
async def test_f46_sigterm_with_calls(tmp_path: Path, seen: Seen) -> None:
    """SIGTERM with three live calls.

    Expected: they are waited for, systemd is told how many are left, the process ends when they have.
    """
    async with test_signals_table.service(tmp_path) as running:
        await running.ready()
        calls = await running.ring(3)
        running.signal(signal.SIGTERM)
        for left in (3, 2, 1):
            words = f"STATUS=draining, {left} call{'s' if left > 1 else ''} left"
            await until(lambda words=words: running.heard(words), 10, words)  # type: ignore[misc]
            calls[left - 1].end("caller")
        code = await running.ended()
        hidden(running.log)
        assert (code, {call.hang_ups for call in calls}) == (0, {0})
        seen(status="counted down 3, 2, 1", exit=code, hung_up_on=0)
    consistent(f"sqlite:///{tmp_path}/ledger.db")
    assert {call.most_sockets for call in calls} == {1}
    assert {call.sockets for call in calls} == {0}
    seen(**{"I1-I3, I5": "hold"})


async def test_f47_second_sigterm(tmp_path: Path, seen: Seen) -> None:
    """A second SIGTERM while calls are waited for.

    Expected: hung up, receipts, exit 0.
    """
    with proven(seen):
        began = trio.current_time()
        await test_app.test_second_signal_hangs_up(tmp_path)
        seen(three_calls="hung up", exit=0, all_of_it=f"{trio.current_time() - began:.1f} s")


async def test_f48_drain_deadline(tmp_path: Path, seen: Seen) -> None:
    """The drain's deadline passes.

    Expected: hung up, the receipt says so, exit 75.
    """
    with proven(seen):
        await test_app.test_deadline_hangs_up_and_says_so_in_the_exit_code(tmp_path)
        seen(exit=75, receipt="drain deadline 300ms > SIGTERM")


@pytest.mark.parametrize("at", [0.0, 0.1, 1.0, 6.0, 12.0])
def test_f49_stopped_at_a_bad_moment(seen: Seen, at: float) -> None:
    """SIGTERM during a join, during a transfer, during the start, twice in a millisecond.

    Expected: no orphan, no traceback.
    """
    wish = Reply("Sure.", tool="transfer", arguments='{"destination": "desk"}')
    joining = Caller(script=STAYS, sockets=((SocketFault(kind="no handshake"),),))
    referring = Caller(script=Script(steps=(Say("somebody else"), Wait(300)), replies=(wish,)), rings=30.0)
    outcome = simulated(seen, joining, referring, drain_at=at, drain=Drain(deadline=0.0, lame_duck=0.0))
    assert outcome.world.live_at_end == 0
    seen(**{f"stopped at {at:g} s": "no orphan"})


def test_f49_stopped_during_the_start(tmp_path: Path, seen: Seen) -> None:
    """SIGTERM during a join, during a transfer, during the start, twice in a millisecond.

    Expected: no orphan, no traceback.
    """
    test_starting.test_sigterm_during_start_up(tmp_path, 0.4)
    seen(during_the_start="no traceback")


@pytest.mark.exhaustive
async def test_f50_killed_mid_call(tmp_path: Path, seen: Seen) -> None:
    """SIGKILL with three live calls, and a restart; the webhooks come again.

    Expected: rejoined without a greeting; repeats are duplicates; one receipt each.
    """
    async with box(tmp_path) as scene:
        calls = await scene.ring(3)
        await trio.sleep(0.5)
        await scene.node.kill()
        await scene.node.start()
        await until(lambda: all(map(present, calls)), 10, "all are rejoined")
        for call in calls:
            again = await announce(scene.client, scene.node.url, call, secret=SIGNING_SECRET, at=system_clock())
            assert again.json()["result"] == "duplicate"
        assert {call.joins for call in calls} == {2}
        seen(rejoined=3, repeats="3 duplicates", ready_again=f"after {scene.node.ready_after:.1f} s")
        await scene.finish(seen)
        assert {scene.outcomes()[call.id] for call in calls} == {"caller_left"}


@pytest.mark.exhaustive
async def test_f51_event_loop_blocked(tmp_path: Path, seen: Seen) -> None:
    """The event loop is blocked, until systemd aborts the process as its watchdog starves.

    Expected: every thread's stack in the log; restarted; its calls are taken over.
    """
    async with box(tmp_path) as scene:
        calls = await scene.ring(2)
        await trio.sleep(0.5)
        scene.node.signal(signal.SIGSTOP)
        await trio.sleep(1.0)
        scene.node.signal(signal.SIGABRT)
        scene.node.signal(signal.SIGCONT)
        assert await scene.node.ended() == -signal.SIGABRT
        assert "Fatal Python error: Aborted" in scene.node.log
        await scene.node.start()
        await until(lambda: all(map(present, calls)), 10, "all are rejoined")
        seen(stacks="in the log", ready_again=f"after {scene.node.ready_after:.1f} s", rejoined=len(calls))
        await scene.finish(seen)


async def test_f58_reload_of_a_bad_file(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """SIGHUP with a file that is broken, has an unknown key, or misses a secret.

    Expected: the old configuration stays, `callwarden reload` fails with the reasons, STATUS and a metric say so.
    """
    with proven(seen):
        await test_control.test_a_bad_file_changes_nothing(tmp_path, logged)
        seen(reload="422 with every problem", old_configuration="kept", calls="taken", last_reload_success=0)


async def test_f59_a_storm_of_sighups(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """SIGHUP a hundred times, and one during a drain.

    Expected: coalesced; ignored with a note.
    """
    async with live(tmp_path, seen, logged, read=lambda config: config) as scene:
        call = await scene.ring()
        for _ in range(100):
            kill(signal.SIGHUP)
        await trio.sleep(0.3)
        loads = [line["event"] for line in logged()].count("reloading")
        assert 1 <= loads <= 20
        assert call.joins == 1
        seen(of_a_hundred=f"{loads} reloads", live_call="undisturbed")


async def test_f59_sighup_during_a_drain(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """SIGHUP a hundred times, and one during a drain.

    Expected: coalesced; ignored with a note.
    """
    with proven(seen):
        await test_control.test_no_reload_during_a_drain(tmp_path, logged)
        seen(during_a_drain="ignored, and said")


def test_f60_bad_starts(tmp_path: Path, seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started with a port that is in use, a bad descriptor, without its secret, with an empty one, with a public key.

    Expected: exit 78 or 69 with one line that names the key.
    """
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("XAI_API_KEY", API_KEY)
    secret = tmp_path / "xai-webhook-secret"
    codes = {}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        cases = {
            "port in use": (SIGNING_SECRET, f'server.bind=["127.0.0.1:{taken.getsockname()[1]}"]', "[server] bind"),
            "bad descriptor": (SIGNING_SECRET, 'server.bind=["fd://999"]', "[server] bind"),
            "no secret": (None, 'server.bind=["127.0.0.1:0"]', "webhook_secrets"),
            "empty secret": ("", 'server.bind=["127.0.0.1:0"]', "webhook_secrets"),
            "public key": ("whpk_" + "c2VjcmV0" * 5, 'server.bind=["127.0.0.1:0"]', "webhook_secrets"),
        }
        for name, (value, setting, key) in cases.items():
            secret.unlink(missing_ok=True)
            if value is not None:
                secret.write_text(value)
            more = ("--set", setting, "--set", f"ledger.url=sqlite:///{tmp_path}/ledger.db")
            result = CliRunner().invoke(main, ["run", "--config", str(ROOT / "config.toml"), *more])
            assert key in result.stderr, (name, result.stderr)
            assert "Traceback" not in result.output
            assert "c2VjcmV0" not in result.output
            codes[name] = result.exit_code
    assert {*codes.values()} <= {69, 78}
    seen(**{name: f"exit {code}" for name, code in codes.items()})


async def test_f61_nobody_reads(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """The log's pipe is full; a hundred clients of the control socket follow the events and never read.

    Expected: lines are dropped and counted; calls are not affected.
    """
    test_sink.test_a_pipe_that_nobody_reads()
    seen(log="9000 of 10000 lines dropped and counted, nobody waited")
    async with live(tmp_path, seen, logged) as scene:
        followers = []
        for _ in range(100):
            stream = await trio.open_unix_socket(f"{scene.folder}/control.sock")
            await stream.send_all(b"GET /v1/events HTTP/1.1\r\nHost: callwarden\r\n\r\n")
            followers.append(stream)
        for _ in range(500):
            if (await scene.get("/v1/status"))["watchers"] == 100:
                break
            await trio.sleep(0.02)
        began = trio.current_time()
        call = await scene.ring(LEAVES)
        await call.over.wait()
        took = trio.current_time() - began
        for stream in followers:
            await trio.aclose_forcefully(stream)
        assert call.joins == 1
        seen(call_beside_100_followers=f"answered and over in {took:.1f} s")


@pytest.mark.exhaustive
async def test_f62_out_of_memory(tmp_path: Path, seen: Seen) -> None:
    """The kernel kills the process for its memory.

    Expected: the unit restarts it (`OOMPolicy=stop`, `Restart=on-failure`), and then as F50.
    """
    unit = (ROOT / "systemd" / "callwarden.service").read_text().splitlines()
    assert {"OOMPolicy=stop", "Restart=on-failure"} <= {*unit}
    async with box(tmp_path) as scene:
        (call,) = await scene.ring(1)
        await trio.sleep(0.5)
        await scene.node.kill()
        await scene.node.start()
        await until(lambda: present(call), 10, "rejoined")
        seen(unit="OOMPolicy=stop, Restart=on-failure", rejoined=1)
        await scene.finish(seen)
