"""`callwarden drain`: stop the daemon once its calls have ended, and watch how it goes."""

import sys
import time
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from daemon.cli.reaching import EXIT_REFUSED, daemon_at, talks
from daemon.cli.status import length
from daemon.core.snapshots import Action, Status
from daemon.errors import NotReachable
from daemon.operate.client import Client
from daemon.operate.endpoints import Drain

_LOOK = 0.5
"""Seconds between two looks."""


@click.command()
@talks
@click.option("--now", is_flag=True, help="Hang up the calls in progress instead of waiting for them.")
@click.option("--wait/--no-wait", default=True, help="Whether to stay until the daemon has ended. The default is to.")
def drain(socket: Path | None, *, now: bool, wait: bool) -> None:
    """Stop the daemon: no more calls, wait for those in progress, exit.

    Shows how many are left and when they are hung up. Leaving this command (Ctrl-C) does not end the drain; resuming
    calls it off, as long as the daemon still takes calls ([drain] lame_duck). Exits with 0 once the daemon has ended,
    with 1 if the drain was called off.
    """
    with daemon_at(socket) as client:
        pid = client.get("/v1/status", Status).pid
        click.echo(client.post("/v1/drain", Action, Drain(now=now)).says, err=True)
        if wait and not _follow(client, pid, Console(stderr=True, highlight=False)):
            click.echo("callwarden: the drain was called off", err=True)
            sys.exit(EXIT_REFUSED)


def _follow(client: Client, pid: int, console: Console) -> bool:
    """Watch until the daemon has ended; False if it goes on after all."""
    successor = ""
    with Live(console=console, refresh_per_second=4, transient=True) as screen:
        while True:
            try:
                status = client.get("/v1/status", Status)
            except NotReachable:
                break
            if status.pid != pid:
                successor = f"; another one answers (pid {status.pid}): somebody starts it, as a socket of systemd does"
                break
            if status.drain is None:
                return False
            line = countdown(status)
            if console.is_terminal:
                screen.update(Text(line))
            else:
                click.echo(line, err=True)
            time.sleep(_LOOK)
    click.echo(f"the daemon has ended{successor}", err=True)
    return True


def countdown(status: Status) -> str:
    """A drain in one line."""
    left = f"{status.calls} {'call' if status.calls == 1 else 'calls'} left"
    if status.drain is None or status.drain.seconds is None:
        return f"{left}; calls are still taken for a moment"
    return f"{left}, hung up in {length(status.drain.seconds)}"
