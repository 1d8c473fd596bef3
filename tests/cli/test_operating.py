"""The commands that talk to a running daemon, as an operator types them; the daemon is real, and so is its socket."""

import io
import json
import shutil
import socket as sockets
import subprocess
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import msgspec
import pytest
import trio
from click.testing import CliRunner, Result
from rich.console import Console, Group

from daemon.cli.drain import countdown
from daemon.cli.main import main
from daemon.cli.rates import Rates
from daemon.cli.status import length, render
from daemon.config import Config, Drain
from daemon.config.records import Limits
from daemon.core.snapshots import DrainView, LedgerView
from daemon.errors import ConfigError, Problem
from daemon.sandbox.script import Leave, Say, Script, Wait
from tests.configured import CALLED, configuration
from tests.live import Live, eventually, kill, live_daemon
from tests.operate.fakes import FakeDesk

QUICK = Drain(deadline=5.0, lame_duck=0.0)
STAYS = Script()


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"COLUMNS": "200"})


async def typed(folder: Path, *arguments: str, socket: str = "control.sock") -> Result:
    """Type a command while the daemon runs in this process."""
    command = [arguments[0], "--socket", str(folder / socket), *arguments[1:]]
    return await trio.to_thread.run_sync(partial(invoke, *command))


async def talking(live: Live) -> str:
    """A call that has begun to talk; gives its id."""
    call = await live.ring(Script(steps=(Wait(0.05), Say("hello\u202e there")), seconds_per_word=0.01))
    await eventually(lambda: call.session and call.session.spoken)
    return call.id


async def test_status(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=QUICK), tmp_path) as live:
        await talking(live)
        shown = await typed(tmp_path, "status")
        assert shown.exit_code == 0
        assert "ready, up" in shown.output
        assert "1 of 20" in shown.output
        assert "present: 1 (1 calls)" in shown.output
        told = json.loads((await typed(tmp_path, "status", "--json")).output)
        assert (told["state"], told["calls"]) == ("ready", 1)
        kill()
        await trio.sleep(0.05)
        kill()


async def test_tree(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=QUICK), tmp_path) as live:
        call_id = await talking(live)
        shown = (await typed(tmp_path, "tree")).output
        assert "debt collector  waits for debts" in shown
        (line,) = [line for line in shown.splitlines() if f"call {call_id} " in line]
        assert "waits for the platform's next event  talking  owes a hang-up" in line
        assert "max_duration in" in line
        one = (await typed(tmp_path, "tree", "--call", call_id)).output
        assert one.startswith(f"call {call_id}")
        assert f"writer {call_id}  waits for a frame to send" in one
        assert (await typed(tmp_path, "tree", "--call", "nobody")).exit_code == 1
        assert json.loads((await typed(tmp_path, "tree", "--json")).output)["tasks"]
        kill()
        await trio.sleep(0.05)
        kill()


async def test_top(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=QUICK), tmp_path) as live:
        call_id = await talking(live)
        shown = (await typed(tmp_path, "top", "--once")).output
        (line,) = [line for line in shown.splitlines() if line.startswith(call_id)]
        assert CALLED in line
        assert "talking" in line
        assert "\u202e" not in shown
        assert "session sent" in shown
        kill()
        await trio.sleep(0.05)
        kill()


async def test_reload(tmp_path: Path) -> None:
    answers: list[Config | ConfigError] = []

    def read(config: Config) -> Config:
        limits = msgspec.structs.replace(config, limits=Limits(max_calls=7))
        found = answers.pop() if answers else limits
        if isinstance(found, ConfigError):
            raise found
        return found

    async with live_daemon(configuration(drain=QUICK), tmp_path, read=read) as live:
        done = await typed(tmp_path, "reload")
        assert (done.exit_code, done.output) == (0, "generation 2: limits.max_calls\n")
        done = await typed(tmp_path, "reload")
        assert done.output == "generation 2: nothing has changed\n"
        answers.append(
            ConfigError(Problem("config.toml: [x] y", "wrong\x1b[31m"), Problem("config.toml: z", "unknown key"))
        )
        refused = await typed(tmp_path, "reload")
        assert refused.exit_code == 1
        assert refused.stderr.splitlines() == [
            "config.toml: [x] y: wrong [31m",
            "config.toml: z: unknown key",
            "callwarden: the configuration can't be used; the one before goes on",
        ]
        told = await typed(tmp_path, "reload", "--json")
        assert json.loads(told.output)["generation"] == 2
        assert live.board is not None
        kill()


