"""`callwarden numbers`, as it is typed: what it prints, what it leaves behind, and how it ends."""

import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.carriers.ranges import TELNYX, TWILIO
from daemon.config import load
from daemon.numbers.files import Files
from daemon.sandbox.rest import Answer
from tests.cli.machine import CONFIG, NUMBER, PASSWORD, WEBHOOK, Machine, open_machine
from tests.configured import API_KEY, SIGNING_SECRET


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    async with open_machine(tmp_path) as machine:
        yield machine


def secret_in(machine: Machine, name: str = f"{NUMBER}.whsec") -> str:
    path = machine.state / "numbers" / name
    assert path.stat().st_mode & 0o777 == 0o600
    return path.read_text().strip()


def asked_of(machine: Machine) -> dict[str, object]:
    (asked,) = machine.board.numbers.asked.values()
    return asked


async def test_register_and_paste(machine: Machine) -> None:
    typed = await machine.register("--carrier", "twilio")
    assert typed.code == 0
    assert secret_in(machine) == machine.board.numbers.secrets[NUMBER]
    auth = asked_of(machine)["sip_auth"]
    assert auth == {"allowed_addresses": list(TWILIO)}
    assert f"sip:{NUMBER}@sip.voice.x.ai;transport=tls" in typed.out
    assert "Elastic SIP Trunking" in typed.out
    assert machine.config.read_text() == CONFIG.format(base=machine.base)
    # What is to be pasted makes a configuration that works.
    lines = typed.out[typed.out.index("[numbers.") : typed.out.index("\nNow run callwarden reload")]
    machine.config.write_text(machine.config.read_text() + lines)
    config = load(machine.config, env={"XAI_API_KEY": API_KEY, "HOOK": SIGNING_SECRET})
    (secret,) = config.numbers[NUMBER].webhook_secrets
    assert secret.reveal() == machine.board.numbers.secrets[NUMBER]


async def test_register_and_write(machine: Machine) -> None:
    typed = await machine.register("--carrier", "telnyx", "--region", "europe", "--write", "--name", "Desk")
    assert typed.code == 0
    assert asked_of(machine)["name"] == "Desk"
    assert asked_of(machine)["sip_auth"] == {"allowed_addresses": list(TELNYX["europe"])}
    text = machine.config.read_text()
    assert "# Ours." in text
    assert "# a stand-in" in text
    assert "# Who answers." in text
    entry = tomllib.loads(text)["numbers"][NUMBER]
    place = f"${{file:{machine.state}/numbers/{NUMBER}.whsec}}"
    assert entry == {"agent": "support", "carrier": "telnyx", "webhook_secrets": [place]}
    # The webhook URL can come from the file, and registering again changes nothing.
    machine.config.write_text(f'[server]\npublic_url = "https://calls.example.org"\n{text}')
    again = await machine.type("numbers", "register", NUMBER, "--carrier", "telnyx")
    assert again.code == 0
    assert len(machine.board.numbers.listed) == 1
    other = await machine.type("numbers", "register", NUMBER, "--carrier", "telnyx", "--webhook", "https://o.example/h")
    assert "registered earlier, with another webhook URL" in other.err


async def test_a_sip_password_is_made_and_shown_once(machine: Machine) -> None:
    facts = (await machine.register("--sip-username", "desk01", "--json")).json
    auth = {"auth_username": "desk01", "auth_password": facts["sip_password"]}
    assert asked_of(machine)["sip_auth"] == auth
    assert len(facts["sip_password"]) == 20
    again = await machine.register("--sip-username", "desk01")
    assert facts["sip_password"] not in again.out
    assert not [
        path for path in machine.state.rglob("*") if path.is_file() and facts["sip_password"] in path.read_text()
    ]


