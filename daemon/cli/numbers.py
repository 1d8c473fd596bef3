"""`callwarden numbers`: register numbers at the platform, look after them, and find out why one does not ring.

What takes several requests is done by `numbers/`, under a journal: a command that was broken off is run again. Exit
codes: 0 done, 1 failed, 2 wrong usage, 78 the configuration.
"""

import json
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from daemon.cli.doctor import doctor
from daemon.cli.listing import list_numbers, show_number
from daemon.cli.registering import Typed, show, told
from daemon.cli.settingup import (
    Command,
    access,
    as_json_option,
    attempt,
    carrier_option,
    carry,
    number_argument,
    numbers_in,
    region_option,
    setting_up,
    sketch_or_exit,
    yes_option,
)
from daemon.config.access import Sketch
from daemon.config.edit import write_number
from daemon.errors import SetupStopped
from daemon.numbers.record import Record, Shelf
from daemon.numbers.registration import Registrar
from daemon.platforms.xai.numbers import open_numbers


@click.group()
def numbers() -> None:
    """Register phone numbers at the platform, and look after them."""


def registering(command: Command) -> Command:
    """Give a command the options that say how to register."""
    options = (
        click.option("--webhook", metavar="URL", help="https URL where calls are announced; else [server] public_url."),
        click.option(
            "--allow", multiple=True, metavar="CIDR", help="Where the carrier's signalling comes from. Repeatable."
        ),
        click.option("--sip-username", metavar="NAME", help="Or: the carrier's login; see the docs on its password."),
        carrier_option,
        region_option,
        click.option("--name", help="What the platform calls the number."),
        click.option("--write", is_flag=True, help="Write the number into the configuration file, keeping comments."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@numbers.command()
@number_argument
@registering
@click.option("--agent", help="Who answers, for config.toml.")
@click.option("--secret-file", type=click.Path(path_type=Path), help="Where the signing secret goes, mode 0600.")
@click.option("--systemd-creds", type=click.Path(path_type=Path), help="Or: encrypted there by systemd-creds.")
@click.option("--credential", default="", help="Let config.toml name the secret as this systemd credential.")
@as_json_option
@setting_up
def register(path: Path, overrides: tuple[str, ...], state: Path, *, as_json: bool, **_options: object) -> None:
    """Register a number, so that calls to it are announced to this server.

    The signing secret goes into a private file and is shown nowhere. Broken off at any point, run it again.
    """
    typed = _typed()
    sketch = sketch_or_exit(path, overrides)
    files = numbers_in(state)
    fresh = typed.fresh(sketch, files)
    typed.agent_of(sketch)

    async def work() -> dict[str, Any]:
        if typed.write:
            typed.edit(path, sketch, fresh.references, dry=True)
        async with open_numbers(**access(sketch)) as platform:
            with files.locked(typed.number):
                registrar = Registrar(platform, Shelf(files, typed.number))
                return _finish(registrar, await registrar.register(fresh), typed, sketch, path, as_json=as_json)

    facts = carry(work)
    if facts["webhook_url"] != fresh.wanted.webhook_url:
        click.echo(
            "note: registered earlier, with another webhook URL; `numbers rotate --webhook` changes it", err=True
        )


@numbers.command()
@number_argument
@registering
@yes_option
@click.option("--finish", is_flag=True, help="Give up the old secret: the daemon knows the new one by now.")
@as_json_option
@setting_up
def rotate(
    path: Path,
    overrides: tuple[str, ...],
    state: Path,
    *,
    yes: bool,
    finish: bool,
    as_json: bool,
    **_options: object,
) -> None:
    """Give a number a new signing secret, or a new webhook URL: take it off and register it anew.

    The old secret stays accepted until --finish. Broken off at any point, run it again: it goes on.
    """
    typed = _typed()
    sketch = sketch_or_exit(path, overrides)
    files = numbers_in(state)
    if finish:
        attempt(lambda: _give_up_old(Shelf(files, typed.number), path, write=typed.write))
        return
    if not yes:
        click.echo(
            f"{typed.number} is taken off and registered anew: a call that comes in that second is lost, and later"
        )
        click.echo("ones are refused until the daemon knows the new secret: reload it as soon as this is done.")
        click.confirm("Go on?", abort=True)

    async def work() -> None:
        async with open_numbers(**access(sketch)) as platform:
            with files.locked(typed.number):
                shelf = Shelf(files, typed.number)
                known = shelf.load()
                wanted = typed.revised(known.wanted if known else None, sketch)
                registrar = Registrar(platform, shelf)
                fresh = known or typed.adopted(wanted, files)
                done = await registrar.rotate(fresh, wanted, typed.sip_password(wanted.sip))
                _finish(registrar, done, typed, sketch, path, as_json=as_json)

    carry(work)


@numbers.command()
@number_argument
@yes_option
@setting_up
def delete(path: Path, overrides: tuple[str, ...], state: Path, number: str, *, yes: bool) -> None:
    """Take a number off the platform. Calls to it then fail, wherever the carrier sends them."""
    sketch = sketch_or_exit(path, overrides)
    if not yes:
        click.echo(
            f"{number} is taken off the platform: callers get no answer any more. `callwarden carrier remove` first"
        )
        click.confirm("sends them where they went before. Go on?", abort=True)
    files = numbers_in(state)

    async def work() -> bool:
        async with open_numbers(**access(sketch)) as platform:
            with files.locked(number):
                return await Registrar(platform, Shelf(files, number)).delete(number)

    there = carry(work)
    click.echo(f"{number} is {'registered no more' if there else 'not registered'}")
    if there and number in sketch.routes:
        click.echo(f'[numbers."{number}"] can go from {path}')


def _typed() -> Typed:
    """The options of this command that say how to register."""
    params = click.get_current_context().params
    given = {name: params[name] for name in Typed.__struct_fields__ if params.get(name) is not None}
    return Typed(**given)


def _finish(
    registrar: Registrar, record: Record, typed: Typed, sketch: Sketch, path: Path, *, as_json: bool
) -> dict[str, Any]:
    """Write the configuration, tell the operator, and only then note that they know."""
    if typed.write:
        typed.edit(path, sketch, record.references)
    facts = told(record, typed, sketch)
    if as_json:
        click.echo(json.dumps(facts))
    else:
        show(facts, written=path if typed.write else None)
    sys.stdout.flush()
    registrar.told(record)
    return facts


def _give_up_old(shelf: Shelf, path: Path, *, write: bool) -> None:
    """Remove the secrets from before the last rotation, from the configuration first."""
    with shelf.files.locked(shelf.number):
        record = shelf.load()
        if record is None or record.phase != "registered":
            raise SetupStopped(f"there is no rotation of {shelf.number} to finish")
        old = [record.base.numbered(generation) for generation in record.retired]
        references = [place.reference for place in old]
        if write:
            write_number(path, shelf.number, agent=None, carrier="", drop=references)
        still = [reference for reference in references if path.exists() and reference in path.read_text()]
        if still:
            raise SetupStopped(f"{path} still names {', '.join(still)}; take it out, or use --write")
        for place in old:
            Path(place.path).unlink(missing_ok=True)
        shelf.save(msgspec.structs.replace(record, retired=()))
        click.echo(f"{len(old)} old secret(s) of {shelf.number} removed; callwarden reload when it suits you")


numbers.add_command(list_numbers)
numbers.add_command(show_number)
numbers.add_command(doctor)
