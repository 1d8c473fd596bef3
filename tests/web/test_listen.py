import errno
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from daemon.errors import StartError
from daemon.web.listen import addresses, open_listeners
from tests.web.fakes import descriptors


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose name is short enough for a socket in it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Path(name)


async def close(listeners: list[trio.SocketListener]) -> None:
    for listener in listeners:
        await listener.aclose()


async def shake_hands(listener: trio.SocketListener, client: trio.SocketStream) -> None:
    async with client, await listener.accept() as server:
        await server.send_all(b"x")
        assert await client.receive_some() == b"x"


async def test_a_free_port_of_an_address() -> None:
    listeners = await open_listeners(["127.0.0.1:0"])
    (name,) = addresses(listeners)
    host, port = name.split(":")
    assert host == "127.0.0.1"
    client = await trio.open_tcp_stream(host, int(port))
    await shake_hands(listeners[0], client)
    await close(listeners)


async def test_accepted_connections_do_not_delay() -> None:
    (listener,) = await open_listeners(["127.0.0.1:0"])
    client = await trio.open_tcp_stream(*listener.socket.getsockname())
    async with client, listener, await listener.accept() as server:
        assert server.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_ipv6_is_written_in_brackets() -> None:
    listeners = await open_listeners(["[::1]:0"])
    assert addresses(listeners)[0].startswith("[::1]:")
    await close(listeners)


async def test_a_name_may_stand_for_several_addresses() -> None:
    listeners = await open_listeners(["localhost:0", "127.0.0.1:0"])
    assert len(listeners) >= 2
    await close(listeners)


async def test_an_address_in_use_is_named_and_nothing_is_left_open() -> None:
    (taken,) = await open_listeners(["127.0.0.1:0"])
    (name,) = addresses([taken])
    before = descriptors()
    with pytest.raises(StartError) as caught:
        await open_listeners(["127.0.0.1:0", name])
    assert str(caught.value) == (
        f"address already in use: another process listens on {name}; change [server] bind or stop it"
    )
    del caught
    assert descriptors() == before
    await taken.aclose()


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.EACCES, "permission denied: this user may not listen on 127.0.0.1:80"),
        (errno.EADDRNOTAVAIL, "address not available: no interface"),
        (errno.ENOBUFS, "can't listen on 127.0.0.1:80: No buffer"),
        (socket.EAI_NONAME, "unknown host"),
    ],
)
async def test_other_failures_are_explained(number: int, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(port: int, *, host: str, backlog: int) -> list[trio.SocketListener]:
        await trio.lowlevel.checkpoint()
        kind = socket.gaierror if number < 0 else OSError
        raise kind(number, os.strerror(number) if number > 0 else "no such name")

    monkeypatch.setattr(trio, "open_tcp_listeners", fail)
    with pytest.raises(StartError, match=text):
        await open_listeners(["127.0.0.1:80"])


@pytest.mark.parametrize(
    "bind",
    [
        "",
        "8080",
        ":8080",
        "localhost",
        "localhost:",
        "localhost:http",
        "localhost:65536",
        "localhost:-1",
        "a:" + chr(0xFF18),
    ],
)
async def test_what_is_no_address_is_told_the_forms(bind: str) -> None:
    with pytest.raises(StartError, match="write host:port"):
        await open_listeners([bind])


async def test_bare_ipv6_is_told_of_brackets() -> None:
    with pytest.raises(StartError, match="brackets"):
        await open_listeners(["::1:8080"])


async def test_a_unix_socket(folder: Path) -> None:
    path = folder / "web.sock"
    (listener,) = await open_listeners([f"unix:{path}"])
    assert addresses([listener]) == [f"unix:{path}"]
    await shake_hands(listener, await trio.open_unix_socket(path))
    await listener.aclose()


async def test_the_socket_file_of_the_dead_is_replaced(folder: Path) -> None:
    path = folder / "web.sock"
    (dead,) = await open_listeners([f"unix:{path}"])
    await dead.aclose()
    assert path.is_socket()
    (listener,) = await open_listeners([f"unix:{path}"])
    await shake_hands(listener, await trio.open_unix_socket(path))
    await listener.aclose()


async def test_the_socket_file_of_the_living_is_not(folder: Path) -> None:
    path = folder / "web.sock"
    (living,) = await open_listeners([f"unix:{path}"])
    with pytest.raises(StartError, match="already in use: another process listens on unix:"):
        await open_listeners([f"unix:{path}"])
    assert path.is_socket()
    await living.aclose()


async def test_a_file_that_is_no_socket_is_left_alone(folder: Path) -> None:
    path = folder / "precious"
    path.write_text("data")
    with pytest.raises(StartError, match="is not a socket: it was left alone"):
        await open_listeners([f"unix:{path}"])
    assert path.read_text() == "data"


async def test_a_folder_that_is_not_there(folder: Path) -> None:
    with pytest.raises(StartError, match=r"can't listen on unix:.*No such file"):
        await open_listeners([f"unix:{folder}/no/web.sock"])


async def test_a_path_that_can_not_be_looked_at(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(StartError, match=r"can't listen on unix:.*Not a directory"):
        await open_listeners([f"unix:{folder}/file/web.sock"])


async def test_an_inherited_socket_is_adopted() -> None:
    parent = socket.create_server(("127.0.0.1", 0))
    number = parent.detach()
    os.set_inheritable(number, True)
    (listener,) = await open_listeners([f"fd://{number}"])
    assert not os.get_inheritable(number)
    client = await trio.open_tcp_stream(*listener.socket.getsockname())
    await shake_hands(listener, client)
    await listener.aclose()


async def test_an_inherited_socket_must_listen() -> None:
    sock = socket.socket()
    with sock, pytest.raises(StartError, match="not a listening stream socket"):
        await open_listeners([f"fd://{sock.fileno()}"])


async def test_an_inherited_file_is_no_socket(folder: Path) -> None:
    with (folder / "x").open("w") as file, pytest.raises(StartError, match="is not an inherited socket"):
        await open_listeners([f"fd://{file.fileno()}"])


@pytest.mark.parametrize("bind", ["fd://", "fd://x", "fd://1", "fd:3", "fd://-3"])
async def test_a_bad_descriptor(bind: str) -> None:
    with pytest.raises(StartError, match="a number from 3 on"):
        await open_listeners([bind])


async def test_an_abstract_socket_has_a_name() -> None:
    sock = trio.socket.socket(socket.AF_UNIX)
    await sock.bind(b"\0callwarden-test")
    sock.listen()
    listener = trio.SocketListener(sock)
    assert addresses([listener]) == ["unix:@callwarden-test"]
    await listener.aclose()
