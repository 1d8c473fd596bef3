"""`callwarden carrier`: send a number's calls to the platform, by the carrier's REST API or by hand, and back again.

`plan` only reads; `apply` and `remove` show what they would change and ask. What was broken off goes on when the same
command is run again. Exit codes: 0 done, 1 failed, 2 wrong usage, 78 the configuration.
"""

import json
import sys
from pathlib import Path
from typing import Any

import click

from daemon.carriers.base import Change, Plan
from daemon.carriers.byo import recipes
from daemon.carriers.manual import manual_steps
from daemon.cli.carrying import Job, Remote, offline, read_job, remote, see_that_it_is_registered
from daemon.cli.settingup import (
    Command,
    as_json_option,
    carrier_option,
    carry,
    number_argument,
    region_option,
    setting_up,
    sketch_or_exit,
    yes_option,
)
from daemon.errors import CarrierError, SetupStopped
from daemon.numbers.credentials import NEEDED


@click.group()
def carrier() -> None:
    """Send a number's calls to the platform, at the carrier that has it."""


def for_a_number(command: Command) -> Command:
    """Give a command what says which number, at which carrier, and how."""
    options = (
        number_argument,
        carrier_option,
        region_option,
        click.option("--sip-username", metavar="NAME", help="As registered, if the carrier logs in to the platform."),
        click.option("--transfers/--no-transfers", default=True, help="Twilio: whether calls may be transferred."),
        click.option("--take-over", is_flag=True, help="Also move the number away from another trunk."),
        click.option("--plain-number", is_flag=True, help="Telnyx: the dialled number without its plus sign."),
        click.option("--api-url", default="", metavar="URL", help="Where the carrier's API is, if elsewhere."),
        setting_up,
    )
    for option in reversed(options):
        command = option(command)
    return command


dry_run_option = click.option("--dry-run", is_flag=True, help="Show what would be changed, and change nothing.")


@carrier.command()
@for_a_number
@as_json_option
def plan(path: Path, overrides: tuple[str, ...], *, as_json: bool, **_options: object) -> None:
    """Say what is to be done: by hand, and by the carrier's API, compared with what is there. Changes nothing."""
    job = read_job(sketch_or_exit(path, overrides), click.get_current_context().params)
    if job.carrier is None:
        _show_recipes(job, as_json=as_json)
        return
    planned = carry(remote(job).preview) if job.manners else offline(job.carrier)
    steps = manual_steps(job.name, job.number, job.target, username=job.username)
    if as_json:
        click.echo(json.dumps({"carrier": job.name, "steps": list(steps), **_told(planned)}))
        return
    click.echo(f"By hand, at {job.name.title()}:")
    for place, step in enumerate(steps, start=1):
        click.echo(f"  {place}. {step}")
    missing = "" if job.manners else f", if nothing is there yet (set {' and '.join(NEEDED[job.name])} to compare)"
    click.echo(f"\nBy `callwarden carrier apply {job.number}`{missing}:")
    _show(planned, requests=True)


@carrier.command()
@for_a_number
@yes_option
@dry_run_option
@as_json_option
def apply(
    path: Path, overrides: tuple[str, ...], *, yes: bool, dry_run: bool, as_json: bool, **_options: object
) -> None:
    """Set the number up at the carrier: show what is to be changed, ask, and do it."""
    sketch = sketch_or_exit(path, overrides)
    at = remote(read_job(sketch, click.get_current_context().params))

    async def work() -> None:
        with at.job.files.locked(at.job.name):
            if not dry_run:
                await see_that_it_is_registered(at.job, sketch)
            await _work(at, yes=yes, dry_run=dry_run, as_json=as_json, undo=False)

    carry(work)


@carrier.command()
@for_a_number
@yes_option
@dry_run_option
@as_json_option
def remove(
    path: Path, overrides: tuple[str, ...], *, yes: bool, dry_run: bool, as_json: bool, **_options: object
) -> None:
    """Undo what `apply` has made: calls go where they went before."""
    at = remote(read_job(sketch_or_exit(path, overrides), click.get_current_context().params))

    async def work() -> None:
        with at.job.files.locked(at.job.name):
            await _work(at, yes=yes, dry_run=dry_run, as_json=as_json, undo=True)

    carry(work)


async def _work(at: Remote, *, yes: bool, dry_run: bool, as_json: bool, undo: bool) -> None:
    """Look, show, ask, do. Errors: `SetupStopped`, `CarrierError`; what was done by then is in the journal."""
    planned = await at.preview(undo=undo)
    if not as_json:
        _show(planned)
    if planned.refusals:
        raise SetupStopped("; ".join(planned.refusals))
    done = planned
    if not dry_run:
        # On standard error, so that it is seen next to JSON on standard output.
        if planned.changes and not yes:
            click.confirm("Do it?", abort=True, err=True)
        try:
            done = await at.carry_out(frozenset(change.key for change in planned.changes), undo=undo)
        except CarrierError:
            click.echo("Not all of it is done; the same command goes on from there.", err=True)
            raise
    if as_json:
        click.echo(json.dumps({"carrier": at.job.name, "done": not dry_run, **_told(planned), "facts": done.facts}))
    elif not dry_run:
        where = "go where they went before" if undo else f"go to {at.job.target}"
        click.echo(f"Done: calls to {at.job.number} {where}.")
    sys.stdout.flush()


def _show(planned: Plan, *, requests: bool = False) -> None:
    """Print a plan as a diff."""
    for refusal in planned.refusals:
        click.echo(f"  ! {refusal}")
    for change in planned.changes:
        click.echo(f"  {change.sign} {change.words}{'   <- this moves the calls' * change.live}")
        if requests:
            click.echo(f"      {_request(change)}")
    if not planned.changes and not planned.refusals:
        click.echo("  = nothing is to be changed")
    for note in planned.notes:
        click.echo(f"  note: {note}")


def _request(change: Change) -> str:
    return f"{change.method} {change.path}{' ' + json.dumps(change.shown) if change.body else ''}"


def _told(planned: Plan) -> dict[str, Any]:
    """A plan for programs; hidden parts of bodies stay hidden."""
    changes = [
        {
            "sign": one.sign,
            "what": one.words,
            "method": one.method,
            "path": one.path,
            "body": one.shown,
            "live": one.live,
        }
        for one in planned.changes
    ]
    return {"changes": changes, "refusals": list(planned.refusals), "notes": list(planned.notes)}


def _show_recipes(job: Job, *, as_json: bool) -> None:
    texts = recipes(job.number, job.host, job.username)
    if as_json:
        click.echo(json.dumps({"carrier": job.name, "target": job.target, "recipes": texts}))
        return
    for name, text in texts.items():
        click.echo(f"--- {name} ---\n{text}")
