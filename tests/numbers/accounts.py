"""An account at each carrier, behind a script, with what is needed to set a number up there."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from daemon.carriers.api import CarrierApi, Manners
from daemon.carriers.base import Carrier
from daemon.carriers.plivo import Plivo
from daemon.carriers.plivo_account import PlivoManners
from daemon.carriers.telnyx import Telnyx
from daemon.carriers.telnyx_account import TelnyxManners
from daemon.carriers.twilio import Twilio
from daemon.carriers.twilio_account import TwilioManners
from daemon.config import Secret
from daemon.numbers.book import Bookshelf
from daemon.numbers.files import Files
from daemon.numbers.routing import Router
from daemon.sandbox.plivo import PlivoDesk
from daemon.sandbox.rest import Desk, Scripted, transport
from daemon.sandbox.telnyx import TelnyxDesk
from daemon.sandbox.twilio import TwilioDesk
from tests.numbers.doom import Doom

NUMBER = "+18005550199"
OTHER = "+18005550198"
HOST = "sip.voice.x.ai"
TARGET = f"sip:{NUMBER}@{HOST};transport=tls"
TOKEN = "carrier-token-nobody-sees"


class Account(ABC):
    """One carrier's account and our state directory, both of which outlive our process."""

    username = ""
    password: Secret | None = None

    def __init__(self, folder: Path, desk: Desk) -> None:
        self.folder = folder
        self.scripted = Scripted(desk)

    @abstractmethod
    def carrier(self, number: str = NUMBER, **options: Any) -> Carrier[Any]:
        """The code under test."""

    @abstractmethod
    def buy(self, number: str) -> None:
        """Add a number to the account."""

    @abstractmethod
    def manners(self) -> Manners:
        """How it speaks."""

    @abstractmethod
    def state(self) -> object:
        """Everything in the account, without ids that depend on the order of things."""

    @abstractmethod
    def leads_to_us(self, number: str = NUMBER) -> bool:
        """Whether calls to the number reach the platform, as the carrier would route them."""

    @property
    def shelf(self) -> Bookshelf:
        return Bookshelf(Files(self.folder))

    @asynccontextmanager
    async def router(
        self, doom: Doom | None = None, number: str = NUMBER, **options: Any
    ) -> AsyncIterator[Router[Any]]:
        doom = doom or Doom()
        manners = self.manners()
        credentials = manners.authenticate()
        auth = credentials if isinstance(credentials, httpx.Auth) else None
        headers = None if isinstance(credentials, httpx.Auth) else credentials
        client = httpx.AsyncClient(auth=auth, headers=headers, transport=transport(doom.over(self.scripted)))
        hidden = () if self.password is None else (self.password,)
        api = CarrierApi(client, manners, hidden)
        with doom.files():
            async with client:
                yield Router(
                    self.carrier(number, **options),
                    api,
                    self.shelf,
                    number,
                    username=self.username,
                    password=self.password,
                )

    async def apply(self, doom: Doom | None = None, number: str = NUMBER, **options: Any) -> list[str]:
        """Look, agree to everything, do it; gives what was agreed to."""
        return await self._run(doom, number, undo=False, **options)

    async def remove(self, doom: Doom | None = None, number: str = NUMBER, **options: Any) -> list[str]:
        return await self._run(doom, number, undo=True, **options)

    async def _run(self, doom: Doom | None, number: str, *, undo: bool, **options: Any) -> list[str]:
        async with self.router(doom, number, **options) as router:
            plan = await router.preview(undo=undo)
            keys = [change.key for change in plan.changes]
            await router.carry_out(frozenset(keys), undo=undo)
        return keys

    @property
    def changes_asked(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.scripted.asked if asked.method != "GET"]


class TwilioAccount(Account):
    def __init__(self, folder: Path) -> None:
        self.desk = TwilioDesk(token=TOKEN)
        super().__init__(folder, self.desk)
        self.number = self.desk.buy(NUMBER, voice_application_sid="AP" + "7" * 32)

    def carrier(self, number: str = NUMBER, **options: Any) -> Twilio:
        return Twilio(number, TARGET.replace(NUMBER, number), account=self.desk.account, **options)

    def buy(self, number: str) -> None:
        self.desk.buy(number)

    def manners(self) -> TwilioManners:
        return TwilioManners(self.desk.account, self.desk.account, Secret(TOKEN))

    def state(self) -> object:
        trunks = [
            (
                trunk["friendly_name"],
                trunk["transfer_mode"],
                sorted(url["sip_url"] for url in self.desk.urls.values() if url["trunk_sid"] == sid),
                sorted(one["phone_number"] for one in self.desk.numbers.values() if one["trunk_sid"] == sid),
            )
            for sid, trunk in self.desk.trunks.items()
        ]
        numbers = [
            (one["phone_number"], one["voice_application_sid"], one["voice_url"]) for one in self.desk.numbers.values()
        ]
        return sorted(trunks), sorted(numbers, key=str), self.desk.released

    def leads_to_us(self, number: str = NUMBER) -> bool:
        (one,) = [one for one in self.desk.numbers.values() if one["phone_number"] == number]
        urls = [url["sip_url"] for url in self.desk.urls.values() if url["trunk_sid"] == one["trunk_sid"]]
        return urls == [TARGET.replace(NUMBER, number)]


