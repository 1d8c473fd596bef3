"""Where operators may reach the daemon: never from another machine."""

from pathlib import Path

import pytest

from daemon.config import Operator, Secret
from tests.config.written import ENV, MINIMAL, complaints, loaded

TOKEN = "0123456789abcdef"


def test_defaults(tmp_path: Path) -> None:
    assert loaded(tmp_path).operator == Operator(socket="/run/callwarden/control.sock", listen="", token=None)


@pytest.mark.parametrize("socket", ["", "/run/elsewhere.sock", "fd://3"])
def test_places_of_the_socket(tmp_path: Path, socket: str) -> None:
    assert loaded(tmp_path, MINIMAL, f'operator.socket="{socket}"').operator.socket == socket


@pytest.mark.parametrize(
    ("socket", "what"),
    [
        ("control.sock", 'expected an absolute path, "fd://3" for an inherited socket, or "" for none'),
        ("/" + "x" * 107, "the path of a Unix socket has at most 107 bytes"),
        ("fd://1", 'expected the number of an open socket, 3 or higher, after fd://, such as "fd://3"'),
    ],
)
def test_what_is_no_place(tmp_path: Path, socket: str, what: str) -> None:
    assert complaints(tmp_path, MINIMAL, f"operator.socket={socket}") == [f"--set operator.socket: {what}"]


@pytest.mark.parametrize("listen", ["127.0.0.1:9090", "localhost:9090", "[::1]:0", "127.5.5.5:1"])
def test_loopback(tmp_path: Path, listen: str) -> None:
    written = f'{MINIMAL}\n[operator]\nlisten = "{listen}"\ntoken = "${{env:TOKEN}}"\n'
    assert loaded(tmp_path, written, env={**ENV, "TOKEN": TOKEN}).operator == Operator(
        listen=listen, token=Secret(TOKEN)
    )


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:9090", "192.168.1.7:9090", "[::]:9090", "example.com:80", "[::ffff:1.2.3.4]:1"]
)
def test_what_others_could_reach(tmp_path: Path, listen: str) -> None:
    written = f'{MINIMAL}\n[operator]\nlisten = "{listen}"\ntoken = "${{env:TOKEN}}"\n'
    (line,) = complaints(tmp_path, written, env={**ENV, "TOKEN": TOKEN})
    assert line.startswith("config.toml: [operator] listen: this is open to other machines")


@pytest.mark.parametrize("listen", ["unix:/run/x", "9090", "fd://3"])
def test_what_is_no_address(tmp_path: Path, listen: str) -> None:
    written = f'{MINIMAL}\n[operator]\nlisten = "{listen}"\ntoken = "${{env:TOKEN}}"\n'
    (line,) = complaints(tmp_path, written, env={**ENV, "TOKEN": TOKEN})
    assert line.startswith("config.toml: [operator] listen: expected")


def test_nobody_listens_without_a_token(tmp_path: Path) -> None:
    (line,) = complaints(tmp_path, MINIMAL, "operator.listen=127.0.0.1:9090")
    assert "token: missing, and listen lets everybody on this machine in; add" in line


@pytest.mark.parametrize("token", ["short", "with space in the middle", "ümläute-aber-lang-genug"])
def test_tokens_that_are_none(tmp_path: Path, token: str) -> None:
    written = f'{MINIMAL}\n[operator]\ntoken = "${{env:TOKEN}}"\n'
    (line,) = complaints(tmp_path, written, env={**ENV, "TOKEN": token})
    assert "expected a token of 16 to 512 visible ASCII characters" in line
    assert token not in line


def test_traces_go_by_tls_or_stay_here(tmp_path: Path) -> None:
    assert loaded(tmp_path, MINIMAL, "tracing.endpoint=http://127.0.0.1:4318/v1/traces").tracing.endpoint
    (line,) = complaints(tmp_path, MINIMAL, "tracing.endpoint=http://collector.test/v1/traces")
    assert "use https://" in line
