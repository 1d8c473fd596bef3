"""`callwarden numbers list` and `show`: what is registered at the platform, next to what this machine knows of it.

Changes nothing. Imports click, config, numbers and platforms.
"""

import json
import sys
from pathlib import Path
from typing import Any

import click

from daemon.cli.settingup import (
    access,
    as_json_option,
    attempt,
    carry,
    explain,
    number_argument,
    numbers_in,
    setting_up,
    sketch_or_exit,
)
from daemon.config.access import Sketch
from daemon.errors import SetupStopped
from daemon.numbers.record import Record, Shelf
from daemon.platforms.xai.numbers import PhoneNumber, open_numbers


@click.command(name="list")
@as_json_option
@setting_up
def list_numbers(path: Path, overrides: tuple[str, ...], state: Path, *, as_json: bool) -> None:
    """List the numbers that are registered at the platform, and who answers them here."""
    sketch = sketch_or_exit(path, overrides)
    listed = carry(lambda: _listed(sketch))
    rows = [_row(entry, sketch, Shelf(numbers_in(state), entry.phone_number)) for entry in listed]
    if as_json:
        click.echo(json.dumps(rows))
        return
    heads = {"number": "NUMBER", "agent": "AGENT", "carrier": "CARRIER", "secret": "SECRET", "id": "ID", "name": "NAME"}
    widths = {key: max(len(row[key]) for row in [heads, *rows]) for key in heads}
    for row in [heads, *rows]:
        click.echo("  ".join(row[key].ljust(widths[key]) for key in heads).rstrip())


@click.command(name="show")
@number_argument
@as_json_option
@setting_up
def show_number(path: Path, overrides: tuple[str, ...], state: Path, number: str, *, as_json: bool) -> None:
    """Show what the platform and this machine know of one number."""
    sketch = sketch_or_exit(path, overrides)
    entry = next((one for one in carry(lambda: _listed(sketch)) if one.phone_number == number), None)
    shelf = Shelf(numbers_in(state), number)
    record = attempt(shelf.load)
    if entry is None and record is None:
        click.echo(f"callwarden: {number} is not registered; `callwarden numbers register` does that", err=True)
        sys.exit(1)
    facts = _details(number, entry, record, sketch)
    if as_json:
        click.echo(json.dumps(facts))
        return
    for key, value in facts.items():
        click.echo(f"{key:<16}{', '.join(value) if isinstance(value, list) else value}")


async def _listed(sketch: Sketch) -> list[PhoneNumber]:
    async with open_numbers(**access(sketch)) as platform:
        return await platform.listed()


def _row(entry: PhoneNumber, sketch: Sketch, shelf: Shelf) -> dict[str, str]:
    number = entry.phone_number
    return {
        "number": number,
        "agent": sketch.routes.get(number, "-"),
        "carrier": sketch.carriers.get(number, "-"),
        "secret": _secret_of(shelf),
        "id": entry.phone_number_id,
        "name": entry.name,
    }


def _secret_of(shelf: Shelf) -> str:
    try:
        record = shelf.load()
    except SetupStopped as error:
        return explain(error)
    if record is None:
        return "unknown"
    return "here" if record.phase == "registered" else f"unfinished ({record.phase})"


def _details(number: str, entry: PhoneNumber | None, record: Record | None, sketch: Sketch) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "number": number,
        "registered": "yes" if entry else "no",
        "agent": sketch.routes.get(number, "-"),
        "carrier": sketch.carriers.get(number, "-"),
    }
    if entry is not None:
        facts |= {"id": entry.phone_number_id, "name": entry.name, "sip_host": entry.sip_host}
        facts |= {"console_agent": entry.agent_id} if entry.agent_id else {}
    if record is not None:
        sip = record.wanted.sip
        facts |= {"sip_uri": record.sip_uri, "webhook_url": record.wanted.webhook_url}
        facts |= {"sip_username": sip.auth_username} if sip.auth_username else {}
        facts |= {"allowed": list(sip.allowed_addresses)} if sip.allowed_addresses else {}
        facts |= {"secret_file": record.place.path, "webhook_secrets": list(record.references)}
        facts |= {} if record.phase == "registered" else {"unfinished": record.phase}
    return facts
