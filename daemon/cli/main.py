"""The `callwarden` command: a group whose commands are in the files beside this one, read when they are asked for.

Imports click, and the command that is asked for.
"""

import gc
from importlib import import_module

import click

from daemon import __version__
from daemon.cli.naming import PROGRAM

# Where each command is, and under which name, if not its own.
_COMMANDS = {
    "run": "run",
    "check": "check",
    "demo": "demo",
    "chat": "chat",
    "rehearse": "rehearse",
    "replay": "replay",
    "status": "status",
    "top": "top",
    "tree": "tree",
    "drain": "drain",
    "reload": "reload",
    "calls": "calls",
    "show": "show",
    "tail": "tail",
    "hangup": "orders",
    "transfer": "orders",
    "pause": "orders",
    "resume": "orders",
    "ledger": "ledger",
    "numbers": "numbers",
    "carrier": "carrier",
    "completion": "completion",
    "man": "manual",
}


class _Commands(click.Group):
    """A group that imports a command when it is asked for: most need only a part of the house."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Every command, in the order of a day's work."""
        return list(_COMMANDS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command."""
        if cmd_name not in _COMMANDS:
            return None
        # What is imported stays: looking through it for what can go, again and again, takes an eighth of the time.
        gc.disable()
        found: click.Command = getattr(import_module(f"daemon.cli.{_COMMANDS[cmd_name]}"), cmd_name)
        gc.freeze()
        gc.enable()
        return found


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=PROGRAM)
def main() -> None:
    """Answer phone calls with a realtime voice agent, and prove how each call ended."""
