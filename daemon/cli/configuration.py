"""What the commands that read a configuration share: their two options, and how its problems are told.

Imports config and errors. A foreseeable problem is one line on standard error, never a traceback.
"""

import os
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Never, TypeVar

import click

from daemon.config import Config, load
from daemon.errors import ConfigError

EXIT_CONFIG = 78

Command = TypeVar("Command", bound=Callable[..., Any])


def default_config() -> Path:
    """`$CALLWARDEN_CONFIG`, else `config.toml` here if there is one, else the place a package puts it."""
    named = os.environ.get("CALLWARDEN_CONFIG")
    if named:
        return Path(named)
    here = Path("config.toml")
    # A folder that may not be read is taken for one without the file.
    return here if os.access(here, os.F_OK) else Path("/etc/callwarden/config.toml")


def configured(command: Command) -> Command:
    """Give a command the options `--config` and `--set`."""
    command = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override one key, such as log.level=debug. The value is TOML, or a bare word. Repeatable.",
    )(command)
    return click.option(
        "--config",
        "path",
        type=click.Path(path_type=Path),
        default=default_config,
        show_default="$CALLWARDEN_CONFIG, ./config.toml or /etc/callwarden/config.toml",
        help="The configuration file.",
    )(command)


def load_or_exit(
    path: Path, overrides: tuple[str, ...], *, secrets_of: Collection[str] | None = None, functions: bool = False
) -> Config:
    """Load the configuration, or say all that is wrong with it, a line for each problem, and exit with 78.

    `secrets_of` names the tables, or dotted keys, whose secrets are needed; None is all. `functions` says whether the
    operator's Python functions are needed although no secret of tools is.
    """
    try:
        return load(path, overrides, secrets_of=secrets_of, functions=functions)
    except ConfigError as error:
        refuse(error)


def refuse(error: ConfigError) -> Never:
    """Say all that is wrong with the configuration, and exit with 78."""
    for problem in error.problems:
        click.echo(str(problem), err=True)
    sys.exit(EXIT_CONFIG)
