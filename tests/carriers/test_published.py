"""Every request of ours, and every answer of our stand-ins, held against what the carriers have published."""

from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.sandbox.plivo import PlivoDesk
from daemon.sandbox.rest import Answer, Asked
from daemon.sandbox.telnyx import TelnyxDesk
from daemon.sandbox.twilio import TwilioDesk
from tests.carriers.published import complaints, needs_schemas
from tests.numbers.accounts import ACCOUNTS, NUMBER, OTHER, Account, PlivoAccount, TelnyxAccount, TwilioAccount

Open = Callable[[Path], Account]

by_carrier = pytest.mark.parametrize("opened", ACCOUNTS.values(), ids=ACCOUNTS.keys())


def watched(account: Account) -> list[str]:
    """Hold everything that is asked and answered from now on against what is published; gives what is wrong."""
    desk, found = account.scripted.desk, list[str]()
    name = account.carrier().name

    def watch(asked: Asked) -> Answer:
        answer = desk(asked)
        found.extend(f"{asked.method} {asked.path}: {what}" for what in complaints(name, asked, answer))
        return answer

    account.scripted.desk = watch
    return found


@needs_schemas
@by_carrier
async def test_setting_up_and_undoing(opened: Open, tmp_path: Path) -> None:
    account = opened(tmp_path)
    found = watched(account)
    await account.apply()
    await account.apply()
    await account.remove()
    assert found == []
    assert len(account.changes_asked) >= 6


@needs_schemas
async def test_twilio_corrections(tmp_path: Path) -> None:
    account = TwilioAccount(tmp_path)
    found = watched(account)
    await account.apply()
    (trunk,), (url,) = account.desk.trunks.values(), account.desk.urls.values()
    trunk["transfer_mode"], url["enabled"] = "sip-only", False
    assert len(await account.apply()) == 2
    url["sip_url"] = "sip:elsewhere@example.org"
    assert len(await account.apply()) == 1
    # A number that is on another trunk is moved, and moved back.
    elsewhere = "TK" + "9" * 32
    account.desk.trunks[elsewhere] = account.desk._fresh_trunk(elsewhere) | {"friendly_name": "pbx"}
    account.number["trunk_sid"] = elsewhere
    await account.apply(take_over=True)
    await account.remove()
    assert account.number["trunk_sid"] == elsewhere
    assert found == []
    assert account.desk.released == []


@needs_schemas
async def test_telnyx_corrections(tmp_path: Path) -> None:
    account = TelnyxAccount(tmp_path)
    found = watched(account)
    await account.apply()
    connection = next(one for one in account.desk.connections.values() if one["connection_name"] == "callwarden")
    connection["inbound"]["dnis_number_format"] = "national"
    connection["active"] = False
    assert await account.apply() == ["settings of connection callwarden"]
    assert account.leads_to_us()
    assert connection["active"] is True
    await account.remove()
    assert found == []


@needs_schemas
async def test_plivo_corrections(tmp_path: Path) -> None:
    account = PlivoAccount(tmp_path, digest=True)
    found = watched(account)
    await account.apply()
    (trunk,), (uri,) = account.desk.trunks.values(), account.desk.uris.values()
    trunk["trunk_status"], uri["authentication_needed"] = "disabled", False
    assert len(await account.apply()) == 2
    assert account.leads_to_us()
    await account.remove()
    assert found == []


@needs_schemas
@pytest.mark.parametrize(
    ("name", "desk", "paths"),
    [
        ("telnyx", TelnyxDesk(key="k"), ["/fqdns/9", "/phone_numbers/9/voice", "/fqdn_connections/9"]),
        (
            "plivo",
            PlivoDesk(token="k", auth_id="MA"),
            ["/v1/Account/MA/Number/18005550199/", "/v1/Account/MA/Zentrunk/URI/x/"],
        ),
        ("twilio", TwilioDesk(token="k"), ["/v1/Trunks/TK" + "0" * 32]),
    ],
)
def test_errors_have_the_published_form(name: str, desk: Callable[[Asked], Answer], paths: list[str]) -> None:
    key = {
        "telnyx": "Bearer k",
        "plivo": "Basic TUE6aw==",
        "twilio": "Basic " + "QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDprZQ==",
    }
    for path in paths:
        for headers, status in (({}, 401), ({"authorization": key[name]}, 404)):
            if (name, status) == ("twilio", 404):
                continue
            asked = Asked(method="GET", path=path, headers=headers)
            answer = desk(asked)
            assert answer.status == status
            assert complaints(name, asked, answer) == []


def test_the_stand_ins_are_as_unhelpful_as_the_real_ones(tmp_path: Path) -> None:
    """Made twice is there twice; that is what looking first is for."""
    account = TelnyxAccount(tmp_path)
    headers = {"authorization": "Bearer carrier-token-nobody-sees"}
    for _ in range(2):
        body = b'{"connection_name": "callwarden"}'
        assert account.desk(Asked(method="POST", path="/fqdn_connections", headers=headers, body=body)).status == 201
    assert len(account.desk.connections) == 3
    found = account.desk(
        Asked(method="GET", path="/phone_numbers", headers=headers, query=(("filter[phone_number]", NUMBER),))
    )
    assert found.body == {"data": [], "meta": {"page_number": 1, "total_pages": 1, "page_size": 20, "total_results": 0}}
    assert OTHER != NUMBER


TRUNK = "TK" + "0" * 32


@needs_schemas
@pytest.mark.parametrize(
    ("name", "asked", "complaint"),
    [
        ("twilio", Asked(method="PUT", path="/v1/Trunks"), "not published"),
        ("twilio", Asked(method="GET", path="/v1/Trunks", query=(("Name", "x"),)), "query Name?"),
        ("twilio", Asked(method="GET", path="/v1/Trunks/TKx"), "does not match"),
        ("twilio", Asked(method="POST", path=f"/v1/Trunks/{TRUNK}/OriginationUrls", body=b"SipUrl=sip:a"), "Weight"),
        ("twilio", Asked(method="POST", path="/v1/Trunks", body=b"TransferMode=all"), "is not one of"),
        ("twilio", Asked(method="POST", path="/v1/Trunks", body=b"friendlyName=x"), "friendlyName"),
        ("telnyx", Asked(method="GET", path="/fqdns", query=(("filter[name]", "x"),)), "filter[name]"),
        ("telnyx", Asked(method="POST", path="/fqdns", body=b'{"fqdn": "sip:x"}'), "CreateFqdnRequest"),
        ("plivo", Asked(method="POST", path="/v1/Account/MA/Number/1800/", body=b'{"app": "x"}'), "app_id"),
        ("plivo", Asked(method="GET", path="/v1/Account/MA/Zentrunk/Uri/"), "not published"),
    ],
)
def test_the_judge_knows_wrong_from_right(name: str, asked: Asked, complaint: str) -> None:
    found = complaints(name, asked, Answer(200, {}))
    assert complaint in "\n".join(found)
