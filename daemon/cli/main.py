"""The `callwarden` command: one group, one subcommand per file beside this one."""

import click

from daemon import __version__
from daemon.cli.calls import calls
from daemon.cli.chat import chat
from daemon.cli.check import check
from daemon.cli.demo import demo
from daemon.cli.ledger import ledger
from daemon.cli.orders import hangup, pause, resume, transfer
from daemon.cli.replay import replay
from daemon.cli.run import run
from daemon.cli.show import show
from daemon.cli.tail import tail


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="callwarden")
def main() -> None:
    """Answer phone calls with a realtime voice agent, and prove how each call ended."""


for command in (run, check, demo, chat, replay, calls, show, tail, hangup, transfer, pause, resume, ledger):
    main.add_command(command)
