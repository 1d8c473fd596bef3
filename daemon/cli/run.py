"""`callwarden run`: the daemon itself, in the foreground; systemd or a terminal is what it runs under."""

import errno
import faulthandler
import gc
import sys
from functools import partial
from pathlib import Path

import click
import structlog
import trio

from daemon.app import run_daemon
from daemon.cli.configuration import EXIT_CONFIG, configured, refuse
from daemon.config import Config, Log, load
from daemon.errors import ConfigError, StartError
from daemon.observe import log
from daemon.operate import activation
from daemon.operate.systemd import Notifier

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
    # The watchdog's signal, and a crash of the interpreter, leave every thread's stack on standard error.
    faulthandler.enable(file=2)
    notifier, passed = Notifier.take_over(), activation.take_over()
    config = _load(path, overrides, notifier)
    log.set_up(level=config.log.level, json=_wants_json(config.log))
    # What is loaded now stays for good; the collector need not look through it again and again during calls.
    gc.freeze()
    code, problem, number = EXIT_MISSING, "", 0
    try:
        code = trio.run(partial(run_daemon, config, events=events, notifier=notifier, passed=passed))
    except* StartError as group:
        problem, number = str(_first(group)), _errno(_first(group))
    except* ConfigError as group:
        code, problem, number = EXIT_CONFIG, str(_first(group)), errno.EINVAL
    except* Exception as bugs:
        structlog.get_logger().critical("crashed", exc_info=bugs)
        code = EXIT_BUG
        notifier.failed(f"crashed: {type(_first(bugs)).__name__}, see the log", 0)
    if problem:
        click.echo(f"callwarden: {problem}", err=True)
        notifier.failed(problem, number)
    sys.exit(code)


def _load(path: Path, overrides: tuple[str, ...], notifier: Notifier) -> Config:
    """Load the configuration, or say what is wrong with it, to systemd too, and exit."""
    try:
        return load(path, overrides)
    except ConfigError as error:
        notifier.failed(f"{error.problems[0]}", errno.EINVAL)
        refuse(error)


def _wants_json(config: Log) -> bool:
    """Whether to log for machines: asked for, or nobody is at a terminal."""
    return config.format == "json" or (config.format == "auto" and not sys.stderr.isatty())


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error in a group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _errno(error: BaseException) -> int:
    """The number of the system's error behind one of ours; 0 if there is none."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__
    return cause.errno or 0 if cause is not None else 0
