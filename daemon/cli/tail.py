"""`callwarden tail`: what happens in calls, while it happens, on all nodes; by asking the ledger twice a second."""

import time
from collections.abc import Iterator
from pathlib import Path

import click

from daemon.cli.configuration import configured
from daemon.cli.happenings import line
from daemon.cli.opening import opened, the_call
from daemon.cli.plain import clock_time, make_console, print_json
from daemon.ledger.following import Event, Follower
from daemon.ledger.visiting import Visit

_POLL = 0.5
# Seconds after a receipt in which what happened last is written too.
_LAST_WORDS = 2.0


@click.command()
@configured
@click.argument("call", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each thing that happens.")
def tail(path: Path, overrides: tuple[str, ...], call: str | None, *, as_json: bool) -> None:
    """Follow what happens in all calls, or in one CALL from its beginning to its end.

    The beginning of its id is enough. Ends with the call, or with Ctrl-C. Words appear when a turn is complete.
    """
    console = make_console()
    with opened(path, overrides) as (_, visit):
        call_id = None if call is None else the_call(visit, call)
        try:
            for event in follow(visit, call_id):
                if as_json:
                    print_json(event)
                else:
                    whose = [] if call_id else [f"{event.call_id:.8}"]
                    console.print(line(event.entry, clock_time(event.at), *whose), soft_wrap=True)
        except KeyboardInterrupt:
            click.echo(err=True)  # how it is meant to be ended; the prompt goes on a line of its own


def follow(visit: Visit, call_id: str | None) -> Iterator[Event]:
    """Everything that happens from now on; or in one call from its beginning, until it is over."""
    follower = Follower(call_id)
    if call_id is None:
        visit.read(follower.skip)
    ended, over_since = False, 0.0
    while True:
        # Asked first: what was written before the receipt is then read for sure.
        over = visit.read(follower.over)
        events = visit.read(follower.read)
        yield from events
        ended = ended or any(event.entry.get("kind") == "Ended" for event in events)
        if events:
            continue
        if over:
            over_since = over_since or time.monotonic()
            if ended or time.monotonic() - over_since > _LAST_WORDS:
                return
        time.sleep(_POLL)