async def test_a_sip_password_that_is_given(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    machine.env["CALLWARDEN_SIP_PASSWORD_FILE"] = str(tmp_path / "password")
    machine.platform.faults = [None, Answer(422, {"error": f"what is {PASSWORD}?"})]
    refused = await machine.register("--sip-username", "desk01")
    assert refused.code == 1
    assert "what is ****?" in refused.err
    machine.env["CALLWARDEN_SIP_PASSWORD_FILE"] = str(tmp_path / "none")
    assert (await machine.register("--sip-username", "desk01")).code == 2


async def test_places_for_the_secret(machine: Machine, tmp_path: Path) -> None:
    place = tmp_path / "vault" / "hook"
    typed = await machine.register("--carrier", "twilio", "--secret-file", str(place), "--credential", "hook")
    assert place.read_text().strip() == machine.board.numbers.secrets[NUMBER]
    assert f"LoadCredential=hook:{place}" in typed.out
    assert 'webhook_secrets = ["${credential:hook}"]' in typed.out


WRONG = [
    (("--webhook", "http://calls.example.org/hook", "--carrier", "twilio"), "https only"),
    (("--webhook", "https://10.0.0.1/hook", "--carrier", "twilio"), "from outside"),
    (("--allow", "0.0.0.0/0"), "a good part of the world"),
    (("--allow", "0.0.0.0/1", "--allow", "128.0.0.0/1"), "a good part of the world"),
    (("--allow", "nonsense"), "is no range"),
    (("--allow", "203.0.113.0/24", "--sip-username", "desk01"), "choose one"),
    ((), "say how the platform knows your carrier"),
    (("--carrier", "plivo"), "for Plivo the user name is better"),
    (("--carrier", "plivo", "--sip-username", "d"), "5 to 20 letters and digits"),
    (("--carrier", "vonage"), "'vonage' is not one of"),
    (("--carrier", "twilio", "--agent", "suport"), 'did you mean "support"'),
    (("--carrier", "twilio", "--secret-file", "/a", "--systemd-creds", "/b"), "choose one"),
    (("--carrier", "twilio", "--systemd-creds", "/b", "--credential", "c"), "named like its file"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG)
async def test_wrong_usage(machine: Machine, arguments: tuple[str, ...], said: str) -> None:
    typed = await machine.register(*arguments)
    assert typed.code == 2
    assert said in " ".join(typed.err.split())
    assert machine.platform.asked == []


@pytest.mark.parametrize(
    "number", ["18005550199", "+1800555", "+1-800-555-0199", "+99912345678", "tel:+18005550199", ""]
)
async def test_numbers_that_are_none(machine: Machine, number: str) -> None:
    typed = await machine.type("numbers", "register", number, "--webhook", WEBHOOK, "--carrier", "twilio")
    assert typed.code == 2
    assert "phone number" in " ".join(typed.err.split())


async def test_no_webhook_url_and_no_agent(machine: Machine) -> None:
    typed = await machine.type("numbers", "register", NUMBER, "--carrier", "twilio")
    assert (typed.code, "--webhook https://HOST/xai/sip-webhook" in typed.err) == (2, True)
    machine.config.write_text(machine.config.read_text() + '\n[agents.other]\ninstructions = "x"\n')
    typed = await machine.register("--carrier", "twilio", "--write")
    assert (typed.code, "--agent NAME, one of support, other" in typed.err) == (2, True)
    assert machine.platform.asked == []


async def test_configurations_that_cannot_be_used(machine: Machine, tmp_path: Path) -> None:
    machine.env["XAI_API_KEY"] = None
    typed = await machine.register("--carrier", "twilio")
    assert (typed.code, len(typed.err.splitlines())) == (78, 1)
    assert "XAI_API_KEY is not set" in typed.err
    typed = await machine.register("--carrier", "twilio", "--config", str(tmp_path / "none.toml"))
    assert (typed.code, "no such file" in typed.err) == (78, True)


async def test_a_configuration_that_cannot_be_edited_stops_before_anything_is_asked(machine: Machine) -> None:
    text = machine.config.read_text().replace('[numbers."+18005550199"]', "[other]")
    machine.config.write_text(f"numbers = 3\n{text}")
    typed = await machine.register("--carrier", "twilio", "--write")
    assert (typed.code, "[numbers] is not made of tables" in typed.err) == (1, True)
    assert machine.platform.asked == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(401, {"code": "Unauthenticated", "error": "no"}), "does not accept the API key"),
        (Answer(500, {"error": "oops"}), "the platform: HTTP 500: oops"),
    ],
)
async def test_a_platform_that_refuses(machine: Machine, answer: Answer, said: str) -> None:
    machine.platform.faults = [Answer(answer.status, answer.body, {"retry-after": "3600"})]
    for command in (("list",), ("show", NUMBER), ("delete", NUMBER, "--yes")):
        machine.platform.faults = [Answer(answer.status, answer.body, {"retry-after": "3600"})]
        typed = await machine.type("numbers", *command)
        assert (typed.code, len(typed.err.splitlines())) == (1, 1)
        assert said in typed.err


async def test_list_and_show(machine: Machine) -> None:
    await machine.register("--carrier", "twilio", "--write")
    machine.board.numbers.answer("POST", None, {"origin": "byo_trunk", "phone_number": "+18005550111", "name": "Else"})
    lines = (await machine.type("numbers", "list")).out.splitlines()
    assert lines[0].split() == ["NUMBER", "AGENT", "CARRIER", "SECRET", "ID", "NAME"]
    assert lines[1].split()[:4] == [NUMBER, "support", "twilio", "here"]
    assert lines[2].split()[:4] == ["+18005550111", "-", "-", "unknown"]
    rows = (await machine.type("numbers", "list", "--json")).json
    assert [row["number"] for row in rows] == [NUMBER, "+18005550111"]

    shown = (await machine.type("numbers", "show", NUMBER, "--json")).json
    assert shown["webhook_url"] == WEBHOOK
    assert shown["sip_uri"] == f"sip:{NUMBER}@sip.voice.x.ai;transport=tls"
    assert shown["allowed"] == list(TWILIO)
    assert "webhook_url" in (await machine.type("numbers", "show", NUMBER)).out
    assert (await machine.type("numbers", "show", "+18005550112")).code == 1


