"""`callwarden ledger`: looking after the ledger: its tables, its contents, its nodes, and who is told of calls."""

from functools import partial
from pathlib import Path

import click

from daemon.cli.configuration import configured
from daemon.cli.deliveries import deliveries
from daemon.cli.forgetting import forget
from daemon.cli.opening import EXIT_FAILED, EXIT_USAGE, Span, fail, opened
from daemon.cli.plain import harmless, local_time, print_json, print_table, span
from daemon.core.durations import format_duration
from daemon.ledger.listing import ended_before, list_nodes
from daemon.ledger.migrate import migrate as bring_up_to_date
from daemon.ledger.records import Call, read_portion
from daemon.ledger.retention import prune as forget_some
from daemon.ledger.verifying import verify as look_at_all


@click.group()
def ledger() -> None:
    """Look after the ledger."""


ledger.add_command(deliveries)
ledger.add_command(forget)


@ledger.command()
@configured
def migrate(path: Path, overrides: tuple[str, ...]) -> None:
    """Bring the tables up to date with this version.

    On SQLite the daemon does so by itself when it starts. On PostgreSQL, run this once every node has the new version.
    """
    with opened(path, overrides, any_version=True) as (_, visit):
        before, after = bring_up_to_date(visit.engines)
        where = visit.engines.where
    if before == after:
        click.echo(f"{where}: up to date ({after})")
    else:
        click.echo(f"{where}: {f'from {before} to {after}' if before else f'tables made ({after})'}")


@ledger.command()
@configured
@click.option("--since", type=Span(), metavar="DURATION", help="Only calls of the last 30m, 12h, 7d, ...")
def export(path: Path, overrides: tuple[str, ...], since: float | None) -> None:
    """Print all calls with all about them, oldest first, as lines of JSON.

    Holds people's words, numbers and digits, and what tools were given and gave.
    """
    with opened(path, overrides) as (_, visit):
        last: Call | None = None
        while portion := visit.read(partial(read_portion, after=last, since=since)):
            for record in portion:
                print_json(record)
            last = portion[-1].call


@ledger.command()
@configured
@click.option("--older-than", type=Span(), metavar="DURATION", help="Ended longer ago; [ledger] retention by default.")
@click.option("--yes", is_flag=True, help="Don't ask.")
def prune(path: Path, overrides: tuple[str, ...], older_than: float | None, *, yes: bool) -> None:
    """Forget calls that ended long ago, with all about them.

    The daemon does so by itself, once an hour. Calls whose deliveries are still owed are kept until those are over.
    """
    with opened(path, overrides) as (config, visit):
        age = config.ledger.retention if older_than is None else older_than
        if older_than is None and not age:
            fail("[ledger] retention is for ever; say --older-than", EXIT_USAGE)
        old = visit.read(partial(ended_before, seconds=age))
        if old and not yes:
            click.confirm(f"Forget {old} calls that ended more than {format_duration(age)} ago?", abort=True, err=True)
        forgotten = 0
        while some := visit.write(partial(forget_some, older_than=age)):
            forgotten += some
    click.echo(f"forgotten: {forgotten}")


@ledger.command()
@configured
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def verify(context: click.Context, path: Path, overrides: tuple[str, ...], *, as_json: bool) -> None:
    """See whether all that the ledger says can be true: receipts, debts, epochs, journals, deliveries, the file.

    Reads only, and may be run beside the daemon. Exits with 1 if anything is wrong.
    """
    with opened(path, overrides) as (_, visit):
        verdict = visit.read(look_at_all)
        where = visit.engines.where
    if as_json:
        print_json(verdict)
    else:
        for found in verdict.findings:
            click.echo(harmless(f"{found.about}: {found.what} ({found.rule})"))
        counted = (
            f"{verdict.calls} calls, {verdict.receipts} receipts, {verdict.live} live, {verdict.epochs} epochs, "
            f"{verdict.entries} entries, {verdict.deliveries} deliveries"
        )
        told = f"{len(verdict.findings)} findings" if verdict.findings else "consistent"
        click.echo(f"{where}: {counted}: {told}")
    context.exit(EXIT_FAILED if verdict.findings else 0)


@ledger.command()
@configured
@click.option("--all", "gone", is_flag=True, help="Those that are gone too.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each.")
def nodes(path: Path, overrides: tuple[str, ...], *, gone: bool, as_json: bool) -> None:
    """List the nodes that share the ledger, and the calls each has."""
    with opened(path, overrides) as (_, visit):
        found = visit.read(partial(list_nodes, gone=gone))
    if as_json:
        for node in found:
            print_json(node, state=node.state)
        return
    rows = [
        (
            node.node,
            node.epoch,
            node.version,
            local_time(node.started_at),
            node.state,
            span(node.lease_left),
            str(node.calls),
        )
        for node in found
    ]
    print_table(("NODE", "EPOCH", "VERSION", "SINCE", "STATE", "LEASE", "CALLS"), rows, empty="no nodes")
