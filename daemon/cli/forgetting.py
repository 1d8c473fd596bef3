"""`callwarden ledger forget`: erasing what is kept of one caller."""

from functools import partial
from pathlib import Path

import click

from daemon.cli.calls import number_given
from daemon.cli.configuration import configured
from daemon.cli.opening import fail, opened
from daemon.core.redaction import short_number
from daemon.ledger.erasure import Kept, clear_away, erase, kept_of, portions
from daemon.ledger.failures import explained
from daemon.replay.recordings import recordings_of

_MOST_NAMED = 5


@click.command()
@configured
@click.argument("number", callback=number_given)
@click.option("--dry-run", is_flag=True, help="Only say what there is.")
@click.option("--yes", is_flag=True, help="Don't ask.")
def forget(path: Path, overrides: tuple[str, ...], number: str, *, dry_run: bool, yes: bool) -> None:
    """Erase all calls from a caller's NUMBER, such as +14155550100, and all that is kept of them.

    In every table, deliveries that nobody has taken yet and recordings included, and from the database's files; a
    daemon may run meanwhile. What was sent to others, backups, logs and the platform's own records are not reached.
    """
    who = short_number(number)
    with opened(path, overrides) as (config, visit):
        kept = visit.read(partial(kept_of, number=number))
        recordings = recordings_of(config.recording.directory, number)
        if kept.live:
            named = ", ".join(kept.live[:_MOST_NAMED])
            fail(f"a call from {who} has not ended: {named}; wait, or end it with `callwarden hangup`, and repeat this")
        if not kept.calls and not recordings:
            click.echo(f"nothing is kept of {who}")
            return
        click.echo(_told(kept, len(recordings)))
        if dry_run:
            return
        if not yes:
            click.confirm(f"Erase all of it, for good, of {who}?", abort=True, err=True)
        for portion in portions(kept.calls):
            visit.write(partial(erase, call_ids=portion))
        for file in recordings:
            file.unlink(missing_ok=True)
        with explained(visit.engines.where):
            left = clear_away(visit.engines.lazy)
    if left:
        fail(f"erased, but {left}")
    click.echo("erased")


def _told(kept: Kept, recordings: int) -> str:
    """What there is, in one line."""
    counts = {"calls": len(kept.calls), **kept.rows, "recordings": recordings}
    said = ", ".join(f"{name}: {count}" for name, count in counts.items())
    return f"{said} ({kept.owed} deliveries are still owed to somebody)" if kept.owed else said
