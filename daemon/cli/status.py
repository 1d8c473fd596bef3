"""`callwarden status`: how the running daemon is, on one screen."""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from daemon.cli.reaching import daemon_at, talks
from daemon.core.redaction import printable
from daemon.core.snapshots import DrainView, Generation, Status

_STYLES = {"ready": "bold green", "paused": "bold yellow", "draining": "bold yellow", "closing": "bold yellow"}


@click.command()
@talks
@click.option("--json", "as_json", is_flag=True, help="Print what the control API says.")
def status(socket: Path | None, *, as_json: bool) -> None:
    """Show how the running daemon is.

    Exits with 0 if it answers, however it is, and with 3 if it does not.
    """
    with daemon_at(socket) as client:
        if as_json:
            click.echo(client.text("/v1/status"))
            return
        Console(highlight=False).print(render(client.get("/v1/status", Status)))


def render(now: Status) -> Table:
    """A status for people."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    style = _STYLES.get(now.state, "bold red")
    table.add_row("state", f"[{style}]{now.state}[/], up {length(now.uptime)}")
    table.add_row("daemon", f"{now.version}, pid {now.pid}, node {now.node}, epoch {now.epoch}")
    table.add_row("calls", f"{now.calls} of {now.max_calls}")
    if now.drain:
        table.add_row("drain", drain_line(now.drain))
    for debt in now.debts:
        why = printable(" > ".join(debt.reasons))
        table.add_row("[bold red]owed[/]", f"a hang-up for {debt.call_id}, {length(debt.age)}: {why}")
    table.add_row("ledger", "works" if now.ledger.up else f"[bold red]down[/]: {printable(now.ledger.why)}")
    table.add_row("configuration", ", ".join(map(generation_line, now.generations)))
    if now.reload_failure:
        table.add_row("[bold red]reload[/]", f"refused: {printable(now.reload_failure)}")
    if now.restart_keys:
        table.add_row("[yellow]restart[/]", f"needed for {', '.join(now.restart_keys)}")
    lag = "unknown" if now.loop_lag is None else f"{now.loop_lag * 1000:.1f} ms"
    table.add_row("loop lag", f"{lag} (99 of 100 samples of the last minute are below)")
    if now.watchers or now.events_dropped:
        table.add_row("followers", f"{now.watchers}; {now.events_dropped} events were too fast for slow ones")
    if now.log_dropped:
        table.add_row("[yellow]log[/]", f"{now.log_dropped} lines were lost, as nobody took them")
    return table


def drain_line(drain: DrainView) -> str:
    """What a drain is at."""
    why = printable(" > ".join(drain.reasons))
    if drain.seconds is None:
        return f"wanted by {why}; calls are still taken for a moment"
    return f"wanted by {why}; what is left is hung up in {length(drain.seconds)}"


def generation_line(generation: Generation) -> str:
    """A generation and its calls."""
    return f"{'present: ' if generation.present else ''}{generation.number} ({generation.calls} calls)"


def length(seconds: float) -> str:
    """A time in whole seconds, as it is said: `2h 05m`, `3m 20s`, `12s`."""
    whole = int(max(seconds, 0.0))
    if whole >= 3600:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 60}m {whole % 60:02d}s" if whole >= 60 else f"{whole}s"
