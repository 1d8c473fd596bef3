"""`callwarden calls`: the calls the ledger knows, live and past, on all nodes."""

from pathlib import Path
from typing import get_args

import click

from daemon.cli.configuration import configured
from daemon.cli.opening import Span, opened
from daemon.cli.plain import local_time, print_json, print_table, span
from daemon.core.receipts import Outcome
from daemon.ledger.listing import Wanted, list_calls
from daemon.ledger.records import Call
from daemon.ledger.search import first_turns, number_of, words_of

_HEADINGS = ("CALL", "WHEN", "CALLER", "CALLED", "AGENT", "NODE", "STATE", "FOR")
# Of an id, as many characters as are needed to tell it from the others, but not fewer than so many.
_SHORT = 8


def number_given(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """A phone number, however it is written; it must have a plus sign and the country code."""
    try:
        return None if value is None else number_of(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _words(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    try:
        return () if value is None else tuple(words_of(value))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@configured
@click.option("--live", is_flag=True, help="Only calls in progress.")
@click.option("--since", type=Span(), metavar="DURATION", help="Only calls of the last 30m, 12h, 7d, ...")
@click.option("--number", callback=number_given, help="Only calls from or to this number.")
@click.option("--agent", help="Only calls that this agent answered.")
@click.option("--outcome", type=click.Choice(get_args(Outcome)), help="Only calls with this receipt.")
@click.option(
    "--search", "words", metavar="WORDS", callback=_words, help="Only calls in which all this was said at once."
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each call.")
def calls(
    path: Path,
    overrides: tuple[str, ...],
    *,
    live: bool,
    since: float | None,
    number: str | None,
    agent: str | None,
    outcome: str | None,
    words: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """List calls, newest first.

    On a SQLite ledger those of this machine, on a PostgreSQL one those of all nodes.
    """
    wanted = Wanted(
        live=live or None, since=since, number=number, agent=agent, outcome=outcome, words=words, limit=limit
    )
    with opened(path, overrides) as (_, visit):
        found = visit.read(lambda connection: list_calls(connection, wanted))
        ids = [call.call_id for call in found]
        said = visit.read(lambda connection: first_turns(connection, words, ids)) if words else {}
    if as_json:
        for call in found:
            print_json(call, **({"found": said.get(call.call_id)} if words else {}))
        return
    short = shortened(ids)
    rows = [(short[call.call_id], *_row(call), said.get(call.call_id) if words else _why(call)) for call in found]
    print_table((*_HEADINGS, "SAID" if words else "WHY"), rows, empty="no calls")


def shortened(ids: list[str]) -> dict[str, str]:
    """Beginnings of these ids, long enough to tell them apart."""
    length = _SHORT
    while len({call_id[:length] for call_id in ids}) < len(set(ids)):
        length += 1
    return {call_id: call_id[:length] for call_id in ids}


def state(call: Call) -> str:
    """How a call stands, in a word or two."""
    if call.outcome is not None:
        return call.outcome
    return "hang-up owed" if call.owed_for else "live"


def _row(call: Call) -> tuple[str | None, ...]:
    long = call.age if call.outcome is None else call.seconds
    return (local_time(call.claimed_at), call.caller, call.called, call.agent, call.node, state(call), span(long))


def _why(call: Call) -> str | None:
    return " > ".join(call.reasons or call.owed_for) or None
