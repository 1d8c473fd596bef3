"""From what was typed to one number at one carrier that can be looked at, set up and undone.

Used by `callwarden carrier` and the doctor. Imports click, config, carriers and numbers; credentials come from the
environment, files or systemd, never from arguments.
"""

import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import click
import msgspec

from daemon.carriers.api import CarrierApi, Manners, open_api
from daemon.carriers.base import Carrier, Memory, Plan
from daemon.carriers.plivo import Plivo
from daemon.carriers.telnyx import Telnyx
from daemon.carriers.twilio import Twilio
from daemon.cli.settingup import access, attempt, carriers_in, checked, numbers_in
from daemon.config import Secret
from daemon.config.access import Sketch
from daemon.config.checks import url
from daemon.errors import SetupStopped
from daemon.numbers.book import Bookshelf
from daemon.numbers.credentials import NEEDED, SIP_VARIABLE, account_of, find_manners, find_secret
from daemon.numbers.files import Files
from daemon.numbers.record import Record, Shelf
from daemon.numbers.routing import Router
from daemon.platforms.xai.numbers import SIP_HOST, open_numbers

DEFAULTS: Mapping[str, Any] = {
    "carrier": None,
    "region": "us",
    "sip_username": None,
    "transfers": True,
    "take_over": False,
    "plain_number": False,
    "api_url": "",
}
"""The options of the commands, for those who have none."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One number at one carrier, as asked for."""

    name: str
    number: str
    target: str
    """SIP URI of the number at the platform."""
    registered: bool
    """Whether this machine has registered it."""
    username: str
    """The SIP user the carrier logs in as; empty if it is known by its addresses."""
    password: Secret | None
    manners: Manners | None
    """How to speak to the carrier; None without credentials."""
    carrier: Carrier[Any] | None
    """None for your own PBX."""
    files: Files

    @property
    def host(self) -> str:
        """The platform's SIP host."""
        return self.target.partition("@")[2].partition(";")[0]


class Remote(msgspec.Struct, frozen=True, kw_only=True):
    """A job whose carrier has an API, with credentials for it."""

    job: Job
    carrier: Carrier[Any]
    manners: Manners

    async def preview(self, *, undo: bool = False) -> Plan:
        """What would be changed. Errors: `CarrierError`, `SetupStopped`."""
        async with self._open() as api:
            return await self._router(api).preview(undo=undo)

    async def carry_out(self, agreed: frozenset[str], *, undo: bool = False) -> Plan:
        """Change what was agreed to. Errors: `CarrierError`, `SetupStopped`."""
        async with self._open() as api:
            return await self._router(api).carry_out(agreed, undo=undo)

    def _open(self) -> AbstractAsyncContextManager[CarrierApi]:
        return open_api(self.manners, () if self.job.password is None else (self.job.password,))

    def _router(self, api: CarrierApi) -> Router[Any]:
        job = self.job
        books = Bookshelf(job.files)
        return Router(self.carrier, api, books, job.number, username=job.username, password=job.password)


def read_job(sketch: Sketch, params: Mapping[str, Any]) -> Job:
    """Put together what was typed, what is configured, and what was done before. Errors: `click.UsageError`."""
    number, state = params["number"], params["state"]
    record = attempt(Shelf(numbers_in(state), number).load)
    books = Bookshelf(carriers_in(state))
    name = params["carrier"] or sketch.carriers.get(number) or _carrier_in(books, number)
    if not name:
        raise click.UsageError(f'say who brings the calls: --carrier, or carrier = "..." in [numbers."{number}"]')
    username = params["sip_username"] or _username(record, books, name, number)
    base_url = checked(url("https", "http"), params["api_url"]) if params["api_url"] else ""
    job = Job(
        name=name,
        number=number,
        target=record.sip_uri if record else f"sip:{number}@{SIP_HOST};transport=tls",
        registered=record is not None and record.phase == "registered",
        username=username,
        password=checked(lambda variable: find_secret(variable, os.environ), SIP_VARIABLE) if username else None,
        manners=checked(lambda one: find_manners(one, os.environ, base_url), name),
        carrier=None,
        files=books.files,
    )
    return msgspec.structs.replace(job, carrier=_carrier(job, params))


def remote(job: Job) -> Remote:
    """A job that can be done by API. Errors: `click.UsageError`, with what is missing."""
    if job.carrier is None:
        recipes = f"`callwarden carrier plan {job.number} --carrier byo` has the recipes"
        raise click.UsageError(f"your own PBX is set up in its own configuration; {recipes}")
    if job.manners is None:
        names = NEEDED[job.name]
        files = " and ".join(f"{name}_FILE" for name in names)
        raise click.UsageError(f"set {' and '.join(names)} in the environment, or {files} to the files that hold them")
    return Remote(job=job, carrier=job.carrier, manners=job.manners)


def offline(carrier: Carrier[Any]) -> Plan:
    """What would be done if nothing was there yet."""
    return carrier.plan(carrier.nothing(), Memory())


async def see_that_it_is_registered(job: Job, sketch: Sketch) -> None:
    """Refuse to send calls where nobody takes them. Errors: `SetupStopped`, `PlatformError`."""
    if job.registered:
        return
    async with open_numbers(**access(sketch)) as platform:
        if await platform.find(job.number) is None:
            register = f"callwarden numbers register {job.number} --carrier {job.name} ..."
            raise SetupStopped(f"{job.number} is not registered at the platform, so its calls would fail: `{register}`")


def _carrier(job: Job, params: Mapping[str, Any]) -> Carrier[Any] | None:
    take_over = params["take_over"]
    match job.name:
        case "twilio":
            account, transfers = account_of("twilio", os.environ), params["transfers"]
            return Twilio(job.number, job.target, account=account, transfers=transfers, take_over=take_over)
        case "telnyx":
            plus = not params["plain_number"]
            return Telnyx(job.number, job.host, region=params["region"], plus=plus, take_over=take_over)
        case "plivo":
            return Plivo(
                job.number,
                job.host,
                auth_id=account_of("plivo", os.environ),
                username=job.username,
                password=job.password,
                take_over=take_over,
            )
    return None


def _carrier_in(books: Bookshelf, number: str) -> str:
    """The carrier at which this number was set up from here."""
    return attempt(lambda: next((name for name in NEEDED if number in books.load(name).routes), ""))


def _username(record: Record | None, books: Bookshelf, name: str, number: str) -> str:
    """The SIP user of the registration, or the one that the carrier was set up with."""
    if record is not None and record.wanted.sip.auth_username:
        return record.wanted.sip.auth_username
    route = attempt(lambda: books.load(name)).routes.get(number) if name in NEEDED else None
    return route.username if route else ""
