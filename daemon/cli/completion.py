"""`callwarden completion`: the script that lets a shell complete our commands and options."""

import click
from click.shell_completion import get_completion_class

from daemon.cli.naming import PROGRAM

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    For bash: callwarden completion bash > /etc/bash_completion.d/callwarden
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise AssertionError(f"click does not know {shell}")
    command = context.find_root().command
    click.echo(kind(command, {}, PROGRAM, f"_{PROGRAM.upper()}_COMPLETE").source())
