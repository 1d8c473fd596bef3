"""The doctor: whether number, platform, webhook, secrets, agent and carrier fit together; a line each, with the fix.

Every check looks at one thing, and says it in one finding; none changes anything. What it needs is handed in, so that
it neither reads arguments nor prints. Owned by `callwarden numbers doctor`; imports Trio, config, platforms, errors and
this room's modules.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Literal

import msgspec

from daemon.carriers.base import Plan
from daemon.config import Config, Secret
from daemon.config.transfers import transfer_warnings
from daemon.errors import CarrierError, NotAuthorized, PlatformError, SetupStopped
from daemon.numbers.delivery import Reached, deliver
from daemon.numbers.record import Record
from daemon.numbers.secretstore import read_secret
from daemon.observe.clock import WallClock
from daemon.platforms.xai.numbers import PhoneNumber


class Finding(msgspec.Struct, frozen=True):
    """One line."""

    state: Literal["ok", "warn", "fail"]
    what: str
    """What was looked at, such as `+18005550199 registration`."""
    words: str
    fix: str = ""


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at."""

    config: Config
    numbers: tuple[str, ...]
    records: Mapping[str, Record]
    """What this machine has written down, by number."""
    listed: Callable[[], Awaitable[list[PhoneNumber]]]
    """Asks the platform."""
    previews: Mapping[str, Callable[[], Awaitable[Plan]]]
    """Looks at the carrier, for numbers whose carrier has an API and credentials are given."""
    facts: Mapping[str, Mapping[str, str]]
    """What is remembered of carriers' settings, by number."""
    wall: WallClock


async def examine(patient: Patient) -> AsyncIterator[Finding]:
    """Look at everything, in the order in which a call passes it."""
    listed: list[PhoneNumber] | None = None
    try:
        listed = await patient.listed()
        yield Finding("ok", "API key", "the platform accepts it")
    except NotAuthorized as error:
        yield Finding("fail", "API key", f"the platform refuses it ({error})", "look at [platform.xai] api_key")
    except PlatformError as error:
        yield Finding("fail", "platform", str(error), "look at [platform.xai] base_url, and try again")
    for number in patient.numbers:
        for finding in _registration(number, patient.records.get(number), listed):
            yield finding
        yield await _secret(number, patient)
        yield Finding("ok", f"{number} agent", f"answered by {patient.config.numbers[number].agent}")
        yield await _carrier(number, patient)
    async for finding in _webhook(patient):
        yield finding
    for problem in transfer_warnings(patient.config, patient.facts):
        yield Finding("warn", problem.where, problem.what)


def _registration(number: str, record: Record | None, listed: list[PhoneNumber] | None) -> Iterator[Finding]:
    what = f"{number} registration"
    if record is not None and record.phase != "registered":
        yield Finding("fail", what, f"broken off ({record.phase})", "run the same `callwarden numbers` command again")
    if listed is None:
        return
    entry = next((one for one in listed if one.phone_number == number), None)
    if entry is None:
        yield Finding(
            "fail", what, "the platform does not know the number", f"callwarden numbers register {number} ..."
        )
    elif entry.agent_id:
        fix = "detach it in the platform's console, or `callwarden numbers rotate`"
        yield Finding("fail", what, "a console agent is bound to it and takes the calls", fix)
    elif record is not None and record.phase == "registered" and entry.phone_number_id != record.number_id:
        fix = f"callwarden numbers rotate {number}"
        yield Finding("fail", what, "registered anew elsewhere since, so the secret here is not valid", fix)
    else:
        yield Finding("ok", what, f"registered as {entry.phone_number_id}")


def _secrets_for(number: str, config: Config) -> tuple[Secret, ...]:
    return config.numbers[number].webhook_secrets or config.platform.xai.webhook_secrets


async def _secret(number: str, patient: Patient) -> Finding:
    what, record = f"{number} secret", patient.records.get(number)
    if record is None:
        return Finding("warn", what, "registered elsewhere, so whether it is the right one can't be told from here")
    valid = await read_secret(record.place)
    if valid is None:
        return Finding("warn", what, f"{record.place.path} can't be read by you", "run this as its owner")
    if valid not in _secrets_for(number, patient.config):
        fix = f'[numbers."{number}"] webhook_secrets = ["{record.place.reference}"]'
        return Finding("fail", what, "the configuration does not name the one of the registration", fix)
    return Finding("ok", what, "the configuration names the one of the registration")


