"""The command line: `callwarden COMMAND`. One file per command; imports everything, is imported by nothing.

Exit codes: 0 done, 1 failed, 2 wrong usage, 69 something the daemon needs is missing, 75 the drain deadline ended
calls, 78 the configuration can't be used.
"""

import click

from daemon import __version__
from daemon.cli.check import check
from daemon.cli.demo import demo
from daemon.cli.run import run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="callwarden")
def main() -> None:
    """Answer phone calls with a realtime voice agent, and prove how each call ended."""


main.add_command(run)
main.add_command(check)
main.add_command(demo)
