"""What the commands that work on the ledger share: opening it, whether a daemon runs or not, and how trouble is told.

Only the ledger's own secret is fetched, so whoever may read the ledger need not be able to read the API key. Imports
config, errors, the ledger's visits and this room's configuration; a foreseeable problem is one line on standard error.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Never

import click

from daemon.cli.configuration import load_or_exit, refuse
from daemon.config import Config, parse_duration
from daemon.errors import ConfigError, LedgerUnavailable, StartError
from daemon.ledger.listing import find_calls
from daemon.ledger.visiting import Visit, visiting

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_UNREACHED = 3
EXIT_MISSING = 69

_MOST_NAMED = 5


@contextmanager
def opened(path: Path, overrides: tuple[str, ...], *, any_version: bool = False) -> Iterator[tuple[Config, Visit]]:
    """Open the ledger of a configuration while the block lasts, or say what is wrong and exit with 69 or 78."""
    config = load_or_exit(path, overrides, secrets_of=("ledger",))
    try:
        with visiting(config.ledger, any_version=any_version) as visit:
            yield config, visit
    except ConfigError as error:
        refuse(error)
    except StartError as error:
        fail(str(error), EXIT_MISSING)
    except LedgerUnavailable as error:
        fail(f"[ledger] url: {error}", EXIT_MISSING)


def fail(why: str, code: int = EXIT_FAILED) -> Never:
    """Say why, on one line, and exit."""
    click.echo(f"callwarden: {why}", err=True)
    sys.exit(code)


def the_call(visit: Visit, beginning: str, *, live: bool = False) -> str:
    """The id of the call that is meant by the beginning of an id, or exit: with 1 for none, with 2 for several."""
    found = visit.read(lambda connection: find_calls(connection, beginning, live=live, most=_MOST_NAMED + 1))
    if not found:
        fail(f"there is no {'live ' if live else ''}call {beginning!a}")
    if len(found) > 1:
        named = ", ".join(found[:_MOST_NAMED]) + (", ..." if len(found) > _MOST_NAMED else "")
        fail(f"{beginning!a} may be any of {named}", EXIT_USAGE)
    return found[0]


class Span(click.ParamType[float]):
    """A duration as the configuration writes it, in seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it, or refuse with the form that was expected."""
        if isinstance(value, float):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
