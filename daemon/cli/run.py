"""`callwarden run`: the daemon itself, in the foreground; systemd or a terminal is what it runs under."""

import errno
import faulthandler
import gc
import os
import resource
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import click
import structlog
import trio

from daemon.app import run_daemon
from daemon.cli.configuration import EXIT_CONFIG, configured, refuse
from daemon.config import Config, every_secret, load
from daemon.errors import ConfigError, StartError
from daemon.observe import log
from daemon.operate.activation import Systemd
from daemon.operate.signals import edges
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

    SIGTERM or SIGINT takes no more calls and waits for those in progress; a second one hangs them up. SIGQUIT makes
    room for a successor. SIGHUP loads the configuration anew for new calls, SIGUSR1 pauses and resumes, SIGUSR2 writes
    the live task tree into the log.
    """
    # The watchdog's signal, and a crash of the interpreter, leave every thread's stack on standard error.
    faulthandler.enable(file=2)
    _leave_no_core()
    systemd = Systemd.take_over()
    config = _load(path, overrides, systemd.notifier)
    log.redactor.hide(secret.reveal() for secret in every_secret(config))  # before a line can hold one
    # What is loaded now stays for good; the collector need not look through it again and again during calls.
    gc.freeze()
    # Nearly all that a call leaves behind is gone without it. As often as it comes, it would take a tenth of the CPU.
    gc.set_threshold(10_000, 20, 50)
    with log.open_log(level=config.log.level, form=log.format_for(config.log.format, os.environ)):
        daemon = partial(run_daemon, config, events=events, read=partial(load, path, overrides), systemd=systemd)
        code, problem = _run(daemon, systemd.notifier)
    if problem:
        click.echo(f"callwarden: {problem}", err=True)
    sys.exit(code)


def _leave_no_core() -> None:
    """Have no image of this process written when it crashes: keys, digits and words are in its memory."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    # A program to which the kernel pipes images gets them whatever the limit is, but for this one (fs/coredump.c).
    limit = 0 if hard == 0 else 1
    with suppress(OSError, ValueError):  # forbidden by whoever has started us
        resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))


def _load(path: Path, overrides: tuple[str, ...], notifier: Notifier) -> Config:
    """Load the configuration, or say what is wrong with it, to systemd too, and exit."""
    try:
        return load(path, overrides)
    except ConfigError as error:
        notifier.failed(str(error.problems[0]), errno.EINVAL)
        refuse(error)


def _run(daemon: Callable[..., Awaitable[int]], notifier: Notifier) -> tuple[int, str]:
    """Run the daemon; gives the exit code, and in a line what kept it from starting, if something did."""
    code, problem, number = EXIT_MISSING, "", 0
    try:
        with edges() as started:
            code = trio.run(partial(daemon, task_status=started))
    except* StartError as group:
        problem, number = str(_first(group)), _errno(_first(group))
    except* ConfigError as group:
        code, problem, number = EXIT_CONFIG, str(_first(group)), errno.EINVAL
    except* Exception as bugs:
        structlog.get_logger().critical("crashed", exc_info=bugs)
        code = EXIT_BUG
        notifier.failed(f"crashed: {type(_first(bugs)).__name__}; see the log", 0)
    if problem:
        notifier.failed(problem, number)
    return code, problem


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
