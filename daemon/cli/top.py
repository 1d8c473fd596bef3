"""`callwarden top`: calls, rates, latencies and debts of the running daemon on the whole screen, every second."""

import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from daemon.cli.rates import Rates
from daemon.cli.reaching import daemon_at, talks
from daemon.cli.status import drain_line, length
from daemon.core.redaction import printable
from daemon.core.snapshots import CallView, Status
from daemon.operate.client import Client
from daemon.operate.endpoints import CallList

_STEPS = (("session sent", "sent"), ("first word", "first_output"))
_LONGEST_WORDS = 60
# Lines of the screen that are not calls.
_FRAME = 8


@click.command()
@talks
@click.option(
    "--interval", type=click.FloatRange(min=0.2), default=1.0, show_default=True, help="Seconds between looks."
)
@click.option("--once", is_flag=True, help="Look once and print it, without taking the screen.")
def top(socket: Path | None, interval: float, *, once: bool) -> None:
    """Watch the running daemon: its calls, rates of the last minute, latencies, debts. Leave with q or Ctrl-C."""
    rates, console = Rates(), Console(highlight=False)
    with daemon_at(socket) as client:
        if once:
            console.print(picture(client, rates, 1000))
            return
        with _keys() as keys, Live(console=console, screen=True, auto_refresh=False) as screen:
            while True:
                screen.update(picture(client, rates, max(console.height - _FRAME, 3)), refresh=True)
                if _pressed(keys, interval):
                    return


@contextmanager
def _keys() -> Iterator[int | None]:
    """Have single keys without Enter, where there is a keyboard."""
    if not sys.stdin.isatty():
        yield None
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _pressed(descriptor: int | None, seconds: float) -> bool:
    """Wait; whether somebody wants to leave."""
    if descriptor is None:
        time.sleep(seconds)
        return False
    ready, _, _ = select.select([descriptor], [], [], seconds)
    return bool(ready) and sys.stdin.read(1) in {"q", "Q"}


def picture(client: Client, rates: Rates, lines: int) -> Group:
    """Look once; gives what is to be seen, with so many calls at the most."""
    status = client.get("/v1/status", Status)
    calls = client.get("/v1/calls", CallList).calls
    rates.add(time.monotonic(), client.text("/metrics").decode())
    parts: list[Table | Text] = [_head(status), _rates(rates)]
    for debt in status.debts[:5]:
        why = printable(" > ".join(debt.reasons))
        parts.append(Text(f"owed: a hang-up for {debt.call_id}, {length(debt.age)}: {why}", style="bold red"))
    parts.append(_calls(calls[:lines]))
    if len(calls) > lines:
        parts.append(Text(f"and {len(calls) - lines} more", style="dim"))
    return Group(*parts)


def _head(status: Status) -> Text:
    lag = "" if status.loop_lag is None else f"  loop lag {status.loop_lag * 1000:.1f} ms"
    ledger = "" if status.ledger.up else f"  LEDGER DOWN: {printable(status.ledger.why)}"
    drain = f"  {drain_line(status.drain)}" if status.drain else ""
    about = f"  {status.node}  up {length(status.uptime)}  calls {status.calls}/{status.max_calls}"
    return Text.assemble((f"callwarden {status.state}", "bold"), about, lag, (ledger, "bold red"), (drain, "yellow"))


def _rates(rates: Rates) -> Text:
    started = rates.per_minute("callwarden_calls_started_total")
    ended = rates.per_minute("callwarden_calls_ended_total")
    refused = rates.per_minute("callwarden_admission_refusals_total")
    words = f"a minute: {started:.0f} began, {ended:.0f} ended, {refused:.0f} turned away"
    for name, step in _STEPS:
        median, late = (rates.quantile(share, "callwarden_pickup_seconds", step=step) for share in (0.5, 0.95))
        if median is not None and late is not None:
            words += f"   {name} {median * 1000:.0f} ms, 95 % in {late * 1000:.0f} ms"
    return Text(words)


def _calls(calls: tuple[CallView, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("call", "from", "to", "agent", "state", "for", "age", "next", "last words"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for call in calls:
        following = call.deadlines[0] if call.deadlines else None
        words = call.last_words
        table.add_row(
            Text(call.call_id),
            Text(call.caller or "withheld"),
            Text(call.called or "?"),
            Text(call.agent),
            Text(call.state, style="green" if call.state == "talking" else "yellow"),
            length(call.in_state),
            length(call.age),
            Text(f"{following.name} {length(following.seconds)}" if following else ""),
            Text(f"{words.speaker}: {printable(words.text)[-_LONGEST_WORDS:]}" if words else "", style="dim"),
        )
    return table
