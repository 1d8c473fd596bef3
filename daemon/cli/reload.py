"""`callwarden reload`: let the running daemon load its configuration anew, and hear what came of it."""

from pathlib import Path

import click
import msgspec

from daemon.cli.reaching import daemon_at, talks
from daemon.core.snapshots import Reloaded


@click.command()
@talks
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def reload(socket: Path | None, *, as_json: bool) -> None:
    """Load the configuration anew, without a restart.

    New calls go by it, those in progress keep theirs. If anything is wrong with it, nothing changes: every problem is a
    line on standard error, and the exit code is 1, so that `systemctl reload` fails too.
    """
    with daemon_at(socket) as client:
        done = client.post("/v1/reload", Reloaded)
        if as_json:
            click.echo(msgspec.json.encode(done))
            return
        click.echo(f"generation {done.generation}: {', '.join(done.changed) or 'nothing has changed'}")
        for key in done.restart_keys:
            click.echo(f"  {key} takes effect only after a restart")