async def test_drain_with_a_countdown(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=QUICK), tmp_path) as live:
        await live.ring(Script(steps=(Wait(0.8), Leave()), seconds_per_word=0.01))
        watched = await typed(tmp_path, "drain")
        assert watched.exit_code == 0
        lines = watched.stderr.splitlines()
        assert lines[0] == "draining"
        assert any(line.startswith("1 call left, hung up in ") for line in lines)
        assert lines[-1] == "the daemon has ended"
        assert await live.exit_code() == 0


async def test_drain_now_and_drain_that_is_called_off(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=Drain(deadline=5.0, lame_duck=5.0)), tmp_path) as live:
        await live.ring(STAYS)
        results: list[Result] = []
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                results.append(await typed(tmp_path, "drain"))

            nursery.start_soon(watch)
            for _ in range(500):
                if (await live.control.get("/v1/status")).json()["state"] == "draining":
                    break
                await trio.sleep(0.01)
            (await live.control.post("/v1/resume")).raise_for_status()
        assert results[0].exit_code == 1
        assert results[0].stderr.splitlines()[-1] == "callwarden: the drain was called off"
        done = await typed(tmp_path, "drain", "--now")
        assert done.exit_code == 0
        assert done.stderr.splitlines()[0] == "hanging up every call, then stopping"
        assert await live.exit_code() == 0


async def test_drain_of_a_daemon_that_is_started_again(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=QUICK), tmp_path) as live:
        status = (await live.control.get("/v1/status")).json()
        kill()
    begun = {"result": "begun", "says": "draining", "outcome": None}
    answers = [{**status, "pid": 1}, begun, {**status, "pid": 2}]

    async def answer(stream: trio.SocketStream) -> None:
        async with stream:
            if await stream.receive_some(4096):  # somebody who only knocks says nothing
                body = json.dumps(answers.pop(0)).encode()
                await stream.send_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
                await stream.send_all(body)

    with trio.socket.socket(trio.socket.AF_UNIX) as listening:
        await listening.bind(str(tmp_path / "other.sock"))
        listening.listen(8)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, answer, [trio.SocketListener(listening)])
            done = await typed(tmp_path, "drain", socket="other.sock")
            nursery.cancel_scope.cancel()
    assert done.exit_code == 0
    assert "the daemon has ended; another one answers (pid 2)" in done.stderr


COMMANDS = ["status", "top", "tree", "drain", "reload"]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_daemon(tmp_path: Path, command: str) -> None:
    result = invoke(command, "--socket", str(tmp_path / "nowhere.sock"))
    assert result.exit_code == 3
    (line,) = result.stderr.splitlines()
    assert line == (
        f"callwarden: no daemon answers on {tmp_path}/nowhere.sock (no such file or directory); is it running? "
        "name its socket with --socket if it has another one"
    )


def test_a_socket_that_nobody_listens_on(tmp_path: Path) -> None:
    path = tmp_path / "dead.sock"
    with sockets.socket(sockets.AF_UNIX) as dead:
        dead.bind(str(path))
    result = invoke("status", "--socket", str(path))
    assert result.exit_code == 3
    assert "(connection refused)" in result.stderr


def test_the_socket_is_found_where_the_configuration_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config.toml"
    monkeypatch.setenv("CALLWARDEN_CONFIG", str(config))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    config.write_text(f'[operator]\nsocket = "{tmp_path}/here.sock"\n[nonsense]\n')
    assert f"no daemon answers on {tmp_path}/here.sock (" in invoke("status").stderr
    # Nothing said, or nothing that can be read: the usual places.
    config.write_text('[ledger]\nurl = "sqlite:///data/ledger.db"')
    said = invoke("status").stderr
    assert "/run/callwarden/control.sock" in said
    assert f"nor on {tmp_path}/data/control.sock" in said
    config.write_text("= broken")
    assert "nor on /var/lib/callwarden/control.sock" in invoke("status").stderr
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert f"nor on {tmp_path}/callwarden/control.sock" in invoke("status").stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    result = invoke("completion", shell)
    assert result.exit_code == 0
    assert "_CALLWARDEN_COMPLETE" in result.output
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=result.output, text=True, check=True, timeout=10)