async def test_show_what_was_broken_off(machine: Machine) -> None:
    machine.platform.faults = [None, Answer(200, {})]
    typed = await machine.register("--carrier", "twilio")
    assert (typed.code, "numbers rotate" in typed.err) == (1, True)
    assert (await machine.type("numbers", "show", NUMBER, "--json")).json["unfinished"] == "answered"
    (machine.state / "numbers" / f"{NUMBER}.json").write_text("{")
    typed = await machine.type("numbers", "show", NUMBER)
    assert (typed.code, "not a record of this version" in typed.err) == (1, True)


async def test_rotate_and_finish(machine: Machine) -> None:
    await machine.register("--carrier", "twilio", "--write")
    old = machine.board.numbers.secrets[NUMBER]
    assert (await machine.type("numbers", "rotate", NUMBER, stdin="n\n")).code == 1
    assert machine.board.numbers.secrets[NUMBER] == old

    typed = await machine.type("numbers", "rotate", NUMBER, "--webhook", "https://new.example.org/hook", stdin="y\n")
    assert typed.code == 0
    assert asked_of_last(machine)["webhook"] == {"name": "callwarden", "url": "https://new.example.org/hook"}
    assert secret_in(machine) == old
    assert secret_in(machine, f"{NUMBER}-2.whsec") == machine.board.numbers.secrets[NUMBER]
    # Not written: the old one can't be given up while the file names it.
    refused = await machine.type("numbers", "rotate", NUMBER, "--finish")
    assert (refused.code, "still names" in refused.err) == (1, True)
    third = await machine.type("numbers", "rotate", NUMBER, "--yes", "--write", "--json")
    places = third.json["webhook_secrets"]
    assert [place.rpartition("/")[2] for place in places] == [
        f"{NUMBER}-3.whsec}}",
        f"{NUMBER}-2.whsec}}",
        f"{NUMBER}.whsec}}",
    ]
    assert tomllib.loads(machine.config.read_text())["numbers"][NUMBER]["webhook_secrets"] == places
    done = await machine.type("numbers", "rotate", NUMBER, "--finish", "--write")
    assert "2 old secret(s)" in done.out
    assert tomllib.loads(machine.config.read_text())["numbers"][NUMBER]["webhook_secrets"] == places[:1]
    kept = [path.name for path in (machine.state / "numbers").iterdir() if path.suffix == ".whsec"]
    assert kept == [f"{NUMBER}-3.whsec"]


def asked_of_last(machine: Machine) -> dict[str, object]:
    return list(machine.board.numbers.asked.values())[-1]


async def test_rotate_a_number_from_elsewhere(machine: Machine) -> None:
    machine.board.numbers.answer("POST", None, {"origin": "byo_trunk", "phone_number": NUMBER})
    refused = await machine.register("--carrier", "twilio")
    assert (refused.code, "numbers rotate" in refused.err) == (1, True)
    assert (await machine.type("numbers", "rotate", NUMBER, "--yes")).code == 2
    typed = await machine.type("numbers", "rotate", NUMBER, "--yes", "--webhook", WEBHOOK, "--carrier", "twilio")
    assert typed.code == 0
    assert secret_in(machine) == machine.board.numbers.secrets[NUMBER]
    assert (await machine.type("numbers", "rotate", "+18005550112", "--finish")).code == 1


async def test_delete(machine: Machine) -> None:
    await machine.register("--carrier", "twilio", "--write")
    assert (await machine.type("numbers", "delete", NUMBER)).code == 1
    typed = await machine.type("numbers", "delete", NUMBER, stdin="y\n")
    assert (typed.code, "registered no more" in typed.out) == (0, True)
    assert f'[numbers."{NUMBER}"] can go' in typed.out
    assert "not registered" in (await machine.type("numbers", "delete", NUMBER, "--yes")).out
    # And again from the start, without touching the old secret's file.
    assert (await machine.register("--carrier", "twilio")).code == 0
    assert secret_in(machine, f"{NUMBER}-2.whsec") == machine.board.numbers.secrets[NUMBER]


async def test_somebody_else_is_at_it(machine: Machine) -> None:
    with Files(machine.state / "numbers").locked(NUMBER):
        typed = await machine.register("--carrier", "twilio")
    assert (typed.code, "another command is at work" in typed.err) == (1, True)
