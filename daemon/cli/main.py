"""The `callwarden` command: one group, one subcommand per file beside this one."""

import click

from daemon import __version__
from daemon.cli.check import check
from daemon.cli.completion import completion
from daemon.cli.demo import demo
from daemon.cli.drain import drain
from daemon.cli.manual import man
from daemon.cli.naming import PROGRAM
from daemon.cli.reload import reload
from daemon.cli.run import run
from daemon.cli.status import status
from daemon.cli.top import top
from daemon.cli.tree import tree


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=PROGRAM)
def main() -> None:
    """Answer phone calls with a realtime voice agent, and prove how each call ended."""


for command in (run, check, demo, status, top, tree, drain, reload, completion, man):
    main.add_command(command)
