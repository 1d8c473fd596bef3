"""`callwarden demo`: watch a phone call being answered, on this machine, with no key and no network.

Renders what `sandbox/demo.py` reports, for people with rich or for programs as lines of JSON. Exits with 0 only if
every step really happened.
"""

import json
import subprocess
import sys
import tomllib
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec
import trio
from rich.console import Console
from rich.table import Table
from rich.text import Text

import daemon
from daemon.errors import StartError
from daemon.observe.clock import system_clock
from daemon.sandbox.demo import DEMO, QUICK, Outcome, run_demo

SHIPPED = Path(daemon.__file__).parent.parent / "config.toml"
EXIT_MISSING = 69

Record = dict[str, Any]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the same as lines of JSON.")
@click.option("--quick", is_flag=True, help="Speak faster than anybody could follow.")
@click.option("--log", "with_log", is_flag=True, help="Show the daemon's own log on standard error.")
def demo(*, as_json: bool, quick: bool, with_log: bool) -> None:
    """Answer one phone call end to end, with a stand-in for the platform on this machine.

    Starts the real daemon with the shipped configuration; only URLs, secrets and the port are its own. Needs no API
    key and no network. Exits with 0 only if every step really happened.
    """
    if not SHIPPED.exists():
        click.echo(f"callwarden: {SHIPPED} is missing; run the demo from a checkout: make demo", err=True)
        sys.exit(EXIT_MISSING)
    screen: Printer | Screen = Printer() if as_json else Screen(Console(highlight=False))
    greeting = tomllib.loads(SHIPPED.read_text())["agents"]["support"]["greeting"]
    outcome, problem = None, ""
    play = partial(
        run_demo,
        SHIPPED,
        greeting=greeting,
        wall=system_clock,
        show=screen.record,
        log=None if with_log else subprocess.DEVNULL,
        script=QUICK if quick else DEMO,
    )
    try:
        outcome = trio.run(play)
    except* StartError as group:
        problem = str(group.exceptions[0])
    if outcome is None:
        click.echo(f"callwarden: {problem}", err=True)
        sys.exit(1)
    screen.outcome(outcome)
    sys.exit(1 if outcome.missing else 0)


class Printer:
    """Lines of JSON."""

    def record(self, record: Record) -> None:
        """Print one record of the call."""
        click.echo(json.dumps(record))

    def outcome(self, outcome: Outcome) -> None:
        """Print the result."""
        click.echo(json.dumps({"outcome": msgspec.to_builtins(outcome)}))


class Screen:
    """A call as a person would like to read it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began: float | None = None
        console.print("[dim]A stand-in for the platform, and the real daemon, on this machine only.[/]\n")

    def record(self, record: Record) -> None:
        """Print one record of the call, if it is worth a line."""
        entry = record.get("entry", {})
        line = _describe(entry)
        if line is None:
            return
        self._began = self._began or record["at"]
        who, words, style = line
        text = Text.assemble((f"{record['at'] - self._began:6.2f} s  ", "dim"), (f"{who:<9}", style), words)
        self._console.print(text)

    def outcome(self, outcome: Outcome) -> None:
        """Print the closing table, and what did not happen."""
        table = Table(title="\nThe call", title_justify="left", title_style="bold", show_header=False, box=None)
        table.add_row("daemon ready after", _milliseconds(outcome.ready_seconds))
        table.add_row("pickup: webhook to session.update", _milliseconds(outcome.pickup_seconds))
        table.add_row("the same, seen by the platform", _milliseconds(outcome.pickup_seconds_seen))
        table.add_row("receipt", f"{outcome.receipt} ({outcome.why})")
        table.add_row("exit code of the daemon", str(outcome.exit_code))
        self._console.print(table)
        events = Table(title="\nEvents by type", title_justify="left", title_style="bold", show_header=False, box=None)
        for kind, count in sorted(outcome.events.items(), key=lambda item: -item[1]):
            events.add_row(f"{count:5d}", kind)
        self._console.print(events)
        for step in outcome.missing:
            self._console.print(f"[bold red]did not happen:[/] {step}")
        if not outcome.missing:
            self._console.print("\n[bold green]Every step happened.[/]")


def _describe(entry: dict[str, Any]) -> tuple[str, str, str] | None:
    """Who, what, and in which style; None for what is only half said."""
    match entry.get("kind"):
        case "WebhookVerified":
            return "webhook", f"signature verified: {entry['caller']} calls {entry['called']}", "cyan"
        case "Claimed":
            return "claimed", f"the call is ours; agent {entry['agent']} answers", "cyan"
        case "Joined":
            return "joined", f"over a WebSocket, {_milliseconds(entry['seconds'])} after the webhook", "cyan"
        case "SessionSent":
            return "session", f"session.update on the wire, {_milliseconds(entry['seconds'])} after the webhook", "cyan"
        case "SessionConfigured":
            return "session", f"configured: model {entry['model']}, voice {entry['voice']}", "cyan"
        case "Said" if entry["final"]:
            return entry["speaker"], entry["text"], "bold green" if entry["speaker"] == "agent" else "bold yellow"
        case "KeyPressed":
            return "key", entry["digit"] or "*** (not to be shown)", "magenta"
        case "DigitsCollected":
            digits = entry["digits"] or f"*** {entry['count']} keys, not to be shown"
            return "entry", f"{digits} (ended by {entry['trigger']})", "magenta"
        case "MenuChosen":
            return "menu", f"{entry['keys'] or '***'}: {entry['action']}", "magenta"
        case "TransferAsked":
            return "transfer", f"it rings at {entry['destination']}", "blue"
        case "TransferFailed":
            sip = "" if entry["sip_status"] is None else f" (SIP {entry['sip_status']})"
            return "transfer", f"{entry['destination']}: {entry['result']}{sip}", "blue"
        case "HangUpAsked":
            return "tool", f"hang_up: {entry['reason']}", "blue"
        case "ToolCalled":
            return "tool", f"{entry['name']} runs", "blue"
        case "ToolEnded":
            return "tool", f"{entry['name']}: {entry['why'] or 'done'}, {_milliseconds(entry['seconds'])}", "blue"
        case "GoodbyeSaid":
            return "goodbye", "heard to its end; hanging up", "blue"
        case "Ended":
            receipt = entry["receipt"]
            return "receipt", f"{receipt['outcome']}: {' > '.join(receipt['reasons'])}", "bold"
    return None


def _milliseconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds * 1000:.1f} ms"
