"""`callwarden check`: read the configuration as `run` would, and say what is wrong with it, without starting."""

import json
import os
import sys
from pathlib import Path

import click

from daemon.cli.configuration import EXIT_CONFIG, configured, load_or_exit
from daemon.cli.settingup import carriers_in
from daemon.config import Config, load
from daemon.config.transfers import transfer_warnings
from daemon.errors import ConfigError
from daemon.numbers.book import Bookshelf
from daemon.numbers.files import state_folder


@click.command()
@configured
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def check(path: Path, overrides: tuple[str, ...], *, as_json: bool) -> None:
    """Check the configuration and its secrets without starting.

    Every problem is one line that names file, table and key. Exits with 0, or with 78 if there is any problem. What may
    not work at a number's carrier is a warning.
    """
    config = _load(path, overrides) if as_json else load_or_exit(path, overrides)
    # What is known of the carriers is a help; where it is not to be read, a warning too many is all that comes of it.
    warnings = transfer_warnings(config, Bookshelf(carriers_in(state_folder(os.environ))).facts())
    routes = {number: entry.agent for number, entry in config.numbers.items()}
    if as_json:
        told = [warning._asdict() for warning in warnings]
        click.echo(json.dumps({"ok": True, "routes": routes, "agents": sorted(config.agents), "warnings": told}))
        return
    click.echo(f"{path}: good")
    for number, agent in routes.items():
        click.echo(f"  {number} is answered by {agent}")
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)


def _load(path: Path, overrides: tuple[str, ...]) -> Config:
    """Load the configuration, or print its problems as JSON and exit with 78."""
    try:
        return load(path, overrides)
    except ConfigError as error:
        problems = [problem._asdict() for problem in error.problems]
        click.echo(json.dumps({"ok": False, "problems": problems}))
    sys.exit(EXIT_CONFIG)
