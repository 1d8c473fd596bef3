"""`callwarden check`: read the configuration as `run` would, and say what is wrong with it, without starting."""

import json
import sys
from pathlib import Path

import click

from daemon.cli.configuration import EXIT_CONFIG, configured, load_or_exit
from daemon.config import Config, load
from daemon.errors import ConfigError


@click.command()
@configured
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def check(path: Path, overrides: tuple[str, ...], *, as_json: bool) -> None:
    """Check the configuration and its secrets without starting.

    Every problem is one line that names file, table and key. Exits with 0, or with 78 if there is any problem.
    """
    config = _load(path, overrides) if as_json else load_or_exit(path, overrides)
    routes = {number: entry.agent for number, entry in config.numbers.items()}
    if as_json:
        click.echo(json.dumps({"ok": True, "routes": routes, "agents": sorted(config.agents)}))
        return
    click.echo(f"{path}: good")
    for number, agent in routes.items():
        click.echo(f"  {number} is answered by {agent}")


def _load(path: Path, overrides: tuple[str, ...]) -> Config:
    """Load the configuration, or print its problems as JSON and exit with 78."""
    try:
        return load(path, overrides)
    except ConfigError as error:
        problems = [problem._asdict() for problem in error.problems]
        click.echo(json.dumps({"ok": False, "problems": problems}))
    sys.exit(EXIT_CONFIG)
