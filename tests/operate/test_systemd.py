import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.operate.systemd import Notifier


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(5)
        yield receiver


def test_fields_are_lines_of_one_datagram(listening: socket.socket) -> None:
    notifier = Notifier(listening.getsockname())
    notifier.ready("ready, 3 calls")
    notifier.stopping("draining, 3 calls left")
    notifier.extend(15)
    notifier.alive()
    notifier.failed("address already in use", 98)
    notifier.failed("crashed", 0)
    assert [listening.recv(1000) for _ in range(6)] == [
        b"READY=1\nSTATUS=ready, 3 calls",
        b"STOPPING=1\nSTATUS=draining, 3 calls left",
        b"EXTEND_TIMEOUT_USEC=15000000",
        b"WATCHDOG=1",
        b"STATUS=address already in use\nERRNO=98",
        b"STATUS=crashed",
    ]


def test_a_reload_says_when_it_began(listening: socket.socket) -> None:
    before = time.monotonic_ns() // 1000
    Notifier(listening.getsockname()).reloading("reloading")
    first, second, third = listening.recv(1000).decode().splitlines()
    assert (first, third) == ("RELOADING=1", "STATUS=reloading")
    key, _, stamp = second.partition("=")
    assert key == "MONOTONIC_USEC"
    assert before <= int(stamp) <= time.monotonic_ns() // 1000


def test_a_status_is_sent_when_it_is_another_one(listening: socket.socket) -> None:
    notifier = Notifier(listening.getsockname())
    notifier.ready("ready")
    for line in ("ready", "ready, 1 call", "ready, 1 call", "ready"):
        notifier.status(line)
    listening.setblocking(False)
    told = [listening.recv(1000) for _ in range(3)]
    assert told == [b"READY=1\nSTATUS=ready", b"STATUS=ready, 1 call", b"STATUS=ready"]
    with pytest.raises(BlockingIOError):
        listening.recv(1000)


def test_a_status_is_one_line_of_bounded_length(listening: socket.socket) -> None:
    Notifier(listening.getsockname()).status("disk full\nMAINPID=1 " + "x" * 1000)
    told = listening.recv(2000)
    assert told.startswith(b"STATUS=disk full MAINPID=1 xxx")
    assert b"\n" not in told
    assert len(told) == len("STATUS=") + 400


def test_what_systemd_wants_is_taken_out_of_the_environment(listening: socket.socket) -> None:
    pid = str(os.getpid())
    environment = {
        "NOTIFY_SOCKET": listening.getsockname(),
        "WATCHDOG_USEC": "30000000",
        "WATCHDOG_PID": pid,
        "PATH": "/bin",
    }
    notifier = Notifier.take_over(environment)
    assert environment == {"PATH": "/bin"}
    assert notifier.watchdog == 30.0
    notifier.alive()
    assert listening.recv(1000) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [
        ("3000000", "ours", 3.0),
        ("3000000", "", 3.0),
        ("3000000", "1", 0.0),  # meant for somebody else
        ("", "", 0.0),
        ("soon", "", 0.0),
        ("0", "", 0.0),
    ],
)
def test_who_is_watched(usec: str, pid: str, seconds: float) -> None:
    environment = {"NOTIFY_SOCKET": "@somewhere"}
    environment |= {"WATCHDOG_USEC": usec} if usec else {}
    environment |= {"WATCHDOG_PID": str(os.getpid()) if pid == "ours" else pid} if pid else {}
    assert Notifier.take_over(environment).watchdog == seconds
    assert not environment


def test_without_systemd_nobody_is_told_and_nothing_watched(tmp_path: Path) -> None:
    notifier = Notifier.take_over({"WATCHDOG_USEC": "1000000"})
    assert notifier.watchdog == 0.0
    notifier.ready("ready")
    Notifier(str(tmp_path / "gone")).ready("ready")


def test_abstract_address() -> None:
    name = f"callwarden-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0{name}")
        receiver.settimeout(5)
        Notifier(f"@{name}").ready("ready")
        assert receiver.recv(1000) == b"READY=1\nSTATUS=ready"


def test_a_full_queue_is_not_waited_for(listening: socket.socket) -> None:
    notifier = Notifier(listening.getsockname())
    for _ in range(10_000):
        notifier.alive()


@pytest.mark.parametrize("word", ["ready", "stopping"])
def test_what_decides_whether_we_live_is_waited_for(listening: socket.socket, word: str) -> None:
    notifier = Notifier(listening.getsockname())
    for _ in range(10_000):
        notifier.alive()

    def busy() -> None:  # and then not any more
        time.sleep(0.1)
        while not (told := listening.recv(1000)).endswith(b"at last"):
            pass
        heard.append(told)

    heard: list[bytes] = []
    systemd = threading.Thread(target=busy)
    systemd.start()
    getattr(notifier, word)("at last")
    systemd.join(10)
    assert heard == [f"{word.upper()}=1\nSTATUS=at last".encode()]


def test_a_systemd_that_hangs_is_not_waited_for_for_long(listening: socket.socket) -> None:
    notifier = Notifier(listening.getsockname())
    for _ in range(10_000):
        notifier.alive()
    began = time.monotonic()
    notifier.ready("ready")
    assert 0.9 < time.monotonic() - began < 5
