"""A Plivo account on the wire: what is read of origination URIs, trunks and numbers, and how Plivo is spoken to.

Facts: Plivo's SIP trunking ("Zentrunk") and number references. Every path ends in a slash; lists have no name filter
and at most 20 entries a page; single objects come flat or wrapped in `object`. Plain code; owned by `plivo.py`.
"""

from collections.abc import Generator, Mapping
from typing import Any, Final

import httpx
import msgspec

from daemon.carriers.base import MAX_PAGES, Ask, Look, read
from daemon.config import Secret
from daemon.errors import CarrierRefused

API: Final = "https://api.plivo.com"
_PAGE: Final = 20


class Uri(msgspec.Struct, frozen=True):
    """Where a trunk leads. Its password is never told."""

    uri_uuid: str
    uri: str
    name: str | None = None
    authentication_needed: bool | None = None
    username: str | None = None


class Trunk(msgspec.Struct, frozen=True):
    """A trunk."""

    trunk_id: str
    trunk_direction: str
    name: str | None = None
    trunk_domain: str | None = None
    trunk_status: str | None = None
    secure: bool | None = None
    primary_uri_uuid: str | None = None
    fallback_uri_uuid: str | None = None


class PlivoNumber(msgspec.Struct, frozen=True):
    """A number of the account."""

    number: str
    application: str | None = None
    voice_enabled: bool | None = None

    @property
    def route(self) -> str:
        """Id of the application or trunk that takes its calls; empty for none."""
        return (self.application or "").rstrip("/").rpartition("/")[2]

    @property
    def on_trunk(self) -> bool:
        """Whether that is a trunk."""
        return "/Zentrunk/Trunk/" in (self.application or "")


class Seen(msgspec.Struct, frozen=True):
    """What was seen of the account: all inbound trunks, and all URIs."""

    uris: tuple[Uri, ...] = ()
    trunks: tuple[Trunk, ...] = ()
    number: PlivoNumber | None = None
    on_trunks: Mapping[str, tuple[str, ...]] = {}
    """Numbers by the trunk they are on, our own included."""


class PlivoManners:
    """One host, basic credentials, JSON."""

    json = True

    def __init__(self, auth_id: str, token: Secret, base_url: str = "") -> None:
        self._base_url = base_url or API
        self._credentials = (auth_id, token)
        self.secrets: tuple[Secret, ...] = (token,)

    def url(self, path: str) -> str:
        """All under one base."""
        return self._base_url + path

    def authenticate(self) -> httpx.Auth | Mapping[str, str]:
        """Auth id and token."""
        return httpx.BasicAuth(self._credentials[0], self._credentials[1].reveal())

    def explain(self, status: int, said: object, path: str) -> str:
        """`{"api_id": "...", "error": "..."}`, where the error may be an object."""
        body = said if isinstance(said, dict) else {}
        error = body.get("error") or body.get("message") or ""
        words = [error if isinstance(error, str) else " ".join(str(value) for value in dict(error).values())]
        if status == 401:
            words.append("look at the auth id and its token")
        if status in (404, 503) and path.endswith(("/Zentrunk/URI/", "/Zentrunk/Trunk/")):
            words.append("SIP trunking may not be enabled for this account; ask Plivo's support")
        return "; ".join(word for word in words if word)


def look(base: str, name: str, number: str) -> Look[Seen]:
    """See all URIs and inbound trunks, whole if they are of this name, the number, and which numbers are on trunks."""
    uris = read((yield from _pages(f"{base}/Zentrunk/URI/")), tuple[Uri, ...])
    listed = read((yield from _pages(f"{base}/Zentrunk/Trunk/", {"trunk_direction": "inbound"})), tuple[Trunk, ...])
    trunks: tuple[Trunk, ...] = ()
    for trunk in listed:
        ours = trunk.name is not None and trunk.name.startswith(name)
        trunks = (*trunks, (yield from _whole(base, trunk)) if ours else trunk)
    answer = yield Ask(path=f"{base}/Number/{number.removeprefix('+')}/", may_miss=True)
    one = None if answer is None else read(answer, PlivoNumber)
    numbers = read((yield from _pages(f"{base}/Number/")), tuple[PlivoNumber, ...])
    on_trunks: dict[str, tuple[str, ...]] = {}
    for other in numbers:
        if other.on_trunk:
            on_trunks[other.route] = (*on_trunks.get(other.route, ()), "+" + other.number.removeprefix("+"))
    return Seen(uris, trunks, one, on_trunks)


def _whole(base: str, trunk: Trunk) -> Look[Trunk]:
    """A trunk with its domain, which only comes when it is read by itself."""
    answer = yield Ask(path=f"{base}/Zentrunk/Trunk/{trunk.trunk_id}/", may_miss=True)
    if not isinstance(answer, dict):
        return trunk
    return read(answer.get("object", answer), Trunk)


def _pages(path: str, query: Mapping[str, str] | None = None) -> Generator[Ask, Any, list[object]]:
    found: list[object] = []
    for number in range(MAX_PAGES):
        page = yield Ask(path=path, query={**(query or {}), "limit": str(_PAGE), "offset": str(number * _PAGE)})
        objects = page.get("objects", []) if isinstance(page, dict) else None
        entries = read(objects, list[object])
        found += entries
        meta = page.get("meta") or {}
        if len(entries) < _PAGE or len(found) >= int(meta.get("total_count") or len(found) + 1):
            return found
    raise CarrierRefused(200, f"{path} does not end after {MAX_PAGES} pages")
