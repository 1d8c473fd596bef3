"""A Twilio account on the wire: what is read of trunks, origination URLs and numbers, and how Twilio is spoken to.

Facts: Twilio's OpenAPI (trunking v1, api 2010-04-01). Trunks have no name filter, so all are listed; a number filter
matches partially, so what is found is compared. Plain code; owned by `twilio.py`.
"""

from collections.abc import Generator
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from daemon.carriers.base import MAX_PAGES, Ask, Look, read
from daemon.config import Secret
from daemon.errors import CarrierRefused

TRUNKING: Final = "https://trunking.twilio.com"
REST: Final = "https://api.twilio.com"
_PAGE: Final = {"PageSize": "1000"}


class Trunk(msgspec.Struct, frozen=True):
    """A trunk, as Twilio tells of it."""

    sid: str
    friendly_name: str | None = None
    transfer_mode: str | None = None
    secure: bool | None = None


class OriginationUrl(msgspec.Struct, frozen=True):
    """Where a trunk sends calls to."""

    sid: str
    sip_url: str | None = None
    enabled: bool | None = None


class Capabilities(msgspec.Struct, frozen=True):
    """What a number can do."""

    voice: bool = True


class TwilioNumber(msgspec.Struct, frozen=True):
    """A number of the account, with where its calls go."""

    sid: str
    phone_number: str
    capabilities: Capabilities | None = None
    trunk_sid: str | None = None
    voice_application_sid: str | None = None
    voice_url: str | None = None
    voice_method: str | None = None
    voice_receive_mode: str | None = None


class SeenTrunk(msgspec.Struct, frozen=True):
    """A trunk that may be ours, with what hangs on it."""

    trunk: Trunk
    urls: tuple[OriginationUrl, ...]
    numbers: tuple[str, ...]
    """Other numbers, too."""


class Seen(msgspec.Struct, frozen=True):
    """What was seen of the account."""

    trunks: tuple[SeenTrunk, ...] = ()
    number: TwilioNumber | None = None


class TwilioManners:
    """Two hosts, form bodies, errors with a code of their own."""

    json = False

    def __init__(self, account: str, user: str, password: Secret, base_url: str = "") -> None:
        self._account = account
        self._credentials = (user, password)
        self._base_url = base_url
        self.secrets: tuple[Secret, ...] = (password,)

    def url(self, path: str) -> str:
        """Trunks live on one host, numbers on the other; one base URL replaces both."""
        base = self._base_url or (TRUNKING if path.startswith("/v1/") else REST)
        return base + path

    def authenticate(self) -> httpx.Auth:
        """Basic: account SID and token, or API key and secret."""
        return httpx.BasicAuth(self._credentials[0], self._credentials[1].reveal())

    def explain(self, status: int, said: object, path: str) -> str:
        """`{"code": 20404, "message": "...", "status": 404}`."""
        body = said if isinstance(said, dict) else {}
        words = f"{body['code']} {body.get('message', '')}" if "code" in body else ""
        what = "SIP trunks" if path.startswith("/v1/") else "phone numbers"
        hint = {401: "look at the account SID and its token", 403: f"the key may not read and write {what}"}
        return "; ".join(part for part in (words.strip(), hint.get(status, "")) if part)


def look(trunk_name: str, mine: frozenset[str], numbers_path: str, number: str) -> Look[Seen]:
    """See trunks of this name or with these ids, with their URLs and numbers, and one number."""
    trunks = []
    for entry in (yield from _pages("/v1/Trunks", "trunks")):
        trunk = read(entry, Trunk)
        if trunk.friendly_name == trunk_name or trunk.sid in mine:
            base = f"/v1/Trunks/{quote(trunk.sid, safe='')}"
            urls = yield from _pages(f"{base}/OriginationUrls", "origination_urls")
            numbers = yield from _pages(f"{base}/PhoneNumbers", "phone_numbers")
            trunks.append(SeenTrunk(trunk, read(urls, tuple[OriginationUrl, ...]), _numbers_of(numbers)))
    listed = yield Ask(path=f"{numbers_path}.json", query={"PhoneNumber": number})
    found = [entry for entry in read(listed, _Numbers).incoming_phone_numbers if entry.phone_number == number]
    return Seen(tuple(trunks), found[0] if found else None)


class _Numbers(msgspec.Struct):
    incoming_phone_numbers: tuple[TwilioNumber, ...] = ()


def _pages(path: str, key: str) -> Generator[Ask, Any, list[object]]:
    """All entries of a list. The next page's URL is only taken for its path and query: it must not lead elsewhere."""
    found: list[object] = []
    ask = Ask(path=path, query=_PAGE)
    for _ in range(MAX_PAGES):
        page = yield ask
        entries = page.get(key, []) if isinstance(page, dict) else None
        found += read(entries, list[object])
        following = page.get("meta", {}).get("next_page_url")
        if not following:
            return found
        parts = urlsplit(str(following))
        ask = Ask(path=parts.path, query=dict(httpx.QueryParams(parts.query)))
    raise CarrierRefused(200, f"{path} does not end after {MAX_PAGES} pages")


def _numbers_of(entries: list[object]) -> tuple[str, ...]:
    return tuple(str(entry.get("phone_number", "")) for entry in entries if isinstance(entry, dict))
