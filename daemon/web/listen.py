"""Opening the addresses the server listens on, or saying in one line which one cannot be opened, and the fix.

    127.0.0.1:8080   [::1]:8080   localhost:0     a name may stand for several addresses; port 0 is any free one
    unix:/run/x.sock                              a socket file that nobody answers on is replaced
    fd://3                                        inherited, already listening; its backlog is left as it is

Owned by nobody: `app.py` opens, `serve.py` takes over and closes. Imports Trio and errors. Never leaves an address
open when another one fails.
"""

import errno
import os
import socket
import stat
from collections.abc import Sequence

import trio

from daemon.errors import StartError

FORMS = "write host:port, [::1]:port, unix:/path or fd://3"


async def open_listeners(
    binds: Sequence[str], backlog: int = 1024, *, key: str = "[server] bind", mode: int | None = None
) -> list[trio.SocketListener]:
    """Open every address, or none; `key` is what they are configured by, `mode` the one of socket files.

    Accepted connections have `TCP_NODELAY`, which Trio sets.

    Errors:
        StartError: an address can't be listened on; names it and the fix.
    """
    listeners: list[trio.SocketListener] = []
    complete = False
    try:
        for bind in binds:
            listeners += await _open(bind, backlog, key, mode)
        complete = True
    finally:
        if not complete:
            for listener in listeners:
                listener.socket.close()
    return listeners


def addresses(listeners: Sequence[trio.SocketListener]) -> list[str]:
    """Name what is listened on, in the form it may be configured in."""
    return [_name(listener.socket.getsockname()) for listener in listeners]


def _name(address: object) -> str:
    match address:
        case (str(host), int(port), *_):
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        case bytes():  # Linux's abstract namespace
            return f"unix:@{os.fsdecode(address[1:])}"
        case _:
            return f"unix:{address}"


async def _open(bind: str, backlog: int, key: str, mode: int | None) -> list[trio.SocketListener]:
    kind, separator, rest = bind.partition(":")
    if separator and kind == "unix":
        return [await _open_unix(rest, backlog, key, mode)]
    if separator and kind == "fd":
        return [_adopt(bind, key)]
    host, port = _split(bind)
    try:
        return await trio.open_tcp_listeners(port, host=host, backlog=backlog)
    except OSError as error:
        raise StartError(_explain(bind, error, key)) from error


def _split(bind: str) -> tuple[str, int]:
    host, _, port = bind.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise StartError(f"{bind!r} is not an address to listen on: {FORMS}")
    if ":" in host and not bracketed:
        raise StartError(f"{bind!r} is not an address to listen on: put an IPv6 address in brackets, [::1]:8080")
    return (host[1:-1] if bracketed else host), int(port)


def _explain(bind: str, error: OSError, key: str) -> str:
    fix = f"change {key}"
    match error.errno:
        case errno.EADDRINUSE:
            return f"address already in use: another process listens on {bind}; {fix} or stop it"
        case errno.EACCES | errno.EPERM:
            return f"permission denied: this user may not listen on {bind}; {fix} or let systemd open it"
        case errno.EADDRNOTAVAIL:
            return f"address not available: no interface of this machine has the address of {bind}; {fix}"
        case _ if isinstance(error, socket.gaierror):
            return f"unknown host: the name in {bind} can't be resolved; {fix}"
        case _:
            return f"can't listen on {bind}: {error.strerror or error}; {fix}"


async def _open_unix(path: str, backlog: int, key: str, mode: int | None) -> trio.SocketListener:
    await _clear(path, key)
    sock = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if mode is not None:
            # Before it has a name: Linux makes the file with the mode of the socket, so it is never open to more.
            os.fchmod(sock.fileno(), mode)
        await sock.bind(path)
        if mode is not None:
            await trio.Path(path).chmod(mode)  # whatever the umask took away from it
        sock.listen(backlog)
        return trio.SocketListener(sock)
    except OSError as error:
        sock.close()
        raise StartError(_explain(f"unix:{path}", error, key)) from error


async def _clear(path: str, key: str) -> None:
    """Remove the socket file of a process that is no more."""
    bind = f"unix:{path}"
    try:
        if not stat.S_ISSOCK((await trio.Path(path).lstat()).st_mode):
            raise StartError(f"{path} is not a socket: it was left alone; move it away or change {key}")
        with trio.move_on_after(1.0):  # a live process with a full backlog lets us wait
            await trio.aclose_forcefully(await trio.open_unix_socket(path))
        raise StartError(_explain(bind, OSError(errno.EADDRINUSE, "in use"), key))
    except FileNotFoundError:
        return
    except ConnectionRefusedError:
        await trio.Path(path).unlink(missing_ok=True)
    except OSError as error:
        raise StartError(_explain(bind, error, key)) from error


def _adopt(bind: str, key: str) -> trio.SocketListener:
    """Take over a socket that systemd, or another parent, has opened and listens on."""
    number = bind.removeprefix("fd://")
    if not (number.isascii() and number.isdigit()) or int(number) < 3:
        raise StartError(f"{bind!r} is not an address to listen on: write fd:// and a number from 3 on")
    fix = f"let systemd pass a listening stream socket, or change {key}"
    try:
        sock = socket.socket(fileno=int(number))
    except OSError as error:
        raise StartError(f"{bind} is not an inherited socket: {error.strerror}; {fix}") from error
    try:
        sock.set_inheritable(False)
        # The constructor insists on a listening stream socket, and leaves its backlog alone.
        return trio.SocketListener(trio.socket.from_stdlib_socket(sock))
    except (OSError, ValueError) as error:
        sock.detach()  # not ours, then
        raise StartError(f"{bind} is not a listening stream socket; {fix}") from error
