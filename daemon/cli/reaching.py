"""What the commands that talk to a running daemon share: how it is found, and how failures are told.

Exit code 3 and one line on standard error if no daemon answers; 1 and a line for each problem if it refuses. Imports
operate's client and config. Reads of the configuration only what says where the socket is, so that these commands work
without its secrets, and even while it is wrong.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from daemon.cli.configuration import default_config
from daemon.config import DEFAULT_SOCKET, Ledger
from daemon.config.toml import parse
from daemon.core.redaction import printable
from daemon.errors import NotReachable
from daemon.operate.client import Client, Refused, reach
from daemon.operate.listening import candidates

EXIT_REFUSED = 1
EXIT_NOT_REACHABLE = 3
_SQLITE = "sqlite:///"

Command = TypeVar("Command", bound=Callable[..., Any])


def talks(command: Command) -> Command:
    """Give a command the option `--socket`, as `socket`."""
    return click.option(
        "--socket",
        type=click.Path(path_type=Path),
        envvar="CALLWARDEN_SOCKET",
        show_envvar=True,
        help="The daemon's control socket; by default the one its configuration names, or the usual places.",
    )(command)


@contextmanager
def daemon_at(socket: Path | None) -> Iterator[Client]:
    """Talk to the daemon while the block lasts; exits with 3 if there is none, and with 1 if it refuses."""
    try:
        with reach([socket] if socket else _places()) as client:
            yield client
    except NotReachable as error:
        _fail(str(error), EXIT_NOT_REACHABLE)
    except Refused as error:
        for place in error.problem.problems:
            click.echo(printable(f"{place.where}: {place.what}"), err=True)
        _fail(printable(str(error)), EXIT_REFUSED)


def _fail(words: str, code: int) -> None:
    click.echo(f"callwarden: {words}", err=True)
    sys.exit(code)


def _places() -> list[Path]:
    """Where the daemon may be, by what can be read of its configuration."""
    named, folder = _named_in(default_config())
    return list(candidates(named, os.environ, folder))


def _named_in(path: Path) -> tuple[str, Path | None]:
    """The socket that a configuration names, and the folder of its ledger; the defaults if it can't be read."""
    try:
        document = parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        document = {}
    socket = _key(document, "operator", "socket", DEFAULT_SOCKET)
    directory, url = _key(document, "ledger", "directory", ""), _key(document, "ledger", "url", Ledger().url)
    if directory:
        return socket, (path.parent / directory).absolute()
    file = url.removeprefix(_SQLITE)
    return socket, (path.parent / file).absolute().parent if file != url else None


def _key(document: dict[str, Any], table: str, key: str, default: str) -> str:
    held = document.get(table)
    value = held.get(key, default) if isinstance(held, dict) else default
    return value if isinstance(value, str) else default
