"""Where operators come in, and where they are looked for."""

import os
import socket
from pathlib import Path

import pytest
import trio

from daemon.config import DEFAULT_SOCKET, Operator
from daemon.errors import StartError
from daemon.operate import listening
from daemon.operate.listening import candidates, open_control, passed_by_systemd
from daemon.web.listen import addresses
from tests.conftest import Logged


def close(listeners: list[trio.SocketListener]) -> None:
    for listener in listeners:
        listener.socket.close()


async def test_a_path(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    before = os.umask(0o077)
    try:
        listeners = await open_control(Operator(socket=str(path)), tmp_path, {})
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o7777 == 0o660
    close(listeners)
    # Left behind by a process that is no more: replaced.
    listeners = await open_control(Operator(socket=str(path)), tmp_path, {})
    assert addresses(listeners) == [f"unix:{path}"]
    # One that answers is not.
    with pytest.raises(StartError, match=r"another process listens on .*change \[operator\] socket"):
        await open_control(Operator(socket=str(path)), tmp_path, {})
    close(listeners)


@pytest.mark.parametrize("place", ["{}/no/such/folder.sock", "{}/file"])
async def test_a_path_that_can_not_be_had(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("not a socket")
    with pytest.raises(StartError, match="\\[operator\\] socket") as caught:
        await open_control(Operator(socket=place.format(tmp_path)), tmp_path, {})
    assert "\n" not in str(caught.value)


async def test_none(tmp_path: Path) -> None:
    assert await open_control(Operator(socket=""), tmp_path, {}) == []


async def test_the_default_keeps_nobody_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    usual = tmp_path / "no" / "run" / "control.sock"
    monkeypatch.setattr(listening, "DEFAULT_SOCKET", str(usual))
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    ledger = tmp_path / "ledger"
    ledger.mkdir()
    operator = Operator(socket=str(usual))
    listeners = await open_control(operator, ledger, {"XDG_RUNTIME_DIR": str(runtime)})
    assert addresses(listeners) == [f"unix:{runtime}/callwarden/control.sock"]
    assert (runtime / "callwarden").stat().st_mode & 0o777 == 0o750
    close(listeners)
    listeners = await open_control(operator, ledger, {"XDG_RUNTIME_DIR": str(tmp_path / "gone" / "x")})
    assert addresses(listeners) == [f"unix:{ledger}/control.sock"]
    close(listeners)
    assert await open_control(operator, tmp_path / "gone" / "y", {}) == []
    assert [line["event"] for line in logged()] == ["control_socket_elsewhere"] * 2 + ["no_control_socket"]
    # With its folder there, it is the usual place; and the folder itself is made, if only that is missing.
    (tmp_path / "no").mkdir()
    listeners = await open_control(operator, ledger, {})
    assert addresses(listeners) == [f"unix:{usual}"]
    close(listeners)


async def test_handed_over_by_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "http:control:other"}
    assert passed_by_systemd(env) == "fd://4"
    assert passed_by_systemd({**env, "LISTEN_PID": "1"}) is None
    assert passed_by_systemd({**env, "LISTEN_FDNAMES": "http"}) is None
    assert passed_by_systemd({}) is None
    with socket.socket(socket.AF_UNIX) as given:
        given.bind(str(tmp_path / "given.sock"))
        given.listen()
        place = f"fd://{os.dup(given.fileno())}"
        listeners = await open_control(Operator(socket=place), tmp_path, {})
        assert addresses(listeners) == [f"unix:{tmp_path}/given.sock"]
        close(listeners)
        monkeypatch.setattr(listening, "passed_by_systemd", lambda env: f"fd://{os.dup(given.fileno())}")
        listeners = await open_control(Operator(socket="/ignored.sock"), tmp_path, {})
        assert addresses(listeners) == [f"unix:{tmp_path}/given.sock"]
        close(listeners)


async def test_loopback_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(StartError, match="change \\[operator\\] listen"):
            await open_control(Operator(socket="", listen=bind), tmp_path, {})


def test_where_it_is_looked_for(tmp_path: Path) -> None:
    env = {"XDG_RUNTIME_DIR": "/run/user/1000"}
    ledger = Path("/var/lib/callwarden")
    assert candidates("/elsewhere.sock", env, ledger) == [Path("/elsewhere.sock")]
    usual = [Path(DEFAULT_SOCKET), Path("/run/user/1000/callwarden/control.sock"), ledger / "control.sock"]
    assert candidates(DEFAULT_SOCKET, env, ledger) == usual
    assert candidates("fd://3", env, ledger) == usual
    assert candidates("", {}, None) == [Path(DEFAULT_SOCKET)]
    assert candidates("", {}, tmp_path / ("x" * 200)) == [Path(DEFAULT_SOCKET)]