def test_completion_completes(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"_CALLWARDEN_COMPLETE": "bash_complete", "COMP_WORDS": "callwarden rel", "COMP_CWORD": "1"}
    result = CliRunner().invoke(main, [], env=environment, prog_name="callwarden")
    assert "reload" in result.output


def test_the_manual_page(tmp_path: Path) -> None:
    text = invoke("man").output
    assert text.startswith('.TH CALLWARDEN 1 "" "callwarden ')
    for command in main.commands.values():
        assert (f'.SS "callwarden {command.name}' in text) is not command.hidden
    assert r"\-\-socket PATH" in text
    if shutil.which("man"):
        page = tmp_path / "callwarden.1"
        page.write_text(text)
        checked = subprocess.run(
            ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(page)],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert checked.stderr == ""


def test_lengths() -> None:
    assert [length(seconds) for seconds in (-1, 0.4, 61, 3600, 7384)] == ["0s", "0s", "1m 01s", "1h 00m", "2h 03m"]


def test_rates_of_a_minute() -> None:
    rates = Rates()
    text = (
        "# TYPE callwarden_calls_started counter\n"
        'callwarden_calls_started_total{{how="answered"}} {0}\n'
        "# TYPE callwarden_pickup_seconds histogram\n"
        'callwarden_pickup_seconds_bucket{{step="sent",le="0.1"}} {1}\n'
        'callwarden_pickup_seconds_bucket{{step="sent",le="0.2"}} {2}\n'
        'callwarden_pickup_seconds_bucket{{step="sent",le="+Inf"}} {2}\n'
    )
    rates.add(0.0, text.format(5, 0, 0))
    assert rates.per_minute("callwarden_calls_started_total") == 0.0
    assert rates.quantile(0.5, "callwarden_pickup_seconds", step="sent") is None
    rates.add(30.0, text.format(11, 4, 8))
    assert rates.per_minute("callwarden_calls_started_total", how="answered") == 12.0
    assert rates.per_minute("callwarden_calls_started_total", how="diverted") == 0.0
    assert rates.quantile(0.75, "callwarden_pickup_seconds", step="sent") == pytest.approx(0.15)
    rates.add(100.0, text.format(11, 4, 8))
    assert rates.per_minute("callwarden_calls_started_total") == 0.0
    # Nothing has come of late: what is known from before.
    assert rates.quantile(0.75, "callwarden_pickup_seconds", step="sent") == pytest.approx(0.15)


def test_a_daemon_that_is_not_well() -> None:
    well = FakeDesk(state="closing").status()
    troubled = msgspec.structs.replace(
        well,
        ledger=LedgerView(up=False, why="disk full", claims=False),
        drain=DrainView(reasons=("SIGTERM",), closed=True, seconds=61.0),
        reload_failure="config.toml: x: wrong",
        restart_keys=("server.bind",),
        watchers=2,
        events_dropped=3,
        log_dropped=4,
        loop_lag=None,
    )
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(render(troubled))
    shown = console.export_text()
    for words in (
        "closing, up 1s",
        "wanted by SIGTERM; what is left is hung up in 1m 01s",
        "a hang-up for owed, 3s: operator uid 0",
        "down: disk full",
        "refused: config.toml: x: wrong",
        "needed for server.bind",
        "unknown (99 of 100",
        "2; 3 events",
        "4 lines were lost",
    ):
        assert words in shown
    early = msgspec.structs.replace(troubled, drain=DrainView(reasons=("SIGTERM",), closed=False, seconds=None))
    assert countdown(early) == "0 calls left; calls are still taken for a moment"
    assert countdown(troubled) == "0 calls left, hung up in 1m 01s"


def test_the_whole_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    pressed: list[float] = []

    def looked_away(descriptor: int | None, seconds: float) -> bool:
        pressed.append(seconds)
        return len(pressed) == 3

    monkeypatch.setattr("daemon.cli.top._pressed", looked_away)
    monkeypatch.setattr("daemon.cli.top.daemon_at", lambda socket: nullcontext())
    monkeypatch.setattr("daemon.cli.top.picture", lambda client, rates, lines: Group("a picture"))
    result = invoke("top", "--interval", "0.5")
    assert result.exit_code == 0
    assert pressed == [0.5, 0.5, 0.5]
