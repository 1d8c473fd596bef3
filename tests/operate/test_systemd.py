import socket
from pathlib import Path

import pytest

from daemon.operate.systemd import Notifier


@pytest.fixture
def listening(tmp_path: Path) -> socket.socket:
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(str(tmp_path / "notify"))
    receiver.settimeout(5)
    return receiver


def test_fields_are_lines_of_one_datagram(listening: socket.socket) -> None:
    with listening:
        Notifier(listening.getsockname()).tell(READY=1, STATUS="3 calls")
        assert listening.recv(1000) == b"READY=1\nSTATUS=3 calls"


def test_address_from_the_environment(listening: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening:
        monkeypatch.setenv("NOTIFY_SOCKET", listening.getsockname())
        Notifier().tell(STOPPING=1)
        assert listening.recv(1000) == b"STOPPING=1"


def test_abstract_address() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("\0callwarden-test-notify")
        receiver.settimeout(5)
        Notifier("@callwarden-test-notify").tell(READY=1)
        assert receiver.recv(1000) == b"READY=1"


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier().tell(READY=1)
    Notifier(str(tmp_path / "gone")).tell(READY=1)
