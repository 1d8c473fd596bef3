"""The wire to a carrier: named errors, no secret in any of them, no redirect, no proxy."""

import httpx
import pytest
import trio
from trio.testing import MockClock

from daemon.carriers.api import CarrierApi, open_api
from daemon.carriers.base import Ask, Change
from daemon.carriers.telnyx_account import TelnyxManners
from daemon.carriers.twilio_account import TwilioManners
from daemon.config import Secret
from daemon.errors import CarrierError, CarrierRefused, CarrierUnavailable
from daemon.sandbox.rest import Answer, Fault, Scripted, open_rest, transport

TOKEN, PASSWORD = "carrier-token", "sip-password"
LIST = Ask(path="/fqdns")
CHANGE = Change(key="k", sign="+", words="w", method="POST", path="/fqdns", body={"fqdn": "a+b"}, makes=("data", "id"))
DELETE = Change(key="k", sign="-", words="w", method="DELETE", path="/fqdns/7", unmakes="7")


def api(*answers: Answer | Fault) -> tuple[CarrierApi, Scripted]:
    scripted = Scripted(lambda asked: Answer(500))
    scripted.faults = list(answers)
    client = httpx.AsyncClient(transport=transport(scripted))
    return CarrierApi(client, TelnyxManners(Secret(TOKEN)), (Secret(PASSWORD),)), scripted


async def test_asking_and_changing() -> None:
    carrier, scripted = api(Answer(200, {"data": []}), Answer(201, {"data": {"id": "7"}}), Answer(204))
    assert await carrier.ask(Ask(path="/fqdns", query={"filter[fqdn]": "a b"})) == {"data": []}
    assert await carrier.change(CHANGE) == {"data": {"id": "7"}}
    assert await carrier.change(DELETE) is None
    assert scripted.asked[0].query == (("filter[fqdn]", "a b"),)
    assert scripted.asked[1].json == {"fqdn": "a+b"}
    assert scripted.asked[2].body == b""


async def test_what_may_miss_and_what_is_gone_already() -> None:
    carrier, _ = api(Answer(404), Answer(404), Answer(410), Answer(404))
    assert await carrier.ask(Ask(path="/x", may_miss=True)) is None
    assert await carrier.change(DELETE) is None
    assert await carrier.change(DELETE) is None
    with pytest.raises(CarrierRefused, match="GET /fqdns: HTTP 404"):
        await carrier.ask(LIST)


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (Answer(401, {"errors": [{"title": f"not {TOKEN}"}]}), CarrierRefused, r"HTTP 401: not \*\*\*\*; look at"),
        (Answer(422, {"errors": [{"detail": f"{PASSWORD} is bad"}]}), CarrierRefused, r"\*\*\*\* is bad"),
        (Answer(302, headers={"location": "http://evil.example"}), CarrierRefused, "HTTP 302"),
        (Answer(500, f"{TOKEN}"), CarrierUnavailable, "HTTP 500"),
        (Answer(422, {"errors": [{"detail": "x" * 9000}]}), CarrierRefused, "x{300}$"),
        (Fault.TIMEOUT, CarrierUnavailable, "ReadTimeout"),
        (Fault.CUT, CarrierUnavailable, "disconnected"),
    ],
)
async def test_errors_name_the_trouble_and_no_secret(
    answer: Answer | Fault, error: type[CarrierError], said: str
) -> None:
    carrier, scripted = api(answer)
    with pytest.raises(error, match=said) as raised:
        await carrier.change(CHANGE)
    assert TOKEN not in repr(raised.value)
    assert PASSWORD not in repr(raised.value)
    assert len(scripted.asked) == 1


async def test_when_to_come_again() -> None:
    carrier, _ = api(Answer(429, headers={"retry-after": "7"}), Answer(503, headers={"retry-after": "soon"}))
    for wait in (7, None):
        with pytest.raises(CarrierUnavailable) as raised:
            await carrier.ask(LIST)
        assert raised.value.retry_after == wait


async def test_an_answer_that_is_not_json() -> None:
    def html(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text="<html>")

    carrier = CarrierApi(httpx.AsyncClient(transport=httpx.MockTransport(html)), TelnyxManners(Secret(TOKEN)))
    with pytest.raises(CarrierRefused, match="not JSON"):
        await carrier.ask(LIST)


async def test_an_answer_that_never_ends_is_given_up(autojump_clock: MockClock) -> None:
    async def dribble(request: httpx.Request) -> httpx.Response:
        await trio.sleep_forever()
        raise AssertionError

    carrier = CarrierApi(httpx.AsyncClient(transport=httpx.MockTransport(dribble)), TelnyxManners(Secret(TOKEN)))
    with pytest.raises(CarrierUnavailable, match="no whole answer within 60 s"):
        await carrier.ask(LIST)


async def test_on_a_socket_with_credentials_and_without_the_environments_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    scripted = Scripted(lambda asked: Answer(200, {}))
    async with open_rest(scripted) as base:
        async with open_api(TelnyxManners(Secret(TOKEN), base)) as bearer:
            await bearer.ask(LIST)
        async with open_api(TwilioManners("AC1", "SK1", Secret(TOKEN), base)) as basic:
            await basic.change(CHANGE)
    assert scripted.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert scripted.asked[1].headers["authorization"] == "Basic U0sxOmNhcnJpZXItdG9rZW4="
    # A raw plus sign in a form would arrive as a space.
    assert scripted.asked[1].body == b"fqdn=a%2Bb"