class TelnyxAccount(Account):
    def __init__(self, folder: Path) -> None:
        self.desk = TelnyxDesk(key=TOKEN)
        super().__init__(folder, self.desk)
        before = {"id": "77", "connection_name": "pbx", "active": True, "inbound": {}}
        self.desk.connections["77"] = before
        self.number = self.desk.buy(NUMBER, connection_id="77", connection_name="pbx")

    def carrier(self, number: str = NUMBER, **options: Any) -> Telnyx:
        return Telnyx(number, HOST, **{"take_over": True, **options})

    def buy(self, number: str) -> None:
        self.desk.buy(number)

    def manners(self) -> TelnyxManners:
        return TelnyxManners(Secret(TOKEN))

    def state(self) -> object:
        connections = [
            (
                connection["connection_name"],
                sorted(fqdn["fqdn"] for fqdn in self.desk.fqdns.values() if fqdn["connection_id"] == one),
                sorted(
                    number["phone_number"] for number in self.desk.numbers.values() if number["connection_id"] == one
                ),
            )
            for one, connection in self.desk.connections.items()
        ]
        return sorted(connections), self.desk.released

    def leads_to_us(self, number: str = NUMBER) -> bool:
        (one,) = [one for one in self.desk.numbers.values() if one["phone_number"] == number]
        connection = self.desk.connections[one["connection_id"]]
        primary = self.desk.fqdns.get(connection["inbound"].get("default_primary_fqdn_id", ""), {})
        return (primary.get("fqdn"), primary.get("port")) == (HOST, 5060) and bool(
            connection["inbound"]["dnis_number_format"] == "+e164"
        )


class PlivoAccount(Account):
    def __init__(self, folder: Path, *, digest: bool = False) -> None:
        self.desk = PlivoDesk(token=TOKEN)
        super().__init__(folder, self.desk)
        self.number = self.desk.buy(NUMBER, application=self.desk.application("app-before"))
        self.username = "desk01" if digest else ""
        self.password = Secret("sip-password-nobody-sees") if digest else None

    def carrier(self, number: str = NUMBER, **options: Any) -> Plivo:
        login = {"username": self.username, "password": self.password}
        return Plivo(number, HOST, auth_id=self.desk.auth_id, **{**login, **options})

    def buy(self, number: str) -> None:
        self.desk.buy(number)

    def manners(self) -> PlivoManners:
        return PlivoManners(self.desk.auth_id, Secret(TOKEN))

    def state(self) -> object:
        def target(trunk: dict[str, Any]) -> str:
            return str(self.desk.uris.get(trunk["primary_uri_uuid"], {}).get("uri"))

        trunks = [(trunk["name"], target(trunk), trunk["trunk_status"]) for trunk in self.desk.trunks.values()]
        uris = [(uri["name"], uri["uri"], uri["username"]) for uri in self.desk.uris.values()]
        numbers = [
            (digits, self.desk.trunks.get(str(one["application"]).split("/")[-2], {}).get("name") or one["application"])
            if one["application"]
            else (digits, None)
            for digits, one in self.desk.numbers.items()
        ]
        return sorted(trunks), sorted(uris), sorted(numbers), sorted(self.desk.passwords.values()), self.desk.released

    def leads_to_us(self, number: str = NUMBER) -> bool:
        application = str(self.desk.numbers[number.removeprefix("+")]["application"])
        trunk = self.desk.trunks.get(application.rstrip("/").rpartition("/")[2], {})
        uri = self.desk.uris.get(trunk.get("primary_uri_uuid", ""), {})
        right = uri.get("uri") == f"{HOST};transport=tls" and trunk.get("trunk_status") == "enabled"
        return right and self.desk.passwords.get(uri["uri_uuid"]) == (self.password.reveal() if self.password else None)


ACCOUNTS: dict[str, Callable[[Path], Account]] = {
    "twilio": TwilioAccount,
    "telnyx": TelnyxAccount,
    "plivo": PlivoAccount,
    "plivo-digest": lambda folder: PlivoAccount(folder, digest=True),
}
