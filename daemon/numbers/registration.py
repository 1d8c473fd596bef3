"""Register, rotate and delete a number at the platform, so that no secret is lost whatever dies in between.

A record goes through phases, and each is written down before the request that may end it. After a crash the same
command reads the record and goes on. The one thing that can't be read back is the signing secret in the answer to a
registration: should that answer be lost on its way to us, the number is taken off and registered anew.

Owned by the commands; imports Trio, platforms, config, errors and this room's modules. Never prints.
"""

import msgspec
import trio

from daemon.config import Secret
from daemon.errors import (
    NotAuthorized,
    PlatformProtocolError,
    PlatformRefused,
    PlatformUnavailable,
    SetupStopped,
)
from daemon.numbers.record import Record, Shelf, Wanted
from daemon.numbers.secretstore import check_place, free_generation, keep_secret
from daemon.platforms.xai.numbers import PhoneNumber, PhoneNumbers, read_registration

ATTEMPTS = 3
"""How often one run tries what the platform doesn't answer."""
_LONGEST_WAIT = 60.0

replace = msgspec.structs.replace


class Unreadable(SetupStopped):
    """The number is registered, and its secret is not to be found in the answer that was kept."""


class Registrar:
    """Works on one number; whoever makes it holds the number's lock."""

    def __init__(self, platform: PhoneNumbers, shelf: Shelf) -> None:
        self._platform = platform
        self._shelf = shelf

    async def register(self, fresh: Record) -> Record:
        """Register a number as wanted, or go on with what is under way; gives a record in `registered`.

        A number that this state directory has registered is left as it is. Errors: `SetupStopped`, `PlatformError`.
        """
        record = self._known()
        if record is not None and record.phase == "registered":
            if await self._find(record.wanted.number) is not None:
                return record
            # It was taken off elsewhere; what is in place of its secret stays there.
            fresh = replace(fresh, base=record.base, generation=free_generation(record.base))
            record = None
        if record is None:
            await check_place(fresh.place)
            return await self._settle(fresh)
        return await self._go_on(record, fresh.wanted, fresh.sip_password)

    async def rotate(self, fresh: Record | None, wanted: Wanted | None, sip_password: str) -> Record:
        """Take a number off and register it anew, which is the only way to a new secret; the old one stays accepted.

        `fresh` is the record to begin with where there is none, `wanted` replaces what the number was registered
        with. Errors: `SetupStopped`, `PlatformError`; before anything has changed, or with the journal to go on from.
        """
        record = self._known() or fresh
        if record is None:
            raise SetupStopped(
                "this number was not registered from here: say with what to register it anew (--webhook, and --allow "
                "or --sip-username)"
            )
        if record.phase == "answered":
            try:
                return await self._settle(record)
            except Unreadable:
                record = await self._begin_again(record)
        elif record.phase == "registered":
            if not record.told:
                return record  # a rotation that has ended, and was killed before it could say so
            record = await self._begin_again(record)
        return await self._go_on(record, wanted, sip_password)

    async def _go_on(self, record: Record, wanted: Wanted | None, sip_password: str) -> Record:
        """Go on with what is under way, with what is wanted now as far as nothing is registered yet."""
        if record.phase == "removing" and not record.again:
            # A deletion that was broken off, and now the number is wanted after all.
            record = replace(record, again=True, generation=record.generation + 1)
        if self._shelf.answer(record.generation) is None:
            wanted, sip_password = wanted or record.wanted, sip_password or record.sip_password
            record = replace(record, wanted=wanted, sip_password=sip_password)
        return await self._settle(record)

    async def delete(self, number: str) -> bool:
        """Take a number off; tells whether it was there. Errors: `SetupStopped`, `PlatformError`."""
        found = await self._find(number)
        record = self._shelf.load()
        if record is not None and found is not None:
            record = replace(record, phase="removing", again=False, number_id=found.phone_number_id)
            await self._settle(record)
        elif found is not None:
            await self._platform.delete(found.phone_number_id)
        if record is not None:
            self._shelf.drop_answer(record.generation)
            self._shelf.forget()
        return found is not None

    def told(self, record: Record) -> None:
        """Note that the operator knows of the registration; the SIP password is kept no longer."""
        self._tidy(record)
        self._shelf.save(replace(record, told=True, sip_password=""))

    def _known(self) -> Record | None:
        record = self._shelf.load()
        return None if record is None or record.phase == "gone" else record

    async def _begin_again(self, record: Record) -> Record:
        found = await self._find(record.wanted.number)
        if found is None:
            raise SetupStopped(f"{record.wanted.number} is not registered; `callwarden numbers register` does that")
        # What was never read is no secret that could be accepted, nor is that of a registration made elsewhere.
        known = record.phase == "registered" and record.number_id
        kept = (record.generation, *record.retired) if known else record.retired
        record = replace(
            record,
            phase="removing",
            again=True,
            sent=False,
            number_id=found.phone_number_id,
            generation=record.generation + 1,
            retired=kept,
            told=False,
        )
        await check_place(record.place)
        return record

    async def _settle(self, record: Record) -> Record:
        """Take one step after the other until there is none left. The record given is the first thing written."""
        failures = 0
        self._shelf.save(record)
        while record.phase not in ("registered", "gone"):
            try:
                record = await self._step(record)
            except PlatformUnavailable as error:
                failures += 1
                delay = error.retry_after if error.retry_after is not None else 2.0**failures
                if failures == ATTEMPTS or delay > _LONGEST_WAIT:
                    raise
                await trio.sleep(delay)
                record = self._shelf.load() or record
            else:
                self._shelf.save(record)
        self._tidy(record)
        return record

    def _tidy(self, record: Record) -> None:
        """Remove kept answers: what they held is where it belongs."""
        for generation in range(1, record.generation + 1):
            self._shelf.drop_answer(generation)

    async def _step(self, record: Record) -> Record:
        match record.phase:
            case "removing":
                if not record.number_id:
                    raise SetupStopped(f"the platform lists {record.wanted.number} without an id; delete it there")
                await self._platform.delete(record.number_id)
                removed = (*record.removed, record.number_id)
                return replace(record, phase="creating" if record.again else "gone", sent=False, removed=removed)
            case "creating":
                return await self._create(record)
            case "answered":
                return await self._keep(record)
            case "registered" | "gone":
                return record

    async def _create(self, record: Record) -> Record:
        if self._shelf.answer(record.generation) is not None:
            return replace(record, phase="answered")  # killed right after the answer was kept
        found = await self._find(record.wanted.number)
        if found is not None and found.phone_number_id in record.removed:
            raise PlatformUnavailable(f"the platform still lists {record.wanted.number}, which was taken off")
        if found is not None and record.sent:
            # Our request arrived and its answer did not: that secret is lost for good.
            return replace(record, phase="removing", again=True, number_id=found.phone_number_id)
        if found is not None:
            self._give_up(record)
            raise SetupStopped(
                f"{record.wanted.number} is registered already, not from here, and its secret can't be read back; "
                "`callwarden numbers rotate` registers it anew with a secret of its own"
            )
        self._shelf.save(replace(record, sent=True))
        try:
            raw = await self._post(record)
        except PlatformRefused as refused:
            self._give_up(record)
            raise _explained(refused, record) from refused
        self._shelf.keep_answer(record.generation, raw)
        return replace(record, phase="answered", sent=True)

    async def _post(self, record: Record) -> bytes:
        wanted = record.wanted
        return await self._platform.create(
            number=wanted.number,
            name=wanted.name,
            webhook_url=wanted.webhook_url,
            webhook_name=wanted.webhook_name,
            sip=wanted.sip,
            password=Secret(record.sip_password) if wanted.sip.auth_username else None,
        )

    def _give_up(self, record: Record) -> None:
        """Note that nothing was registered: a first attempt leaves no trace, a rotation still has to be finished."""
        if record.again:
            self._shelf.save(replace(record, sent=False))
        else:
            self._shelf.forget()

    async def _keep(self, record: Record) -> Record:
        raw = self._shelf.answer(record.generation)
        if raw is None:
            return replace(record, phase="creating", sent=True)  # somebody has removed it
        try:
            registration = read_registration(raw)
        except PlatformProtocolError as error:
            path = self._shelf.answer_path(record.generation)
            raise Unreadable(
                f"{error}. The number is registered; the answer is kept in {path}. If the secret is not in there, "
                "`callwarden numbers rotate` registers the number anew"
            ) from error
        await keep_secret(record.place, registration.secret)
        number = registration.number
        if not number.phone_number_id:
            number = await self._find(record.wanted.number) or number
        return replace(
            record,
            phase="registered",
            again=False,
            told=False,
            number_id=number.phone_number_id,
            removed=(),
            sip_host=number.sip_host,
        )

    async def _find(self, number: str) -> PhoneNumber | None:
        for attempt in range(1, ATTEMPTS):
            try:
                return await self._platform.find(number)
            except PlatformUnavailable as error:
                delay = error.retry_after if error.retry_after is not None else 2.0**attempt
                if delay > _LONGEST_WAIT:
                    raise
                await trio.sleep(delay)
        return await self._platform.find(number)


def _explained(refused: PlatformRefused, record: Record) -> SetupStopped:
    """What a refusal to register means, and what to do about it."""
    number = record.wanted.number
    hint = ". THE NUMBER IS NOT REGISTERED NOW: put this right, and run the same command again" if record.again else ""
    match refused.status:
        case 403 if "provisioning" in refused.detail.lower():
            fix = "the platform sells numbers in its console only; bring one of your carrier's"
        case 401:
            fix = "the API key is not accepted; look at [platform.xai] api_key"
        case 403:
            fix = "the team of this API key may not do that; ask the platform to enable phone numbers and webhooks"
        case 409:
            fix = f"{number} is connected to another team of the platform, or not gone yet; delete it there first"
        case _:
            fix = "look at number, webhook URL and addresses"
    kind = "not authorized" if isinstance(refused, NotAuthorized) else "refused"
    return SetupStopped(f"the platform has {kind} the registration of {number} ({refused}); {fix}{hint}")