async def _carrier(number: str, patient: Patient) -> Finding:
    what, name = f"{number} carrier", patient.config.numbers[number].carrier
    if not name:
        return Finding("warn", what, "not stated", f'[numbers."{number}"] carrier = "..."')
    if name == "byo":
        return Finding("ok", what, "your own PBX, which can't be looked at from here")
    if number not in patient.previews:
        return Finding("warn", what, f"{name}: not looked at", "give its credentials in the environment")
    try:
        plan = await patient.previews[number]()
    except (CarrierError, SetupStopped) as error:
        return Finding("fail", what, str(error), f"callwarden carrier plan {number}")
    if plan.refusals:
        return Finding("fail", what, f"{name}: {'; '.join(plan.refusals)}", f"callwarden carrier plan {number}")
    if plan.changes:
        missing = "; ".join(f"{change.sign} {change.words}" for change in plan.changes)
        return Finding("fail", what, f"{name}: {missing}", f"callwarden carrier apply {number}")
    return Finding("ok", what, f"{name}: calls go to the platform{''.join(f'; {note}' for note in plan.notes)}")


async def _webhook(patient: Patient) -> AsyncIterator[Finding]:
    """Deliver to every URL that calls are announced at, and with every secret."""
    server = patient.config.server
    public = server.public_url + server.webhook_path if server.public_url else ""
    urls: dict[str, list[str]] = {}
    for number in patient.numbers:
        record = patient.records.get(number)
        registered = record.wanted.webhook_url if record is not None else ""
        if public and registered and registered != public:
            fix = f"callwarden numbers rotate {number} --webhook {public}"
            yield Finding("warn", f"{number} webhook", f"registered with {registered}, and not {public}", fix)
        if not registered and not public:
            fix = '[server] public_url = "https://HOST"'
            yield Finding("fail", f"{number} webhook", "where it is announced is not stated", fix)
        else:
            urls.setdefault(registered or public, []).append(number)
    for url, numbers in urls.items():
        reached, words = await deliver(url, None, patient.wall)
        yield _way(url, reached, words)
        if reached is Reached.UNAUTHORIZED:
            for number in numbers:
                yield await _delivered(number, url, patient)


def _way(url: str, reached: Reached, words: str) -> Finding:
    """What a delivery that nobody has signed tells of the way: the daemon, and only it, answers it with 401."""
    match reached:
        case Reached.UNAUTHORIZED:
            return Finding("ok", url, "reached, and a forged delivery is refused")
        case Reached.ACCEPTED:
            return Finding("fail", url, "takes a forged delivery, so it is not the daemon", "look at what is in front")
        case Reached.NO_NAME:
            return Finding("fail", url, words, "add the DNS record, or correct [server] public_url")
        case Reached.BAD_CERTIFICATE:
            return Finding("fail", url, f"TLS: {words}", "renew the certificate, with its whole chain, for this name")
        case Reached.NO_ANSWER:
            return Finding("fail", url, words, "start the daemon, and let the proxy and firewall pass the path on")
        case Reached.ELSEWHERE:
            fix = "let the proxy pass this path, unchanged, to [server] bind, and start the daemon"
            return Finding("fail", url, f"answered by something else than the daemon ({words})", fix)


async def _delivered(number: str, url: str, patient: Patient) -> Finding:
    what = f"{number} delivery"
    for place, secret in enumerate(_secrets_for(number, patient.config), start=1):
        reached, words = await deliver(url, secret, patient.wall)
        if reached is Reached.UNAUTHORIZED:
            fix = "callwarden reload, or a restart for systemd credentials; else compare clocks and webhook_secrets"
            return Finding("fail", what, f"the running daemon does not know secret {place} of the configuration", fix)
        if reached is not Reached.ACCEPTED:
            return Finding("fail", what, words, "try again; the first delivery got through")
    return Finding("ok", what, "the running daemon took a delivery signed with each secret")
