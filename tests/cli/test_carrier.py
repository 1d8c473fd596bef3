"""`callwarden carrier`, as it is typed: what it prints, what it asks, what it does, and how it ends."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.carriers.byo import PLACEHOLDER
from tests.cli.machine import NUMBER, PASSWORD, TOKEN, Machine, open_machine

TARGET = f"sip:{NUMBER}@sip.voice.x.ai;transport=tls"
BARE = {"TWILIO_AUTH_TOKEN": None, "TELNYX_API_KEY": None, "PLIVO_AUTH_TOKEN": None}


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    async with open_machine(tmp_path) as machine:
        yield machine


async def test_plan_by_hand_and_by_api(machine: Machine) -> None:
    typed = await machine.at("plan", "--carrier", "twilio")
    assert typed.code == 0
    lines = typed.out.splitlines()
    assert lines[0] == "By hand, at Twilio:"
    assert any(TARGET in line for line in lines[:6])
    assert f'  + trunk "callwarden {NUMBER}", calls may be transferred' in lines
    assert f'      POST /v1/Trunks {{"FriendlyName": "callwarden {NUMBER}", "TransferMode": "enable-all"}}' in lines
    assert any(line.endswith("   <- this moves the calls") for line in lines)
    assert machine.twilio.trunks == {}


@pytest.mark.parametrize("carrier", ["twilio", "telnyx", "plivo"])
async def test_plan_without_credentials(machine: Machine, carrier: str) -> None:
    machine.env |= BARE
    planned = (await machine.at("plan", "--carrier", carrier, "--json")).json
    assert planned["refusals"] == []
    assert len(planned["changes"]) >= 3
    assert planned["changes"][-1]["live"] is True
    typed = await machine.at("plan", "--carrier", carrier)
    assert "to compare)" in typed.out
    assert not [path for path in machine.folder.rglob("*") if path.suffix == ".json"]


async def test_recipes_for_a_pbx(machine: Machine) -> None:
    await machine.register("--sip-username", "desk01")
    typed = await machine.at("plan", "--carrier", "byo")
    assert typed.code == 0
    for words in (
        "Asterisk",
        "FreeSWITCH",
        "any other PBX",
        f"Dial(PJSIP/{NUMBER}@xai,60)",
        "username=desk01",
        PLACEHOLDER,
    ):
        assert words in typed.out
    recipes = (await machine.at("plan", "--carrier", "byo", "--json")).json
    assert recipes["target"] == TARGET
    assert (await machine.at("apply", "--carrier", "byo", "--yes")).code == 2


async def test_apply_asks_and_does(machine: Machine) -> None:
    await machine.register("--carrier", "twilio", "--write")
    refused = await machine.at("apply", stdin="n\n")
    assert (refused.code, machine.twilio.trunks) == (1, {})
    assert (await machine.at("apply")).code == 1  # nobody there to ask
    dry = await machine.at("apply", "--dry-run")
    assert (dry.code, machine.twilio.trunks) == (0, {})

    typed = await machine.at("apply", stdin="y\n")
    assert typed.code == 0
    assert typed.out.splitlines()[-1] == f"Done: calls to {NUMBER} go to {TARGET}."
    (url,) = machine.twilio.urls.values()
    assert url["sip_url"] == TARGET
    again = await machine.at("apply", "--json")
    assert again.json["changes"] == []
    assert again.json["facts"] == {"transfers": "on"}

    assert (await machine.at("remove", stdin="n\n")).code == 1
    removed = await machine.at("remove", "--yes")
    assert "go where they went before" in removed.out
    assert (machine.twilio.trunks, machine.twilio.urls, machine.twilio.released) == ({}, {}, [])
    assert "nothing is to be changed" in (await machine.at("remove", "--carrier", "twilio")).out


async def test_plivo_logs_in_with_the_sip_password(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    machine.env["CALLWARDEN_SIP_PASSWORD_FILE"] = str(tmp_path / "password")
    await machine.register("--carrier", "plivo", "--sip-username", "desk01", "--write")
    planned = (await machine.at("plan", "--json")).json
    assert planned["changes"][0]["body"]["password"] == "****"
    typed = await machine.at("apply", "--yes")
    assert typed.code == 0
    assert list(machine.plivo.passwords.values()) == [PASSWORD]
    assert "sip:+NUMBER@" in typed.out
    # Known again by its mark; and another one is handed over.
    assert (await machine.at("apply", "--json")).json["changes"] == []
    (tmp_path / "password").write_text(PASSWORD + "2")
    assert len((await machine.at("apply", "--yes", "--json")).json["changes"]) == 1
    assert list(machine.plivo.passwords.values()) == [PASSWORD + "2"]
    book = json.loads((machine.state / "carriers" / "plivo.json").read_text())
    assert PASSWORD not in json.dumps(book)
    # Removed without the password, and though the number was deleted at the platform meanwhile.
    machine.env["CALLWARDEN_SIP_PASSWORD_FILE"] = None
    await machine.type("numbers", "delete", NUMBER, "--yes")
    assert (await machine.at("remove", "--yes")).code == 0
    assert (machine.plivo.uris, machine.plivo.trunks) == ({}, {})


async def test_telnyx_options(machine: Machine) -> None:
    await machine.register("--carrier", "telnyx")
    arguments = ("--carrier", "telnyx", "--region", "australia", "--plain-number", "--yes")
    assert (await machine.at("apply", *arguments)).code == 0
    (connection,) = machine.telnyx.connections.values()
    assert connection["inbound"]["sip_region"] == "Australia"
    assert connection["inbound"]["dnis_number_format"] == "e164"


async def test_a_number_that_is_not_registered_is_not_sent_to_the_platform(machine: Machine) -> None:
    typed = await machine.at("apply", "--carrier", "twilio", "--yes")
    assert (typed.code, machine.twilio.trunks) == (1, {})
    assert f"callwarden numbers register {NUMBER} --carrier twilio" in typed.err
    # Registered elsewhere is registered, too.
    machine.board.numbers.answer("POST", None, {"origin": "byo_trunk", "phone_number": NUMBER})
    assert (await machine.at("apply", "--carrier", "twilio", "--yes")).code == 0


async def test_wrong_usage(machine: Machine) -> None:
    assert "say who brings the calls" in (await machine.at("plan")).err
    typed = await machine.type("carrier", "plan", NUMBER, "--carrier", "twilio", "--api-url", "http://evil.example")
    assert (typed.code, "this machine only" in typed.err) == (2, True)
    assert (await machine.type("carrier", "plan", "12")).code == 2
    machine.env |= BARE
    for carrier, names in (("twilio", "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"), ("telnyx", "TELNYX_API_KEY")):
        typed = await machine.at("apply", "--carrier", carrier, "--yes")
        assert (typed.code, names in typed.err) == (2, True)
    machine.env["TELNYX_API_KEY_FILE"] = "/nowhere"
    assert (await machine.at("plan", "--carrier", "telnyx")).code == 2


async def test_refusals_and_errors_of_the_carrier(machine: Machine) -> None:
    await machine.register("--carrier", "twilio")
    (number,) = machine.twilio.numbers.values()
    number["trunk_sid"] = "TK" + "9" * 32
    typed = await machine.at("apply", "--carrier", "twilio", "--yes")
    assert (typed.code, "--take-over" in typed.err) == (1, True)
    assert "  ! " in typed.out
    machine.env["TWILIO_AUTH_TOKEN"] = "wrong"
    typed = await machine.at("apply", "--carrier", "twilio", "--yes")
    assert (typed.code, "HTTP 401: 20003 Authenticate; look at the account SID" in typed.err) == (1, True)
    assert TOKEN not in typed.err


async def test_a_book_that_cannot_be_read(machine: Machine) -> None:
    (machine.state / "carriers").mkdir(parents=True)
    (machine.state / "carriers" / "twilio.json").write_text("[")
    typed = await machine.at("plan", "--carrier", "twilio")
    assert (typed.code, "not of this version" in typed.err) == (1, True)
