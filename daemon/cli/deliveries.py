"""`callwarden ledger deliveries`: what the endpoints of `[[deliveries]]` are owed, and trying it again."""

import json
from functools import partial
from pathlib import Path

import click

from daemon.cli.configuration import configured
from daemon.cli.opening import fail, opened
from daemon.cli.plain import local_time, print_json, print_table
from daemon.config import Config
from daemon.ledger import sending
from daemon.ledger.listing import DeliveryState, list_deliveries
from daemon.ledger.visiting import Visit

_HEADINGS = ("DELIVERY", "CALL", "EVENT", "URL", "MADE", "ATTEMPTS", "NEXT", "STATE", "WHY")


@click.command()
@configured
@click.option("--owed", "state", flag_value="owed", default="owed", help="Those that are still tried; the default.")
@click.option("--failed", "state", flag_value="given up", help="Those that were given up.")
@click.option("--all", "state", flag_value="all", help="Those that were taken, too.")
@click.option(
    "--retry", "ids", metavar="ID", multiple=True, help="Try this one now, and begin its schedule anew. Repeatable."
)
@click.option("--retry-all", is_flag=True, help="The same for all that wait or were given up.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="List at most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each.")
def deliveries(
    path: Path,
    overrides: tuple[str, ...],
    *,
    state: DeliveryState,
    ids: tuple[str, ...],
    retry_all: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List deliveries, or have them tried again by a daemon that runs."""
    with opened(path, overrides) as (config, visit):
        if ids or retry_all:
            _retry(visit, None if retry_all else ids, as_json=as_json)
        else:
            _list(config, visit, state, limit, as_json=as_json)


def _list(config: Config, visit: Visit, state: DeliveryState, limit: int, *, as_json: bool) -> None:
    configured_urls = {delivery.url for delivery in config.deliveries}
    found = visit.read(partial(list_deliveries, state=state, limit=limit))
    if as_json:
        for delivery in found:
            print_json(delivery, state=delivery.state, configured=delivery.url in configured_urls)
        return
    rows = []
    for each in found:
        lost = each.due_at is not None and each.url not in configured_urls
        why = sending.NOT_CONFIGURED if lost else each.failure
        times = (local_time(each.made_at), str(each.attempts), None if lost else local_time(each.due_at))
        rows.append((each.id, each.call_id, each.event, each.url, *times, each.state, why))
    print_table(_HEADINGS, rows, empty="no deliveries")


def _retry(visit: Visit, ids: tuple[str, ...] | None, *, as_json: bool) -> None:
    again = visit.write(partial(sending.retry, ids=ids))
    for delivery_id in again:
        click.echo(json.dumps({"id": delivery_id, "state": "owed"}) if as_json else f"{delivery_id}: due now")
    left = [delivery_id for delivery_id in ids or () if delivery_id not in again]
    if left:
        fail(f"nothing to retry: {', '.join(left)}; not there, taken already, or due within a minute anyway")
    if not again and not as_json:
        click.echo("no deliveries", err=True)
