"""`callwarden tree`: the live task tree of the running daemon."""

from pathlib import Path

import click
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from daemon.cli.reaching import daemon_at, talks
from daemon.core.snapshots import TaskView


@click.command()
@talks
@click.option("--json", "as_json", is_flag=True, help="Print what the control API says.")
@click.option("--call", "call_id", metavar="ID", help="Show one call's tasks only.")
def tree(socket: Path | None, call_id: str | None, *, as_json: bool) -> None:
    """Show every task of the running daemon: what it waits for, its deadlines, and what is owed when it ends."""
    with daemon_at(socket) as client:
        if as_json:
            click.echo(client.text("/v1/tree"))
            return
        root = client.get("/v1/tree", TaskView)
    found = root if call_id is None else find(root, f"call {call_id}")
    if found is None:
        raise click.ClickException(f"there is no call {call_id} in progress here")
    # Wide enough for names and words on one line also where the terminal's width is not known.
    Console(highlight=False, soft_wrap=True).print(drawn(found))


def find(task: TaskView, name: str) -> TaskView | None:
    """A task by its name, anywhere below another."""
    if task.name == name:
        return task
    return next((found for child in task.tasks if (found := find(child, name))), None)


def drawn(task: TaskView) -> Tree:
    """A task and all below it, with lines."""
    branch = Tree(_line(task), guide_style="dim")
    for child in task.tasks:
        branch.add(drawn(child))
    return branch


def _line(task: TaskView) -> Text:
    line = Text.assemble((task.name, "bold" if task.call else ""), ("  waits for ", "dim"), task.waits_for)
    if task.call:
        line.append(f"  {task.call}", style="cyan")
    if task.debt:
        line.append(f"  owes {task.debt}", style="yellow" if task.debt != "none" else "dim")
    for deadline in task.deadlines:
        line.append(f"  {deadline.name} in {deadline.seconds:.1f} s ({deadline.owner})", style="dim")
    return line
