import os
import socket
from collections.abc import Iterator

import pytest

from daemon.config import Server
from daemon.operate.activation import binds, take_over
from tests.conftest import Logged


@pytest.fixture
def sockets() -> Iterator[list[int]]:
    """Two sockets that a child of ours would inherit; where systemd puts them, from 3 on, is the test runner's."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        yield [one.fileno(), other.fileno()]


def given(count: int, names: str, pid: int | None = None) -> dict[str, str]:
    owner = os.getpid() if pid is None else pid
    named = {"LISTEN_FDNAMES": names} if names else {}
    return {"LISTEN_FDS": str(count), "LISTEN_PID": str(owner), **named, "PATH": "/bin"}


def test_sockets_are_found_by_name_in_whatever_order() -> None:
    environment = given(3, "control:http:http")
    assert take_over(environment) == {"control": (3,), "http": (4, 5)}
    assert environment == {"PATH": "/bin"}


def test_without_names_they_are_all_for_webhooks() -> None:
    assert take_over(given(2, "")) == {"http": (3, 4)}


@pytest.mark.parametrize(
    "environment",
    [{}, given(1, "http", pid=1), given(1, "http") | {"LISTEN_FDS": "x"}, {"LISTEN_FDS": "1"}],
    ids=["nothing", "another's", "nonsense", "nobody's"],
)
def test_what_is_not_for_us_is_left_alone(environment: dict[str, str]) -> None:
    assert take_over(environment) == {}
    assert "LISTEN_FDS" not in environment


def test_no_child_inherits_them(sockets: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.operate.activation._FIRST", sockets[0])
    os.set_inheritable(sockets[0], True)
    assert take_over(given(1, "http")) == {"http": (sockets[0],)}
    assert not os.get_inheritable(sockets[0])


def test_what_is_passed_replaces_the_default_address_only(logged: Logged) -> None:
    passed = {"http": (4, 5), "control": (3,)}
    assert binds(Server(), passed) == ("fd://4", "fd://5")
    assert binds(Server(bind=("fd://5", "fd://4")), passed) == ("fd://5", "fd://4")
    assert binds(Server(), {"control": (3,)}) == Server().bind
    assert logged() == []


def test_what_is_passed_and_not_used_is_told(logged: Logged) -> None:
    elsewhere = Server(bind=("127.0.0.1:9090",))
    assert binds(elsewhere, {"http": (3,)}) == ("127.0.0.1:9090",)
    assert binds(Server(), {"callwarden.socket": (3,)}) == Server().bind
    assert [(line["event"], line["name"]) for line in logged()] == [
        ("socket_unused", "http"),
        ("socket_unused", "callwarden.socket"),
    ]
