"""The platform's phone numbers: requests by the contract, answers in either casing, no secret in any error."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import trio
import trustme
from trio.testing import MockClock

from daemon.config import Secret
from daemon.errors import (
    NotAuthorized,
    PlatformError,
    PlatformProtocolError,
    PlatformRefused,
    PlatformUnavailable,
)
from daemon.platforms.xai.numbers import PhoneNumber, PhoneNumbers, SipAuth, open_numbers, read_registration
from daemon.sandbox.rest import Answer, Fault, Scripted, open_rest, transport
from tests.contract import complaints, schema

NUMBER = "+4943155501234"
PASSWORD = "a-sip-password"
SECRET = "whsec_bm90LWEtcmVhbC1zZWNyZXQ="


class Numbers:
    """The code under test, over a transport in memory."""

    def __init__(self, *answers: Answer | Fault) -> None:
        self.scripted = Scripted(lambda asked: Answer(500))
        self.scripted.faults = list(answers)
        client = httpx.AsyncClient(base_url="https://rest.test", transport=transport(self.scripted))
        self.numbers = PhoneNumbers(client)

    async def create(self, sip: SipAuth | None = None, password: str = "") -> bytes:
        return await self.numbers.create(
            number=NUMBER,
            name="Desk",
            webhook_url="https://calls.example.org/hook",
            webhook_name="callwarden",
            sip=sip or SipAuth(allowed_addresses=("198.51.100.0/24", "2001:db8::/32")),
            password=Secret(password) if password else None,
        )


@pytest.mark.parametrize(
    ("sip", "password"),
    [
        (SipAuth(allowed_addresses=("198.51.100.0/24", "2001:db8::/32")), ""),
        (SipAuth(auth_username="desk"), PASSWORD),
    ],
)
async def test_a_registration_is_asked_for_by_the_contract(sip: SipAuth, password: str) -> None:
    numbers = Numbers(Answer(201, {"anything": 1}))
    assert json.loads(await numbers.create(sip, password)) == {"anything": 1}
    (asked,) = numbers.scripted.asked
    assert (asked.method, asked.path) == ("POST", "/v2/phone-numbers")
    assert complaints("rest", "phone_number.create.request", asked.json) == []
    auth = asked.json["sip_auth"]
    assert auth == (
        {"auth_username": "desk", "auth_password": PASSWORD}
        if password
        else {"allowed_addresses": ["198.51.100.0/24", "2001:db8::/32"]}
    )


@pytest.mark.parametrize("casing", ["camel", "snake"])
def test_both_casings_of_an_answer(casing: str) -> None:
    (example,) = schema("rest")["$defs"][f"phone_number.create.response.{casing}"]["examples"]
    registration = read_registration(json.dumps(example).encode())
    assert registration.secret == Secret(SECRET)
    assert (registration.number.phone_number_id, registration.number.phone_number) == ("pn-71", NUMBER)
    assert registration.number.sip_host == "sip.voice.x.ai"


@pytest.mark.parametrize(
    "answer",
    [
        {"webhook": {"signingSecret": SECRET}},
        {"webhook": {"signing_secret": SECRET, "client_secret_hint": "x"}},
        {"secret": SECRET},
        {"phoneNumber": {}, "webhooks": [{"secretValue": SECRET}]},
        {"webhook": {"secretHint": "starts with wh", "secret": SECRET}},
        {"webhook": {"dispatchSigningSecret": "", "theSecret": SECRET}},
    ],
)
def test_as_a_last_resort_whatever_is_called_a_secret(answer: object) -> None:
    assert read_registration(json.dumps(answer).encode()).secret == Secret(SECRET)


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"{}", b"\xff", b"[" * 5000])
def test_answers_without_a_secret(raw: bytes) -> None:
    with pytest.raises(PlatformProtocolError) as refused:
        read_registration(raw)
    assert "html" not in str(refused.value)


def test_the_secret_of_an_answer_that_is_half_nonsense_is_saved() -> None:
    raw = json.dumps({"phoneNumber": {"phoneNumberId": 7}, "webhook": {"dispatchSigningSecret": SECRET}}).encode()
    registration = read_registration(raw)
    assert (registration.number, registration.secret) == (PhoneNumber(), Secret(SECRET))
    assert SECRET not in repr(registration)


@pytest.mark.parametrize("index", [0, 1])
async def test_the_list(index: int) -> None:
    listing = schema("rest")["$defs"]["phone_number.list.response"]["examples"][index]
    numbers = Numbers(Answer(200, listing), Answer(200, listing))
    assert len(await numbers.numbers.listed()) == index
    found = await numbers.numbers.find(NUMBER)
    assert (found is not None) == bool(index)
    assert found is None or found == PhoneNumber(
        phone_number_id="pn-71",
        phone_number=NUMBER,
        name="Workshop desk",
        origin="byo_trunk",
        sip_host="sip.voice.x.ai",
    )


async def test_a_list_in_snake_case_and_one_with_a_number_twice() -> None:
    entry = {"phone_number_id": "pn-1", "phone_number": NUMBER, "unheard": {"of": 1}}
    numbers = Numbers(Answer(200, {"phone_numbers": [entry]}), Answer(200, {"phone_numbers": [entry, entry]}))
    assert (await numbers.numbers.listed())[0].phone_number_id == "pn-1"
    with pytest.raises(PlatformProtocolError, match="2 times"):
        await numbers.numbers.find(NUMBER)


@pytest.mark.parametrize("answer", [Answer(200, []), Answer(200, {"phoneNumbers": "none"}), Answer(200, None)])
async def test_lists_that_are_none(answer: Answer) -> None:
    with pytest.raises(PlatformProtocolError):
        await Numbers(answer).numbers.listed()


@pytest.mark.parametrize("status", [200, 204, 404, 410])
async def test_a_number_that_is_gone_is_as_good_as_deleted(status: int) -> None:
    numbers = Numbers(Answer(status))
    await numbers.numbers.delete("pn/7")
    assert numbers.scripted.asked[0].path == "/v2/phone-numbers/pn%2F7"


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (Answer(401, {"code": "Unauthenticated", "error": "no"}), NotAuthorized, "HTTP 401: Unauthenticated: no"),
        (Answer(403, {"code": "c", "error": "not enabled"}), NotAuthorized, "HTTP 403: c: not enabled"),
        (Answer(409, {"code": "Conflict", "error": "taken"}), PlatformRefused, "HTTP 409: Conflict: taken"),
        (Answer(404, {}), PlatformRefused, "HTTP 404"),
        (Answer(422, {"error": f"bad {PASSWORD}"}), PlatformRefused, r"HTTP 422: bad \*\*\*\*"),
        (Answer(302, headers={"location": "https://evil.example"}), PlatformRefused, "HTTP 302"),
        (Answer(503, {"error": f"down, {PASSWORD}"}), PlatformUnavailable, r"HTTP 503: down, \*\*\*\*"),
        (Fault.TIMEOUT, PlatformUnavailable, "ReadTimeout"),
        (Fault.CUT, PlatformUnavailable, "disconnected"),
    ],
)
async def test_errors_name_the_trouble_and_no_secret(
    answer: Answer | Fault, error: type[PlatformError], said: str
) -> None:
    numbers = Numbers(answer)
    with pytest.raises(error, match=said) as raised:
        await numbers.create(SipAuth(auth_username="desk"), PASSWORD)
    assert type(raised.value) is error
    assert PASSWORD not in repr(raised.value)
    assert len(numbers.scripted.asked) == 1


async def test_when_to_come_again() -> None:
    with pytest.raises(PlatformUnavailable) as raised:
        await Numbers(Answer(429, headers={"retry-after": "7"})).numbers.listed()
    assert raised.value.retry_after == 7


async def test_an_answer_that_never_ends_is_given_up(autojump_clock: MockClock) -> None:
    async def dribble(request: httpx.Request) -> httpx.Response:
        await trio.sleep(3600)
        raise AssertionError

    client = httpx.AsyncClient(base_url="https://rest.test", transport=httpx.MockTransport(dribble))
    with pytest.raises(PlatformUnavailable, match="no whole answer within 60 s"):
        await PhoneNumbers(client).listed()


@pytest.fixture
async def base() -> AsyncIterator[str]:
    scripted = Scripted(lambda asked: Answer(200 if asked.headers["authorization"] == "Bearer k" else 401, {}))
    async with open_rest(scripted) as base:
        yield base


async def test_on_a_socket(base: str) -> None:
    async with open_numbers(base_url=base, api_key=Secret("k")) as numbers:
        assert await numbers.listed() == []
    async with open_numbers(base_url=base, api_key=Secret("another")) as numbers:
        with pytest.raises(NotAuthorized):
            await numbers.listed()


async def test_proxies_of_the_environment_have_no_part_in_it(
    base: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    async with open_numbers(base_url=base, api_key=Secret("k"), ca_file=str(tmp_path / "ca.pem")) as numbers:
        assert await numbers.listed() == []
