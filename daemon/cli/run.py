"""`callwarden run`: the daemon itself, in the foreground; systemd or a terminal is what it runs under."""

import gc
import sys
from functools import partial
from pathlib import Path

import click
import structlog
import trio

from daemon.app import run_daemon
from daemon.cli.configuration import EXIT_CONFIG, configured, load_or_exit
from daemon.config import Log
from daemon.errors import ConfigError, StartError
from daemon.observe import log

EXIT_MISSING = 69
EXIT_BUG = 70


@click.command()
@configured
@click.option(
    "--events",
    metavar="FILE",
    help="Write everything that happens in calls to FILE, one JSON object a line. Holds people's words and digits.",
)
def run(path: Path, overrides: tuple[str, ...], events: str | None) -> None:
    """Answer calls until told to stop.

    SIGTERM or SIGINT takes no more calls and waits for those in progress; a second one hangs them up.
    """
    config = load_or_exit(path, overrides)
    log.set_up(level=config.log.level, json=_wants_json(config.log))
    # What is loaded now stays for good; the collector need not look through it again and again during calls.
    gc.freeze()
    # Nearly all that a call leaves behind is gone without it. As often as it comes, it would take a tenth of the CPU.
    gc.set_threshold(10_000, 20, 50)
    code, problem = EXIT_MISSING, ""
    try:
        code = trio.run(partial(run_daemon, config, events=events))
    except* StartError as group:
        problem = _first(group)
    except* ConfigError as group:
        code, problem = EXIT_CONFIG, _first(group)
    except* Exception as bugs:
        structlog.get_logger().critical("crashed", exc_info=bugs)
        code = EXIT_BUG
    if problem:
        click.echo(f"callwarden: {problem}", err=True)
    sys.exit(code)


def _wants_json(config: Log) -> bool:
    """Whether to log for machines: asked for, or nobody is at a terminal."""
    return config.format == "json" or (config.format == "auto" and not sys.stderr.isatty())


def _first(group: BaseExceptionGroup[BaseException]) -> str:
    """The words of the first error in a group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)
