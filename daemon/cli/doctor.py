"""`callwarden numbers doctor`: look at everything that has to fit together for a number to ring; one line each.

Exit codes: 0 nothing is wrong, 1 something is, 2 wrong usage, 78 the configuration can't be used.
"""

import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

import click
import msgspec

from daemon.carriers.base import Plan
from daemon.cli.carrying import DEFAULTS, read_job, remote
from daemon.cli.configuration import load_or_exit
from daemon.cli.settingup import (
    access,
    as_json_option,
    attempt,
    carriers_in,
    carry,
    checked,
    numbers_in,
    setting_up,
    sketch_or_exit,
)
from daemon.config import Config
from daemon.config.access import Sketch
from daemon.config.checks import phone_number
from daemon.numbers.book import Bookshelf
from daemon.numbers.credentials import find_manners
from daemon.numbers.doctor import Finding, Patient, examine
from daemon.numbers.record import Shelf
from daemon.observe.clock import system_clock
from daemon.platforms.xai.numbers import PhoneNumber, open_numbers


@click.command()
@click.argument("number", required=False)
@click.option("--api-url", default="", metavar="URL", help="Where the carrier's API is, if elsewhere.")
@as_json_option
@setting_up
def doctor(
    path: Path, overrides: tuple[str, ...], state: Path, number: str | None, api_url: str, *, as_json: bool
) -> None:
    """Find out why a number does not ring: look at key, registration, secrets, agent, carrier and webhook.

    Sends the running daemon signed test deliveries by the way that calls are announced; no call comes of them.
    """
    config = load_or_exit(path, overrides)
    sketch = sketch_or_exit(path, overrides)
    chosen = tuple(config.numbers) if number is None else (checked(phone_number, number),)
    if unknown := set(chosen) - set(config.numbers):
        raise click.UsageError(f"{', '.join(unknown)} is not in {path}")
    patient = _patient(config, sketch, chosen, state, api_url)
    findings = carry(partial(_look, patient, as_json=as_json))
    if as_json:
        click.echo(json.dumps([msgspec.to_builtins(finding) for finding in findings]))
    sys.exit(1 if any(finding.state == "fail" for finding in findings) else 0)


async def _look(patient: Patient, *, as_json: bool) -> list[Finding]:
    """Examine, and print each finding when it is there."""
    findings = []
    async for finding in examine(patient):
        findings.append(finding)
        if not as_json:
            click.echo(_line(finding))
    return findings


def _line(finding: Finding) -> str:
    state = "FAIL" if finding.state == "fail" else finding.state
    return f"{state:<5} {finding.what}: {finding.words}{'; ' if finding.fix else ''}{finding.fix}"


def _patient(config: Config, sketch: Sketch, numbers: tuple[str, ...], state: Path, api_url: str) -> Patient:
    records = {number: attempt(Shelf(numbers_in(state), number).load) for number in numbers}
    return Patient(
        config=config,
        numbers=numbers,
        records={number: record for number, record in records.items() if record is not None},
        listed=partial(_listed, sketch),
        previews=_previews(config, sketch, numbers, state, api_url),
        facts=Bookshelf(carriers_in(state)).facts(),
        wall=system_clock,
    )


async def _listed(sketch: Sketch) -> list[PhoneNumber]:
    async with open_numbers(**access(sketch)) as platform:
        return await platform.listed()


def _previews(
    config: Config, sketch: Sketch, numbers: tuple[str, ...], state: Path, api_url: str
) -> Mapping[str, Callable[[], Awaitable[Plan]]]:
    """A look at the carrier for each number where that is possible."""
    previews = {}
    for number in numbers:
        carrier = config.numbers[number].carrier
        if carrier in ("", "byo") or checked(lambda one: find_manners(one, os.environ), carrier) is None:
            continue
        job = read_job(sketch, {**DEFAULTS, "number": number, "state": state, "api_url": api_url})
        previews[number] = remote(job).preview
    return previews
