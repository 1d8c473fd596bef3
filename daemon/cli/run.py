"""`callwarden run`: the daemon itself, in the foreground; systemd or a terminal is what it runs under."""

import gc
import os
import sys
from functools import partial
from pathlib import Path

import click
import structlog
import trio

from daemon.app import run_daemon
from daemon.cli.configuration import EXIT_CONFIG, configured, load_or_exit
from daemon.config import Config, load
from daemon.errors import ConfigError, StartError
from daemon.observe import log
from daemon.reload import Read

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

    SIGTERM or SIGINT takes no more calls and waits for those in progress; a second one hangs them up. SIGHUP loads the
    configuration anew for new calls, SIGUSR1 pauses and resumes, SIGUSR2 writes the live task tree into the log.
    """
    config = load_or_exit(path, overrides)
    # What is loaded now stays for good; the collector need not look through it again and again during calls.
    gc.freeze()
    # Nearly all that a call leaves behind is gone without it. As often as it comes, it would take a tenth of the CPU.
    gc.set_threshold(10_000, 20, 50)
    with log.open_log(level=config.log.level, form=log.format_for(config.log.format, os.environ)):
        code, problem = _run(config, events, partial(load, path, overrides))
    if problem:
        click.echo(f"callwarden: {problem}", err=True)
    sys.exit(code)


def _run(config: Config, events: str | None, read: Read) -> tuple[int, str]:
    """Run the daemon; gives the exit code, and in a line what kept it from starting, if something did."""
    code, problem = EXIT_MISSING, ""
    try:
        code = trio.run(partial(run_daemon, config, events=events, read=read))
    except* StartError as group:
        problem = _first(group)
    except* ConfigError as group:
        code, problem = EXIT_CONFIG, _first(group)
    except* Exception as bugs:
        structlog.get_logger().critical("crashed", exc_info=bugs)
        code = EXIT_BUG
    return code, problem


def _first(group: BaseExceptionGroup[BaseException]) -> str:
    """The words of the first error in a group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)
