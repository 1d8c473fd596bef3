"""A Telnyx account on the wire: what is read of connections, FQDNs and numbers, and how Telnyx is spoken to.

Facts: Telnyx's API reference and SDK. Name and number filters match partially, so what is found is compared; a number
is looked for by its digits, since a plus sign is documented to find nothing. Plain code; owned by `telnyx.py`.
"""

from collections.abc import Generator, Mapping
from typing import Any, Final

import httpx
import msgspec

from daemon.carriers.base import MAX_PAGES, Ask, Look, read
from daemon.config import Secret
from daemon.errors import CarrierRefused

API: Final = "https://api.telnyx.com/v2"
CODECS: Final = ("G711U", "G711A", "G722")
"""What the platform takes; at least one of them is needed."""


class Inbound(msgspec.Struct, frozen=True):
    """Settings for calls from the public network."""

    dnis_number_format: str | None = None
    codecs: tuple[str, ...] | None = None
    default_primary_fqdn_id: str | None = None


class Connection(msgspec.Struct, frozen=True):
    """An FQDN connection. Its outbound password is never read."""

    id: str
    connection_name: str
    active: bool | None = None
    inbound: Inbound | None = None


class Fqdn(msgspec.Struct, frozen=True):
    """Where a connection leads."""

    id: str
    fqdn: str
    port: int | None = None


class TelnyxNumber(msgspec.Struct, frozen=True):
    """A number of the account."""

    id: str
    phone_number: str
    status: str
    connection_id: str | None = None
    connection_name: str | None = None


class SeenConnection(msgspec.Struct, frozen=True):
    """A connection that may be ours, with what hangs on it."""

    connection: Connection
    fqdns: tuple[Fqdn, ...]
    numbers: tuple[str, ...]
    """Other numbers, too."""


class Seen(msgspec.Struct, frozen=True):
    """What was seen of the account."""

    connections: tuple[SeenConnection, ...] = ()
    number: TelnyxNumber | None = None
    voice: Mapping[str, Any] = {}
    """The number's voice settings."""


class TelnyxManners:
    """One host, a bearer key, JSON."""

    json = True

    def __init__(self, key: Secret, base_url: str = "") -> None:
        self._base_url = base_url or API
        self._key = key
        self.secrets: tuple[Secret, ...] = (key,)

    def url(self, path: str) -> str:
        """All under one base."""
        return self._base_url + path

    def authenticate(self) -> httpx.Auth | Mapping[str, str]:
        """The key."""
        return {"Authorization": f"Bearer {self._key.reveal()}"}

    def explain(self, status: int, said: object, path: str) -> str:
        """`{"errors": [{"code": "...", "title": "...", "detail": "..."}]}`."""
        body = said if isinstance(said, dict) else {}
        listed = body.get("errors")
        errors = [error for error in listed if isinstance(error, dict)] if isinstance(listed, list) else []
        words = [" ".join(str(error[key]) for key in ("code", "title", "detail") if key in error) for error in errors]
        if status == 401:
            words.append("look at the API key")
        if status == 403:
            words.append(f"the API key may not use {path.split('/')[1]}")
        return "; ".join(words)


def look(name: str, mine: frozenset[str], number: str) -> Look[Seen]:
    """See connections of this name or with these ids, with their FQDNs and numbers, and one number."""
    connections = []
    listed = yield from _pages("/fqdn_connections", {"filter[connection_name][contains]": name})
    for connection in read(listed, list[Connection]):
        if connection.connection_name == name or connection.id in mine:
            fqdns = yield from _pages("/fqdns", {"filter[connection_id]": connection.id})
            numbers = yield from _pages("/phone_numbers", {"filter[connection_id]": connection.id})
            on_it = tuple(one.phone_number for one in read(numbers, list[TelnyxNumber]))
            connections.append(SeenConnection(connection, read(fqdns, tuple[Fqdn, ...]), on_it))
    found = yield from _find(number)
    voice: object = None
    if found is not None:
        voice = yield Ask(path=f"/phone_numbers/{found.id}/voice", may_miss=True)
    data = voice.get("data") if isinstance(voice, dict) else None
    return Seen(tuple(connections), found, data if isinstance(data, dict) else {})


def _find(number: str) -> Look[TelnyxNumber | None]:
    listed = yield from _pages("/phone_numbers", {"filter[phone_number]": number.removeprefix("+")})
    return next((entry for entry in read(listed, list[TelnyxNumber]) if entry.phone_number == number), None)


def _pages(path: str, query: Mapping[str, str]) -> Generator[Ask, Any, list[object]]:
    found: list[object] = []
    for number in range(1, MAX_PAGES + 1):
        page = yield Ask(path=path, query={**query, "page[number]": str(number), "page[size]": "100"})
        data = page.get("data", []) if isinstance(page, dict) else None
        found += read(data, list[object])
        if number >= int(page.get("meta", {}).get("total_pages") or 1):
            return found
    raise CarrierRefused(200, f"{path} does not end after {MAX_PAGES} pages")
