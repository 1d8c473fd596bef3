"""The `callwarden` command: one group, one subcommand per file beside this one."""

import click

from daemon import __version__
from daemon.cli.check import check
from daemon.cli.demo import demo
from daemon.cli.replay import replay
from daemon.cli.run import run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="callwarden")
def main() -> None:
    """Answer phone calls with a realtime voice agent, and prove how each call ended."""


main.add_command(run)
main.add_command(check)
main.add_command(demo)
main.add_command(replay)
