"""The carriers' own clients and ours, pointed at one recording server: for the same purpose they send the same.

On sockets, because that is where the two meet. What differs by taste (user agents, accepted encodings, the order of
fields) is left out of the comparison, and everything else is in it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import telnyx
import trio
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from daemon.carriers.api import open_api
from daemon.carriers.telnyx_account import TelnyxManners
from daemon.carriers.twilio_account import TwilioManners
from daemon.config import Secret
from daemon.numbers.book import Bookshelf
from daemon.numbers.files import Files
from daemon.numbers.routing import Router
from daemon.sandbox.rest import Asked, Scripted, open_rest
from tests.numbers.accounts import HOST, NUMBER, TARGET, TOKEN, Account, TelnyxAccount, TwilioAccount

Said = tuple[str, str, tuple[tuple[str, str], ...], str, str]


def said(asked: Asked) -> Said:
    """What one request says, without ids that only one of the two accounts has."""
    kind = asked.headers.get("content-type", "").partition(";")[0] if asked.body else ""
    fields = asked.form if "form" in kind else json.loads(asked.body or b"null")
    body = json.dumps(fields, sort_keys=True)
    return asked.method, asked.path.removeprefix("/v2"), tuple(sorted(asked.query)), body, kind


def authorized(scripted: Scripted) -> set[str | None]:
    return {asked.headers.get("authorization") for asked in scripted.asked}


class Rewriting:
    """Twilio's own HTTP client, sending to another host."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._client = TwilioHttpClient()

    def request(self, method: str, url: str, *arguments: Any, **options: Any) -> Any:
        parts = urlsplit(url)
        rest = parts.path + (f"?{parts.query}" if parts.query else "")
        return self._client.request(method, self._base + rest, *arguments, **options)


def twilio_by_its_client(base: str, account: str) -> None:
    """What `apply` and `remove` do, written with Twilio's SDK."""
    client: Any = Client(account, TOKEN, http_client=Rewriting(base))
    trunks, numbers = client.trunking.v1.trunks, client.incoming_phone_numbers
    trunks.list(page_size=1000)
    (number,) = numbers.list(phone_number=NUMBER)
    trunk = trunks.create(friendly_name=f"callwarden {NUMBER}", transfer_mode="enable-all")
    trunk.origination_urls.list(page_size=1000)
    trunk.phone_numbers.list(page_size=1000)
    url = trunk.origination_urls.create(weight=10, priority=10, enabled=True, friendly_name="xAI", sip_url=TARGET)
    trunk.phone_numbers.create(phone_number_sid=number.sid)
    trunk.phone_numbers(number.sid).delete()
    number.update(voice_application_sid=number.voice_application_sid)
    url.delete()
    trunk.delete()


def telnyx_by_its_client(base: str) -> None:
    """What `apply` and `remove` do, written with Telnyx's SDK."""
    client: Any = telnyx.Telnyx(api_key=TOKEN, base_url=f"{base}/v2", max_retries=0)
    page = {"page_number": 1, "page_size": 100}
    list(client.fqdn_connections.list(filter={"connection_name": {"contains": "callwarden"}}, **page))
    (number,) = client.phone_numbers.list(filter={"phone_number": NUMBER.removeprefix("+")}, **page)
    client.phone_numbers.voice.retrieve(str(number.id))
    inbound: Any = {
        "dnis_number_format": "+e164",
        "ani_number_format": "+E.164",
        "codecs": ["G711U", "G711A", "G722"],
    }
    made = client.fqdn_connections.create(
        connection_name="callwarden",
        active=True,
        transport_protocol="UDP",
        dtmf_type="RFC 2833",
        anchorsite_override="Latency",
        tags=["callwarden"],
        inbound={**inbound, "sip_region": "US"},
    ).data
    connection = str(made.id)
    list(client.fqdns.list(filter={"connection_id": connection}, **page))
    list(client.phone_numbers.list(filter={"connection_id": connection}, **page))
    fqdn = client.fqdns.create(connection_id=connection, fqdn=HOST, port=5060, dns_record_type="a").data
    client.fqdn_connections.update(connection, inbound={**inbound, "default_primary_fqdn_id": str(fqdn.id)})
    client.phone_numbers.update(str(number.id), connection_id=connection)
    client.phone_numbers.update(str(number.id), connection_id="77")
    client.fqdns.delete(str(fqdn.id))
    client.fqdn_connections.delete(connection)


async def ours(account: Account, router: Callable[[Any], Router[Any]], manners: Any) -> None:
    async with open_api(manners) as api:
        for undo in (False, True):
            work = router(api)
            plan = await work.preview(undo=undo)
            await work.carry_out(frozenset(change.key for change in plan.changes), undo=undo)


@pytest.mark.parametrize("name", ["twilio", "telnyx"])
async def test_the_same_requests(name: str, tmp_path: Path) -> None:
    opened: type[TwilioAccount] | type[TelnyxAccount] = TwilioAccount if name == "twilio" else TelnyxAccount
    mine, theirs = opened(tmp_path / "mine"), opened(tmp_path / "theirs")
    with trio.fail_after(30):
        async with open_rest(mine.scripted) as base:
            manners: TwilioManners | TelnyxManners
            if isinstance(mine, TwilioAccount):
                manners = TwilioManners(mine.desk.account, mine.desk.account, Secret(TOKEN), base)
            else:
                manners = TelnyxManners(Secret(TOKEN), f"{base}/v2")
            await ours(mine, lambda api: Router(mine.carrier(), api, Bookshelf(Files(tmp_path)), NUMBER), manners)
        async with open_rest(theirs.scripted) as base:
            if isinstance(theirs, TwilioAccount):
                await trio.to_thread.run_sync(twilio_by_its_client, base, theirs.desk.account)
            else:
                await trio.to_thread.run_sync(telnyx_by_its_client, base)
    # The stand-ins number things in the order of their making, so the same work has the same ids.
    assert {said(asked) for asked in mine.scripted.asked} == {said(asked) for asked in theirs.scripted.asked}
    changes = [[said(asked) for asked in one.scripted.asked if asked.method != "GET"] for one in (mine, theirs)]
    assert changes[0] == changes[1]
    assert len(changes[0]) >= 7
    assert authorized(mine.scripted) == authorized(theirs.scripted)
    assert mine.state() == theirs.state()
