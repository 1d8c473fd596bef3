"""From what was typed to a registration that can be made, and from one that was made to what its owner is told.

Used by `callwarden numbers`. Imports click, config, carriers, numbers; talks to nobody.
"""

import os
from pathlib import Path
from typing import Any

import click
import msgspec

from daemon.carriers.manual import manual_steps
from daemon.carriers.ranges import signalling_ranges
from daemon.cli.settingup import checked
from daemon.config import Secret
from daemon.config.access import Sketch
from daemon.config.checks import suggest
from daemon.config.edit import number_lines, write_number
from daemon.numbers.credentials import SIP_VARIABLE, find_secret
from daemon.numbers.files import Files
from daemon.numbers.record import Record, SecretPlace, Wanted
from daemon.numbers.secretstore import free_generation
from daemon.numbers.wishes import allowed_addresses, new_sip_password, sip_username, webhook_url
from daemon.platforms.xai.numbers import SipAuth


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `register` and `rotate`, as they were typed."""

    number: str
    webhook: str | None = None
    allow: tuple[str, ...] = ()
    sip_username: str | None = None
    carrier: str = ""
    region: str = "us"
    name: str | None = None
    agent: str | None = None
    secret_file: Path | None = None
    systemd_creds: Path | None = None
    credential: str = ""
    write: bool = False

    def wanted(self, sketch: Sketch) -> Wanted:
        """The registration that is asked for. Errors: `click.UsageError`."""
        url = self.webhook or sketch.webhook_url
        if not url:
            raise click.UsageError("say where calls are to be announced: --webhook https://HOST/xai/sip-webhook")
        name = self.name or f"callwarden {self.number}"
        return Wanted(number=self.number, name=name, webhook_url=checked(webhook_url, url), sip=self.sip())

    def sip(self) -> SipAuth:
        """How the platform is to know the carrier: one way of two. Errors: `click.UsageError`."""
        if self.allow and self.sip_username:
            raise click.UsageError("--allow and --sip-username are two ways to do the same; choose one")
        if self.sip_username:
            return SipAuth(auth_username=checked(lambda text: sip_username(text, self.carrier), self.sip_username))
        published = () if self.carrier == "plivo" else signalling_ranges(self.carrier, self.region)
        if not self.allow and not published:
            what = "--sip-username NAME, or --allow CIDR for each of your carrier's signalling ranges"
            why = "; for Plivo the user name is better: its ranges carry more than signalling"
            raise click.UsageError(f"say how the platform knows your carrier: {what}{why * (self.carrier == 'plivo')}")
        return SipAuth(allowed_addresses=checked(allowed_addresses, self.allow or published))

    def place(self, files: Files) -> SecretPlace:
        """Where the signing secret is to go. Errors: `click.UsageError`."""
        if self.secret_file and self.systemd_creds:
            raise click.UsageError("--secret-file and --systemd-creds are two places for one secret; choose one")
        if self.systemd_creds:
            if self.credential not in ("", self.systemd_creds.name):
                raise click.UsageError("an encrypted credential is named like its file; leave --credential out")
            path = str(self.systemd_creds.absolute())
            return SecretPlace(path=path, encrypted=True, credential=self.systemd_creds.name)
        path = str((self.secret_file or files.path(f"{self.number}.whsec")).absolute())
        return SecretPlace(path=path, credential=self.credential)

    def fresh(self, sketch: Sketch, files: Files) -> Record:
        """The record to begin with. Errors: `click.UsageError`."""
        wanted, place = self.wanted(sketch), self.place(files)
        generation = 1 if self.secret_file or self.systemd_creds else free_generation(place)
        return Record(
            wanted=wanted,
            phase="creating",
            base=place,
            generation=generation,
            sip_password=self.sip_password(wanted.sip),
        )

    def revised(self, known: Wanted | None, sketch: Sketch) -> Wanted:
        """What a number is to be registered with anew: as before, but for what was typed. Errors: as `wanted`."""
        if known is None:
            return self.wanted(sketch)
        return Wanted(
            number=self.number,
            name=self.name or known.name,
            webhook_url=checked(webhook_url, self.webhook) if self.webhook else known.webhook_url,
            sip=self.sip() if self.allow or self.sip_username else known.sip,
        )

    def adopted(self, wanted: Wanted, files: Files) -> Record:
        """The record of a number that was registered elsewhere, so that it can be registered anew."""
        place = self.place(files)
        generation = free_generation(place) - 1
        return Record(wanted=wanted, phase="registered", base=place, generation=generation, told=True)

    def sip_password(self, sip: SipAuth) -> str:
        """The SIP password: the one that was given, or a new one; none where the carrier is known by address."""
        if not sip.auth_username:
            return ""
        given = given_password()
        return given.reveal() if given is not None else new_sip_password()

    def agent_of(self, sketch: Sketch) -> str:
        """Who is to answer: as asked for, as stated, or the only one there is. Errors: `click.UsageError`."""
        known = sketch.routes.get(self.number, "")
        if self.agent:
            if sketch.agents and self.agent not in sketch.agents:
                hint = suggest(self.agent, sketch.agents) or f"; there is: {', '.join(sketch.agents)}"
                raise click.UsageError(f'there is no agent "{self.agent}"{hint}')
            return self.agent
        if not known and len(sketch.agents) != 1 and self.write:
            raise click.UsageError(f"say who answers: --agent NAME, one of {', '.join(sketch.agents) or 'none'}")
        return known or (sketch.agents[0] if len(sketch.agents) == 1 else "NAME")

    def edit(self, path: Path, sketch: Sketch, references: tuple[str, ...], *, dry: bool = False) -> None:
        """Write the number into the configuration, or see whether that could be done. Errors: `SetupStopped`."""
        agent, carrier = self.agent_of(sketch), self.carrier
        write_number(path, self.number, agent=agent, carrier=carrier, add=references, dry=dry)


def given_password() -> Secret | None:
    """The SIP password, if its owner has brought one. Errors: `click.BadParameter`."""
    return checked(lambda name: find_secret(name, os.environ), SIP_VARIABLE)


def told(record: Record, typed: Typed, sketch: Sketch) -> dict[str, Any]:
    """All there is to tell of a registration. A SIP password that was made here is told once, and a given one never."""
    sip, carrier = record.wanted.sip, typed.carrier or sketch.carriers.get(record.wanted.number, "")
    agent, given = typed.agent_of(sketch), given_password() if record.sip_password else None
    made = "" if given is not None and given.reveal() == record.sip_password else record.sip_password
    lines = number_lines(record.wanted.number, agent=agent, carrier=carrier, references=record.references)
    return {
        "number": record.wanted.number,
        "id": record.number_id,
        "sip_uri": record.sip_uri,
        "webhook_url": record.wanted.webhook_url,
        "allowed_addresses": list(sip.allowed_addresses),
        "sip_username": sip.auth_username,
        "sip_password": made,
        "secret_file": record.place.path,
        "webhook_secrets": list(record.references),
        "unit_lines": [line for line in _unit_lines(record) if line],
        "toml": lines,
        "carrier": carrier,
        "carrier_steps": list(manual_steps(carrier, record.wanted.number, record.sip_uri, username=sip.auth_username)),
    }


def show(facts: dict[str, Any], *, written: Path | None) -> None:
    """Print what there is to tell, for people."""
    number = facts["number"]
    click.echo(f"{number} is registered ({facts['id']}); calls are announced to {facts['webhook_url']}")
    click.echo(f"  SIP URI       {facts['sip_uri']}")
    click.echo(f"  secret        {facts['secret_file']} (nowhere else)")
    if facts["sip_username"]:
        password = facts["sip_password"]
        click.echo(f"  SIP user      {facts['sip_username']}")
        click.echo(
            f"  SIP password  {password}  <- shown now and never again" if password else "  SIP password  as shown"
        )
    else:
        click.echo(f"  calls from    {', '.join(facts['allowed_addresses'])}")
    click.echo(f"\nWritten to {written}:\n" if written else "\nFor config.toml:\n")
    click.echo(facts["toml"])
    for line in facts["unit_lines"]:
        click.echo(f"\nFor the systemd unit, under [Service]:  {line}")
    # systemd hands credentials over when it starts the service.
    how = "Restart the daemon now" if facts["unit_lines"] else "Now run callwarden reload, or start the daemon"
    click.echo(f"\n{how}: until it knows the secret, it refuses what is announced for this number.")
    if len(facts["webhook_secrets"]) > 1:
        click.echo(
            f"The old secret is accepted until you give it up:  callwarden numbers rotate {number} --finish --write"
        )
    if facts["carrier_steps"]:
        click.echo(f"\nAt your carrier:  callwarden carrier apply {number}\nor by hand:")
        for place, step in enumerate(facts["carrier_steps"], start=1):
            click.echo(f"  {place}. {step}")
    else:
        click.echo(f"\nAt your carrier or PBX:  callwarden carrier plan {number} --carrier NAME")


def _unit_lines(record: Record) -> list[str]:
    return [record.base.numbered(generation).unit_line for generation in (record.generation, *record.retired)]
