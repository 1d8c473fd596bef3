"""Where the daemon listens for operators, and where the command line looks for it: the same places, in the same order.

    what systemd passes under the name `control`, or `fd://N`
    the path of [operator] socket
    if that is the default and can't be had: $XDG_RUNTIME_DIR/callwarden/control.sock, then beside the ledger

Owned by nobody: `app.py` opens, the operator's server takes over and closes. Imports config, web.listen, Trio and
errors. Never replaces the socket of a daemon that answers.
"""

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog
import trio

from daemon.config import DEFAULT_SOCKET, Operator
from daemon.web.listen import open_listeners

KEY = "[operator] socket"
MODE = 0o660
NAME = "control"
"""The name under which systemd passes the socket: FileDescriptorName=control."""
_FIRST_FD = 3
_LONGEST = 107


async def open_control(operator: Operator, ledger_folder: Path, env: Mapping[str, str]) -> list[trio.SocketListener]:
    """Open everything operators may come in by.

    Errors: `StartError`, naming the key; but never because the default place is not to be had.
    """
    listeners = await _open_socket(operator.socket, ledger_folder, env)
    if operator.listen:
        listeners += await open_listeners([operator.listen], key="[operator] listen")
    return listeners


async def _open_socket(place: str, ledger_folder: Path, env: Mapping[str, str]) -> list[trio.SocketListener]:
    inherited = passed_by_systemd(env)
    if inherited is not None:
        return await open_listeners([inherited], key=KEY)
    if place == "":
        return []
    if place.startswith("fd://"):
        return await open_listeners([place], key=KEY)
    if place != DEFAULT_SOCKET or await _fit(Path(place).parent):
        return await _open(place)
    for other in fallbacks(env, ledger_folder):
        if await _fit(other.parent):
            structlog.get_logger().warning("control_socket_elsewhere", socket=str(other), instead_of=place)
            return await _open(str(other))
    fix = f"set {KEY} to a path that can be had; until then `callwarden status` and its like do not work"
    structlog.get_logger().error("no_control_socket", instead_of=place, fix=fix)
    return []


async def _open(path: str) -> list[trio.SocketListener]:
    return await open_listeners([f"unix:{path}"], key=KEY, mode=MODE)


async def _fit(folder: Path) -> bool:
    """Whether a socket can be made in there; the folder itself is made if only it is missing."""
    place = trio.Path(folder)
    try:
        await place.mkdir(mode=0o750, exist_ok=True)
        writable = os.access(folder, os.W_OK | os.X_OK)
        return writable and stat.S_ISDIR((await place.stat()).st_mode)
    except OSError:
        return False


def passed_by_systemd(env: Mapping[str, str]) -> str | None:
    """The socket that systemd has opened for us (sd_listen_fds(3)), by its name: their order is not promised."""
    if env.get("LISTEN_PID") != str(os.getpid()):
        return None
    names = env.get("LISTEN_FDNAMES", "").split(":")
    return f"fd://{_FIRST_FD + names.index(NAME)}" if NAME in names else None


def fallbacks(env: Mapping[str, str], ledger_folder: Path | None) -> Sequence[Path]:
    """Where to be if the default place is not to be had."""
    runtime = env.get("XDG_RUNTIME_DIR")
    places = [Path(runtime, "callwarden", "control.sock")] if runtime else []
    places += [ledger_folder / "control.sock"] if ledger_folder else []
    return [place for place in places if len(os.fsencode(place)) <= _LONGEST]


def candidates(named: str, env: Mapping[str, str], ledger_folder: Path | None) -> Sequence[Path]:
    """Where a running daemon may be reached; `named` is what its configuration says, or nothing is known of it."""
    if named not in {"", DEFAULT_SOCKET} and not named.startswith("fd://"):
        return [Path(named)]
    return [Path(DEFAULT_SOCKET), *fallbacks(env, ledger_folder)]
